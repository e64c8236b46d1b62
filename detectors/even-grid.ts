/**
 * A grid of equal cells over the range in which most of a sample lies: roughly where a value stands in it, for two operations and no search.
 *
 * The range is that between the 1st and 99th percentile, so that a few values far out do not empty the cells; what lies outside it is in the
 * first cell or the last. Any grid does, as long as a larger value is never in an earlier cell.
 */

const TAIL = 0.01;

/** Cells, numbered from 0 in the order of the values in them. */
export class EvenGrid {
  /** At least one. */
  readonly cells: number;
  readonly #low: number;
  readonly #perUnit: number;

  /** @param sorted ascending, without NaN; @param cells how many there shall be; one where the sample has no range, or one that no double holds */
  constructor(sorted: Float64Array, cells: number) {
    const n = sorted.length;
    const low = sorted[Math.floor(TAIL * n)] ?? 0;
    const high = sorted[Math.ceil((1 - TAIL) * n) - 1] ?? 0;
    const perUnit = cells / (high - low);
    const isGrid = perUnit > 0 && perUnit < Infinity && Number.isFinite(low);
    this.cells = isGrid ? cells : 1;
    this.#low = isGrid ? low : 0;
    this.#perUnit = isGrid ? perUnit : 0;
  }

  /** The cell of a value, which is not NaN. */
  cellOf(value: number): number {
    const cell = (value - this.#low) * this.#perUnit;
    const last = this.cells - 1;
    // Cut off and not rounded down, which is the same from 0 on and takes less.
    return cell < last ? (cell > 0 ? cell | 0 : 0) : last;
  }

  /** Of each cell the place of the first of these ascending values that is not in an earlier one; one more at the end. */
  firsts(values: Float64Array): Int32Array {
    const firsts = new Int32Array(this.cells + 1);
    for (let k = 0; k < values.length; k++) firsts[this.cellOf(values[k]!) + 1]!++;
    for (let cell = 1; cell < firsts.length; cell++) firsts[cell]! += firsts[cell - 1]!;
    return firsts;
  }
}
