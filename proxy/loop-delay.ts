/**
 * How late a thread's event loop runs, in shared memory: the thread itself looks at it again and again, and any thread reads.
 *
 * What is told is the 95th percentile over the moments of the last ten seconds: a call that came at any of them waited so long for the loop at most,
 * nineteen times out of twenty. Among looks, whose percentiles `monitorEventLoopDelay` gives, a stretch in which the loop stood still is one of hundreds
 * however long it was; among moments it counts as long as it was. So both show, a loop that is throttled (late at each turn) and one that is blocked
 * now and then (400 ms of every 2 s: 300 ms). Hiccups do not: stretches that come to half a second in ten are beyond the percentile, and 100 ms once
 * a second, of the collector or of the machine, come to 50 ms. The 99th percentile would be 70 ms for a stall of 100 ms every three seconds.
 */
import { type Histogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** How often Node looks at a loop for which calls wait, and at another one: looking wakes threads that have nothing to do. */
export const LOOK_OFTEN_MS = 20;
export const LOOK_SELDOM_MS = 100;
/** How often it is reckoned what it saw. */
const TELL_MS = 1_000;
const SPAN_MS = 10_000;
/** Moments of the span that may be worse than what is told: one of twenty. */
const WORSE_MS = 0.05 * SPAN_MS;
/** A look is in time by that; timers are coarse. */
const IN_TIME_MS = 5;

const DELAY = 0;
const DUE_AT = 1;

/**
 * The delay that one of twenty moments of ten seconds exceeds, of stretches in which the loop stood still for so long: in one of length `l` more than
 * `delay` was to be waited for `l − delay` long. Milliseconds.
 */
export function delayOf(stretches: readonly number[]): number {
  if (stretches.reduce((sum, length) => sum + length, 0) <= WORSE_MS) return 0;
  const longest = stretches.toSorted((a, b) => b - a);
  let sum = 0;
  for (const [index, length] of longest.entries()) {
    sum += length;
    const delay = (sum - WORSE_MS) / (index + 1);
    if (delay >= (longest[index + 1] ?? 0)) return delay;
  }
  return 0;
}

export class LoopDelay {
  readonly memory: SharedArrayBuffer;
  /** What was told last, and when it is to be told next; 0 = nobody looks. */
  readonly #values: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  /** Milliseconds; 0 as long as nobody looks. A stretch that has not ended counts as if it ended now. */
  get ms(): number {
    const dueAt = this.#values[DUE_AT]!;
    if (dueAt === 0) return 0;
    return Math.max(this.#values[DELAY]!, delayOf([monotonicMs() - dueAt]));
  }

  /** Looks at the loop of the thread that calls it, which it does not keep alive. The answer ends it. */
  watch(lookMs: number): () => void {
    const looks = monitorEventLoopDelay({ resolution: lookMs });
    looks.enable();
    let stretches: readonly { readonly at: number; readonly ms: number }[] = [];
    const tell = () => {
      const at = monotonicMs();
      const fresh = lateOnes(looks, lookMs).map((ms) => ({ at, ms }));
      stretches = [...stretches.filter((stretch) => at - stretch.at < SPAN_MS), ...fresh];
      this.#values[DELAY] = delayOf(stretches.map(({ ms }) => ms));
      this.#values[DUE_AT] = at + TELL_MS;
    };
    this.#values[DUE_AT] = monotonicMs() + TELL_MS;
    const timer = setInterval(tell, TELL_MS);
    timer.unref();
    return () => {
      clearInterval(timer);
      looks.disable();
      this.#values[DUE_AT] = 0;
    };
  }
}

/** By how many milliseconds looks were late, those that were since the last time, the latest first. */
function lateOnes(looks: Histogram, lookMs: number): number[] {
  const late: number[] = [];
  // Percentiles, and beginning anew, go over all of the histogram's 200 KB; that nothing was late is known without.
  if (looks.max / 1e6 - lookMs < IN_TIME_MS) return late;
  // The percentile of its rank is the look itself.
  for (let rank = looks.count; rank > 0; rank--) {
    const ms = looks.percentile((100 * rank) / looks.count) / 1e6 - lookMs;
    if (ms < IN_TIME_MS) break;
    late.push(ms);
  }
  looks.reset();
  return late;
}

/** Of a clock that all threads share, which those of `performance.now()` are not. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
