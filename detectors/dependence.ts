/**
 * Do the rows of a series depend on their neighbours, and how long must a block of rows be to carry that dependence?
 *
 * Two tests, since one alone is blind to half of it: Ljung–Box on the ranks, over ⌊10·log₁₀ n⌋ lags, for what happens from row to row (for
 * zeros with a few ones, whose autocorrelations are far from normal, the pairs of ones so close, which follow Poisson's law); and
 * Kruskal–Wallis between stretches of a window's length, for slow changes too faint to be seen from row to row. The block length is twice
 * Politis and White's (theirs is best for the mean squared error of a variance and leaves it too small by some percent), or the window's
 * where the spread of a window's mean does not follow from the spread of such a block's.
 *
 * Source: Ljung, Box. Biometrika 65, 1978. Kruskal, Wallis. JASA 47, 1952. Politis, White. Automatic block-length selection for the
 * dependent bootstrap. Econometric Reviews 23, 2004, corrected by Patton, Politis, White. Econometric Reviews 28, 2009, eq. for the
 * circular bootstrap.
 */
import { chiSquaredUpperTail } from './chi-squared-tail.ts';

/** What was found out about several series of equal rows. */
export interface Dependence {
  readonly dependent: boolean;
  /** The smallest p-value times the number of tests, at most 1. */
  readonly pValue: number;
  /** The test that gave it; null when no series varies. */
  readonly test: 'ljung-box' | 'close-pairs' | 'kruskal-wallis' | null;
  /** Rows of a block that keeps the dependence; 1 when there is none; null when no block up to a twentieth of the rows does. */
  readonly blockRows: number | null;
}

/** Chance of taking independent rows for dependent ones, over all series and tests together. */
const SIGNIFICANCE = 0.01;
/** p-value above which the means of windows are taken to differ no more than blocks explain: leans towards longer blocks. */
const EXPLAINED = 0.1;
/** A bootstrap of fewer blocks than this says little about the spread between them. */
export const FEWEST_BLOCKS = 20;

/**
 * Judges series together.
 *
 * @param series each a view of one signal, finite, oldest first
 * @param windowRows rows of the windows that will be judged
 */
export function findDependence(series: readonly Float64Array[], windowRows: number): Dependence {
  const ranked = series.filter((values) => values.length >= FEWEST_BLOCKS && values.some((value) => value !== values[0])).map(ranks);
  let smallest = 1;
  let test: Dependence['test'] = null;
  for (const values of ranked) {
    const rare = rareRows(values);
    const near = rare === null ? ljungBox(values) : closePairs(rare, values.length);
    const slow = kruskalWallis(values, windowRows);
    const nearTest = rare === null ? 'ljung-box' : 'close-pairs';
    if (test === null || Math.min(near, slow) < smallest) [smallest, test] = near <= slow ? [near, nearTest] : [slow, 'kruskal-wallis'];
  }
  const pValue = Math.min(1, smallest * 2 * ranked.length);
  if (test === null || pValue > SIGNIFICANCE) return { dependent: false, pValue, test, blockRows: 1 };
  let blockRows: number | null = 1;
  for (const values of ranked) {
    const length = sufficientBlock(values, windowRows);
    blockRows = length === null || blockRows === null ? null : Math.max(blockRows, length);
  }
  return { dependent: true, pValue, test, blockRows };
}

/** Mean ranks from 1, ties sharing theirs. */
export function ranks(values: Float64Array): Float64Array {
  const order = Uint32Array.from(values, (_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let place = from; place < to; place++) ranked[order[place]!] = (from + to + 1) / 2;
    from = to;
  }
  return ranked;
}

/** Pairs of the rarer value that a lag must have on average for its autocorrelation to be about normal. */
const PAIRS_A_LAG = 5;

/** Rows of the rarer one of two values, ascending, where it is too rare for autocorrelations; null for any other series. */
function rareRows(values: Float64Array): number[] | null {
  const first = values[0]!;
  const other = values.find((value) => value !== first);
  if (other === undefined || values.some((value) => value !== first && value !== other)) return null;
  const rows: [number[], number[]] = [[], []];
  for (const [row, value] of values.entries()) rows[value === first ? 0 : 1].push(row);
  const [rare] = rows.sort((a, b) => a.length - b.length);
  return rare.length ** 2 < PAIRS_A_LAG * values.length ? rare : null;
}

