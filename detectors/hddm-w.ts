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

class HddmW implements StreamingDetector {
  readonly #lambda: number;
  /** λ² and (1 − λ)². */
  readonly #newSquare: number;
  readonly #oldSquare: number;
  readonly #paperStart: boolean;
  readonly #driftTerm: number;
  readonly #warningTerm: number;
  readonly #twoSided: boolean;

  #level: Level = 'warming-up';
  /** Observations before the last reset. */
  #observedBefore = 0;
  /** The rest counts from the last reset. */
  #count = 0;
  #mean = 0;
  /** Sums of squared weights; 1 where nothing was observed. */
  #weights = 1;
  /** bound(weights): the weights come to a standstill after some hundred observations, and with them the bounds. */
  #bound = 0;
  /** The sum of weights that `driftBound` and `warningBound` belong to. */
  #boundedWeights = -1;
  #driftBound = 0;
  #warningBound = 0;
  /** The lowest mean + bound, what it was made of, and the weighted mean since; Infinity at first. */
  #lowest = Infinity;
  #lowMean = 0;
  #lowWeights = 1;
  #lowCount = 0;
  #afterLowMean = 0;
  #afterLowWeights = 1;
  /** The highest mean − bound likewise; −Infinity at first. */
  #highest = -Infinity;
  #highMean = 0;
  #highWeights = 1;
  #highCount = 0;
  #afterHighMean = 0;
  #afterHighWeights = 1;

  constructor(chosen: HddmWOptions, state?: Json) {
    const lambda = chosen.lambdaVal;
    this.#lambda = lambda;
    this.#newSquare = lambda * lambda;
    this.#oldSquare = (1 - lambda) * (1 - lambda);
    this.#paperStart = chosen.start === 'paper';
    this.#driftTerm = Math.log(1 / chosen.driftConfidence);
    this.#warningTerm = Math.log(1 / chosen.warningConfidence);
    this.#twoSided = chosen.twoSidedTest;
    if (state !== undefined) this.#restore(new SnapshotReader('hddm-w', state));
  }

  /** Anything but 0 counts as 1. */
  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    const error = value === 0 || value === 1 ? value : bitOf(value);
    const lambda = this.#lambda;
    const keep = 1 - lambda;
    const count = ++this.#count;
    const mean = count === 1 ? error : lambda * error + keep * this.#mean;
    const weights = this.#nextWeights(this.#weights, count === 1);
    this.#mean = mean;
    if (weights !== this.#weights || count === 1) {
      this.#weights = weights;
      this.#bound = Math.sqrt((weights * this.#driftTerm) / 2);
    }
    const bound = this.#bound;

    let level: Level = count === 1 ? 'warming-up' : 'stable';
    if (mean + bound < this.#lowest) {
      this.#lowest = mean + bound;
      this.#lowMean = mean;
      this.#lowWeights = weights;
      this.#lowCount = count;
      this.#afterLowMean = 0;
      this.#afterLowWeights = 1;
    } else {
      const first = count === this.#lowCount + 1;
      this.#afterLowMean = first ? error : lambda * error + keep * this.#afterLowMean;
      this.#afterLowWeights = this.#nextWeights(this.#afterLowWeights, first);
      const rise = this.#afterLowMean - this.#lowMean;
      // The sign first: most observations need no root.
      if (rise > 0) level = this.#levelOf(rise, this.#lowWeights + this.#afterLowWeights);
    }
    if (mean - bound > this.#highest) {
      this.#highest = mean - bound;
      this.#highMean = mean;
      this.#highWeights = weights;
      this.#highCount = count;
      this.#afterHighMean = 0;
      this.#afterHighWeights = 1;
    } else {
      const first = count === this.#highCount + 1;
      this.#afterHighMean = first ? error : lambda * error + keep * this.#afterHighMean;
      this.#afterHighWeights = this.#nextWeights(this.#afterHighWeights, first);
      if (this.#twoSided && level !== 'drift') {
        const fall = this.#highMean - this.#afterHighMean;
        if (fall > 0) {
          const falling = this.#levelOf(fall, this.#highWeights + this.#afterHighWeights);
          if (falling !== 'stable') level = falling;
        }
      }
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
    return this.#level === 'drift' ? Math.max(1, this.#count - (this.#nearest()?.cut ?? 0)) : null;
  }

