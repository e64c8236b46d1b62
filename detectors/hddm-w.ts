/**
 * HDDM-W: has the weighted mean of zeros and ones risen, by McDiarmid's bound?
 *
 * Observes 1 for a wrong prediction and 0 for a right one. Keeps the exponentially weighted mean of all observations and c, the sum of its
 * squared weights; the mean as it was where mean + bound(c) was lowest; and the weighted mean of what came after that cut. It has risen when
 *   meanAfter − meanAtCut > bound(cAtCut + cAfter),   bound(c) = √(c · ln(1/confidence) / 2),
 * with `driftConfidence` for drift and `warningConfidence` for warning. `twoSidedTest` looks for a fall below the highest cut as well.
 * Statistic and threshold are the difference of the means and its bound for drift, of the side that comes nearest.
 * After a drift it starts afresh with the next observation.
 *
 * Source: Frías-Blanco, del Campo-Ávila, Ramos-Jiménez, Morales-Bueno, Ortiz-Díaz, Caballero-Mota. Online and Non-Parametric Drift Detection
 * Methods Based on Hoeffding's Bounds. IEEE TKDE 27(3), 2015, §4 (W-test). The order of operations is river 0.26's.
 * Deviation (not under `start: paper`): as in river the first observation already shrinks c; in the paper its weight is 1, and so is c.
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
  lambdaVal: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.05, description: 'Weight of the newest observation.' },
  twoSidedTest: { type: 'boolean', default: false, description: 'Whether a fall of the error rate is drift as well.' },
  start: {
    type: 'string',
    enum: ['river', 'paper'],
    default: 'river',
    description: 'Squared weight of a first observation: `paper` 1, `river` one step further.',
  },
} as const;

type HddmWOptions = OptionsOf<typeof options>;

const fresh = (observedBefore = 0) => ({
  level: 'warming-up' as Level,
  /** Observations before the last reset; the rest counts from there. */
  observedBefore,
  count: 0,
  mean: 0,
  /** Sums of squared weights; 1 where nothing was observed. */
  weights: 1,
  /** The lowest mean + bound, what it was made of, and the weighted mean since. */
  lowest: Infinity,
  lowMean: 0,
  lowWeights: 1,
  lowCount: 0,
  afterLowMean: 0,
  afterLowWeights: 1,
  /** The highest mean − bound likewise. */
  highest: -Infinity,
  highMean: 0,
  highWeights: 1,
  highCount: 0,
  afterHighMean: 0,
  afterHighWeights: 1,
});
const COUNTS = ['observedBefore', 'count', 'lowCount', 'highCount'] as const;

class HddmW implements StreamingDetector {
  readonly #lambda: number = 0;
  readonly #keep: number = 0;
  /** λ² and (1 − λ)². */
  readonly #newSquare: number = 0;
  readonly #oldSquare: number = 0;
  readonly #paperStart: boolean;
  readonly #driftTerm: number;
  readonly #warningTerm: number;
  /** The smaller of both: which confidence is the larger is the user's choice. */
  readonly #stableTerm: number;
  readonly #twoSided: boolean;
  #state = fresh();
  /** The weights come to a standstill after some hundred observations, and with them the bounds: that of the mean … */
  #weights = -1;
  #bound = 0;
  /** … and those of a difference for the sum of weights they belong to. */
  #boundedWeights = -1;
  #driftBound = 0;
  #warningBound = 0;
  /** Where the weights stand still and the level is stable: how far the means may rise and fall for it to remain so. Else NaN. */
  #stableRise = Number.NaN;
  #stableFall = Number.NaN;

