/**
 * CPython's random numbers, for parity with what draws by them: MT19937 seeded with an integer, and `random.sample` of a range.
 *
 * Source: Matsumoto, Nishimura. Mersenne Twister: A 623-Dimensionally Equidistributed Uniform Pseudorandom Number Generator. ACM TOMACS 8(1),
 * 1998; `init_by_array` of its 2002 reference code. The choice of method in `sample` is that of CPython 3.11.
 */

const LENGTH = 624;
const SHIFT = 397;

/** A generator whose state can be kept. */
export class MersenneTwister {
  readonly #state = new Uint32Array(LENGTH);
  #next = LENGTH;

  /** `seed`: an integer up to ±2⁵³; its sign does not matter, as in CPython. */
  constructor(seed: number) {
    this.reseed(seed);
  }

  /** Begins anew, as `random.Random(seed)`. */
  reseed(seed: number): void {
    const size = Math.abs(seed);
    const high = Math.floor(size / 2 ** 32);
    this.#initialise(high === 0 ? [size >>> 0] : [size >>> 0, high]);
  }

  /** The topmost `bits` (1 to 32) of the next output. */
  bits(bits: number): number {
    if (this.#next === LENGTH) this.#refill();
    let word = this.#state[this.#next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> (32 - bits);
  }

  /** A whole number below `limit` (from 1 to 2³¹), each as likely. */
  below(limit: number): number {
    const bits = 32 - Math.clz32(limit);
    let drawn = this.bits(bits);
    while (drawn >= limit) drawn = this.bits(bits);
    return drawn;
  }

  /** The state: words, and the place of the next one. */
  snapshot(): number[] {
    return [...this.#state, this.#next];
  }

  /** Continues from what `snapshot` gave; false when it is not such a thing. */
  restore(state: readonly number[]): boolean {
    if (state.length !== LENGTH + 1 || !state.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)) return false;
    const next = state[LENGTH]!;
    if (next > LENGTH) return false;
    this.#state.set(state.slice(0, LENGTH));
    this.#next = next;
    return true;
  }

  #initialise(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < LENGTH; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
    let i = 1;
    let j = 0;
    const advance = () => {
      i++;
      if (i < LENGTH) return;
      state[0] = state[LENGTH - 1]!;
      i = 1;
    };
    for (let k = LENGTH; k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1664525)) + key[j]! + j;
      advance();
      j = (j + 1) % key.length;
    }
    for (let k = LENGTH - 1; k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1566083941)) - i;
      advance();
    }
    state[0] = 0x80000000;
    this.#next = LENGTH;
  }

  #refill(): void {
    const state = this.#state;
    for (let k = 0; k < LENGTH; k++) {
      // Wrapped by hand: a remainder is slow.
      const after = k + 1 < LENGTH ? k + 1 : 0;
      const far = k + SHIFT < LENGTH ? k + SHIFT : k + SHIFT - LENGTH;
      const joined = (state[k]! & 0x80000000) | (state[after]! & 0x7fffffff);
      state[k] = state[far]! ^ (joined >>> 1) ^ (-(joined & 1) & 0x9908b0df);
    }
    this.#next = 0;
  }
}

/** Draws `drawn.length` different whole numbers below `population` into `drawn`, in the order of CPython's `sample(range(population), k)`. */
export class RangeSampler {
  readonly #random: MersenneTwister;
  readonly #population: number;
  /** Numbers not drawn yet, or null where the draws are few and remembered instead. */
  readonly #pool: Int32Array | null;
  readonly #swapped: Int32Array;
  readonly #seen: Uint8Array;

  constructor(random: MersenneTwister, population: number, size: number) {
    this.#random = random;
    this.#population = population;
    // CPython's guess of which takes less memory: a list of all, or a set of the drawn.
    const setSize = size > 5 ? 21 + 4 ** Math.ceil(Math.log(size * 3) / Math.log(4)) : 21;
    this.#pool = population <= setSize ? Int32Array.from({ length: population }, (_, k) => k) : null;
    this.#swapped = new Int32Array(size);
    this.#seen = new Uint8Array(population);
  }

  draw(drawn: Int32Array): void {
    const pool = this.#pool;
    const size = drawn.length;
    if (pool === null) {
      for (let k = 0; k < size; k++) {
        let index = this.#random.below(this.#population);
        while (this.#seen[index] === 1) index = this.#random.below(this.#population);
        this.#seen[index] = 1;
        drawn[k] = index;
      }
      for (let k = 0; k < size; k++) this.#seen[drawn[k]!] = 0;
      return;
    }
    const last = this.#population - 1;
    for (let k = 0; k < size; k++) {
      const place = this.#random.below(last - k + 1);
      drawn[k] = pool[place]!;
      pool[place] = pool[last - k]!;
      this.#swapped[k] = place;
    }
    // Undone from the end: cheaper than filling the pool anew.
    for (let k = size - 1; k >= 0; k--) {
      pool[this.#swapped[k]!] = drawn[k]!;
    }
  }
}
