/**
 * HDDM-A: has the mean of zeros and ones risen, by Hoeffding's bound on averages?
 *
 * Observes 1 for a wrong prediction and 0 for a right one (any value in [0, 1] would do). Keeps the mean of all n observations and the mean of
 * the first n⁻ of them, cut where mean + bound was lowest, bound(k) = √(ln(1/driftConfidence) / 2k). The mean has risen when
 *   mean − mean⁻ ≥ √(m/2 · ln(2/confidence)),   m = (n − n⁻)/n⁻ · 1/n,
 * with `driftConfidence` for drift and `warningConfidence` for warning. `twoSided` also keeps the highest cut and looks for a fall.
 * Statistic and threshold are the difference of the means and its bound for drift, of the side that comes nearest.
 * After a drift it starts afresh with the next observation.
 *
 * Source: Frías-Blanco, del Campo-Ávila, Ramos-Jiménez, Morales-Bueno, Ortiz-Díaz, Caballero-Mota. Online and Non-Parametric Drift Detection
 * Methods Based on Hoeffding's Bounds. IEEE TKDE 27(3), 2015, §3 (A-test). The order of operations is river 0.26's.
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { bitOf } from './bit.ts';
import { SnapshotReader } from './snapshot.ts';

const options = {
  driftConfidence: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1,
    default: 0.001,
    description: 'Confidence of drift: the smaller, the fewer alarms.',
  },
  warningConfidence: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.005, description: 'Confidence of a warning.' },
  twoSidedTest: { type: 'boolean', default: false, description: 'Whether a fall of the error rate is drift as well.' },
} as const;

type HddmAOptions = OptionsOf<typeof options>;

class HddmA implements StreamingDetector {
  /** ln(1/driftConfidence): of the cuts' bound. */
  readonly #cutTerm: number;
  /** ln(2/confidence). */
  readonly #driftTerm: number;
  readonly #warningTerm: number;
  readonly #twoSided: boolean;

  #level: Level = 'warming-up';
  /** Observations before the last reset. */
  #observedBefore = 0;
  /** The rest counts from the last reset. */
  #count = 0;
  #mean = 0;
  #lowCount = 0;
  #lowMean = 0;
  /** lowMean + bound(lowCount). */
  #lowReach = 0;
  #highCount = 0;
  #highMean = 0;
  /** highMean − bound(highCount). */
  #highReach = 0;

  constructor(chosen: HddmAOptions, state?: Json) {
    this.#cutTerm = Math.log(1 / chosen.driftConfidence);
    this.#driftTerm = Math.log(2 / chosen.driftConfidence);
    this.#warningTerm = Math.log(2 / chosen.warningConfidence);
    this.#twoSided = chosen.twoSidedTest;
    if (state !== undefined) this.#restore(new SnapshotReader('hddm-a', state));
  }

  /** Anything but 0 counts as 1. */
  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    const error = value === 0 || value === 1 ? value : bitOf(value);
    const count = ++this.#count;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = this.#mean + (1 / count) * (error - this.#mean);
    this.#mean = mean;
    const bound = this.#bound(count);
    if (this.#lowCount === 0 || this.#lowReach >= mean + bound) {
      this.#lowCount = count;
      this.#lowMean = mean;
      this.#lowReach = mean + bound;
    }
    if (this.#highCount === 0 || this.#highReach <= mean - bound) {
      this.#highCount = count;
      this.#highMean = mean;
      this.#highReach = mean - bound;
    }
    if (count === 1) return this.#level;

    const rise = this.#lowCount === count ? -1 : mean - this.#lowMean;
    // The sign first: most observations need no root.
    let level: Level = rise < 0 ? 'stable' : this.#levelOf(rise, this.#lowCount);
    if (this.#twoSided && level !== 'drift') {
      const fall = this.#highCount === count ? -1 : this.#highMean - mean;
      const falling = fall < 0 ? 'stable' : this.#levelOf(fall, this.#highCount);
      if (falling !== 'stable') level = falling;
    }
    if (this.#level !== level) this.#level = level;
    return level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#count;
  }

  get statistic(): number | null {
    return this.#nearest()?.difference ?? null;
  }

  get threshold(): number | null {
    return this.#nearest()?.bound ?? null;
  }

  get changedFor(): number | null {
    if (this.#level !== 'drift') return null;
    const from = this.#nearest()?.cut ?? 0;
    return Math.max(1, this.#count - from);
  }

  snapshot(): Json {
    return {
      detector: 'hddm-a',
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      mean: this.#mean,
      lowCount: this.#lowCount,
      lowMean: this.#lowMean,
      highCount: this.#highCount,
      highMean: this.#highMean,
    };
  }

  #levelOf(difference: number, cut: number): Level {
    const count = this.#count;
    const m = ((count - cut) / cut) * (1 / count);
    // m may be so small that both bounds are 0 only past 2⁵³ observations.
    if (difference >= Math.sqrt((m / 2) * this.#driftTerm)) return 'drift';
    return difference >= Math.sqrt((m / 2) * this.#warningTerm) ? 'warning' : 'stable';
  }

  /** The side whose difference is the larger part of its bound; null where neither has a cut. */
  #nearest(): { difference: number; bound: number; cut: number } | null {
    const count = this.#count;
    const side = (difference: number, cut: number) =>
      cut === count || cut === 0
        ? null
        : { difference, cut, bound: Math.sqrt(((((count - cut) / cut) * (1 / count)) / 2) * this.#driftTerm) };
    const low = side(this.#mean - this.#lowMean, this.#lowCount);
    const high = this.#twoSided ? side(this.#highMean - this.#mean, this.#highCount) : null;
    if (low === null || high === null) return low ?? high;
    return high.difference * low.bound > low.difference * high.bound ? high : low;
  }

  #bound(count: number): number {
    return Math.sqrt((1 / (2 * count)) * this.#cutTerm);
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#observedBefore += this.#count;
    this.#count = 0;
    this.#mean = 0;
    this.#lowCount = 0;
    this.#lowMean = 0;
    this.#highCount = 0;
    this.#highMean = 0;
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observedBefore = from.count('observedBefore');
    this.#count = from.count('count');
    this.#mean = from.number('mean');
    this.#lowCount = from.count('lowCount');
    this.#lowMean = from.number('lowMean');
    this.#highCount = from.count('highCount');
    this.#highMean = from.number('highMean');
    if (this.#lowCount > this.#count) from.refuse('lowCount');
    if (this.#highCount > this.#count) from.refuse('highCount');
    this.#lowReach = this.#lowCount === 0 ? 0 : this.#lowMean + this.#bound(this.#lowCount);
    this.#highReach = this.#highCount === 0 ? 0 : this.#highMean - this.#bound(this.#highCount);
  }
}

/** A rise of the error rate, by Hoeffding's bound. */
export const hddmA = defineStreaming({
  type: 'hddm-a',
  summary: 'Detects a rise of the error rate by Hoeffding’s bound on averages; quick on abrupt change, few false alarms.',
  observes: 'binary',
  options,
  create: (chosen, context) => new HddmA(chosen, context?.state),
});
