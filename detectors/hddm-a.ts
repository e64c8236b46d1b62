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
import { SnapshotReader, snapshotOf } from './snapshot.ts';
import { type CutSide, nearerCut } from './two-cuts.ts';

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

const fresh = (observedBefore = 0) => ({
  level: 'warming-up' as Level,
  /** Observations before the last reset; the rest counts from there. */
  observedBefore,
  count: 0,
  mean: 0,
  lowCount: 0,
  lowMean: 0,
  highCount: 0,
  highMean: 0,
});
const COUNTS = ['observedBefore', 'count', 'lowCount', 'highCount'] as const;

class HddmA implements StreamingDetector {
  /** ln(1/driftConfidence): of the cuts' bound. */
  readonly #cutTerm: number;
  /** ln(2/confidence). */
  readonly #driftTerm: number;
  readonly #warningTerm: number;
  readonly #twoSided: boolean;
  #state = fresh();
  /** lowMean + bound(lowCount) and highMean − bound(highCount). */
  #lowReach = Infinity;
  #highReach = -Infinity;

  constructor(chosen: HddmAOptions, state?: Json) {
    this.#cutTerm = Math.log(1 / chosen.driftConfidence);
    this.#driftTerm = Math.log(2 / chosen.driftConfidence);
    this.#warningTerm = Math.log(2 / chosen.warningConfidence);
    this.#twoSided = chosen.twoSidedTest;
    if (state !== undefined) this.#restore(new SnapshotReader('hddm-a', state));
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    if (this.#state.level === 'drift') this.#reset();
    const state = this.#state;
    let error = value;
    if (value !== 0 && value !== 1) {
      if (!Number.isFinite(value)) return state.level;
      error = 1;
    }
    const count = ++state.count;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = state.mean + (1 / count) * (error - state.mean);
    state.mean = mean;
    const bound = this.#bound(count);
    if (this.#lowReach >= mean + bound) {
      state.lowCount = count;
      state.lowMean = mean;
      this.#lowReach = mean + bound;
    }
    if (this.#highReach <= mean - bound) {
      state.highCount = count;
      state.highMean = mean;
      this.#highReach = mean - bound;
    }
    if (count === 1) return state.level;

    const rise = state.lowCount === count ? -1 : mean - state.lowMean;
    // The sign first: most observations need no root.
    let level: Level = rise < 0 ? 'stable' : this.#levelOf(rise, state.lowCount, count);
    if (this.#twoSided && level !== 'drift') {
      const fall = state.highCount === count ? -1 : state.highMean - mean;
      const falling = fall < 0 ? 'stable' : this.#levelOf(fall, state.highCount, count);
      if (falling !== 'stable') level = falling;
    }
    if (state.level !== level) state.level = level;
    return level;
  }

  get level(): Level {
    return this.#state.level;
  }

  get observed(): number {
    return this.#state.observedBefore + this.#state.count;
  }

  get statistic(): number | null {
    return this.#nearest()?.difference ?? null;
  }

  get threshold(): number | null {
    return this.#nearest()?.bound ?? null;
  }

  get changedFor(): number | null {
    const { level, count } = this.#state;
    return level === 'drift' ? Math.max(1, count - (this.#nearest()?.count ?? 0)) : null;
  }

  snapshot(): Json {
    return snapshotOf('hddm-a', this.#state);
  }

  #levelOf(difference: number, cut: number, count: number): Level {
    const m = ((count - cut) / cut) * (1 / count);
    // m may be so small that both bounds are 0 only past 2⁵³ observations.
    if (difference >= Math.sqrt((m / 2) * this.#driftTerm)) return 'drift';
    return difference >= Math.sqrt((m / 2) * this.#warningTerm) ? 'warning' : 'stable';
  }

  #nearest(): CutSide | null {
    const { count, mean, lowMean, lowCount, highMean, highCount } = this.#state;
    const side = (difference: number, cut: number): CutSide | null =>
      cut === count || cut === 0
        ? null
        : { difference, count: cut, bound: Math.sqrt(((((count - cut) / cut) * (1 / count)) / 2) * this.#driftTerm) };
    return nearerCut(side(mean - lowMean, lowCount), this.#twoSided ? side(highMean - mean, highCount) : null);
  }

  #bound(count: number): number {
    return Math.sqrt((1 / (2 * count)) * this.#cutTerm);
  }

  #reset(): void {
    this.#state = fresh(this.observed);
    this.#lowReach = Infinity;
    this.#highReach = -Infinity;
  }

  #restore(from: SnapshotReader): void {
    const state = from.into(fresh(), COUNTS);
    if (state.lowCount > state.count) from.refuse('lowCount');
    if (state.highCount > state.count) from.refuse('highCount');
    if (state.lowCount > 0) this.#lowReach = state.lowMean + this.#bound(state.lowCount);
    if (state.highCount > 0) this.#highReach = state.highMean - this.#bound(state.highCount);
    this.#state = state;
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
