/**
 * EDDM, the Early Drift Detection Method: do a classifier's errors come closer together?
 *
 * Observes 1 for a wrong prediction and 0 for a right one. Follows the mean m and standard deviation s of the distances between
 * errors, remembers the largest m + 2s seen (`best`), and compares today's with it: warning where (m + 2s) / best < `alpha`, drift where it
 * is < `beta`. A warning stands until a later error takes it back; a new `best` leaves it as it is.
 * Statistic and threshold are losses, so that more is worse: 1 − (m + 2s)/best against 1 − beta.
 * After a drift it starts afresh with the next observation. It alarms readily, on healthy streams as well: prefer `hddm-a` for few alarms.
 *
 * Source: Baena-García, del Campo-Ávila, Fidalgo, Bifet, Gavaldà, Morales-Bueno. Early Drift Detection Method. 2006. The order of operations
 * is river 0.26's.
 * Deviation: as in river the distances' variance is the sample's (n − 1), and the first distance counts from the beginning of the stream.
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { FRACTION } from './fraction.ts';
import { sinceWarning } from './since-warning.ts';
import { SnapshotReader, snapshotOf } from './snapshot.ts';

const options = {
  warmStart: { type: 'integer', minimum: 0, default: 30, description: 'Observations, and errors, before the first judgement.' },
  alpha: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1,
    default: 0.95,
    description: 'Share of the best distance below which it warns.',
  },
  beta: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1,
    default: 0.9,
    description: 'Share of the best distance below which it is drift.',
  },
} as const;

type EddmOptions = OptionsOf<typeof options>;

const fresh = (observedBefore = 0) => ({
  level: 'warming-up' as Level,
  /** Observations before the last reset; the rest counts from there. */
  observedBefore,
  count: 0,
  errors: 0,
  lastErrorAt: 0,
  meanDistance: 0,
  /** Sum of squared deviations of the distances. */
  squares: 0,
  /** −1 until the first error after the warm-up. */
  best: -1,
  bestAt: 0,
  /** m + 2s at the last judgement, or −1 before the first. */
  reach: -1,
  /** Count at the first observation of the present run of warnings, or 0. */
  warningFrom: 0,
});
const COUNTS = ['observedBefore', 'count', 'errors', 'lastErrorAt', 'bestAt', 'warningFrom'] as const;

class Eddm implements StreamingDetector {
  readonly #warmStart: number = 0;
  readonly #alpha: number = 0;
  readonly #beta: number = 0;
  #level: Level = 'warming-up';
  #observedBefore = 0;
  #count = FRACTION;
  #errors = FRACTION;
  #lastErrorAt = FRACTION;
  #meanDistance = FRACTION;
  #squares = FRACTION;
  #best = FRACTION;
  #bestAt = FRACTION;
  #reach = FRACTION;
  #warningFrom = 0;
  /** Whether the next observation is another stream's first. */
  #over = false;

  constructor(chosen: EddmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#alpha = chosen.alpha;
    this.#beta = chosen.beta;
    this.#state = state === undefined ? fresh() : new SnapshotReader('eddm', state).into(fresh(), COUNTS);
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    if (this.#over) this.#state = fresh(this.observed);
    if (value !== 0) return this.#observe(value);
    this.#count++;
    return this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#count;
  }

  get statistic(): number | null {
    return this.#reach < 0 ? null : 1 - this.#reach / this.#best;
  }

  get threshold(): number | null {
    return this.#reach < 0 ? null : 1 - this.#beta;
  }

  get changedFor(): number | null {
    return this.#level === 'drift' ? sinceWarning(this.#count, this.#warningFrom, this.#bestAt) : null;
  }

  snapshot(): Json {
    return snapshotOf('eddm', this.#state);
  }

  get #state(): ReturnType<typeof fresh> {
    return {
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      errors: this.#errors,
      lastErrorAt: this.#lastErrorAt,
      meanDistance: this.#meanDistance,
      squares: this.#squares,
      best: this.#best,
      bestAt: this.#bestAt,
      reach: this.#reach,
      warningFrom: this.#warningFrom,
    };
  }

  set #state(state: ReturnType<typeof fresh>) {
    this.#level = state.level;
    this.#observedBefore = state.observedBefore;
    this.#count = state.count;
    this.#errors = state.errors;
    this.#lastErrorAt = state.lastErrorAt;
    this.#meanDistance = state.meanDistance;
    this.#squares = state.squares;
    this.#best = state.best;
    this.#bestAt = state.bestAt;
    this.#reach = state.reach;
    this.#warningFrom = state.warningFrom;
    this.#over = state.level === 'drift';
  }

  /** Not 0. */
  #observe(value: number): Level {
    if (!Number.isFinite(value)) return this.#level;
    const count = this.#count + 1;
    const errors = this.#errors + 1;
    const distance = count - this.#lastErrorAt;
    const before = this.#meanDistance;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = before + (1 / errors) * (distance - before);
    this.#count = count;
    this.#errors = errors;
    this.#lastErrorAt = count;
    this.#meanDistance = mean;
    this.#squares += (distance - before) * (distance - mean);
    if (count > this.#warmStart) this.#judge();
    return this.#level;
  }

  #judge(): void {
    const errors = this.#errors;
    const mean = this.#meanDistance;
    const reach = errors > 1 ? mean + 2 * Math.sqrt(this.#squares / (errors - 1)) : mean;
    const isJudged = errors > this.#warmStart;
    if (isJudged) this.#reach = reach;
    if (reach > this.#best) {
      this.#best = reach;
      this.#bestAt = this.#count;
      if (isJudged && this.#level === 'warming-up') this.#level = 'stable';
      return;
    }
    if (!isJudged) return;
    const ratio = reach / this.#best;
    if (ratio < this.#beta) {
      this.#level = 'drift';
      this.#over = true;
    } else if (ratio < this.#alpha) {
      if (this.#level !== 'warning') this.#warningFrom = this.#count;
      this.#level = 'warning';
    } else if (this.#level !== 'stable') {
      this.#warningFrom = 0;
      this.#level = 'stable';
    }
  }
}

/** Errors that come closer together than they once did. */
export const eddm = defineStreaming({
  type: 'eddm',
  summary: 'Detects errors that come closer together; quick on gradual change, and quick to alarm.',
  observes: 'binary',
  options,
  create: (chosen, context) => new Eddm(chosen, context?.state),
});
