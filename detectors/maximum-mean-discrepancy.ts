/**
 * Maximum mean discrepancy: do the rows of a window, all columns together, follow the reference's distribution?
 *
 * Statistic: the squared distance of the two samples' mean images under the kernel exp(−‖x − y‖² / 2σ²), unbiased: it may be below 0, and
 * is about 0 where the distributions agree. σ by the median heuristic: the root of half the median squared distance among all rows.
 * p-value: by random splits of the pooled rows. Sees what changes between the columns while each alone stays as it is.
 *
 * Source: Gretton, Borgwardt, Rasch, Schölkopf, Smola. A Kernel Two-Sample Test. JMLR 13, 2012, Lemma 6 and §8.
 * Deviation: columns are brought to the reference's mean and deviation first, so that no unit drowns the others, and at most `mostRows` rows of
 * each side are taken, evenly spread: time and memory go with their square.
 * Cost: 4·mostRows²·columns for the kernel, as many steps as 2·mostRows² for each random split; 32·mostRows² bytes.
 */
import { boundedAscending, standardDeviation } from './distribution-gap.ts';
import { Random, upTo } from './performance/random.ts';
import { sequentialPValue } from './permutation.ts';

/** `[rows, columns]`, row-major, finite. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** What the test says. */
export interface MmdResult {
  /** Unbiased squared discrepancy. */
  readonly statistic: number;
  /** Squared discrepancy with the rows' distances to themselves, in [0, 2]. */
  readonly biased: number;
  readonly pValue: number;
  /** The kernel's width, in the columns' deviations. */
  readonly sigma: number;
  /** Rows taken of each side. */
  readonly n: number;
  readonly referenceN: number;
}

/** How the test is made. */
export interface MmdOptions {
  /** Rows of each side at most, from 2. */
  readonly mostRows: number;
  readonly permutations: number;
  readonly seed: number;
}

export const MMD_DEFAULTS: MmdOptions = { mostRows: 500, permutations: 499, seed: 1 };

/** Tests a window of rows against the reference's; null where either has fewer than two rows, or there is no column. */
export function mmdTest(window: Rows, reference: Rows, options: MmdOptions = MMD_DEFAULTS): MmdResult | null {
  if (window.rows < 2 || reference.rows < 2 || reference.columns === 0) return null;
  const first = thinned(window, options.mostRows);
  const second = thinned(reference, options.mostRows);
  const scales = columnScales(second);
  const distances = squaredDistances(scaled(first, scales), scaled(second, scales));
  const n = first.rows;
  const m = second.rows;
  const sigma = medianWidth(distances, n + m);
  const kernel = kernelOf(distances, sigma);
  const { unbiased, biased } = discrepancy(kernel, upTo(n + m), n);
  const random = new Random(options.seed);
  const order = upTo(n + m);
  const pValue = sequentialPValue(options.permutations, () => {
    random.shuffle(order, n);
    return discrepancy(kernel, order, n).unbiased >= unbiased - 1e-12;
  });
  return { statistic: unbiased, biased, pValue, sigma, n, referenceN: m };
}

/** Both estimates of the squared discrepancy, the kernel's width and the median squared distance, of rows as they are. At least two rows each. */
export function mmdSquared(
  first: Rows,
  second: Rows,
): { readonly unbiased: number; readonly biased: number; readonly sigma: number; readonly medianSquaredDistance: number } {
  const distances = squaredDistances(first, second);
  const sigma = medianWidth(distances, first.rows + second.rows);
  const kernel = kernelOf(distances, sigma);
  return { ...discrepancy(kernel, upTo(first.rows + second.rows), first.rows), sigma, medianSquaredDistance: 2 * sigma * sigma };
}

