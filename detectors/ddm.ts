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
  /** Above this p + s is warning or drift. */
  #limit = Infinity;

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
    this.#setLimit();
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    const settled = this.#state.level === 'stable';
    if (!settled && this.#state.level === 'drift') this.#reset();
    const state = this.#state;
    // True of 0 and 1 only, and without a branch for either.
    let error = value;
    if (value * (1 - value) !== 0) {
      if (!Number.isFinite(value)) return state.level;
      error = 1;
    }
    const count = ++state.count;
    const part = 1 / count;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const rate = state.rate + part * (error - state.rate);
    state.rate = rate;
    // Most observations lie clearly between the minimum and the limit: squares tell, without a root.
    const square = rate * (1 - rate) * part;
    const toLimit = this.#limit - rate;
    const toLowest = state.lowestSum - rate;
    const isBelow = toLimit > 0 && square * NEARLY < toLimit * toLimit;
    if (isBelow && (toLowest < 0 || square > toLowest * toLowest * NEARLY) && settled) return 'stable';
    return this.#judge(error);
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
    const { lowestSum, lowestRate, lowestDeviation } = this.#state;
    return lowestSum === Infinity ? null : lowestRate + this.#driftThreshold * lowestDeviation;
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
  #judge(error: number): Level {
    const state = this.#state;
    const { count, rate } = state;
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
      this.#setLimit();
    }
    if (sum <= this.#limit) {
      state.warningFrom = 0;
      state.level = 'stable';
    } else if (sum > state.lowestRate + this.#driftThreshold * state.lowestDeviation) {
      state.level = 'drift';
    } else {
      if (state.level !== 'warning') state.warningFrom = count;
      state.level = 'warning';
    }
    return state.level;
  }

  #setLimit(): void {
    const { lowestRate, lowestDeviation } = this.#state;
    this.#limit = lowestRate + Math.min(this.#warningThreshold, this.#driftThreshold) * lowestDeviation;
  }

  #reset(): void {
    this.#state = fresh(this.observed);
    this.#limit = Infinity;
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
