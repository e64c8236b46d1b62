/**
 * Maximum mean discrepancy: do the rows of a window, all columns together, follow the reference's distribution?
 *
 * Statistic: the squared distance of the two samples' mean images under the kernel exp(−‖x − y‖² / 2σ²), unbiased: it may be below 0, and
 * is about 0 where the distributions agree. σ by the median heuristic: the root of half the median squared distance among all rows.
 * p-value: by random splits of the pooled rows. Effect: the statistic's root, 0 where it is below 0 and 1 at most. Sees what changes
 * between the columns while each alone stays as it is. Where p is at most 0.05 the note names the columns without which the statistic
 * falls most.
 *
 * Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola. A Kernel Two-Sample Test. JMLR 13, 2012, Lemma 6 and §8.
 * Deviation: columns are brought to one scale first (row-encoder.ts), so that no unit drowns the others, and at most `mostRows` rows of each
 * side are taken, drawn at random: time and memory go with their square.
 * Cost: 4·mostRows²·columns for the kernel, as many steps as 2·mostRows² for each random split; 32·mostRows² bytes.
 */
import { defineWindowed, type Row } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { middleOf } from './middle-of.ts';
import { Random, upTo } from './performance/random.ts';
import { splits } from './permutation.ts';
import type { Rows } from './row-encoder.ts';
import { RowsAgainst, type RowsVerdict, WORTH_A_NOTE } from './rows-against.ts';

const options = {
  mostRows: {
    type: 'integer',
    minimum: 20,
    maximum: 2_000,
    default: 300,
    description: 'Rows of each side that are compared, drawn at random where there are more; time goes with the square.',
  },
  permutations: {
    type: 'integer',
    minimum: 99,
    maximum: 99_999,
    default: 1_999,
    description: 'Random splits for the p-value, at most; p is never below 1 over one more than these.',
  },
  seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the draws: the same data give the same p-value.' },
} as const;

/** Rows of each side by which columns are weighed. */
const WEIGHED_ROWS = 100;

/** What the test says. */
export interface MmdResult {
  /** Unbiased squared discrepancy. */
  readonly statistic: number;
  /** Squared discrepancy with the rows' distances to themselves, in [0, 2]. */
  readonly biased: number;
  readonly pValue: number;
  /** See `TestResult.score`. */
  readonly score: number;
  /** The kernel's width, in the columns' deviations. */
  readonly sigma: number;
  /** Rows taken of each side. */
  readonly n: number;
  readonly referenceN: number;
}

/** Tests a window of rows against the reference's, both on one scale; null where either has fewer than two rows, or there is no column. */
export function mmdTest(
  window: Rows,
  reference: Rows,
  { permutations, seed }: { readonly permutations: number; readonly seed: number },
): MmdResult | null {
  if (window.rows < 2 || reference.rows < 2 || reference.columns === 0) return null;
  const distances = squaredDistances(window, reference);
  const n = window.rows;
  const m = reference.rows;
  const sigma = medianWidth(distances, n + m);
  const kernel = summed(kernelOf(distances, sigma), n + m);
  const { unbiased, biased } = discrepancy(kernel, upTo(n + m), n);
  const random = new Random(seed);
  const order = upTo(n + m);
  const { pValue, score } = splits(permutations, unbiased - 1e-12, () => {
    random.shuffle(order, n);
    return discrepancy(kernel, order, n).unbiased;
  });
  return { statistic: unbiased, biased, pValue, score, sigma, n, referenceN: m };
}

/**
 * By how much the statistic falls without each of the columns; the kernel's width stays.
 *
 * @param owners the column that each place of a row belongs to
 */
function mmdShares(window: Rows, reference: Rows, sigma: number, owners: Int32Array): number[] {
  const first = firstRows(window, WEIGHED_ROWS);
  const second = firstRows(reference, WEIGHED_ROWS);
  const whole = squaredDistances(first, second);
  const order = upTo(first.rows + second.rows);
  const full = discrepancy(summed(kernelOf(whole.slice(), sigma), order.length), order, first.rows).unbiased;
  return Array.from({ length: (owners.at(-1) ?? -1) + 1 }, (_, column) => {
    const from = owners.indexOf(column);
    const to = owners.lastIndexOf(column) + 1;
    const own = squaredDistances(first, second, from, to);
    const rest = whole.map((distance, k) => Math.max(0, distance - own[k]!));
    return full - discrepancy(summed(kernelOf(rest, sigma), order.length), order, first.rows).unbiased;
  });
}

/** Both estimates of the squared discrepancy, the kernel's width and the median squared distance, of rows as they are. At least two rows each. */
export function mmdSquared(
  first: Rows,
  second: Rows,
): { readonly unbiased: number; readonly biased: number; readonly sigma: number; readonly medianSquaredDistance: number } {
  const distances = squaredDistances(first, second);
  const sigma = medianWidth(distances, first.rows + second.rows);
  const total = first.rows + second.rows;
  return {
    ...discrepancy(summed(kernelOf(distances, sigma), total), upTo(total), first.rows),
    sigma,
    medianSquaredDistance: 2 * sigma * sigma,
  };
}

