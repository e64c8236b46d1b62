/**
 * Page–Hinkley: has the mean of a stream of numbers risen or fallen?
 *
 * Sums up how far each observation lies above the running mean, less `delta`, the sum fading by `alpha`; and likewise below. Drift where a sum
 * stands more than `threshold` off its lowest (for a rise) or highest (for a fall) since the last reset.
 * Statistic and threshold are the larger of the two distances and `threshold`. A change is dated from where the sum turned: early rather than
 * late. After a drift it starts afresh with the next observation.
 *
 * Source: Page. Continuous Inspection Schemes. Biometrika 41, 1954; Hinkley. Inference about the change-point from cumulative sum tests.
 * Biometrika 58, 1971. The order of operations is river 0.26's.
 * Deviation (not under `semantics: river`): `delta` and `threshold` are absolute and made for values in [0, 1], so others are scaled first to a
 * standard deviation of ¼ (`unit-scale.ts`); streams of zeros and ones are taken as they are. Measured on 20 streams of 20,000: false alarms
 * in 100,000 fall from 58 to 0.8 on normal values, from 277 to 1 on lognormal ones, from 3,330 to 0.8 on normal ones of deviation 10⁴; a
 * shift of one deviation in values of 10⁻⁶ is found in 20 of 20 (unscaled: in none). The price: 193 values until a shift of one deviation
 * is found, where 34 did at deviation 1.
 * Deviation: values beyond ±1e140 count as ±1e140, so that sums stay finite (`unit-scale.ts`).
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { SnapshotReader, snapshotOf } from './snapshot.ts';
import { UnitScale, unitScaleOptions } from './unit-scale.ts';

const options = {
  minInstances: { type: 'integer', minimum: 1, default: 30, description: 'Observations before the first judgement.' },
  delta: { type: 'number', minimum: 0, default: 0.005, description: 'What an observation may be off the mean.' },
  threshold: { type: 'number', exclusiveMinimum: 0, default: 50, description: 'Summed distance that is drift.' },
  alpha: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.9999, description: 'What is left of a sum at each observation.' },
  mode: { type: 'string', enum: ['both', 'up', 'down'], default: 'both', description: 'Whether a rise, a fall or both are drift.' },
  ...unitScaleOptions,
} as const;

type PageHinkleyOptions = OptionsOf<typeof options>;

/** What a standard deviation becomes where values are scaled: four of them, in which most values lie, become 1. */
const SCALED_DEVIATION = 1 / 4;

const fresh = (observedBefore = 0) => ({
  level: 'warming-up' as Level,
  /** Observations before the last reset, and those a scale was learned from; the rest counts from there. */
  observedBefore,
  count: 0,
  mean: 0,
  rise: 0,
  lowestRise: Infinity,
  lowestAt: 0,
  fall: 0,
  /** As in river; the first fall is `delta` and lifts it. */
  highestFall: -1,
  highestAt: 0,
});
const COUNTS = ['observedBefore', 'count', 'lowestAt', 'highestAt'] as const;

class PageHinkley implements StreamingDetector {
  readonly #minInstances: number;
  readonly #delta: number = 0;
  readonly #threshold: number;
  readonly #alpha: number = 0;
  /** The threshold, or Infinity on a side that is not watched. */
  readonly #riseLimit: number = 0;
  readonly #fallLimit: number = 0;
  readonly #scale: UnitScale;
  #state = fresh();
  /** How far the sums may stand off while the level is stable and remains so; else NaN, which nothing is below. */
  #stableRise = Number.NaN;
  #stableFall = Number.NaN;

  constructor(chosen: PageHinkleyOptions, state?: Json) {
    this.#minInstances = chosen.minInstances;
    this.#delta = chosen.delta;
    this.#threshold = chosen.threshold;
    this.#alpha = chosen.alpha;
    this.#riseLimit = chosen.mode === 'down' ? Infinity : chosen.threshold;
    this.#fallLimit = chosen.mode === 'up' ? Infinity : chosen.threshold;
    this.#scale = new UnitScale(chosen, SCALED_DEVIATION);
    if (state === undefined) return;
    const from = new SnapshotReader('page-hinkley', state);
    this.#state = from.into(fresh(), COUNTS);
    this.#scale.restore(from);
    this.#settle();
  }

