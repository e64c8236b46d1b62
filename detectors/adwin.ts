/**
 * ADWIN, adaptive windowing: has the mean of a stream of numbers changed?
 *
 * Keeps the stream since the last change as exponential buckets: row r holds up to `maxBuckets` buckets of 2^r
 * observations, oldest first. At every `clock`-th observation it tries each border between two buckets as a cut of the window into
 * an older part 0 and a newer part 1; the means differ when |μ0 − μ1| > ε, with
 *   ε = √(2mσ²L) + ⅔mL,   m = 1/(n0 − w + 1) + 1/(n1 − w + 1),   L = ln(2 ln W / delta),
 * W the width, σ² the variance of the window and w = `minWindowLength`. Then the oldest bucket is dropped and the search begins again.
 * Statistic and threshold are |μ0 − μ1| and ε: of the cut found, or else of the cut that comes nearest to its ε.
 *
 * Source: Bifet, Gavaldà. Learning from Time-Changing Data with Adaptive Windowing. SDM 2007, §3 and §4 (ADWIN2); merged variances by
 * Babcock, Datar, Motwani, O'Callaghan. PODS 2003. The order of operations is river 0.26's.
 * Deviation: as in river, the window that is left after a cut is forgotten with the next observation; the paper keeps it.
 * Deviation: the variance is held at 0 or above, where rounding could make it negative and silence the detector; values beyond ±1e140 count
 * as ±1e140, so that squares stay finite.
 * Cost: O(1) amortised an observation, O(maxBuckets · log W) a check and in memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { AdwinWindow } from './adwin-window.ts';
import { SnapshotReader } from './snapshot.ts';

const options = {
  delta: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.002, description: 'Confidence: the smaller, the fewer alarms.' },
  clock: { type: 'integer', minimum: 1, default: 32, description: 'Observations between two checks.' },
  maxBuckets: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'Buckets of each size: more is finer and slower.' },
  minWindowLength: { type: 'integer', minimum: 1, default: 5, description: 'Shortest part of a cut, in observations.' },
  gracePeriod: { type: 'integer', minimum: 0, default: 10, description: 'No check before the window is longer than this.' },
  semantics: { type: 'string', enum: ['river'], default: 'river', description: '`river` answers index for index as river 0.26.1 does.' },
} as const;

type AdwinOptions = OptionsOf<typeof options>;

/** Squares of differences of such values, summed over any window, stay finite. */
const LARGEST = 1e140;
/** How far below the real bound a cut must lie before the quick search passes over it. */
const SLACK = 1e-3;
const ROUNDING = 2 ** -53;

class Adwin implements StreamingDetector {
  readonly #delta: number;
  readonly #clock: number;
  readonly #minWindow: number;
  readonly #gracePeriod: number;
  readonly #window: AdwinWindow;

  #level: Level = 'warming-up';
  /** Observations before the last reset. */
  #observedBefore = 0;
  /** Observations since the last reset. */
  #tick = 0;
  /** |μ0 − μ1| and ε of the last cut that was found. */
  #cutDifference = 0;
  #cutBound = 0;

  constructor(chosen: AdwinOptions, state?: Json) {
    this.#delta = chosen.delta;
    this.#clock = chosen.clock;
    this.#minWindow = chosen.minWindowLength;
    this.#gracePeriod = chosen.gracePeriod;
    this.#window = new AdwinWindow(chosen.maxBuckets);
    if (state !== undefined) this.#restore(new SnapshotReader('adwin', state));
  }

  /** @throws RangeError when the value is not finite. */
  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    this.#window.insert(value >= -LARGEST && value <= LARGEST ? value : bounded(value));
    const tick = ++this.#tick;
    if (tick % this.#clock !== 0 || this.#window.width <= this.#gracePeriod) return this.#level;
    this.#level = this.#shrink() ? 'drift' : 'stable';
    return this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#tick;
  }

