/**
 * From numbers to counts in bins, for the divergences between distributions.
 *
 * `quantile`: edges at the reference's nine deciles, each once; a value on an edge belongs to the right, so tied deciles make fewer bins.
 * `auto`: a bin for each value of a reference that has at most 20 different ones and one for all unseen values, else `quantile`: deciles
 * would not see a constant rise.
 * `evidently`: for a reference with more than 20 different values edges by Sturges' rule over both samples, closed on the left and the last
 * bin on both sides, else a bin for each value of either sample; as evidently 0.7 and numpy's `histogram_bin_edges`.
 *
 * Of a reference that is a sketch, the edges next to its deciles serve; by value where each of its at most 20 values has a bin of its own.
 *
 * Source: Sturges. The Choice of a Class Interval. JASA 21, 1926; deciles by linear interpolation (Hyndman, Fan 1996, type 7).
 */
import type { CountedBins } from '../contracts/sketch.ts';
import { countsOf } from './categories-against.ts';
import { percentiles } from './performance/features.ts';
import { doubleBefore, isAtom } from './sketches/reference-bins.ts';
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
  /** Ascending; empty where it is a sketch. */
  readonly #reference: Float64Array;
  readonly #referenceN: number;
  /** Ascending; of a bin by value the value itself. */
  readonly #edges: Float64Array;
  readonly #byValue: boolean;
  readonly #counts: readonly number[];

  /** @param reference values, or counts of them where the rule is not `evidently` */
  constructor(rule: BinRule, reference: readonly number[] | CountedBins) {
    this.#rule = rule;
    if ('counts' in reference) {
      const few = rule === 'quantile' ? null : fewCounted(reference);
      const { edges, counts } = few ?? mergedToDeciles(reference);
      this.#reference = new Float64Array(0);
      this.#byValue = few !== null;
      this.#edges = edges;
      this.#counts = counts;
    } else {
      this.#reference = ascending(reference);
      const few = distinctUpTo(this.#reference, FEW_VALUES);
      this.#byValue = few !== null && rule !== 'quantile';
      this.#edges = this.#byValue ? few! : decileEdges(this.#reference);
      this.#counts = this.#count(this.#reference);
    }
    this.#referenceN = this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Values that the reference holds. */
  get referenceN(): number {
    return this.#referenceN;
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
        for (let edge = 0; edge < edges.length; edge++) bin += Number(edges[edge]! <= value);
      }
      if (!Number.isNaN(value)) counts[bin]!++;
    }
    return counts;
  }
}

/** Edges with the counts between them, or values with the counts of each and of all others. */
interface CountedEdges {
  readonly edges: Float64Array;
  readonly counts: readonly number[];
}

/** Null where the counts are of more than a few values, or of values that the bins do not tell apart. */
function fewCounted({ uppers, counts }: CountedBins): CountedEdges | null {
  const filled = [...counts.entries()].filter(([, count]) => count > 0);
  if (filled.length > FEW_VALUES || !filled.every(([bin]) => isAtom(uppers, bin))) return null;
  return { edges: Float64Array.from(filled, ([bin]) => uppers[bin]!), counts: [...filled.map(([, count]) => count), 0] };
}

/** Cut at the edges next to the deciles. */
function mergedToDeciles({ uppers, counts }: CountedBins): CountedEdges {
  const below: number[] = [];
  let sum = 0;
  for (const count of counts) {
    sum += count;
    below.push(sum);
  }
  const nearest = DECILES.map((percent) => {
    const wanted = (percent / 100) * sum;
    const after = below.findIndex((passed) => passed >= wanted);
    return after > 0 && wanted - below[after - 1]! < below[after]! - wanted ? after - 1 : after;
  });
  const cuts = [...new Set(nearest)].filter((bin) => bin < uppers.length);
  const passed = [0, ...cuts.map((bin) => below[bin]!), sum];
  return {
    // A value on an upper edge belongs to the left there, and to the right here.
    edges: Float64Array.from(cuts, (bin) => doubleAfter(uppers[bin]!)),
    counts: passed.slice(1).map((upTo, place) => upTo - passed[place]!),
  };
}

function doubleAfter(value: number): number {
  return -doubleBefore(-value);
}

/** Deciles of ascending values, each once and finite. */
export function decileEdges(sorted: Float64Array): Float64Array {
  return Float64Array.from(new Set([...percentiles(sorted, DECILES)].filter(Number.isFinite)));
}

/** Edges by Sturges' rule over both samples, ascending; null where their range is not a finite number or 0. */
function sturgesEdges(first: ArrayLike<number>, second: ArrayLike<number>): Float64Array | null {
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