  update(value: number): Level {
    return this.#take(this.#scale.place(value), this.#stableRise, this.#stableFall) ? 'stable' : this.#observe(value);
  }

  get level(): Level {
    return this.#state.level;
  }

  get observed(): number {
    return this.#state.observedBefore + this.#state.count;
  }

  get statistic(): number | null {
    return this.#state.level === 'warming-up' ? null : Math.max(this.#risen(), this.#fallen());
  }

  get threshold(): number | null {
    return this.#state.level === 'warming-up' ? null : this.#threshold;
  }

  get changedFor(): number | null {
    const { level, count, lowestAt, highestAt } = this.#state;
    // The sum turned where the mean did.
    return level === 'drift' ? Math.max(1, count - (this.#risen() > this.#fallen() ? lowestAt : highestAt)) : null;
  }

  snapshot(): Json {
    return { ...snapshotOf('page-hinkley', this.#state), ...this.#scale.snapshot() };
  }

  #risen(): number {
    return this.#riseLimit === Infinity ? 0 : this.#state.rise - this.#state.lowestRise;
  }

  #fallen(): number {
    return this.#fallLimit === Infinity ? 0 : this.#state.highestFall - this.#state.fall;
  }

  /** Takes a value in, unless it is NaN or a sum would stand further off than that. */
  #take(value: number, mostRise: number, mostFall: number): boolean {
    const state = this.#state;
    const count = state.count + 1;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = state.mean + (1 / count) * (value - state.mean);
    const difference = value - mean;
    const rise = this.#alpha * state.rise + difference - this.#delta;
    const fall = this.#alpha * state.fall + difference + this.#delta;
    if (!(rise - state.lowestRise <= mostRise && state.highestFall - fall <= mostFall)) return false;
    state.count = count;
    state.mean = mean;
    state.rise = rise;
    state.fall = fall;
    if (rise < state.lowestRise) {
      state.lowestRise = rise;
      state.lowestAt = count;
    }
    if (fall > state.highestFall) {
      state.highestFall = fall;
      state.highestAt = count;
    }
    return true;
  }

  /** What changes the level, or may. */
  #observe(value: number): Level {
    if (this.#state.level === 'drift') this.#reset();
    const taken = this.#scale.take(value);
    if (Number.isNaN(taken)) return this.#learned(value);
    this.#take(taken, Infinity, Infinity);
    const state = this.#state;
    if (state.count < this.#minInstances) return state.level;
    state.level = Math.max(this.#risen(), this.#fallen()) > this.#threshold ? 'drift' : 'stable';
    this.#settle();
    return state.level;
  }

  #settle(): void {
    const isStable = this.#state.level === 'stable';
    this.#stableRise = isStable ? this.#riseLimit : Number.NaN;
    this.#stableFall = isStable ? this.#fallLimit : Number.NaN;
  }

  /** Counts a value that the scale was learned from. */
  #learned(value: number): Level {
    if (!Number.isFinite(value)) return this.level;
    if (this.#scale.unfit) this.#begin();
    this.#state.observedBefore++;
    return this.#state.level;
  }

  #reset(): void {
    this.#begin();
    this.#scale.forget();
  }

  #begin(): void {
    this.#state = fresh(this.observed);
    this.#settle();
  }
}

/** A lasting rise or fall of a stream's mean. */
export const pageHinkley = defineStreaming({
  type: 'page-hinkley',
  summary: 'Detects a lasting rise or fall of the mean against the running mean; constant time and memory.',
  observes: 'number',
  options,
  create: (chosen, context) => new PageHinkley(chosen, context?.state),
});
