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
  #state = fresh();
  /** Whether the next observation is another stream's first. */
  #over = false;

  constructor(chosen: EddmOptions, state?: Json) {
    this.#warmStart = chosen.warmStart;
    this.#alpha = chosen.alpha;
    this.#beta = chosen.beta;
    if (state === undefined) return;
    this.#state = new SnapshotReader('eddm', state).into(fresh(), COUNTS);
    this.#over = this.#state.level === 'drift';
  }

  /** Anything but 0 counts as 1; what is not finite is no observation. */
  update(value: number): Level {
    if (this.#over) this.#reset();
    const state = this.#state;
    if (value === 0) {
      state.count++;
      return state.level;
    }
    if (!Number.isFinite(value)) return state.level;
    const count = ++state.count;
    const errors = ++state.errors;
    const distance = count - state.lastErrorAt;
    state.lastErrorAt = count;
    const before = state.meanDistance;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = before + (1 / errors) * (distance - before);
    state.meanDistance = mean;
    state.squares += (distance - before) * (distance - mean);
    return count > this.#warmStart ? this.#judge(mean) : state.level;
  }

  get level(): Level {
    return this.#state.level;
  }

  get observed(): number {
    return this.#state.observedBefore + this.#state.count;
  }

  get statistic(): number | null {
    const { reach, best } = this.#state;
    return reach < 0 ? null : 1 - reach / best;
  }

  get threshold(): number | null {
    return this.#state.reach < 0 ? null : 1 - this.#beta;
  }

  get changedFor(): number | null {
    const { level, count, warningFrom, bestAt } = this.#state;
    if (level !== 'drift') return null;
    // The paper's estimate: the new concept began with the warning. A fall past the warning is dated from the best distance.
    return Math.max(1, warningFrom > 0 ? count - warningFrom + 1 : count - bestAt);
  }

  snapshot(): Json {
    return snapshotOf('eddm', this.#state);
  }

  #judge(mean: number): Level {
    const state = this.#state;
    const { count, errors } = state;
    const reach = errors > 1 ? mean + 2 * Math.sqrt(state.squares / (errors - 1)) : mean;
    const judged = errors > this.#warmStart;
    if (reach > state.best) {
      state.best = reach;
      state.bestAt = count;
      if (judged) {
        state.reach = reach;
        if (state.level === 'warming-up') state.level = 'stable';
      }
      return state.level;
    }
    if (!judged) return state.level;
    state.reach = reach;
    const ratio = reach / state.best;
    if (ratio < this.#beta) {
      state.level = 'drift';
      this.#over = true;
    } else if (ratio < this.#alpha) {
      if (state.level !== 'warning') state.warningFrom = count;
      state.level = 'warning';
    } else {
      state.warningFrom = 0;
      state.level = 'stable';
    }
    return state.level;
  }

  #reset(): void {
    this.#state = fresh(this.observed);
    this.#over = false;
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
