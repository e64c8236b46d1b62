/**
 * A scale learned from a stream's beginning: how far a value lies from the mean of the first `warmUp` ones, in their standard deviations.
 *
 * Values beyond `reach` standard deviations count as that far: one wild value is no change. Where the first values are all alike, the first
 * that differs sets the scale: it lies ten standard deviations away, as one such value in a hundred does. Differences
 * below 10⁻¹² of the mean are taken for rounding. Values beyond ±1e140 count as ±1e140, before and after the scale is known.
 *
 * Source: Welford. Note on a Method for Calculating Corrected Sums of Squares and Products. Technometrics 4(3), 1962.
 * Cost: constant time and memory.
 */
import type { JsonObject } from '../contracts/json.ts';
import type { SnapshotReader } from './snapshot.ts';

/** Squares of differences of such values, summed over any stream, stay finite. */
const LARGEST = 1e140;
const SMALLEST = 1e-140;
const ROUNDING = 1e-12;
const FIRST_DIFFERENCE = 10;

/** Learns first, and places values then. */
export class Scale {
  readonly #warmUp: number;
  readonly #reach: number;
  #learned = 0;
  #mean = 0;
  #squares = 0;
  /** 0 while it is not known. */
  #deviation = 0;
  #reciprocal = 0;
  /** Where values of ±`LARGEST` are placed, or ±`reach` where those are nearer. */
  #least = 0;
  #most = 0;

  /** `reach`: in standard deviations. */
  constructor(warmUp: number, reach: number) {
    this.#warmUp = warmUp;
    this.#reach = reach;
  }

  /** Whether `place` may be called. */
  get known(): boolean {
    return this.#learned >= this.#warmUp;
  }

  get mean(): number {
    return this.#mean;
  }

  /** One over the standard deviation; 0 while it is not known, as before the first value that differs. */
  get reciprocal(): number {
    return this.#reciprocal;
  }

  /** Up to how far from the mean on either side a value is placed where it lies; 0 while `reciprocal` is. */
  get within(): number {
    return Math.min(-this.#least, this.#most);
  }

  /** Takes one more of the first values in. Not finite ones are the caller's to refuse. */
  learn(value: number): void {
    const bounded = boundedOf(value);
    const count = ++this.#learned;
    const difference = bounded - this.#mean;
    this.#mean += difference / count;
    this.#squares += difference * (bounded - this.#mean);
    if (count < this.#warmUp) return;
    const deviation = Math.sqrt(this.#squares / Math.max(1, count - 1));
    if (deviation > this.#noise()) this.#setDeviation(deviation);
  }

  /** The value's distance from the mean in standard deviations, within ±`reach`. */
  place(value: number): number {
    if (this.#deviation === 0) {
      const off = Math.abs(boundedOf(value) - this.#mean);
      if (!(off > this.#noise())) return 0;
      this.#setDeviation(Math.min(off, LARGEST) / FIRST_DIFFERENCE);
    }
    const placed = (value - this.#mean) * this.#reciprocal;
    if (placed > this.#most) return this.#most;
    if (placed < this.#least) return this.#least;
    return placed;
  }

  /** A distance of values in standard deviations; 0 while there is none. */
  distance(values: number): number {
    return this.#deviation === 0 ? 0 : values * this.#reciprocal;
  }

  /** Learns anew from the next value on. */
  forget(): void {
    this.#learned = 0;
    this.#mean = 0;
    this.#squares = 0;
    this.#deviation = 0;
    this.#reciprocal = 0;
    this.#least = 0;
    this.#most = 0;
  }

  snapshot(): JsonObject {
    return {
      scaleLearned: this.#learned,
      scaleMean: this.#mean,
      scaleSquares: this.#squares,
      scaleDeviation: this.#deviation,
    };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#learned = from.count('scaleLearned');
    this.#mean = from.number('scaleMean');
    this.#squares = from.number('scaleSquares');
    const deviation = from.number('scaleDeviation');
    if (deviation < 0) from.refuse('scaleDeviation');
    if (deviation > 0) this.#setDeviation(deviation);
  }

  #setDeviation(deviation: number): void {
    this.#deviation = deviation;
    this.#reciprocal = 1 / deviation;
    this.#least = Math.max(-this.#reach, (-LARGEST - this.#mean) * this.#reciprocal);
    this.#most = Math.min(this.#reach, (LARGEST - this.#mean) * this.#reciprocal);
  }

  #noise(): number {
    return Math.max(SMALLEST, ROUNDING * Math.abs(this.#mean));
  }
}

function boundedOf(value: number): number {
  return Math.min(Math.max(value, -LARGEST), LARGEST);
}
