/**
 * The largest gaps between a reference's distribution function and a window's, without sorting the window.
 *
 * A grid cuts both samples into cells. At the end of each the gap follows from counts. Inside a cell the window's function rises by no more than
 * the cell holds of the window, and the reference's by what it holds of the reference: only where that could reach beyond the gaps at the
 * ends are single values looked at, which is so in few cells. Whole numbers throughout, so that what is passed over changes nothing.
 *
 * Cost: O(n + reference/4) a window of n for most references; O(n log reference + reference) where the values crowd in few cells.
 */
import { different } from './different.ts';
import { EvenGrid } from './even-grid.ts';
import type { KsGaps } from './ks.ts';
import { lowerBound } from './lower-bound.ts';

/** Values of the reference for each cell, were they spread evenly: more of them, and more cells must be looked into; fewer, and there are more cells. */
const A_CELL = 4;

/** A reference that windows are held against. */
export class ReferenceGaps {
  /** Values that the reference holds, with repetitions. */
  readonly n: number;
  readonly #grid: EvenGrid;
  /** Its different values, ascending; −0 and 0 are one. */
  readonly #values: Float64Array;
  /** How many of its values are below each of the different ones; at the end all. */
  readonly #below: Int32Array;
  /** Of each cell the first of the different values that is not in an earlier one, and how many values are below that; one more at the end. */
  readonly #firsts: Int32Array;
  readonly #before: Int32Array;
  /** Different values in a cell at most. */
  readonly #most: number;

  /** @param sorted ascending, without NaN; infinities are values like others */
  constructor(sorted: Float64Array) {
    const { values, below } = different(sorted);
    this.n = sorted.length;
    this.#values = values;
    this.#below = below;
    this.#grid = new EvenGrid(sorted, Math.min(Math.ceil(this.n / A_CELL), 2 * values.length));
    this.#firsts = this.#grid.firsts(values);
    this.#before = this.#firsts.map((first) => below[first]!);
    this.#most = this.#firsts.reduce((most, first, cell) => Math.max(most, first - (this.#firsts[cell - 1] ?? 0)), 0);
  }

  /** In multiples of 1/(n · the window's size), which comes with them. `above`: where the window's function is the higher one. NaN is left out. */
  of(window: ArrayLike<number>): KsGaps & { readonly n: number } {
    const grid = this.#grid;
    const { cells } = grid;
    const before = this.#before;
    const m = this.n;
    // One cell more, for what is no number.
    const cellOf = new Uint32Array(window.length);
    const starts = new Int32Array(cells + 2);
    for (let k = 0; k < window.length; k++) {
      const value = window[k]!;
      const cell = Number.isNaN(value) ? cells : grid.cellOf(value);
      cellOf[k] = cell;
      starts[cell + 1]!++;
    }
    const n = window.length - starts[cells + 1]!;
    let above = 0;
    let below = 0;
    for (let cell = 1, seen = 0; cell <= cells; cell++) {
      seen += starts[cell]!;
      starts[cell] = seen;
      const gap = seen * m - before[cell]! * n;
      if (gap > above) above = gap;
      if (gap < below) below = gap;
    }
    const byCell = inOrderOf(cellOf, window, starts);
    const counts = new Int32Array(2 * this.#most + 1);
    for (let cell = 0; cell < cells; cell++) {
      const from = starts[cell]!;
      const to = starts[cell + 1]!;
      if (to * m - before[cell]! * n <= above && from * m - before[cell + 1]! * n >= below) continue;
      const first = this.#firsts[cell]!;
      const last = this.#firsts[cell + 1]!;
      this.#count(byCell.subarray(from, to), first, last, counts);
      for (let k = first, seen = from, place = 0; k < last; k++) {
        // Just before a value of the reference the window's function is at its highest, at the value the reference's.
        seen += counts[place]!;
        above = Math.max(above, seen * m - this.#below[k]! * n);
        counts[place++] = 0;
        seen += counts[place]!;
        below = Math.min(below, seen * m - this.#below[k + 1]! * n);
        counts[place++] = 0;
      }
      counts[2 * (last - first)] = 0;
    }
    return { above, below: 0 - below, n };
  }

  /** How many of a cell's values lie just below each of its different ones in the reference, and at it, by turns; and then above all. */
  #count(cell: Float64Array, first: number, last: number, counts: Int32Array): void {
    const reference = this.#values;
    if (last - first === 1) {
      // So it is in cells of whole numbers. A count that goes up with every value would wait for itself.
      const only = reference[first]!;
      let less = 0;
      let upTo = 0;
      for (let k = 0; k < cell.length; k++) {
        less += Number(cell[k]! < only);
        upTo += Number(cell[k]! <= only);
      }
      counts[0] = less;
      counts[1] = upTo - less;
      return;
    }
    for (let k = 0; k < cell.length; k++) {
      const value = cell[k]!;
      const place = lowerBound(reference, value, first, last);
      counts[2 * (place - first) + Number(place < last && reference[place] === value)]!++;
    }
  }
}

/** The values of each cell together, cell by cell; `starts`: where each cell's begin. */
function inOrderOf(cellOf: Uint32Array, values: ArrayLike<number>, starts: Int32Array): Float64Array {
  const ordered = new Float64Array(values.length);
  const next = starts.slice();
  for (let k = 0; k < values.length; k++) ordered[next[cellOf[k]!]!++] = values[k]!;
  return ordered;
}
