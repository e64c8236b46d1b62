/**
 * Count, missing, mean, spread, least and greatest of a column of numbers, in one pass and mergeable.
 *
 * Keeps the mean's distance from the first value, which a large offset cannot swallow, and √M2, where M2 is the sum of squares about the
 * mean: a root grows by `hypot`, which neither overflows at 1e300 nor vanishes at 1e-300. Merging: M2 = M2a + M2b + d²·na·nb/(na + nb)
 * with the means' difference d.
 *
 * Source: Welford. Technometrics 4, 1962; Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm. Stanford STAN-CS-79-773, 1979.
 * Deviation: values beyond ±10³⁰⁰ count as that, so that √M2 stays finite for any number of them.
 * Cost: constant time and memory.
 */
import type { Json } from '../../contracts/json.ts';
import { SnapshotReader } from '../snapshot.ts';

const KIND = 'moments';
const LARGEST = 1e300;

/** Running moments. What is no finite number counts as missing. */
export class Moments {
  #count = 0;
  #missing = 0;
  /** The first value, and how far the mean is from it. */
  #origin = 0;
  #shift = 0;
  /** √M2. */
  #root = 0;
  #min: number | null = null;
  #max: number | null = null;

  /** Finite values so far. */
  get count(): number {
    return this.#count;
  }

  /** Values that were none: null, NaN, infinities. */
  get missing(): number {
    return this.#missing;
  }

  /** 0 before the first value. */
  get mean(): number {
    return this.#origin + this.#shift;
  }

  /** Standard deviation, dividing by the count; 0 before the second value. */
  get deviation(): number {
    return this.#count === 0 ? 0 : this.#root / Math.sqrt(this.#count);
  }

  /** Least and greatest value as they came; null before the first one. */
  get min(): number | null {
    return this.#min;
  }

  get max(): number | null {
    return this.#max;
  }

  update(value: number | null): void {
    if (value === null || !Number.isFinite(value)) {
      this.#missing++;
      return;
    }
    if (this.#min === null || value < this.#min) this.#min = value;
    if (this.#max === null || value > this.#max) this.#max = value;
    const bounded = Math.max(-LARGEST, Math.min(LARGEST, value));
    if (this.#count === 0) this.#origin = bounded;
    const distance = bounded - this.#origin - this.#shift;
    this.#root = Math.hypot(this.#root, distance * Math.sqrt(this.#count / (this.#count + 1)));
    this.#count++;
    this.#shift += distance / this.#count;
  }

  /** Takes the other's values as its own; the other stays as it is. */
  merge(other: Moments): void {
    this.#missing += other.#missing;
    if (other.#count === 0) return;
    const total = this.#count + other.#count;
    if (this.#count === 0) this.#origin = other.#origin;
    const distance = other.#origin - this.#origin + (other.#shift - this.#shift);
    const between = distance * Math.sqrt((this.#count / total) * other.#count);
    this.#root = Math.hypot(this.#root, other.#root, between);
    this.#shift += distance * (other.#count / total);
    this.#count = total;
    if (this.#min === null || other.#min! < this.#min) this.#min = other.#min;
    if (this.#max === null || other.#max! > this.#max) this.#max = other.#max;
  }

  snapshot(): Json {
    return {
      detector: KIND,
      count: this.#count,
      missing: this.#missing,
      origin: this.#origin,
      shift: this.#shift,
      root: this.#root,
      min: this.#min,
      max: this.#max,
    };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): Moments {
    const read = new SnapshotReader(KIND, state);
    const moments = new Moments();
    moments.#count = read.count('count');
    moments.#missing = read.count('missing');
    moments.#origin = read.number('origin');
    moments.#shift = read.number('shift');
    moments.#root = read.number('root');
    moments.#min = read.numberOrNull('min');
    moments.#max = read.numberOrNull('max');
    const { min, max } = moments;
    if (moments.#root < 0) read.refuse('root');
    if ((min === null) !== (moments.#count === 0)) read.refuse('min');
    if ((max === null) !== (moments.#count === 0) || (min !== null && max !== null && min > max)) read.refuse('max');
    return moments;
  }
}
