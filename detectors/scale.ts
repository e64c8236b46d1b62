/**
 * A scale learned from a stream's beginning: how far a value lies from the mean of the first `warmUp` ones, in their standard deviations.
 *
 * Values beyond `reach` standard deviations count as that far: one wild value is no change. Where the first values are all alike, the first
 * that differs sets the scale: it lies ten standard deviations away, as one such value in a hundred does. Differences
 * below 10⁻¹² of the mean are taken for rounding, and those below 10⁻³⁰⁷ for none.
 *
 * Squares are summed in a unit of the size of the largest value so far, so that values of 10⁻³⁰⁰ and of 10³⁰⁰ have a deviation too. It is a power of
 * two, which rounds nothing: all other streams get the very figures that they would have without it.
 *
 * Source: Welford. Note on a Method for Calculating Corrected Sums of Squares and Products. Technometrics 4(3), 1962.
 * Cost: constant time and memory.
 */
import type { JsonObject } from '../contracts/json.ts';
import type { SnapshotReader } from './snapshot.ts';

/** One over it is finite, and over a tenth of it. */
const SMALLEST = 1e-307;
const ROUNDING = 1e-12;
const FIRST_DIFFERENCE = 10;

/** Learns first, and places values then. */
export class Scale {
  readonly #warmUp: number;
  readonly #reach: number;
  #learned = 0;
  #mean = 0;
  /** A power of two; no value so far is larger than twice it. */
  #unit = Number.MIN_VALUE;
  /** Of differences from the mean, in squares of `unit`. */
  #squares = 0;
  /** 0 while it is not known. */
  #deviation = 0;
  #reciprocal = 0;

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
    return this.#deviation === 0 ? 0 : this.#reach;
  }

  /** Takes one more of the first values in. Not finite ones are the caller's to refuse. */
  learn(value: number): void {
    if (Math.abs(value) > 2 * this.#unit) this.#grow(Math.abs(value));
    const unit = this.#unit;
    const count = ++this.#learned;
    const difference = value / unit - this.#mean / unit;
    this.#mean += (difference / count) * unit;
    this.#squares += difference * (value / unit - this.#mean / unit);
    if (count < this.#warmUp) return;
    const deviation = Math.sqrt(this.#squares / Math.max(1, count - 1)) * unit;
    if (deviation > this.#noise()) this.#setDeviation(deviation);
  }

  /** The value's distance from the mean in standard deviations, within ±`reach`. */
  place(value: number): number {
    if (this.#deviation === 0) {
      const off = Math.abs(value - this.#mean);
      if (!(off > this.#noise())) return 0;
      this.#setDeviation(off / FIRST_DIFFERENCE);
    }
    const placed = (value - this.#mean) * this.#reciprocal;
    if (placed > this.#reach) return this.#reach;
    if (placed < -this.#reach) return -this.#reach;
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
    this.#unit = Number.MIN_VALUE;
    this.#squares = 0;
    this.#deviation = 0;
    this.#reciprocal = 0;
  }

  snapshot(): JsonObject {
    return {
      scaleLearned: this.#learned,
      scaleMean: this.#mean,
      scaleUnit: this.#unit,
      scaleSquares: this.#squares,
      scaleDeviation: this.#deviation,
    };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#learned = from.count('scaleLearned');
    this.#mean = from.number('scaleMean');
    this.#unit = from.number('scaleUnit');
    if (!(this.#unit > 0)) from.refuse('scaleUnit');
    this.#squares = from.number('scaleSquares');
    const deviation = from.number('scaleDeviation');
    if (deviation < 0) from.refuse('scaleDeviation');
    if (deviation > 0) this.#setDeviation(deviation);
  }

  /** To the power of two next to a size. */
  #grow(size: number): void {
    const unit = 2 ** Math.min(1023, Math.floor(Math.log2(size)));
    const shrunk = this.#unit / unit;
    this.#squares *= shrunk * shrunk;
    this.#unit = unit;
  }

  /** Differences of the largest doubles are infinite, and count as the largest. */
  #setDeviation(deviation: number): void {
    this.#deviation = Math.min(Number.MAX_VALUE, deviation);
    this.#reciprocal = 1 / this.#deviation;
  }

  #noise(): number {
    return Math.max(SMALLEST, ROUNDING * Math.abs(this.#mean));
  }
}
