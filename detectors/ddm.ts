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

/** How far apart two squares must be before their roots need not be taken. */
const NEARLY = 1 + 1e-6;

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
  #state = fresh();
  /** While p + s is above the one and below the other, neither level nor minimum changes. */
  #floor = Infinity;
  /** NaN, which nothing is below, where every observation is to be judged. */
  #ceiling = Number.NaN;

  constructor(chosen: DdmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#warningThreshold = chosen.warningThreshold;
    this.#driftThreshold = chosen.driftThreshold;
    this.#minErrors = chosen.semantics === 'river' ? 0 : chosen.minErrors;
    if (state === undefined) return;
    const from = new SnapshotReader('ddm', state);
    this.#state = from.into(fresh(), COUNTS);
    // Derived from rate and count, and there for readers.
    from.number('deviation');
    this.#settle();
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    const state = this.#state;
    const count = state.count + 1;
    const part = 1 / count;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const rate = state.rate + part * (value - state.rate);
    // Most observations lie clearly between the two: squares tell, without a root.
    const square = rate * (1 - rate) * part;
    const below = this.#ceiling - rate;
    const above = this.#floor - rate;
    if (
      below > 0 &&
      square * NEARLY < below * below &&
      (above < 0 || square > above * above * NEARLY) &&
      // True of 0 and 1 only, and of an infinity, which is not below.
      value * value === value
    ) {
      state.count = count;
      state.rate = rate;
      return state.level;
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
    const { lowestSum, rate, count } = this.#state;
    return lowestSum === Infinity ? null : rate + deviationOf(rate, count);
  }

  get threshold(): number | null {
    return this.#state.lowestSum === Infinity ? null : this.#limit(this.#driftThreshold);
  }

  get changedFor(): number | null {
    const { level, count, warningFrom, lowestAt } = this.#state;
    if (level !== 'drift') return null;
    // The paper's estimate: the new concept began with the warning. A jump past the warning is dated from the minimum.
    return Math.max(1, warningFrom > 0 ? count - warningFrom + 1 : count - lowestAt);
  }

  snapshot(): Json {
    return { ...snapshotOf('ddm', this.#state), deviation: deviationOf(this.#state.rate, this.#state.count) };
  }

  /** In the order of operations that decides near ties. */
  #observe(value: number): Level {
    if (this.#state.level === 'drift') this.#reset();
    const state = this.#state;
    if (!Number.isFinite(value)) return state.level;
    const error = value === 0 ? 0 : 1;
    const count = ++state.count;
    const rate = state.rate + (1 / count) * (error - state.rate);
    state.rate = rate;
    if (state.lowestSum === Infinity) {
      state.errors += error;
      if (count <= this.#warmStart || state.errors < this.#minErrors) return state.level;
    }
    const deviation = deviationOf(rate, count);
    const sum = rate + deviation;
    if (sum <= state.lowestSum) {
      state.lowestSum = sum;
      state.lowestRate = rate;
      state.lowestDeviation = deviation;
      state.lowestAt = count;
    }
    if (sum > this.#limit(this.#driftThreshold)) {
      state.level = 'drift';
    } else if (sum <= this.#limit(this.#warningThreshold)) {
      state.warningFrom = 0;
      state.level = 'stable';
    } else {
      if (state.level !== 'warning') state.warningFrom = count;
      state.level = 'warning';
    }
    this.#settle();
    return state.level;
  }

  /** Sets between what p + s may move without a change. */
  #settle(): void {
    const { level, lowestSum } = this.#state;
    const drift = this.#limit(this.#driftThreshold);
    const warning = Math.min(this.#limit(this.#warningThreshold), drift);
    this.#floor = level === 'warning' ? warning : lowestSum;
    this.#ceiling = level === 'warning' ? drift : level === 'stable' ? warning : Number.NaN;
  }

  #limit(deviations: number): number {
    return this.#state.lowestRate + deviations * this.#state.lowestDeviation;
  }

  #reset(): void {
    this.#state = fresh(this.observed);
    this.#settle();
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
