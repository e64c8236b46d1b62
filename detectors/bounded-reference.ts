/**
 * What a bounded mean is held against: values brought to [0, 1], and the interval in which their mean lies while nothing has changed.
 *
 * Bounds that are not written out come from the first half of the warm-up: 0 and 1 where nothing else was seen, else `REACH` standard
 * deviations about the mean. A mean that is not written out is estimated from the warm-up, by an interval that covers it with probability
 * 1 − `MISS`: from all of it where the bounds are 0 and 1 or written out, else from the second half, as values that set the bounds may not
 * be used again. Values outside the bounds count as lying on them. Where the warm-up was all alike, the first value that differs sets the
 * bounds (scale.ts) and, through them, how much the margin is.
 *
 * Cost: constant time and memory.
 */
import { ConfigError } from '../contracts/errors.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { EmpiricalBernstein } from './empirical-bernstein.ts';
import { Scale } from './scale.ts';
import type { SnapshotReader } from './snapshot.ts';

/** The options of a detector that has such a reference. */
export const boundedReferenceOptions = {
  mean: { type: 'number', description: 'Mean that counts as normal, in the stream’s unit; without it, learned from the warm-up.' },
  low: { type: 'number', description: 'Smallest value that can come, with `high`; without both, learned from the warm-up.' },
  high: { type: 'number', description: 'Largest value that can come, with `low`; without both, learned from the warm-up.' },
  margin: {
    type: 'number',
    minimum: 0,
    default: 0,
    description: 'How far the mean may be off before it counts, in the stream’s unit.',
  },
  warmUp: {
    type: 'integer',
    minimum: 20,
    default: 1000,
    description: 'Observations from which what is not written out is learned: nothing where mean and bounds are.',
  },
} as const;

/** The chance that a learned interval misses the mean. */
const MISS = 0.01;

/** Bounds of a stream that is not of zeros and ones lie so many standard deviations from its mean: beyond, a value is just far away. */
const REACH = 5;

/** An interval of means, within [0, 1]. */
export interface MeanInterval {
  readonly lower: number;
  readonly upper: number;
}

/** Learns first where it must, and places values then. */
export class BoundedReference {
  readonly #chosen: OptionsOf<typeof boundedReferenceOptions>;
  readonly #written: boolean;
  readonly #warmUp: number;
  readonly #scaleFor: number;
  readonly #scale: Scale;
  #mean: EmpiricalBernstein;
  #bits = true;
  #interval: MeanInterval | null = null;
  /** Whether the warm-up was all alike: the first value that differs is yet to tell how much the margin is. */
  #isBlind = false;

  constructor(chosen: OptionsOf<typeof boundedReferenceOptions>) {
    this.#chosen = chosen;
    const { low, high, warmUp } = chosen;
    this.#written = low !== undefined && high !== undefined;
    this.#warmUp = warmUp;
    this.#scaleFor = this.#written ? 0 : Math.floor(warmUp / 2);
    this.#scale = new Scale(this.#scaleFor, REACH);
    this.#mean = this.#freshMean();
    this.#settle();
  }

  /** Where the mean lies while nothing has changed, `margin` included; null while it is being learned. */
  get interval(): MeanInterval | null {
    return this.#interval;
  }

  /** A finite value in [0, 1]; null where it was learned from. It may move the interval as well. */
  take(value: number): number | null {
    if (this.#interval === null) {
      this.#learn(value);
      return null;
    }
    const place = this.place(value);
    if (this.#isBlind) this.#settle();
    return place;
  }

  /** The value in [0, 1]: 0 at the lower bound, 1 at the upper. */
  place(value: number): number {
    if (this.#written) return inside(this.#shareOf(value / 2 - this.#chosen.low! / 2));
    return this.#bits ? inside(value) : inside((this.#scale.place(value) + REACH) / (2 * REACH));
  }

  /** Learns anew what was learned. */
  forget(): void {
    this.#scale.forget();
    this.#bits = true;
    this.#mean = this.#freshMean();
    this.#interval = null;
    this.#settle();
  }

  snapshot(): JsonObject {
    return { bits: this.#bits, ...this.#scale.snapshot(), learned: this.#mean.snapshot() };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#bits = from.flag('bits');
    this.#scale.restore(from);
    this.#mean = this.#freshMean();
    this.#mean.restore(from, 'learned');
    this.#settle();
  }

  #learn(value: number): void {
    const learnsScale = !this.#scale.known;
    if (learnsScale) {
      this.#scale.learn(value);
      if (this.#bits && value !== 0 && value !== 1) {
        this.#bits = false;
        this.#mean = this.#freshMean();
      }
    }
    if (this.#bits || !learnsScale) this.#mean.add(this.place(value));
    this.#settle();
  }

  /** Values that the mean is estimated from. */
  get #meanFor(): number {
    if (this.#chosen.mean !== undefined) return 0;
    return this.#written || this.#bits ? this.#warmUp : this.#warmUp - this.#scaleFor;
  }

  #freshMean(): EmpiricalBernstein {
    return new EmpiricalBernstein(MISS, this.#meanFor);
  }

  #settle(): void {
    if (!this.#scale.known || this.#mean.count < this.#meanFor) return;
    const { mean, margin } = this.#chosen;
    const centre = mean === undefined ? null : this.place(mean);
    const { lower, upper } = centre === null ? this.#mean.interval : { lower: centre, upper: centre };
    const slack = this.#slackOf(margin);
    this.#isBlind = !this.#written && !this.#bits && this.#scale.reciprocal === 0;
    this.#interval = { lower: Math.max(0, lower - slack), upper: Math.min(1, upper + slack) };
  }

  /** A distance of values as one of places. */
  #slackOf(margin: number): number {
    if (margin === 0) return 0;
    if (this.#written) return inside(this.#shareOf(margin / 2));
    return inside(this.#bits ? margin : this.#scale.distance(margin) / (2 * REACH));
  }

  /** Half a distance as a share of half of that between the written bounds: the whole of it may be more than a double holds. */
  #shareOf(half: number): number {
    return half / (this.#chosen.high! / 2 - this.#chosen.low! / 2);
  }
}

/** @throws ConfigError when the bounds are no bounds. */
export function checkBounds(owner: string, { low, high }: { readonly low: number | undefined; readonly high: number | undefined }): void {
  if ((low === undefined) !== (high === undefined)) throw new ConfigError('usage', `${owner}: give both low and high, or neither`);
  // Halves, as they are what is reckoned with: two neighbours next to 0 have the same.
  if (low !== undefined && high !== undefined && low / 2 >= high / 2)
    throw new ConfigError('usage', `${owner}: low ${low} is not below high ${high}; swap them`);
}

function inside(share: number): number {
  return Math.min(1, Math.max(0, share));
}
