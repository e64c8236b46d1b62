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
 * last reset. A faultless start would set the minimum to zero, and the very next error would count as drift. Measured on 100 streams of 20,000
 * bits of one law at each rate (test/detectors/ddm.test.ts): false alarms in 100,000 fall from 74 to 0 at a rate of 0.001, from 27 to 0.55 at 0.01,
 * from 9 to 0.9 at 0.05 and from 2.6 to 0.7 at 0.2. The price: of rates of 0.001 that double after it 28 are found within 20,000 values and 85 without
 * the floor; from 0.01 on 99 to 100 are, and 96 to 98.
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { FRACTION } from './fraction.ts';
import { sinceWarning } from './since-warning.ts';
import { SnapshotReader, snapshotOf } from './snapshot.ts';

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

/** By how much the count may grow until the rates are bounded anew. */
const GROWTH = 1 + 1 / 32;
/** How far from a bound a rate is surely on its side of it, whatever was rounded. */
const SURELY = 1e-9;

const fresh = (observedBefore = 0) => ({
  level: 'warming-up' as Level,
  /** Observations before the last reset; the rest counts from there. */
  observedBefore,
  count: 0,
  /** Counted until the first judgement. */
  errors: 0,
  rate: 0,
  /** The lowest p + s and what it was made of; Infinity until the first judgement. */
  lowestSum: Infinity,
  lowestRate: Infinity,
  lowestDeviation: Infinity,
  lowestAt: 0,
  /** Count at the first observation of the present run of warnings, or 0. */
  warningFrom: 0,
});
const COUNTS = ['observedBefore', 'count', 'errors', 'lowestAt', 'warningFrom'] as const;

class Ddm implements StreamingDetector {
  readonly #warmStart: number;
  readonly #warningThreshold: number;
  readonly #driftThreshold: number;
  readonly #minErrors: number;
  #level: Level = 'warming-up';
  #observedBefore = 0;
  #count = FRACTION;
  #errors = 0;
  #rate = FRACTION;
  #lowestSum = Infinity;
  #lowestRate = Infinity;
  #lowestDeviation = Infinity;
  #lowestAt = 0;
  #warningFrom = 0;
  /** Up to this count neither level nor minimum changes while the rate is above the one and below the other. NaN, which nothing is, where they may. */
  #until = FRACTION;
  #lowRate = Number.NaN;
  #highRate = Number.NaN;

  constructor(chosen: DdmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#warningThreshold = chosen.warningThreshold;
    this.#driftThreshold = chosen.driftThreshold;
    this.#minErrors = chosen.semantics === 'river' ? 0 : chosen.minErrors;
    this.#state = fresh();
    if (state === undefined) return;
    const from = new SnapshotReader('ddm', state);
    this.#state = from.into(fresh(), COUNTS);
    // Derived from rate and count, and there for readers.
    from.number('deviation');
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    const error = value & 1;
    const count = this.#count + 1;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const rate = this.#rate + (1 / count) * (error - this.#rate);
    // The last is true of 0 and 1 only.
    if (rate > this.#lowRate && rate < this.#highRate && count <= this.#until && error === value) {
      this.#count = count;
      this.#rate = rate;
      return this.#level;
    }
    return this.#observe(value);
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
    return this.#lowestSum === Infinity ? null : this.#limit(this.#driftThreshold);
  }

  get changedFor(): number | null {
    return this.#level === 'drift' ? sinceWarning(this.#count, this.#warningFrom, this.#lowestAt) : null;
  }

  snapshot(): Json {
    return { ...snapshotOf('ddm', this.#state), deviation: deviationOf(this.#rate, this.#count) };
  }

  get #state(): ReturnType<typeof fresh> {
    return {
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      errors: this.#errors,
      rate: this.#rate,
      lowestSum: this.#lowestSum,
      lowestRate: this.#lowestRate,
      lowestDeviation: this.#lowestDeviation,
      lowestAt: this.#lowestAt,
      warningFrom: this.#warningFrom,
    };
  }

  set #state(state: ReturnType<typeof fresh>) {
    this.#level = state.level;
    this.#observedBefore = state.observedBefore;
    this.#count = state.count;
    this.#errors = state.errors;
    this.#rate = state.rate;
    this.#lowestSum = state.lowestSum;
    this.#lowestRate = state.lowestRate;
    this.#lowestDeviation = state.lowestDeviation;
    this.#lowestAt = state.lowestAt;
    this.#warningFrom = state.warningFrom;
    this.#settle();
  }

  /** In the order of operations that decides near ties. */
  #observe(value: number): Level {
    if (this.#level === 'drift') this.#state = fresh(this.observed);
    if (!Number.isFinite(value)) return this.#level;
    const error = value === 0 ? 0 : 1;
    const count = this.#count + 1;
    const rate = this.#rate + (1 / count) * (error - this.#rate);
    this.#count = count;
    this.#rate = rate;
    if (this.#lowestSum === Infinity) {
      this.#errors += error;
      if (count <= this.#warmStart || this.#errors < this.#minErrors) return this.#level;
    }
    const before = this.#level;
    const deviation = deviationOf(rate, count);
    const sum = rate + deviation;
    const isLowest = sum <= this.#lowestSum;
    if (isLowest) {
      this.#lowestSum = sum;
      this.#lowestRate = rate;
      this.#lowestDeviation = deviation;
      this.#lowestAt = count;
    }
    if (sum > this.#limit(this.#driftThreshold)) {
      this.#level = 'drift';
    } else if (sum <= this.#limit(this.#warningThreshold)) {
      this.#warningFrom = 0;
      this.#level = 'stable';
    } else {
      if (this.#level !== 'warning') this.#warningFrom = count;
      this.#level = 'warning';
    }
    if (isLowest || this.#level !== before || count > this.#until) this.#settle();
    return this.#level;
  }

  /**
   * Sets between what the rate may move without a change.
   *
   * As the count grows the deviation shrinks: a sum that is below its limit today remains so, and one that is above it at the last count was so at
   * all before.
   */
  #settle(): void {
    const drift = this.#limit(this.#driftThreshold);
    const warning = Math.min(this.#limit(this.#warningThreshold), drift);
    const isWarning = this.#level === 'warning';
    const least = isWarning ? Math.max(warning, this.#lowestSum) : this.#lowestSum;
    const most = isWarning ? drift : this.#level === 'stable' ? warning : Number.NaN;
    this.#until = Math.ceil(this.#count * GROWTH);
    this.#lowRate = rateOf(least, this.#until) * (1 + SURELY);
    this.#highRate = rateOf(most, this.#count) * (1 - SURELY);
  }

  #limit(deviations: number): number {
    return this.#lowestRate + deviations * this.#lowestDeviation;
  }
}

/**
 * The rate whose sum with its deviation over `count` observations is `sum`, for a sum in [0, 1); NaN for others.
 *
 * Lower rates have lower sums, and higher ones higher: it is the smaller root of (sum − rate)² · count = rate · (1 − rate); between both roots the
 * deviation reaches beyond `sum`, and from the larger one on the rate does so alone.
 */
function rateOf(sum: number, count: number): number {
  if (!(sum < 1)) return Number.NaN;
  const twice = 2 * sum * count;
  return (sum * twice) / (twice + 1 + Math.sqrt(1 + 2 * twice * (1 - sum)));
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