/** `[total, total]` of all rows, the first sample's before the second's, over the columns `from` to `to` (without it). */
function squaredDistances(first: Rows, second: Rows, from = 0, to = first.columns): Float64Array {
  const columns = first.columns;
  const total = first.rows + second.rows;
  const data = new Float64Array(total * columns);
  data.set(first.data.subarray(0, first.rows * columns));
  data.set(second.data.subarray(0, second.rows * columns), first.rows * columns);
  const distances = new Float64Array(total * total);
  for (let i = 0; i < total; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let column = from; column < to; column++) sum += (data[i * columns + column]! - data[j * columns + column]!) ** 2;
      distances[i * total + j] = sum;
      distances[j * total + i] = sum;
    }
  }
  return distances;
}

/** Rows whose pairs suffice for a median. */
const MEDIAN_ROWS = 200;

/** √(median/2) of the distances of all pairs (beyond `MEDIAN_ROWS` rows, of evenly spread ones); where most rows are the same, of those that differ; 1 where all are. */
function medianWidth(distances: Float64Array, total: number): number {
  const kept = Math.min(total, MEDIAN_ROWS);
  const pairs = new Float64Array((kept * (kept - 1)) / 2);
  const rowOf = (place: number) => Math.floor((place * total) / kept);
  let next = 0;
  for (let i = 0; i < kept; i++) for (let j = 0; j < i; j++) pairs[next++] = distances[rowOf(i) * total + rowOf(j)]!;
  pairs.sort();
  const median = middleOf(pairs);
  if (median > 0) return Math.sqrt(median / 2);
  const apart = pairs.filter((distance) => distance > 0);
  return apart.length === 0 ? 1 : Math.sqrt(middleOf(apart) / 2);
}

/** In place. */
function kernelOf(distances: Float64Array, sigma: number): Float64Array {
  // Squares of the smallest distances underflow.
  const factor = -1 / Math.max(1e-300, 2 * sigma * sigma);
  for (let k = 0; k < distances.length; k++) distances[k] = Math.exp(distances[k]! * factor);
  return distances;
}

/** The kernel with what every split has in common: each row's sum without the row itself, and half of all. */
interface Summed {
  readonly kernel: Float64Array;
  readonly sums: Float64Array;
  readonly half: number;
}

function summed(kernel: Float64Array, total: number): Summed {
  const sums = new Float64Array(total);
  let all = 0;
  for (let i = 0; i < total; i++) {
    let sum = 0;
    for (let j = 0; j < total; j++) sum += kernel[i * total + j]!;
    sums[i] = sum - 1;
    all += sums[i]!;
  }
  return { kernel, sums, half: all / 2 };
}

/** Both estimates. Only pairs of the first sample are visited: the rest follows from the sums. @param order row numbers, those of the first sample being the first n */
function discrepancy({ kernel, sums, half }: Summed, order: Int32Array, n: number): { readonly unbiased: number; readonly biased: number } {
  const total = order.length;
  const m = total - n;
  let first = 0;
  let reach = 0;
  for (let a = 0; a < n; a++) {
    const row = order[a]! * total;
    let sum = 0;
    for (let b = 0; b < a; b++) sum += kernel[row + order[b]!]!;
    first += sum;
    reach += sums[order[a]!]!;
  }
  const across = reach - 2 * first;
  const second = half - first - across;
  const unbiased = (2 * first) / (n * (n - 1)) + (2 * second) / (m * (m - 1)) - (2 * across) / (n * m);
  const biased = (2 * first + n) / (n * n) + (2 * second + m) / (m * m) - (2 * across) / (n * m);
  return { unbiased, biased };
}

/** A view of the first rows. */
function firstRows({ rows, columns, data }: Rows, most: number): Rows {
  return { rows: Math.min(rows, most), columns, data };
}

function judge(window: Rows, reference: Rows, owners: Int32Array, chosen: OptionsOf<typeof options>): RowsVerdict | null {
  const result = mmdTest(window, reference, chosen);
  if (result === null) return null;
  const { statistic, pValue, score, sigma } = result;
  const shares = pValue > WORTH_A_NOTE ? null : mmdShares(window, reference, sigma, owners);
  return { statistic, pValue, score, effect: Math.sqrt(Math.min(1, Math.max(0, statistic))), shares };
}

/** A change of several columns together, by a kernel. */
export const mmd = defineWindowed({
  type: 'mmd',
  summary:
    'Compares the rows of a window, all columns together, with the reference (maximum mean discrepancy); sees what changes between columns.',
  observes: 'rows',
  effect: 'mmd',
  options,
  prepare: (chosen, reference: readonly Row[], names) =>
    new RowsAgainst(reference, names, chosen, (window, sample, owners) => judge(window, sample, owners, chosen)),
});
