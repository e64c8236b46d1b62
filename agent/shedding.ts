/**
 * Under pressure Driftline gives up its own work before it refuses a call, in the order of `RUNGS`, and takes it up again when there is room.
 *
 * Pressure is the share of the memory limit in use, and how late the data threads' event loops run: where CPU is throttled, copying for the
 * analysis is what the callers can do without.
 */
import { RUNGS, type Rung } from '../proxy/pressure.ts';

/** Memory in use, as a share of the limit, from which each rung is given up (reliability figures of proxies with overload ladders). */
const MEMORY: { readonly [R in Exclude<Rung, 'nothing'>]: number } = { payloads: 0.7, records: 0.8, connections: 0.9 };
/** It is taken up again that much below. */
const MEMORY_MARGIN = 0.05;
/** A loop that late gives up records, and takes them up again below the second figure. Milliseconds. */
const LATE_MS = 50;
const PUNCTUAL_MS = 20;
/** Calm must last so many looks, a second apart, for each rung back. */
const CALM_LOOKS = 10;

/** For so long after the start a late loop tells nothing: code is loaded and compiled, and what was late then leaves the figures of ten seconds. */
const STARTING_MS = 20_000;

/** How often it is looked at. */
const LOOK_MS = 1_000;

/** What is looked at. */
export interface Reading {
  /** Share of the memory limit in use; null = there is no limit. */
  readonly memory: number | null;
  /** The latest of the data threads' loops, milliseconds. */
  readonly loopDelayMs: number;
}

/** Where the ladder stands. */
export interface Ladder {
  readonly rung: Rung;
  /** Looks in a row at which the present rung was not needed. */
  readonly calm: number;
}

/** Everything is done. */
export const AT_EASE: Ladder = { rung: 'nothing', calm: 0 };

/** The ladder after one more look: up at once and as far as needed, down rung by rung. */
export function climb({ rung, calm }: Ladder, reading: Reading): Ladder {
  const at = RUNGS.indexOf(rung);
  const needed = neededRung(reading, 0, LATE_MS);
  if (needed > at) return { rung: RUNGS[needed]!, calm: 0 };
  if (neededRung(reading, MEMORY_MARGIN, PUNCTUAL_MS) >= at) return { rung, calm: 0 };
  return calm + 1 < CALM_LOOKS ? { rung, calm: calm + 1 } : { rung: RUNGS[at - 1]!, calm: 0 };
}

function neededRung({ memory, loopDelayMs }: Reading, margin: number, lateMs: number): number {
  const byMemory = memory === null ? 0 : RUNGS.findLastIndex((rung) => rung === 'nothing' || memory >= MEMORY[rung] - margin);
  return Math.max(byMemory, loopDelayMs > lateMs ? RUNGS.indexOf('records') : 0);
}

export interface SheddingOptions {
  readonly read: () => Reading;
  /** Hears of a rung when it is another one than before. */
  readonly shed: (rung: Rung) => void;
  readonly collectGarbage: () => void;
  readonly log: (line: string) => void;
}

/**
 * Whether garbage is to be collected after one more look, the `look`th: it counts as memory in use until it is. Where connections are refused
 * nothing asks for memory any more, and V8 would never look for it. Not again and again where loops run late, as it makes them later.
 */
export function isToCollect(before: Rung, now: Rung, { memory, loopDelayMs }: Reading, look: number): boolean {
  if (memory === null || memory < MEMORY.payloads - MEMORY_MARGIN) return false;
  return RUNGS.indexOf(now) > RUNGS.indexOf(before) || (now !== 'nothing' && look % CALM_LOOKS === 0 && loopDelayMs <= PUNCTUAL_MS);
}

/** Looks every second, gives up and takes up, and says so. Keeps no process alive. */
export class Shedding {
  readonly #read: () => Reading;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  #reading: Reading;
  #ladder = AT_EASE;
  #looks = 0;

  constructor(options: SheddingOptions) {
    this.#read = options.read;
    this.#reading = options.read();
    this.#timer = setInterval(() => this.#look(options), LOOK_MS);
    this.#timer.unref();
  }

  get rung(): Rung {
    return this.#ladder.rung;
  }

  /** As of the last look. */
  get reading(): Reading {
    return this.#reading;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look({ shed, collectGarbage, log }: SheddingOptions): void {
    const before = this.rung;
    this.#reading = this.#read();
    const isStarting = performance.now() - this.#startedAt < STARTING_MS;
    this.#ladder = climb(this.#ladder, isStarting ? { ...this.#reading, loopDelayMs: 0 } : this.#reading);
    if (this.rung !== before) {
      shed(this.rung);
      const { memory, loopDelayMs } = this.#reading;
      const used = memory === null ? 'no memory limit' : `${Math.round(100 * memory)} % of the memory limit`;
      log(`shedding: ${before} → ${this.rung} (${used}, event loop ${Math.round(loopDelayMs)} ms late)`);
    }
    if (isToCollect(before, this.rung, this.#reading, ++this.#looks)) collectGarbage();
  }
}