  constructor(chosen: HddmWOptions, state?: Json) {
    const lambda = chosen.lambdaVal;
    this.#lambda = lambda;
    this.#keep = 1 - lambda;
    this.#newSquare = lambda * lambda;
    this.#oldSquare = (1 - lambda) * (1 - lambda);
    this.#paperStart = chosen.start === 'paper';
    this.#driftTerm = Math.log(1 / chosen.driftConfidence);
    this.#warningTerm = Math.log(1 / chosen.warningConfidence);
    this.#stableTerm = Math.min(this.#driftTerm, this.#warningTerm);
    this.#twoSided = chosen.twoSidedTest;
    if (state !== undefined) this.#state = new SnapshotReader('hddm-w', state).into(fresh(), COUNTS);
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    const state = this.#state;
    const keep = this.#keep;
    const part = this.#lambda * value;
    const mean = part + keep * state.mean;
    const afterLowMean = part + keep * state.afterLowMean;
    const afterHighMean = part + keep * state.afterHighMean;
    if (
      afterLowMean - state.lowMean <= this.#stableRise &&
      state.highMean - afterHighMean <= this.#stableFall &&
      mean + this.#bound >= state.lowest &&
      mean - this.#bound <= state.highest &&
      // True of 0 and 1 only, and of an infinity, which does not come here.
      value * value === value
    ) {
      state.count++;
      state.mean = mean;
      state.afterLowMean = afterLowMean;
      state.afterHighMean = afterHighMean;
      return 'stable';
    }
    return this.#observe(value);
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
    return snapshotOf('hddm-w', this.#state);
  }

  /** What changes more than the means, or may. */
  #observe(value: number): Level {
    if (this.#state.level === 'drift') this.#state = fresh(this.observed);
    const state = this.#state;
    if (!Number.isFinite(value)) return state.level;
    const error = value === 0 ? 0 : 1;
    const lambda = this.#lambda;
    const keep = this.#keep;
    const count = ++state.count;
    const mean = count === 1 ? error : lambda * error + keep * state.mean;
    const weights = this.#nextWeights(state.weights, count === 1);
    state.mean = mean;
    state.weights = weights;
    if (weights !== this.#weights) {
      this.#weights = weights;
      this.#bound = boundOf(weights, this.#driftTerm);
    }
    const bound = this.#bound;

    let level: Level = count === 1 ? 'warming-up' : 'stable';
    if (mean + bound < state.lowest) {
      state.lowest = mean + bound;
      state.lowMean = mean;
      state.lowWeights = weights;
      state.lowCount = count;
      state.afterLowMean = 0;
      state.afterLowWeights = 1;
    } else {
      const first = count === state.lowCount + 1;
      state.afterLowMean = first ? error : lambda * error + keep * state.afterLowMean;
      state.afterLowWeights = this.#nextWeights(state.afterLowWeights, first);
      const rise = state.afterLowMean - state.lowMean;
      // The sign first: most observations need no root.
      if (rise > 0) level = this.#levelOf(rise, state.lowWeights + state.afterLowWeights);
    }
    if (mean - bound > state.highest) {
      state.highest = mean - bound;
      state.highMean = mean;
      state.highWeights = weights;
      state.highCount = count;
      state.afterHighMean = 0;
      state.afterHighWeights = 1;
    } else {
      const first = count === state.highCount + 1;
      state.afterHighMean = first ? error : lambda * error + keep * state.afterHighMean;
      state.afterHighWeights = this.#nextWeights(state.afterHighWeights, first);
      if (this.#twoSided && level !== 'drift') {
        const fall = state.highMean - state.afterHighMean;
        if (fall > 0) {
          const falling = this.#levelOf(fall, state.highWeights + state.afterHighWeights);
          if (falling !== 'stable') level = falling;
        }
      }
    }
    state.level = level;
    this.#settle();
    return level;
  }

  #settle(): void {
    const { level, weights, lowWeights, afterLowWeights, highWeights, afterHighWeights } = this.#state;
    const isStill = this.#standsStill(weights) && this.#standsStill(afterLowWeights) && this.#standsStill(afterHighWeights);
    const isSettled = isStill && level === 'stable';
    this.#stableRise = isSettled ? boundOf(lowWeights + afterLowWeights, this.#stableTerm) : Number.NaN;
    this.#stableFall = this.#twoSided ? boundOf(highWeights + afterHighWeights, this.#stableTerm) : Infinity;
  }

  #standsStill(weights: number): boolean {
    return this.#nextWeights(weights, false) === weights;
  }

  #nextWeights(weights: number, first: boolean): number {
    return first && this.#paperStart ? 1 : this.#newSquare + this.#oldSquare * weights;
  }

  #levelOf(difference: number, weights: number): Level {
    if (weights !== this.#boundedWeights) {
      this.#boundedWeights = weights;
      this.#driftBound = boundOf(weights, this.#driftTerm);
      this.#warningBound = boundOf(weights, this.#warningTerm);
    }
    if (difference > this.#driftBound) return 'drift';
    return difference > this.#warningBound ? 'warning' : 'stable';
  }

  #nearest(): CutSide | null {
    const state = this.#state;
    const side = (difference: number, weights: number, cut: number): CutSide | null =>
      cut === state.count ? null : { difference, count: cut, bound: boundOf(weights, this.#driftTerm) };
    const low = side(state.afterLowMean - state.lowMean, state.lowWeights + state.afterLowWeights, state.lowCount);
    if (!this.#twoSided) return low;
    return nearerCut(low, side(state.highMean - state.afterHighMean, state.highWeights + state.afterHighWeights, state.highCount));
  }
}

/** `term`: ln(1/confidence). */
function boundOf(weights: number, term: number): number {
  return Math.sqrt((weights * term) / 2);
}

/** A rise of the weighted error rate, by McDiarmid's bound. */
export const hddmW = defineStreaming({
  type: 'hddm-w',
  summary: 'Detects a rise of the recent error rate by McDiarmid’s bound on weighted means; quicker than `hddm-a` on gradual change.',
  observes: 'binary',
  options,
  create: (chosen, context) => new HddmW(chosen, context?.state),
});