  snapshot(): Json {
    return {
      detector: 'hddm-w',
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      mean: this.#mean,
      weights: this.#weights,
      lowest: this.#count === 0 ? null : this.#lowest,
      lowMean: this.#lowMean,
      lowWeights: this.#lowWeights,
      lowCount: this.#lowCount,
      afterLowMean: this.#afterLowMean,
      afterLowWeights: this.#afterLowWeights,
      highest: this.#count === 0 ? null : this.#highest,
      highMean: this.#highMean,
      highWeights: this.#highWeights,
      highCount: this.#highCount,
      afterHighMean: this.#afterHighMean,
      afterHighWeights: this.#afterHighWeights,
    };
  }

  #nextWeights(weights: number, first: boolean): number {
    return first && this.#paperStart ? 1 : this.#newSquare + this.#oldSquare * weights;
  }

  #levelOf(difference: number, weights: number): Level {
    if (weights !== this.#boundedWeights) {
      this.#boundedWeights = weights;
      this.#driftBound = Math.sqrt((weights * this.#driftTerm) / 2);
      this.#warningBound = Math.sqrt((weights * this.#warningTerm) / 2);
    }
    if (difference > this.#driftBound) return 'drift';
    return difference > this.#warningBound ? 'warning' : 'stable';
  }

  /** The side whose difference is the larger part of its bound; null where neither has values after its cut. */
  #nearest(): { difference: number; bound: number; cut: number } | null {
    const side = (difference: number, weights: number, cut: number) =>
      cut === this.#count ? null : { difference, cut, bound: Math.sqrt((weights * this.#driftTerm) / 2) };
    const low = side(this.#afterLowMean - this.#lowMean, this.#lowWeights + this.#afterLowWeights, this.#lowCount);
    const high = this.#twoSided
      ? side(this.#highMean - this.#afterHighMean, this.#highWeights + this.#afterHighWeights, this.#highCount)
      : null;
    if (low === null || high === null) return low ?? high;
    return high.difference * low.bound > low.difference * high.bound ? high : low;
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#observedBefore += this.#count;
    this.#count = 0;
    this.#mean = 0;
    this.#weights = 1;
    this.#lowest = Infinity;
    this.#lowCount = 0;
    this.#highest = -Infinity;
    this.#highCount = 0;
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observedBefore = from.count('observedBefore');
    this.#count = from.count('count');
    this.#mean = from.number('mean');
    this.#weights = from.number('weights');
    this.#bound = Math.sqrt((this.#weights * this.#driftTerm) / 2);
    this.#lowest = from.numberOrNull('lowest') ?? Infinity;
    this.#lowMean = from.number('lowMean');
    this.#lowWeights = from.number('lowWeights');
    this.#lowCount = from.count('lowCount');
    this.#afterLowMean = from.number('afterLowMean');
    this.#afterLowWeights = from.number('afterLowWeights');
    this.#highest = from.numberOrNull('highest') ?? -Infinity;
    this.#highMean = from.number('highMean');
    this.#highWeights = from.number('highWeights');
    this.#highCount = from.count('highCount');
    this.#afterHighMean = from.number('afterHighMean');
    this.#afterHighWeights = from.number('afterHighWeights');
  }
}

/** A rise of the weighted error rate, by McDiarmid's bound. */
export const hddmW = defineStreaming({
  type: 'hddm-w',
  summary: 'Detects a rise of the recent error rate by McDiarmid’s bound on weighted means; quicker than `hddm-a` on gradual change.',
  observes: 'binary',
  options,
  create: (chosen, context) => new HddmW(chosen, context?.state),
});
