/**
 * A small seeded generator, so that the same seed always gives the same predictor, batch by batch and tree by tree.
 *
 * Source: sfc32, C. Doty-Humphrey, PractRand (128 bits of state, period at least 2^32). Not for secrets.
 */

export class Random {
  #a = 0;
  #b: number;
  #c: number;
  #counter = 1;
  /** The second value of the last pair of normal deviates. */
  #spareNormal: number | null = null;

  /** @param seed any finite number; its integer part modulo 2^53 counts. */
  constructor(seed: number) {
    const whole = Math.abs(Math.trunc(seed));
    this.#b = whole >>> 0;
    this.#c = Math.floor(whole / 2 ** 32) >>> 0;
    // Seeds that differ in one bit must not start with similar numbers.
    for (let step = 0; step < 15; step++) this.bits();
  }

  /** Uniform integer in [0, 2^32). */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** Uniform in [low, high), in steps of 2^-32 of the width. */
  uniform(low = 0, high = 1): number {
    return low + (this.bits() / 2 ** 32) * (high - low);
  }

  /** Uniform integer in [0, count); `count` from 1 to 2^32. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** One of a non-empty list. */
  pick<T>(values: readonly T[]): T {
    // `below` stays under the length, so the element is there.
    return values[this.below(values.length)] as T;
  }

  /** Standard normal deviate (Box and Muller 1958). */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Shuffles in place the first `count` places: they become a uniform draw without replacement. */
  shuffle(values: Int32Array, count = values.length): Int32Array {
    for (let place = 0; place < Math.min(count, values.length - 1); place++) {
      const other = place + this.below(values.length - place);
      const held = values[place]!;
      values[place] = values[other]!;
      values[other] = held;
    }
    return values;
  }
}

/** 0, 1 … count - 1. */
export function upTo(count: number): Int32Array {
  const values = new Int32Array(count);
  for (let value = 0; value < count; value++) values[value] = value;
  return values;
}
