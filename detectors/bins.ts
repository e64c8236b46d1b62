/**
 * From numbers to counts in bins, for the divergences between distributions.
 *
 * `quantile`: edges at the reference's nine deciles, each once; a value on an edge belongs to the right, so tied deciles make fewer bins.
 * `auto`: a bin for each value of a reference that has at most 20 different ones and one for all unseen values, else `quantile`: deciles
 * would not see a constant rise.
 * `evidently`: for a reference with more than 20 different values edges by Sturges' rule over both samples, closed on the left and the last
 * bin on both sides, else a bin for each value of either sample; as evidently 0.7 and numpy's `histogram_bin_edges`.
 *
 * Source: Sturges. The Choice of a Class Interval. JASA 21, 1926; deciles by linear interpolation (Hyndman, Fan 1996, type 7).
 */
import { countsOf } from './categories-against.ts';
import { percentiles } from './performance/features.ts';
import { ascending } from './sort-numbers.ts';

/** How numbers are put into bins. */
export type BinRule = 'auto' | 'quantile' | 'evidently';

/** Counts of two samples in the same bins. */
export interface BinnedPair {
  readonly window: readonly number[];
  readonly reference: readonly number[];
}

const FEW_VALUES = 20;
const DECILES: readonly number[] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

/** A reference in bins. Values are numbers; NaN is left out, infinities are values like others. */
export class Bins {
  readonly #rule: BinRule;
  readonly #reference: Float64Array;
  /** Ascending; of a bin by value the value itself. */
  readonly #edges: Float64Array;
  readonly #byValue: boolean;
  readonly #counts: readonly number[];

  constructor(rule: BinRule, reference: readonly number[]) {
    this.#rule = rule;
    this.#reference = ascending(reference);
    const few = distinctUpTo(this.#reference, FEW_VALUES);
    this.#byValue = few !== null && rule !== 'quantile';
    this.#edges = this.#byValue ? few! : decileEdges(this.#reference);
    this.#counts = this.#count(this.#reference);
  }

  /** Values that the reference holds. */
  get referenceN(): number {
    return this.#reference.length;
  }

  /** The window's counts beside the reference's. */
  pair(window: readonly number[]): BinnedPair {
    if (this.#rule === 'evidently') {
      if (this.#byValue) return byValue(window, this.#reference);
      const edges = sturgesEdges(window, this.#reference);
      // The range of the values may be more than a double holds; deciles serve then.
      if (edges !== null) return { window: countBetween(edges, window), reference: countBetween(edges, this.#reference) };
    }
    return { window: this.#count(window), reference: this.#counts };
  }

  #count(values: ArrayLike<number>): number[] {
    const edges = this.#edges;
    const counts = new Array<number>(edges.length + 1).fill(0);
    for (let k = 0; k < values.length; k++) {
      const value = values[k]!;
      let bin = 0;
      if (this.#byValue) {
        while (bin < edges.length && edges[bin] !== value) bin++;
      } else {
        // There are ten bins at most: a count of the edges passed has no branch to mispredict.
        for (let edge = 0; edge < edges.length; edge++) bin += edges[edge]! <= value ? 1 : 0;
      }
      if (!Number.isNaN(value)) counts[bin]!++;
    }
    return counts;
  }
}

/** Deciles of ascending values, each once and finite. */
export function decileEdges(sorted: Float64Array): Float64Array {
  return Float64Array.from(new Set([...percentiles(sorted, DECILES)].filter(Number.isFinite)));
}

/** Edges by Sturges' rule over both samples, ascending; null where their range is not a finite number or 0. */
export function sturgesEdges(first: ArrayLike<number>, second: ArrayLike<number>): Float64Array | null {
  let least = Infinity;
  let greatest = -Infinity;
  for (const values of [first, second]) {
    for (let k = 0; k < values.length; k++) {
      const value = values[k]!;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  const range = greatest - least;
  if (!(range > 0 && range < Infinity)) return null;
  const bins = Math.ceil(range / (range / (Math.log2(first.length + second.length) + 1)));
  const step = range / bins;
  return Float64Array.from({ length: bins + 1 }, (_, k) => (k === bins ? greatest : least + k * step));
}

/** Counts between neighbouring edges, the last bin closed on both sides. Values outside and NaN are left out. */
function countBetween(edges: Float64Array, values: ArrayLike<number>): number[] {
  const bins = edges.length - 1;
  const counts = new Array<number>(bins).fill(0);
  const perUnit = bins / (edges[bins]! - edges[0]!);
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (!(value >= edges[0]! && value <= edges[bins]!)) continue;
    // The quotient is a guess: the edges as computed decide.
    let bin = Math.min(bins - 1, Math.floor((value - edges[0]!) * perUnit));
    while (bin > 0 && value < edges[bin]!) bin--;
    while (bin < bins - 1 && value >= edges[bin + 1]!) bin++;
    counts[bin]!++;
  }
  return counts;
}

function byValue(window: readonly number[], reference: Float64Array): BinnedPair {
  const [ours, theirs] = [countsOf(window), countsOf(Array.from(reference))];
  const values = new Set([...theirs.keys(), ...ours.keys()]);
  values.delete(Number.NaN);
  return { window: [...values].map((value) => ours.get(value) ?? 0), reference: [...values].map((value) => theirs.get(value) ?? 0) };
}

/** The different values, ascending, if there are at most so many. */
function distinctUpTo(sorted: Float64Array, most: number): Float64Array | null {
  const values: number[] = [];
  for (const value of sorted) {
    if (value === values.at(-1)) continue;
    if (values.length === most) return null;
    values.push(value);
  }
  return Float64Array.from(values);
}
