/**
 * One sweep over two samples that gives the integrals of the gap between their distribution functions, and what a permutation test of them
 * needs: the pooled sample in at most a hundred or so cells.
 *
 * With F and G the functions of the first and second sample: Wasserstein-1 is ∫|F − G|, the energy distance √(2 ∫(F − G)²), and the mean
 * distance E|X − Y| = ∫F(1 − G) + G(1 − F). F − G is kept as a whole number over n·m, so that ties and equal samples give exactly 0.
 *
 * Source: Vallender. Theory of Probability and its Applications 18, 1974; Székely, Rizzo. Energy Statistics. JSPI 143, 2013.
 */
import { ascending } from './sort-numbers.ts';

/** Values beyond this count as it, infinities too: the range of what is left is a finite number. */
const LARGEST = 4e307;

/** The pooled sample cut at some of its gaps. It depends on the pooled values alone, not on which of them are whose. */
export interface PooledCells {
  /** Values up to each cut, ascending; the last one is short of all. */
  readonly ranks: readonly number[];
  /** Those of the first sample among them. */
  readonly firsts: readonly number[];
  /** Length of the axis that each cut stands for. */
  readonly lengths: readonly number[];
  /** Sizes of the two samples. */
  readonly n: number;
  readonly m: number;
}

/** What the sweep finds. */
export interface DistributionGap {
  /** ∫|F − G|. */
  readonly absolute: number;
  /** ∫(F − G)². */
  readonly square: number;
  /** E|X − Y|. */
  readonly meanDistance: number;
  /** ∫(F − G), that is the second sample's mean less the first's. */
  readonly signed: number;
  readonly cells: PooledCells;
}

/** Values fit for `distributionGap`: ascending, NaN left out, infinities and what is close to them brought within ±4·10³⁰⁷. */
export function boundedAscending(values: ArrayLike<number>): Float64Array {
  const sorted = ascending(values);
  for (let k = 0; k < sorted.length && sorted[k]! < -LARGEST; k++) sorted[k] = -LARGEST;
  for (let k = sorted.length - 1; k >= 0 && sorted[k]! > LARGEST; k--) sorted[k] = LARGEST;
  return sorted;
}

/** Sweeps two samples of `boundedAscending`, neither of them empty. */
export function distributionGap(first: Float64Array, second: Float64Array): DistributionGap {
  const n = first.length;
  const m = second.length;
  const ranks: number[] = [];
  const firsts: number[] = [];
  const lengths: number[] = [];
  const sweep = new Sweep(first, second);
  for (const target of cutTargets(n + m)) {
    // A cut stands for the pieces of the axis since the one before, and at the last of them: the highest rank up to its target.
    const length = sweep.upTo(target);
    if (sweep.rank === (ranks.at(-1) ?? 0)) continue;
    ranks.push(sweep.rank);
    firsts.push(sweep.firstRank);
    lengths.push(length);
  }
  const { absolute, square, meanDistance, signed } = sweep;
  return { absolute, square, meanDistance, signed, cells: { ranks, firsts, lengths, n, m } };
}

/** The axis from one pooled value to the next, piece by piece. Stretch by stretch, as a loop that is entered often is compiled best. */
class Sweep {
  /** Values up to the last piece, and those of the first sample among them. */
  rank = 0;
  firstRank = 0;
  absolute = 0;
  square = 0;
  meanDistance = 0;
  signed = 0;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  /** Values before the piece at hand, and where it begins. */
  #i = 0;
  #j = 0;
  #from = 0;

  constructor(first: Float64Array, second: Float64Array) {
    this.#first = first;
    this.#second = second;
    this.#from = Math.min(first[0]!, second[0]!);
    while (first[this.#i] === this.#from) this.#i++;
    while (second[this.#j] === this.#from) this.#j++;
  }

  /** Takes in the pieces up to a rank; their length together. */
  upTo(most: number): number {
    const first = this.#first;
    const second = this.#second;
    const n = first.length;
    const m = second.length;
    const part = 1 / (n * m);
    let i = this.#i;
    let j = this.#j;
    let from = this.#from;
    let absolute = 0;
    let square = 0;
    let meanDistance = 0;
    let signed = 0;
    let stretch = 0;
    let rank = this.rank;
    let firstRank = this.firstRank;
    while (i + j <= most) {
      // Infinity stands after the last value: the values themselves are finite.
      let a = i < n ? first[i]! : Infinity;
      let b = j < m ? second[j]! : Infinity;
      const to = Math.min(a, b);
      if (to === Infinity) break;
      const length = to - from;
      const ofFirst = i * m;
      const ofSecond = j * n;
      const gap = (ofFirst - ofSecond) * part;
      const piece = length * gap;
      signed += piece;
      absolute += Math.abs(piece);
      square += piece * gap;
      // (F(1 − G) + G(1 − F)) is F + G − 2FG.
      meanDistance += length * ((ofFirst + ofSecond - 2 * i * j) * part);
      stretch += length;
      rank = i + j;
      firstRank = i;
      from = to;
      while (a === from) a = ++i < n ? first[i]! : Infinity;
      while (b === from) b = ++j < m ? second[j]! : Infinity;
    }
    this.#i = i;
    this.#j = j;
    this.#from = from;
    this.rank = rank;
    this.firstRank = firstRank;
    this.absolute += absolute;
    this.square += square;
    this.meanDistance += meanDistance;
    this.signed += signed;
    return stretch;
  }
}

/** Standard deviation, dividing by the number of values; 0 of none. Scaled first, as squares of ordinary doubles may overflow. */
export function standardDeviation(values: Float64Array): number {
  const scale = Math.max(Math.abs(values[0] ?? 0), Math.abs(values.at(-1) ?? 0));
  if (scale === 0 || values[0] === values.at(-1)) return 0;
  let mean = 0;
  for (const value of values) mean += value / scale;
  mean /= values.length;
  let squares = 0;
  for (const value of values) squares += (value / scale - mean) ** 2;
  return scale * Math.sqrt(squares / values.length);
}

/**
 * Ranks at which a pooled sample of `total` values is cut: each value near the ends, where one value far out may decide, and ever wider
 * steps towards the middle.
 */
function cutTargets(total: number): Float64Array {
  const lower: number[] = [];
  for (let rank = 1; rank < total / 2; rank += Math.max(1, Math.min(rank / 2, total / 20))) lower.push(Math.floor(rank));
  const upper = lower.map((rank) => total - rank).reverse();
  return Float64Array.from(new Set([...lower, ...(total % 2 === 0 ? [total / 2] : []), ...upper]));
}
