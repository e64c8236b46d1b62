/**
 * Where values stand among those of a reference, without sorting them.
 *
 * The reference's k different values cut the axis into 2k + 1 places: place 2i lies just below the i-th of them (2k above all), place
 * 2i + 1 is the value itself. For tests that ask only who comes before whom, counts by place say all.
 *
 * A grid over the reference's range (even-grid.ts) says where among its values to begin; what is left is mostly one comparison or two. In a cell
 * that is crowded the search is binary.
 *
 * Cost: O(1) a value where the reference is spread over its range, O(log k) where it is not; 20 bytes a different value.
 */
import { different } from './different.ts';
import { EvenGrid } from './even-grid.ts';
import { lowerBound } from './lower-bound.ts';

/** Cells for each different value: more take memory, fewer take time. */
const CELLS = 2;
/** Infinities behind the values, so that the first comparisons need not ask whether there is another. */
const SPARE = 3;

/** A reference that places are asked of. */
export class ReferencePlaces {
  /** Values that the reference holds, with repetitions. */
  readonly n: number;
  /** Different values among them; −0 and 0 are one. */
  readonly different: number;
  /** How many values of the reference are below each of the different ones; one more at the end, for all. */
  readonly below: Int32Array;
  /** The different values, ascending, and the spare ones. */
  readonly #values: Float64Array;
  readonly #grid: EvenGrid;
  /** Of each cell the first of the different values that is not in an earlier one; one more at the end. */
  readonly #firsts: Int32Array;

  /** @param sorted ascending, without NaN; infinities are values like others */
  constructor(sorted: Float64Array) {
    const { values, below } = different(sorted);
    this.n = sorted.length;
    this.different = values.length;
    this.below = below;
    this.#values = new Float64Array(values.length + SPARE).fill(Infinity);
    this.#values.set(values);
    this.#grid = new EvenGrid(sorted, CELLS * values.length);
    this.#firsts = this.#grid.firsts(values);
  }

  /** The place of a value, which is not NaN. */
  of(value: number): number {
    const values = this.#values;
    const cell = this.#grid.cellOf(value);
    let from = this.#firsts[cell]!;
    // As numbers and not as conditions: which of them holds cannot be guessed, and a wrong guess costs more than both.
    from += Number(values[from]! < value);
    from += Number(values[from]! < value);
    if (values[from]! < value) from = lowerBound(values, value, from, this.#firsts[cell + 1]!);
    return 2 * from + Number(values[from] === value && from < this.different);
  }
}