/** Chance of so many pairs within the lags among as many rows drawn at random. */
function closePairs(rows: readonly number[], n: number): number {
  const lags = lagsOf(n);
  let pairs = 0;
  for (let i = 0; i < rows.length; i++) for (let j = i + 1; j < rows.length && rows[j]! - rows[i]! <= lags; j++) pairs++;
  if (pairs === 0) return 1;
  const places = lags * n - (lags * (lags + 1)) / 2;
  const expected = (places * rows.length * (rows.length - 1)) / (n * (n - 1));
  // P(Poisson(μ) ≥ k) is the lower tail of a chi-squared law of 2k degrees at 2μ.
  return 1 - chiSquaredUpperTail(2 * expected, 2 * pairs);
}

function lagsOf(n: number): number {
  return Math.max(1, Math.min(Math.floor(10 * Math.log10(n)), Math.floor(n / 5)));
}

function ljungBox(values: Float64Array): number {
  const n = values.length;
  const lags = lagsOf(n);
  const r = autocorrelations(values, lags);
  let sum = 0;
  for (let lag = 1; lag <= lags; lag++) sum += r[lag]! ** 2 / (n - lag);
  return chiSquaredUpperTail(n * (n + 2) * sum, lags);
}

/** Between stretches of a window's length, at least five of them. */
function kruskalWallis(values: Float64Array, windowRows: number): number {
  const length = Math.max(2, Math.min(windowRows, Math.floor(values.length / 5)));
  const stretches = Math.floor(values.length / length);
  const variance = varianceOf(values);
  if (variance === 0) return 1;
  return chiSquaredUpperTail((varianceOfMeans(values, length) * length * (stretches - 1)) / variance, stretches - 1);
}

/** Null when no block up to a twentieth of the rows explains how the means of windows differ. */
function sufficientBlock(values: Float64Array, windowRows: number): number | null {
  const longest = Math.floor(values.length / FEWEST_BLOCKS);
  const length = 2 * politisWhite(values);
  if (length > longest) return null;
  if (length >= windowRows) return length;
  const stretch = Math.min(windowRows, Math.floor(values.length / 5));
  const stretches = Math.floor(values.length / stretch);
  const spread = varianceOfMeans(values, stretch) * stretch;
  const explained = varianceOfMeans(values, length) * length;
  if (explained > 0 && chiSquaredUpperTail(((stretches - 1) * spread) / explained, stretches - 1) > EXPLAINED) return length;
  // What blocks shorter than a window do not explain is slow: a block of a window's length has it as the window has.
  return windowRows <= longest ? windowRows : null;
}

/** Block length of the circular bootstrap; from 1. */
export function politisWhite(values: Float64Array): number {
  const n = values.length;
  const quiet = Math.max(5, Math.ceil(Math.sqrt(Math.log10(n))));
  const most = Math.min(n - 1, Math.ceil(Math.sqrt(n)) + quiet);
  const r = autocorrelations(values, most);
  const bound = 2 * Math.sqrt(Math.log10(n) / n);
  // The last lag before `quiet` ones in a row that are not significant; without such a stretch the last significant one.
  let last = 0;
  for (let lag = 1, run = 0; lag <= most && run < quiet; lag++) {
    if (Math.abs(r[lag]!) > bound) {
      run = 0;
      last = lag;
    } else run++;
  }
  const reach = Math.min(most, 2 * Math.max(1, last));
  let long = 1;
  let slope = 0;
  for (let lag = 1; lag <= reach; lag++) {
    const weight = Math.min(1, 2 * (1 - lag / reach));
    long += 2 * weight * r[lag]!;
    slope += 2 * weight * lag * r[lag]!;
  }
  if (long <= 0) return Math.max(1, last);
  const length = Math.cbrt((2 * slope * slope * n) / ((4 / 3) * long * long));
  return Math.max(1, Math.min(Math.ceil(length), Math.ceil(Math.min(3 * Math.sqrt(n), n / 3))));
}

/** r[0] = 1 … r[lags]. */
export function autocorrelations(values: Float64Array, lags: number): Float64Array {
  const n = values.length;
  const mean = meanOf(values, 0, n);
  const centred = values.map((value) => value - mean);
  const r = new Float64Array(lags + 1);
  for (let lag = 0; lag <= lags; lag++) {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += centred[i]! * centred[i - lag]!;
    r[lag] = sum;
  }
  const whole = r[0]!;
  return whole === 0 ? r : r.map((value) => value / whole);
}

/** Sample variance of the means of consecutive stretches of `length` values. */
function varianceOfMeans(values: Float64Array, length: number): number {
  const means = Float64Array.from({ length: Math.floor(values.length / length) }, (_, k) => meanOf(values, k * length, (k + 1) * length));
  return varianceOf(means);
}

function varianceOf(values: Float64Array): number {
  const mean = meanOf(values, 0, values.length);
  let sum = 0;
  for (const value of values) sum += (value - mean) ** 2;
  return values.length < 2 ? 0 : sum / (values.length - 1);
}

function meanOf(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i]!;
  return sum / (to - from);
}
