/**
 * DDM, the Drift Detection Method: has a classifier's error rate risen?
 *
 * Observes 1 for a wrong prediction and 0 for a right one. Follows the error rate p and its standard
 * deviation s = √(p(1 − p)/n), remembers the lowest p + s seen, and compares today's with it.
 * Statistic and threshold are error rates: p + s against pMin + driftThreshold · sMin.
 * After a drift it starts afresh with the next observation.
 *
 * Source: Gama, Medas, Castillo, Rodrigues. Learning with Drift Detection. SBIA 2004. The order of operations is river 0.26's.
 * Deviation (not under `semantics: river`): neither a minimum nor a level is taken before `minErrors` errors since the
 * last reset. A faultless start would set the minimum to zero, and the very next error would count as drift.
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { bitOf } from './bit.ts';
import { SnapshotReader } from './snapshot.ts';

const options = {
  warmStart: { type: 'integer', minimum: 0, default: 30, description: 'Observations before the first judgement.' },
  warningThreshold: { type: 'number', exclusiveMinimum: 0, default: 2, description: 'Standard deviations above the minimum that warn.' },
  driftThreshold: { type: 'number', exclusiveMinimum: 0, default: 3, description: 'Standard deviations above the minimum that are drift.' },
  minErrors: {
    type: 'integer',
    minimum: 0,
    default: 30,
    description: 'Errors since the last reset before the first judgement; not under `semantics: river`.',
  },
  semantics: {
    type: 'string',
    enum: ['safe', 'river'],
    default: 'safe',
    description: '`river` answers index for index as river 0.26.1 does, without the floor of `minErrors`.',
  },
} as const;

type DdmOptions = OptionsOf<typeof options>;

class Ddm implements StreamingDetector {
  readonly #warmStart: number;
  readonly #warningThreshold: number;
  readonly #driftThreshold: number;
  readonly #minErrors: number;

  #level: Level = 'warming-up';
  /** Observations before the last reset. */
  #observedBefore = 0;
  /** The rest counts from the last reset. */
  #count = 0;
  /** Counted until the first judgement. */
  #errors = 0;
  #tooEarly = true;
  #rate = 0;
  /** Infinity until the first judgement. */
  #lowestSum = Infinity;
  #lowestRate = 0;
  #lowestDeviation = 0;
  #lowestAt = 0;
  /** Above this p + s is warning or drift. */
  #limit = 0;
  /** Count at the first observation of the present run of warnings, or 0. */
  #warningFrom = 0;

  constructor(chosen: DdmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#warningThreshold = chosen.warningThreshold;
    this.#driftThreshold = chosen.driftThreshold;
    this.#minErrors = chosen.semantics === 'river' ? 0 : chosen.minErrors;
    if (state !== undefined) this.#restore(new SnapshotReader('ddm', state));
  }

  /** Anything but 0 counts as 1. */
  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    const error = value === 0 || value === 1 ? value : bitOf(value);
    const count = ++this.#count;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const rate = this.#rate + (1 / count) * (error - this.#rate);
    this.#rate = rate;
    if (this.#tooEarly) {
      this.#errors += error;
      if (count <= this.#warmStart || this.#errors < this.#minErrors) return this.#level;
      this.#tooEarly = false;
    }
    const deviation = deviationOf(rate, count);
    const sum = rate + deviation;
    if (sum <= this.#lowestSum) {
      this.#lowestSum = sum;
      this.#setLowest(rate, deviation, count);
    }
    if (sum > this.#limit) return this.#alarm(sum, count);
    if (this.#level !== 'stable') {
      this.#level = 'stable';
      this.#warningFrom = 0;
    }
    return 'stable';
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#count;
  }

  get statistic(): number | null {
    return this.#lowestSum === Infinity ? null : this.#rate + deviationOf(this.#rate, this.#count);
  }

  get threshold(): number | null {
    return this.#lowestSum === Infinity ? null : this.#lowestRate + this.#driftThreshold * this.#lowestDeviation;
  }

  get changedFor(): number | null {
    if (this.#level !== 'drift') return null;
    // The paper's estimate: the new concept began with the warning. A jump past the warning is dated from the minimum.
    return Math.max(1, this.#warningFrom > 0 ? this.#count - this.#warningFrom + 1 : this.#count - this.#lowestAt);
  }

  snapshot(): Json {
    const judged = this.#lowestSum !== Infinity;
    return {
      detector: 'ddm',
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      errors: this.#errors,
      rate: this.#rate,
      deviation: deviationOf(this.#rate, this.#count),
      lowestRate: judged ? this.#lowestRate : null,
      lowestDeviation: judged ? this.#lowestDeviation : null,
      lowestAt: this.#lowestAt,
      warningFrom: this.#warningFrom,
    };
  }

  #setLowest(rate: number, deviation: number, at: number): void {
    this.#lowestRate = rate;
    this.#lowestDeviation = deviation;
    this.#lowestAt = at;
    this.#limit = rate + Math.min(this.#warningThreshold, this.#driftThreshold) * deviation;
  }

  /** Apart, so that `update` stays small: most observations do not come here. */
  #alarm(sum: number, count: number): Level {
    if (sum > this.#lowestRate + this.#driftThreshold * this.#lowestDeviation) {
      this.#level = 'drift';
    } else {
      if (this.#level !== 'warning') this.#warningFrom = count;
      this.#level = 'warning';
    }
    return this.#level;
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#observedBefore += this.#count;
    this.#count = 0;
    this.#errors = 0;
    this.#tooEarly = true;
    this.#rate = 0;
    this.#lowestSum = Infinity;
    this.#lowestRate = 0;
    this.#lowestDeviation = 0;
    this.#lowestAt = 0;
    this.#warningFrom = 0;
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observedBefore = from.count('observedBefore');
    this.#count = from.count('count');
    this.#errors = from.count('errors');
    this.#rate = from.number('rate');
    // Derived from rate and count, and there for readers.
    from.number('deviation');
    const lowestRate = from.numberOrNull('lowestRate');
    const lowestDeviation = from.numberOrNull('lowestDeviation');
    const lowestAt = from.count('lowestAt');
    if (lowestRate !== null && lowestDeviation !== null) {
      this.#setLowest(lowestRate, lowestDeviation, lowestAt);
      this.#lowestSum = lowestRate + lowestDeviation;
      this.#tooEarly = false;
    }
    this.#warningFrom = from.count('warningFrom');
  }
}

/** Standard deviation of a rate of `count` observations. */
function deviationOf(rate: number, count: number): number {
  const spread = (rate * (1 - rate)) / count;
  // Rounding may lift a rate of 1 above it; before the first observation there is none.
  return spread > 0 ? Math.sqrt(spread) : 0;
}

/** A rise of the error rate above its lowest level so far. */
export const ddm = defineStreaming({
  type: 'ddm',
  summary: 'Detects a rise of the error rate above its lowest level so far.',
  observes: 'binary',
  options,
  create: (chosen, context) => new Ddm(chosen, context?.state),
});
