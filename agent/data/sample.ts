/**
 * A bounded, even sample of rows whose number is not known beforehand.
 *
 * Source: Vitter. Random Sampling with a Reservoir. ACM TOMS 11, 1985, algorithm R; every row is kept with the same probability.
 */
import { Random } from '../../detectors/performance/random.ts';

/** Cells that are kept of one file: 500,000 rows of 20 columns, 13 bytes each. */
export const MOST_CELLS = 10_000_000;

/** Gives each row a slot in the sample; the same seed and file give the same sample. */
export class RowSample {
  readonly #capacity: number;
  readonly #random: Random;
  #seen = 0;

  constructor(capacity: number, seed = 1) {
    this.#capacity = capacity;
    this.#random = new Random(seed);
  }

  /** Rows that were offered. */
  get seen(): number {
    return this.#seen;
  }

  /** Rows that are kept. */
  get kept(): number {
    return Math.min(this.#seen, this.#capacity);
  }

  /** The slot of the next row, perhaps another row's until now; -1 = it is not kept. */
  next(): number {
    const row = this.#seen++;
    if (row < this.#capacity) return row;
    const slot = Math.floor(this.#random.uniform() * (row + 1));
    return slot < this.#capacity ? slot : -1;
  }
}
