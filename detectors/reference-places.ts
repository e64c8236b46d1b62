/**
 * Where values stand among those of a reference, without sorting them.
 *
 * The reference's k different values cut the axis into 2k + 1 places: place 2i lies just below the i-th of them (2k above all), place
 * 2i + 1 is the value itself. For tests that ask only who comes before whom, counts by place say all.
 *
 * A grid of equal cells over the reference's range says where among its values to begin; what is left is mostly one comparison or two.
 * The range is that between its 1st and 99th percentile, so that a few values far out do not empty the cells; in a cell that is crowded
 * nevertheless the search is binary. Any grid gives the same answer, as long as a larger value is never in an earlier cell.
 *
 * Cost: O(1) a value where the reference is spread over its range, O(log k) where it is not; 20 bytes a different value.
 */

import { lowerBound } from './lower-bound.ts';

/** Cells for each different value: more take memory, fewer take time. */
const CELLS = 2;
const TAIL = 0.01;
/** Infinities behind the values, so that the first comparisons need not ask whether there is another. */
const SPARE = 3;

/** A reference that places are asked of. */
export class ReferencePlaces {
  /** Values that the reference holds, with repetitions. */
  readonly n: number;
  /** Different values among them; −0 and 0 are one. */
  readonly different: number;
  /** How many values of the reference are at most each of the different ones. */
  readonly upTo: Int32Array;
  /** The different values, ascending, and the spare ones. */
  readonly #values: Float64Array;
  readonly #low: number;
  readonly #perUnit: number;
  /** Of each cell the first of the different values that is not in an earlier one; one more at the end. */
  readonly #firsts: Int32Array;

  /** @param sorted ascending, without NaN; infinities are values like others */
  constructor(sorted: Float64Array) {
    const n = sorted.length;
    const values = new Float64Array(n + SPARE);
    const upTo = new Int32Array(n);
    let different = 0;
    for (let k = 0; k < n; k++) {
      if (different === 0 || values[different - 1] !== sorted[k]) values[different++] = sorted[k]!;
      upTo[different - 1] = k + 1;
    }
    this.n = n;
    this.different = different;
    this.upTo = upTo.slice(0, different);
    this.#values = values.slice(0, different + SPARE).fill(Infinity, different);

    const low = sorted[Math.floor(TAIL * n)] ?? 0;
    const high = sorted[Math.ceil((1 - TAIL) * n) - 1] ?? 0;
    const perUnit = (CELLS * different) / (high - low);
    // Without a range, or with one that no double holds, everything is in one cell.
    const hasGrid = perUnit > 0 && perUnit < Infinity && Number.isFinite(low);
    this.#low = hasGrid ? low : 0;
    this.#perUnit = hasGrid ? perUnit : 0;
    const firsts = new Int32Array(hasGrid ? CELLS * different + 1 : 2);
    this.#firsts = firsts;
    for (let k = 0; k < different; k++) firsts[this.#cellOf(values[k]!) + 1]!++;
    for (let cell = 1; cell < firsts.length; cell++) firsts[cell]! += firsts[cell - 1]!;
  }

  /** The place of a value, which is not NaN. */
  of(value: number): number {
    const values = this.#values;
    const cell = this.#cellOf(value);
    let from = this.#firsts[cell]!;
    // As numbers and not as conditions: which of them holds cannot be guessed, and a wrong guess costs more than both.
    from += Number(values[from]! < value);
    from += Number(values[from]! < value);
    if (values[from]! < value) from = lowerBound(values, value, from, this.#firsts[cell + 1]!);
    return 2 * from + Number(values[from] === value && from < this.different);
  }

  /** How many values lie at each place. NaN is left out. */
  counts(values: ArrayLike<number>): Int32Array {
    const counts = new Int32Array(2 * this.different + 1);
    for (let k = 0; k < values.length; k++) {
      const value = values[k]!;
      if (!Number.isNaN(value)) counts[this.of(value)]!++;
    }
    return counts;
  }

  #cellOf(value: number): number {
    const cell = (value - this.#low) * this.#perUnit;
    const last = this.#firsts.length - 2;
    return cell < last ? (cell > 0 ? Math.floor(cell) : 0) : last;
  }
}