  get statistic(): number | null {
    if (this.#level === 'drift') return this.#cutDifference;
    return this.#level === 'warming-up' ? null : (this.#nearestCut()?.difference ?? null);
  }

  get threshold(): number | null {
    if (this.#level === 'drift') return this.#cutBound;
    return this.#level === 'warming-up' ? null : (this.#nearestCut()?.bound ?? null);
  }

  get changedFor(): number | null {
    // The window as the cuts left it: it is forgotten only with the next observation.
    return this.#level === 'drift' ? this.#window.width : null;
  }

  snapshot(): Json {
    const drifted = this.#level === 'drift';
    const { width, total, squares } = this.#window;
    const buckets = this.#window.buckets();
    return {
      detector: 'adwin',
      level: this.#level,
      observedBefore: this.#observedBefore,
      tick: this.#tick,
      width,
      total,
      variance: squares,
      cutDifference: drifted ? this.#cutDifference : null,
      cutBound: drifted ? this.#cutBound : null,
      totals: buckets.totals,
      squares: buckets.squares,
    };
  }

  /** Drops old buckets while some cut holds; true when at least one held. */
  #shrink(): boolean {
    let found = false;
    while (this.#mayHoldCut() && this.#holdsCut()) {
      found = true;
      this.#window.dropOldest();
    }
    return found;
  }

  /**
   * Whether a cut is possible at all: exact in saying no, quick because it needs neither division nor root.
   *
   * With d = u0 − n0 · mean the means differ by d·W/(n0·n1), and m ≥ K/(n0·n1) with K = W − 2w + 2. So a cut needs
   * d² > c·n0·n1 with c = 2KσL²/W² (its second term left out), here with c made smaller by SLACK. The rounding of d and of the running
   * sums of the full search stays below 4k·2⁻⁵³·W·√(σ² + mean²) for k buckets (each partial sum is at most W·√(σ² + mean²) by
   * Cauchy–Schwarz); where that is not far below the smallest bound that SLACK leaves, the answer is yes and the full search decides.
   */
  #mayHoldCut(): boolean {
    const window = this.#window;
    const width = window.width;
    const minWindow = this.#minWindow;
    const last = width - minWindow;
    if (last < minWindow) return false;
    const mean = window.total / width;
    const variance = window.squares / width;
    const cut = (2 * (width - 2 * minWindow + 2) * variance * this.#logTerm()) / (width * width);
    const rounding = 4 * ROUNDING * window.rows * window.slots * width;
    const smallest = (SLACK / 8) ** 2 * cut * minWindow * last;
    if (!(rounding * rounding * (variance + mean * mean) < smallest)) return true;

    const bound = cut * (1 - SLACK);
    const totals = window.totals;
    const slots = window.slots;
    let older = 0;
    let olderTotal = 0;
    for (let row = window.rows - 1, size = 2 ** row; row >= 0; row--, size /= 2) {
      const end = row * slots + window.counts[row]!;
      for (let slot = row * slots; slot < end; slot++) {
        older += size;
        if (older > last) return false;
        olderTotal += totals[slot]!;
        const difference = olderTotal - older * mean;
        if (difference * difference > bound * older * (width - older) && older >= minWindow) return true;
      }
    }
    return false;
  }

  /** Whether some cut's means differ by more than ε; remembers the first that do. */
  #holdsCut(): boolean {
    const window = this.#window;
    const width = window.width;
    const minWindow = this.#minWindow;
    const logTerm = this.#logTerm();
    const variance = window.squares / width;
    let older = 0;
    let newer = width;
    let olderTotal = 0;
    let newerTotal = window.total;
    for (let row = window.rows - 1, size = 2 ** row; row >= 0; row--, size /= 2) {
      const from = row * window.slots;
      const end = from + window.counts[row]!;
      for (let slot = from; slot < end; slot++) {
        const total = window.totals[slot]!;
        older += size;
        newer -= size;
        olderTotal += total;
        newerTotal -= total;
        if (newer < minWindow) return false;
        if (older < minWindow) continue;
        const difference = Math.abs(olderTotal / older - newerTotal / newer);
        const bound = cutBound(older, newer, minWindow, variance, logTerm);
        if (difference > bound) {
          this.#cutDifference = difference;
          this.#cutBound = bound;
          return true;
        }
      }
    }
    return false;
  }

  /** The cut whose difference is the largest part of its bound, or null where the window has none. */
  #nearestCut(): { difference: number; bound: number } | null {
    const window = this.#window;
    const width = window.width;
    const minWindow = this.#minWindow;
    if (width < 2 * minWindow) return null;
    const logTerm = this.#logTerm();
    const variance = window.squares / width;
    let nearest: { difference: number; bound: number } | null = null;
    let older = 0;
    let olderTotal = 0;
    for (let row = window.rows - 1; row >= 0; row--) {
      const from = row * window.slots;
      for (let slot = from; slot < from + window.counts[row]!; slot++) {
        older += 2 ** row;
        olderTotal += window.totals[slot]!;
        const newer = width - older;
        if (older < minWindow || newer < minWindow) continue;
        const difference = Math.abs(olderTotal / older - (window.total - olderTotal) / newer);
        const bound = cutBound(older, newer, minWindow, variance, logTerm);
        if (nearest === null || difference * nearest.bound > nearest.difference * bound) nearest = { difference, bound };
      }
    }
    return nearest;
  }

  #logTerm(): number {
    return Math.log((2 * Math.log(this.#window.width)) / this.#delta);
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#observedBefore += this.#tick;
    this.#tick = 0;
    this.#window.clear();
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observedBefore = from.count('observedBefore');
    this.#tick = from.count('tick');
    this.#cutDifference = from.numberOrNull('cutDifference') ?? 0;
    this.#cutBound = from.numberOrNull('cutBound') ?? 0;
    const sums = { width: from.count('width'), total: from.number('total'), squares: from.number('variance') };
    if (!this.#window.restore(from.rows('totals'), from.rows('squares'), sums)) from.refuse('totals');
  }
}

/** ε of the header for one cut. `variance` is per observation. */
function cutBound(older: number, newer: number, minWindow: number, variance: number, logTerm: number): number {
  const m = 1 / (older - minWindow + 1) + 1 / (newer - minWindow + 1);
  return Math.sqrt(2 * m * variance * logTerm) + (2 / 3) * logTerm * m;
}

function bounded(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`adwin: ${value} is not a finite number`);
  return value > 0 ? LARGEST : -LARGEST;
}

/** A change of a stream's mean, by a window that adapts. */
export const adwin = defineStreaming({
  type: 'adwin',
  summary: 'Detects a change of the mean of any bounded stream, by a window that grows until its parts disagree.',
  observes: 'number',
  options,
  create: (chosen, context) => new Adwin(chosen, context?.state),
});
