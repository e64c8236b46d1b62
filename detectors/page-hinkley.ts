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
 * Deviation: where values are taken as they are, those beyond ±1e140 count as ±1e140, so that sums stay finite (`unit-scale.ts`).
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { FRACTION } from './fraction.ts';
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
/** What of the threshold a sum may be off without a look at its rounding. */
const SURELY = 1 - 2 ** -20;

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
  #level: Level = 'warming-up';
  #observedBefore = 0;
  #count = FRACTION;
  #mean = FRACTION;
  #rise = FRACTION;
  #lowestRise = Infinity;
  #lowestAt = FRACTION;
  #fall = FRACTION;
  #highestFall = FRACTION;
  #highestAt = FRACTION;
  /** While the level is stable, and remains so: up to where the rise may go, and down to where the fall may. Else NaN, which nothing passes. */
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
    this.#state = fresh();
    if (state === undefined) return;
    const from = new SnapshotReader('page-hinkley', state);
    this.#state = from.into(fresh(), COUNTS);
    this.#scale.restore(from);
  }

  update(value: number): Level {
    const scale = this.#scale;
    const placed = (value - scale.mean) * scale.factor;
    const count = this.#count + 1;
    // Times the rounded reciprocal, as river does: a division rounds differently and can move a near tie.
    const mean = this.#mean + (1 / count) * (placed - this.#mean);
    const difference = placed - mean;
    const rise = this.#alpha * this.#rise + difference - this.#delta;
    const fall = this.#alpha * this.#fall + difference + this.#delta;
    if (!(Math.abs(placed) <= scale.most && rise <= this.#stableRise && fall >= this.#stableFall)) return this.#observe(value);
    this.#count = count;
    this.#mean = mean;
    this.#rise = rise;
    this.#fall = fall;
    if (rise < this.#lowestRise) this.#sink();
    if (fall > this.#highestFall) this.#climb();
    return 'stable';
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observedBefore + this.#count;
  }

  get statistic(): number | null {
    return this.#level === 'warming-up' ? null : Math.max(this.#risen(), this.#fallen());
  }

  get threshold(): number | null {
    return this.#level === 'warming-up' ? null : this.#threshold;
  }

  get changedFor(): number | null {
    if (this.#level !== 'drift') return null;
    // The sum turned where the mean did.
    return Math.max(1, this.#count - (this.#risen() > this.#fallen() ? this.#lowestAt : this.#highestAt));
  }

  snapshot(): Json {
    return { ...snapshotOf('page-hinkley', this.#state), ...this.#scale.snapshot() };
  }

  get #state(): ReturnType<typeof fresh> {
    return {
      level: this.#level,
      observedBefore: this.#observedBefore,
      count: this.#count,
      mean: this.#mean,
      rise: this.#rise,
      lowestRise: this.#lowestRise,
      lowestAt: this.#lowestAt,
      fall: this.#fall,
      highestFall: this.#highestFall,
      highestAt: this.#highestAt,
    };
  }

  set #state(state: ReturnType<typeof fresh>) {
    this.#level = state.level;
    this.#observedBefore = state.observedBefore;
    this.#count = state.count;
    this.#mean = state.mean;
    this.#rise = state.rise;
    this.#lowestRise = state.lowestRise;
    this.#lowestAt = state.lowestAt;
    this.#fall = state.fall;
    this.#highestFall = state.highestFall;
    this.#highestAt = state.highestAt;
    this.#settle();
  }

  #risen(): number {
    return this.#riseLimit === Infinity ? 0 : this.#rise - this.#lowestRise;
  }

  #fallen(): number {
    return this.#fallLimit === Infinity ? 0 : this.#highestFall - this.#fall;
  }

  /** What changes the level, or may. */
  #observe(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    const placed = this.#scale.take(value);
    if (Number.isNaN(placed)) return this.#learned(value);
    const count = this.#count + 1;
    const mean = this.#mean + (1 / count) * (placed - this.#mean);
    const difference = placed - mean;
    this.#count = count;
    this.#mean = mean;
    this.#rise = this.#alpha * this.#rise + difference - this.#delta;
    this.#fall = this.#alpha * this.#fall + difference + this.#delta;
    if (this.#rise < this.#lowestRise) this.#sink();
    if (this.#fall > this.#highestFall) this.#climb();
    if (count >= this.#minInstances) this.#level = Math.max(this.#risen(), this.#fallen()) > this.#threshold ? 'drift' : 'stable';
    this.#settle();
    return this.#level;
  }

  /** The rise is at its lowest. */
  #sink(): void {
    this.#lowestRise = this.#rise;
    this.#lowestAt = this.#count;
    this.#stableRise = farthest(this.#rise, this.#riseLimit);
  }

  /** The fall is at its highest. */
  #climb(): void {
    this.#highestFall = this.#fall;
    this.#highestAt = this.#count;
    this.#stableFall = farthest(this.#fall, -this.#fallLimit);
  }

  #settle(): void {
    const isStable = this.#level === 'stable';
    this.#stableRise = isStable ? farthest(this.#lowestRise, this.#riseLimit) : Number.NaN;
    this.#stableFall = isStable ? farthest(this.#highestFall, -this.#fallLimit) : Number.NaN;
  }

  /** Counts a value that the scale was learned from. */
  #learned(value: number): Level {
    if (!Number.isFinite(value)) return this.level;
    if (this.#scale.unfit) this.#begin();
    this.#observedBefore++;
    return this.#level;
  }

  #reset(): void {
    this.#begin();
    this.#scale.forget();
  }

  #begin(): void {
    this.#state = fresh(this.observed);
  }
}

/**
 * A place whose distance from another is within the limit as it is reckoned, and hardly less. So are the distances of all places between:
 * rounding never turns around which of two is the larger. NaN where rounding leaves none.
 */
function farthest(from: number, limit: number): number {
  const place = from + SURELY * limit;
  return Math.abs(place - from) <= Math.abs(limit) ? place : Number.NaN;
}

/** A lasting rise or fall of a stream's mean. */
export const pageHinkley = defineStreaming({
  type: 'page-hinkley',
  summary: 'Detects a lasting rise or fall of the mean against the running mean; constant time and memory.',
  observes: 'number',
  options,
  create: (chosen, context) => new PageHinkley(chosen, context?.state),
});
