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
import { bitOf } from './bit.ts';
import { SnapshotReader } from './snapshot.ts';

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

class Eddm implements StreamingDetector {
  readonly #warmStart: number;
  readonly #alpha: number;
  readonly #beta: number;

  #level: Level = 'warming-up';
  /** Observations before the last reset. */
  #observedBefore = 0;
  /** The rest counts from the last reset. */
  #count = 0;
  #errors = 0;
  #lastErrorAt = 0;
  #meanDistance = 0;
  /** Sum of squared deviations of the distances. */
  #squares = 0;
  /** −1 until the first error after the warm-up. */
  #best = -1;
  #bestAt = 0;
  /** (m + 2s) / best at the last judgement, or −1 before the first. */
  #ratio = -1;
  /** Count at the first observation of the present run of warnings, or 0. */
  #warningFrom = 0;

  constructor(chosen: EddmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#alpha = chosen.alpha;
    this.#beta = chosen.beta;
    if (state !== undefined) this.#restore(new SnapshotReader('eddm', state));
  }

  /** Anything but 0 counts as 1. */
  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    const count = ++this.#count;
    if (value === 0 || (value !== 1 && bitOf(value) === 0)) return this.#level;

    const errors = ++this.#errors;
    const distance = count - this.#lastErrorAt;
    this.#lastErrorAt = count;
    const before = this.#meanDistance;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = before + (1 / errors) * (distance - before);
    this.#meanDistance = mean;
    this.#squares += (distance - before) * (distance - mean);
    return count > this.#warmStart ? this.#judge(count, errors, mean) : this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#count;
  }

  get statistic(): number | null {
    return this.#ratio < 0 ? null : 1 - this.#ratio;
  }

  get threshold(): number | null {
    return this.#ratio < 0 ? null : 1 - this.#beta;
  }

  get changedFor(): number | null {
    if (this.#level !== 'drift') return null;
    // The paper's estimate: the new concept began with the warning. A fall past the warning is dated from the best distance.
    return Math.max(1, this.#warningFrom > 0 ? this.#count - this.#warningFrom + 1 : this.#count - this.#bestAt);
  }

  snapshot(): Json {
    return {
      detector: 'eddm',
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      errors: this.#errors,
      lastErrorAt: this.#lastErrorAt,
      meanDistance: this.#meanDistance,
      squares: this.#squares,
      best: this.#best,
      bestAt: this.#bestAt,
      ratio: this.#ratio,
      warningFrom: this.#warningFrom,
    };
  }

  #judge(count: number, errors: number, mean: number): Level {
    const reach = errors > 1 ? mean + 2 * Math.sqrt(this.#squares / (errors - 1)) : mean;
    const judged = errors > this.#warmStart;
    if (reach > this.#best) {
      this.#best = reach;
      this.#bestAt = count;
      if (judged) {
        this.#ratio = 1;
        if (this.#level === 'warming-up') this.#level = 'stable';
      }
      return this.#level;
    }
    if (!judged) return this.#level;
    const ratio = reach / this.#best;
    this.#ratio = ratio;
    if (ratio < this.#beta) {
      this.#level = 'drift';
    } else if (ratio < this.#alpha) {
      if (this.#level !== 'warning') this.#warningFrom = count;
      this.#level = 'warning';
    } else {
      this.#warningFrom = 0;
      this.#level = 'stable';
    }
    return this.#level;
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#observedBefore += this.#count;
    this.#count = 0;
    this.#errors = 0;
    this.#lastErrorAt = 0;
    this.#meanDistance = 0;
    this.#squares = 0;
    this.#best = -1;
    this.#bestAt = 0;
    this.#ratio = -1;
    this.#warningFrom = 0;
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observedBefore = from.count('observedBefore');
    this.#count = from.count('count');
    this.#errors = from.count('errors');
    this.#lastErrorAt = from.count('lastErrorAt');
    this.#meanDistance = from.number('meanDistance');
    this.#squares = from.number('squares');
    this.#best = from.number('best');
    this.#bestAt = from.count('bestAt');
    this.#ratio = from.number('ratio');
    this.#warningFrom = from.count('warningFrom');
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