/** `[total, total]` of all rows, the first sample's before the second's. */
function squaredDistances(first: Rows, second: Rows): Float64Array {
  const columns = first.columns;
  const total = first.rows + second.rows;
  const data = new Float64Array(total * columns);
  data.set(first.data.subarray(0, first.rows * columns));
  data.set(second.data.subarray(0, second.rows * columns), first.rows * columns);
  const distances = new Float64Array(total * total);
  for (let i = 0; i < total; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) sum += (data[i * columns + column]! - data[j * columns + column]!) ** 2;
      distances[i * total + j] = sum;
      distances[j * total + i] = sum;
    }
  }
  return distances;
}

/** √(median/2) of the distances of all pairs; where most rows are the same, of those that differ; 1 where all are. */
function medianWidth(distances: Float64Array, total: number): number {
  const pairs = new Float64Array((total * (total - 1)) / 2);
  let next = 0;
  for (let i = 0; i < total; i++) for (let j = 0; j < i; j++) pairs[next++] = distances[i * total + j]!;
  pairs.sort();
  const median = middleOf(pairs);
  if (median > 0) return Math.sqrt(median / 2);
  const apart = pairs.filter((distance) => distance > 0);
  return apart.length === 0 ? 1 : Math.sqrt(middleOf(apart) / 2);
}

function middleOf(sorted: Float64Array): number {
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

/** In place. */
function kernelOf(distances: Float64Array, sigma: number): Float64Array {
  const factor = -1 / (2 * sigma * sigma);
  for (let k = 0; k < distances.length; k++) distances[k] = Math.exp(distances[k]! * factor);
  return distances;
}

/** @param order row numbers, those of the first sample being the first n */
function discrepancy(kernel: Float64Array, order: Int32Array, n: number): { readonly unbiased: number; readonly biased: number } {
  const total = order.length;
  const m = total - n;
  const isFirst = new Uint8Array(total);
  for (let k = 0; k < n; k++) isFirst[order[k]!] = 1;
  let first = 0;
  let second = 0;
  let across = 0;
  for (let i = 1; i < total; i++) {
    const side = isFirst[i]!;
    const row = i * total;
    let same = 0;
    let other = 0;
    for (let j = 0; j < i; j++) {
      const value = kernel[row + j]!;
      if (isFirst[j] === side) same += value;
      else other += value;
    }
    if (side === 1) first += same;
    else second += same;
    across += other;
  }
  const unbiased = (2 * first) / (n * (n - 1)) + (2 * second) / (m * (m - 1)) - (2 * across) / (n * m);
  const biased = (2 * first + n) / (n * n) + (2 * second + m) / (m * m) - (2 * across) / (n * m);
  return { unbiased, biased };
}

/** Rows spread evenly over all of them. */
function thinned(rows: Rows, most: number): Rows {
  if (rows.rows <= most) return rows;
  const { columns } = rows;
  const data = new Float64Array(most * columns);
  for (let row = 0; row < most; row++) {
    const from = Math.floor((row * rows.rows) / most) * columns;
    data.set(rows.data.subarray(from, from + columns), row * columns);
  }
  return { rows: most, columns, data };
}

interface Scale {
  readonly centre: number;
  readonly deviation: number;
}

function columnScales({ rows, columns, data }: Rows): Scale[] {
  return Array.from({ length: columns }, (_, column) => {
    const sorted = boundedAscending(Array.from({ length: rows }, (_, row) => data[row * columns + column]!));
    return { centre: middleOf(sorted), deviation: standardDeviation(sorted) };
  });
}

/** Further from the reference's middle than this many of its deviations is as far as can be: squares stay finite. */
const FARTHEST = 1e6;

function scaled({ rows, columns, data }: Rows, scales: readonly Scale[]): Rows {
  const values = new Float64Array(rows * columns);
  for (let k = 0; k < values.length; k++) {
    const { centre, deviation } = scales[k % columns]!;
    // Divided before they are subtracted, as the difference may overflow. A constant column differs or does not.
    const difference = deviation > 0 ? data[k]! / deviation - centre / deviation : Math.sign(data[k]! - centre);
    values[k] = Math.min(FARTHEST, Math.max(-FARTHEST, difference));
  }
  return { rows, columns, data: values };
}
