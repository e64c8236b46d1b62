/**
 * The checks of the cases in a vectors folder's `tests/`: our tests, distances, corrections and tails against the reference libraries.
 */
import { adjustBenjaminiHochberg, adjustBonferroni } from '../../detectors/benjamini-hochberg.ts';
import { incompleteBeta, logGamma } from './beta.ts';
import { Bins, decileEdges } from '../../detectors/bins.ts';
import { chiSquaredOfTable, goodnessOfFit } from '../../detectors/chi-squared.ts';
import { chiSquaredUpperTail } from '../../detectors/chi-squared-tail.ts';
import { boundedAscending, standardDeviation } from '../../detectors/distribution-gap.ts';
import { energyDistance } from '../../detectors/energy.ts';
import { fisherExact } from '../../detectors/fisher-exact.ts';
import { gTestOfTable } from '../../detectors/g-test.ts';
import { hellingerDistance } from '../../detectors/hellinger.ts';
import { jensenShannonDistance } from '../../detectors/jensen-shannon.ts';
import { kolmogorovLimitUpperTail, kolmogorovUpperTail } from '../../detectors/kolmogorov-tail.ts';
import { ksPValue, ksTest } from '../../detectors/ks.ts';
import { lInfinityDistance } from '../../detectors/l-infinity.ts';
import { mmdSquared } from '../../detectors/mmd.ts';
import type { Rows } from '../../detectors/row-encoder.ts';
import { adjustBenjaminiYekutieli, adjustHolm, adjustHolmSidak, adjustHommel } from '../../detectors/multiple-testing.ts';
import { normalUpperTail } from '../../detectors/normal-tail.ts';
import { populationStabilityIndex } from '../../detectors/psi.ts';
import { chiSquaredUpperQuantile, normalUpperQuantile } from '../../detectors/quantiles.ts';
import { SlidingKs } from '../../detectors/sliding-ks.ts';
import { SlidingKsPair } from '../../detectors/sliding-ks-pair.ts';
import { totalVariationDistance } from '../../detectors/total-variation.ts';
import { twoProportionTest } from '../../detectors/two-proportion.ts';
import { wassersteinDistance } from '../../detectors/wasserstein.ts';
import { RANDOM_TESTS } from './vector-random.ts';
import { sampleOf } from './vector-samples.ts';

/** One case of a file: its name, what was tested, and the answers by method. */
export type TestCase = { readonly name?: string } & { readonly [field: string]: unknown };

/** What is wrong with a case, or null. `stream` reads a stream of the folder. */
export type TestCheck = (one: TestCase, stream: (name: string) => Float64Array) => string | null;

type Table = number[][];

/** A statistic and p-value as scipy gives them. */
interface Answer {
  readonly statistic: number;
  readonly pvalue: number | 'NaN';
  readonly sign?: 1 | -1;
  readonly dof?: number;
  readonly error?: string;
}

const CORRECTIONS: { readonly [method: string]: (pValues: readonly number[]) => number[] } = {
  bh: adjustBenjaminiHochberg,
  by: adjustBenjaminiYekutieli,
  bonferroni: adjustBonferroni,
  holm: adjustHolm,
  'holm-sidak': adjustHolmSidak,
  hommel: adjustHommel,
};

/** For each file the methods we have, each with its check. `stream` reads a stream of the folder. */
export const TESTS: { readonly [file: string]: { readonly [method: string]: TestCheck } } = {
  two_sample: {
    ks: checkKs,
    wasserstein: (one) => checkPair(one, wassersteinDistance, one.wasserstein, pairTolerance(one, 1e-12)),
    energy_distance: (one) => checkPair(one, energyDistance, one.energy_distance, pairTolerance(one, 1e-12)),
    evidently_wasserstein_normed: checkNormed,
    psi_quantile10: checkQuantilePsi,
    evidently_bins: checkEvidentlyBins,
  },
  contingency: {
    chi2_corrected: (one) => checkTable(one.table, chiSquaredOfTable(one.table as Table, { yates: true }), one.chi2_corrected as Answer),
    chi2: (one) =>
      checkTable(one.table, chiSquaredOfTable(one.table as Table, { yates: false }), one.chi2 as Answer) ?? checkProportions(one),
    chi2_after_dropping_empty_columns: (one) =>
      checkTable(one.table, chiSquaredOfTable(one.table as Table, { yates: false }), one.chi2_after_dropping_empty_columns as Answer),
    // Far above 1,000 rows the reference's terms cancel: of 6.45371561773657118 it has 11 digits, we have 14.
    g: (one) => checkTable(one.table, gTestOfTable(one.table as Table), one.g as Answer, 1e-11),
    chisquare_ref_as_expected: checkFit,
    'fisher_two-sided': (one) => checkFisher(one, 'two-sided'),
    fisher_less: (one) => checkFisher(one, 'less'),
    fisher_greater: (one) => checkFisher(one, 'greater'),
    jensenshannon_base2: (one) => checkDistance(one, (p, q) => jensenShannonDistance(p, q, '2'), 'jensenshannon_base2'),
    jensenshannon_base_e: (one) => checkDistance(one, (p, q) => jensenShannonDistance(p, q, 'e'), 'jensenshannon_base_e'),
    'psi_floor_1e-4': (one) => checkDistance(one, (p, q) => populationStabilityIndex(p, q, 'fixed'), 'psi_floor_1e-4'),
    hellinger: (one) => checkDistance(one, hellingerDistance, 'hellinger'),
    total_variation: (one) => checkDistance(one, totalVariationDistance, 'total_variation'),
    l_infinity: (one) => checkDistance(one, lInfinityDistance, 'l_infinity'),
  },
  multiple_testing: Object.fromEntries(
    Object.entries(CORRECTIONS).flatMap(([method, adjust]): [string, TestCheck][] => [
      [method, (one) => checkAdjusted(adjust(one.p as number[]), one[method] as number[])],
      [`${method}_reject_0.05`, (one) => checkRejected(adjust(one.p as number[]), one[`${method}_reject_0.05`] as number[])],
    ]),
  ),
  sliding: { rows: checkSliding },
  mmd: { mmd2_unbiased: checkMmd },
  python_random: RANDOM_TESTS,
};

export const TAILS: { readonly [name: string]: (...of: number[]) => number } = {
  chi2_sf: (x, degrees) => chiSquaredUpperTail(x!, degrees!),
  chi2_isf: (p, degrees) => chiSquaredUpperQuantile(p!, degrees!),
  kolmogorov_sf: (z) => kolmogorovLimitUpperTail(z!),
  kstwo_sf: (x, n) => kolmogorovUpperTail(n!, x!),
  norm_sf: (z) => normalUpperTail(z!),
  norm_isf: (p) => normalUpperQuantile(p!),
  gammaln: (x) => logGamma(x!),
  betainc: (a, b, x) => incompleteBeta(a!, b!, x!),
};

/** Fields of a case that describe it, or that the check of another field covers. */
export const DESCRIPTIONS: ReadonlySet<string> = new Set([
  ...['name', 'a', 'b', 'n', 'check', 'table', 'error', 'p', 'std_a_ddof0'],
  ...['x', 'y', 'sigma', 'median_squared_distance', 'mmd2_biased'],
  ...['stream', 'window', 'reference', 'columns', 'seed'],
]);

const KS_METHODS = {
  auto: { method: 'auto', alternative: 'two-sided' },
  exact: { method: 'exact', alternative: 'two-sided' },
  asymp: { method: 'asymptotic', alternative: 'two-sided' },
  exact_less: { method: 'exact', alternative: 'less' },
  exact_greater: { method: 'exact', alternative: 'greater' },
  asymp_less: { method: 'asymptotic', alternative: 'less' },
  asymp_greater: { method: 'asymptotic', alternative: 'greater' },
} as const;

/**
 * Where the reference's own answer lost its digits: scipy's one-sided count for unequal sizes subtracts numbers of 10⁵⁰⁰ and more from each
 * other. In its place stands the count in whole numbers (test/detectors/ks.test.ts repeats it).
 */
const COUNTED: { readonly [caseAndMethod: string]: number } = { 'floor5-1000 exact_greater': 8.166828440876488e-12 };

function checkKs(one: TestCase): string | null {
  const first = Float64Array.from(sampleOf(one.a)).sort();
  const second = Float64Array.from(sampleOf(one.b)).sort();
  for (const [name, answer] of Object.entries(one.ks as { [method: string]: Answer })) {
    const chosen = KS_METHODS[name as keyof typeof KS_METHODS];
    if (chosen === undefined) return `no method ${name}`;
    const ours = ksTest(first, second, chosen);
    if (!(Math.abs(ours.statistic - answer.statistic) <= 1e-15)) return `${name}: D is ${ours.statistic}, not ${answer.statistic}`;
    if (answer.sign !== undefined && ours.sign !== answer.sign) return `${name}: sign is ${ours.sign}, not ${answer.sign}`;
    // The reference has no p-value for one value against one; ours is 1.
    const expected = COUNTED[`${one.name} ${name}`] ?? (answer.pvalue === 'NaN' ? 1 : answer.pvalue);
    const wide = name.startsWith('exact') || name === 'auto' ? Math.max(first.length, second.length) > 2000 : false;
    const wrong = near(`${name}: p`, ours.pValue, expected, wide ? 1e-6 : 1e-9);
    if (wrong !== null) return wrong;
  }
  return null;
}

function checkTable(
  table: unknown,
  ours: { readonly statistic: number; readonly pValue: number; readonly degreesOfFreedom: number } | null,
  answer: Answer,
  relative = 1e-12,
): string | null {
  if (answer.error !== undefined) {
    // The reference refuses empty rows and columns; we have no answer for the ones and leave the others out.
    const rows = table as Table;
    const emptyColumn = rows[0]!.some((_, column) => rows.every((row) => row[column] === 0));
    return ours === null || emptyColumn ? null : 'has an answer where the reference refuses';
  }
  if (ours === null) return 'has no answer';
  if (ours.degreesOfFreedom !== answer.dof) return `${ours.degreesOfFreedom} degrees of freedom, not ${answer.dof}`;
  return near('statistic', ours.statistic, answer.statistic, relative) ?? near('p', ours.pValue, answer.pvalue as number, 1e-9);
}

function checkFit(one: TestCase): string | null {
  const [reference = [], current = []] = one.table as Table;
  const answer = one.chisquare_ref_as_expected as { readonly statistic: number | string; readonly pvalue: number | string };
  const ours = goodnessOfFit(current, reference);
  if (ours === null) return 'has no answer';
  if (answer.statistic === 'Infinity') return ours.statistic === Number.MAX_VALUE && ours.pValue === 0 ? null : 'is not impossible';
  // The reference divides 0 by 0 in a cell that is empty on both sides, and has no law for a single cell.
  const statistic = answer.statistic === 'NaN' ? null : near('statistic', ours.statistic, Number(answer.statistic), 1e-12);
  const wanted = answer.pvalue === 'NaN' && ours.degreesOfFreedom > 0 ? ours.pValue : Number(answer.pvalue === 'NaN' ? 1 : answer.pvalue);
  return statistic ?? near('p', ours.pValue, wanted, 1e-9);
}

/** z² is chi-squared of the 2 × 2 table. */
function checkProportions(one: TestCase): string | null {
  const [[a = 0, b = 0, ...more] = [], [c = 0, d = 0] = [], ...rows] = one.table as Table;
  const answer = one.chi2 as Answer;
  if (more.length > 0 || rows.length > 0 || answer.error !== undefined || answer.dof !== 1) return null;
  const { statistic, pValue } = twoProportionTest(a, a + b, c, c + d, 'two-sided');
  return near('z²', statistic ** 2, answer.statistic, 1e-12) ?? near('p of z', pValue, answer.pvalue as number, 1e-9);
}

function checkFisher(one: TestCase, alternative: 'two-sided' | 'less' | 'greater'): string | null {
  const [[a = 0, b = 0] = [], [c = 0, d = 0] = []] = one.table as Table;
  const answer = one[`fisher_${alternative}`] as { readonly odds_ratio: number | string; readonly pvalue: number };
  const ours = fisherExact(
    [
      [a, b],
      [c, d],
    ],
    alternative,
  );
  const oddsRatio = Number(answer.odds_ratio);
  // The reference has no odds ratio where a margin is 0; ours is 1.
  const odds = Number.isNaN(oddsRatio) || ours.oddsRatio === oddsRatio ? null : near('odds ratio', ours.oddsRatio, oddsRatio, 1e-12);
  return odds ?? near('p', ours.pValue, answer.pvalue, 1e-9);
}

function checkDistance(
  one: TestCase,
  distance: (first: readonly number[], second: readonly number[]) => number,
  field: string,
): string | null {
  const [first = [], second = []] = one.table as Table;
  return within(field, distance(first, second), one[field] as number, 1e-12, 1e-9);
}

function checkPair(
  one: TestCase,
  distance: (first: readonly number[], second: readonly number[]) => number,
  expected: unknown,
  relative: number,
): string | null {
  return near('distance', distance(sampleOf(one.a), sampleOf(one.b)), Number(expected), relative);
}

/** Above 10,000 values the order of summation shows. */
function pairTolerance(one: TestCase, usual: number): number {
  return Math.max(...(one.n as number[])) > 10_000 ? 1e-9 : usual;
}

/** evidently's Wasserstein distance over the deviation, which is 0.001 at least. */
function checkNormed(one: TestCase): string | null {
  // Where the squares overflow the reference divides by infinity.
  if (one.std_a_ddof0 === 'Infinity') return null;
  const deviation = standardDeviation(boundedAscending(sampleOf(one.a)));
  return (
    within('deviation', deviation, one.std_a_ddof0 as number, 1e-300, 1e-12) ??
    checkPair(
      one,
      (a, b) => wassersteinDistance(a, b) / Math.max(deviation, 0.001),
      one.evidently_wasserstein_normed,
      pairTolerance(one, 1e-11),
    )
  );
}

function checkQuantilePsi(one: TestCase): string | null {
  const answer = one.psi_quantile10 as { readonly edges: readonly number[]; readonly psi: number };
  const [reference, current] = [sampleOf(one.a), sampleOf(one.b)];
  const edges = [...decileEdges(boundedAscending(reference))];
  const pair = new Bins('quantile', reference).pair(current);
  return (
    (edges.length === answer.edges.length ? null : `${edges.length} edges, not ${answer.edges.length}`) ??
    edges.map((edge, k) => within(`edge ${k}`, edge, answer.edges[k]!, 1e-15, 1e-15)).find((wrong) => wrong !== null) ??
    within('psi', populationStabilityIndex(pair.window, pair.reference, 'fixed'), answer.psi, 1e-14, 1e-9)
  );
}

interface EvidentlyAnswer {
  readonly psi: number;
  readonly jensenshannon_base_e_no_fill: number;
  readonly jensenshannon_base2_no_fill: number;
  readonly ref_counts: readonly number[];
  readonly cur_counts: readonly number[];
}

function checkEvidentlyBins(one: TestCase): string | null {
  const answer = one.evidently_bins as EvidentlyAnswer;
  const { window, reference } = new Bins('evidently', sampleOf(one.a)).pair(sampleOf(one.b));
  // Bins by value stand in the order of first appearance here, in that of the values there.
  const pairs = (ours: readonly number[], theirs: readonly number[]) => ours.map((count, bin) => `${count} ${theirs[bin]}`).sort();
  const [counted, expected] = [pairs(reference, window).join(), pairs(answer.ref_counts, answer.cur_counts).join()];
  if (counted !== expected) return `counts are ${counted}, not ${expected}`;
  return (
    within('psi', populationStabilityIndex(window, reference, 'evidently'), answer.psi, 1e-14, 1e-9) ??
    within('base e', jensenShannonDistance(window, reference, 'e'), answer.jensenshannon_base_e_no_fill, 1e-12, 1e-12) ??
    within('base 2', jensenShannonDistance(window, reference, '2'), answer.jensenshannon_base2_no_fill, 1e-12, 1e-12)
  );
}

const ASYMPTOTIC = { method: 'asymptotic', alternative: 'two-sided' } as const;

function checkSliding(one: TestCase, stream: (name: string) => Float64Array): string | null {
  const values = stream(one.stream as string);
  const size = one.window as number;
  const referenceN = one.reference as number;
  const expected = new Map((one.rows as number[][]).map(([index, ...answers]) => [index, answers] as const));
  const reference = [...values.subarray(0, referenceN)];
  const fixed = new SlidingKs(reference, size);
  const pair = new SlidingKsPair(size, referenceN);
  for (const [index, value] of values.entries()) {
    fixed.update(value);
    pair.update(value);
    const answers = expected.get(index);
    if (answers === undefined) continue;
    const [ksFixed, pFixed, ksSliding, pSliding, wasserstein] = answers as [number, number, number, number, number];
    const p = (statistic: number) => ksPValue(size, referenceN, Math.round(statistic * size * referenceN), ASYMPTOTIC);
    const wrong =
      within(`D after ${index}`, fixed.statistic!, ksFixed, 1e-15, 1e-13) ??
      within(`sliding D after ${index}`, pair.statistic!, ksSliding, 1e-15, 1e-13) ??
      near(`p after ${index}`, p(fixed.statistic!), pFixed, 1e-9) ??
      near(`sliding p after ${index}`, p(pair.statistic!), pSliding, 1e-9) ??
      near(`distance after ${index}`, wassersteinDistance(values.subarray(index + 1 - size, index + 1), reference), wasserstein, 1e-12);
    if (wrong !== null) return wrong;
    expected.delete(index);
  }
  return expected.size === 0 ? null : `${expected.size} rows are beyond the stream`;
}

interface MmdSample {
  readonly seed: number;
  readonly n: number;
  readonly d: number;
  readonly add?: number;
}

function checkMmd(one: TestCase): string | null {
  const rows = (sample: unknown): Rows => {
    const { seed, n, d, add = 0 } = sample as MmdSample;
    return { rows: n, columns: d, data: Float64Array.from(sampleOf({ f: 'uniform', seed, n: n * d, add })) };
  };
  const ours = mmdSquared(rows(one.x), rows(one.y));
  return (
    within('median', ours.medianSquaredDistance, one.median_squared_distance as number, 1e-12, 0) ??
    within('sigma', ours.sigma, one.sigma as number, 1e-12, 0) ??
    within('unbiased', ours.unbiased, one.mmd2_unbiased as number, 1e-12, 0) ??
    within('biased', ours.biased, one.mmd2_biased as number, 1e-12, 0)
  );
}

function checkAdjusted(ours: readonly number[], expected: readonly number[]): string | null {
  if (ours.length !== expected.length) return `${ours.length} values, not ${expected.length}`;
  for (const [index, value] of ours.entries()) {
    const wrong = near(`value ${index}`, value, expected[index]!, 1e-12);
    if (wrong !== null) return wrong;
  }
  return null;
}

function checkRejected(ours: readonly number[], expected: readonly number[]): string | null {
  return checkAdjusted(
    ours.map((value) => (value <= 0.05 ? 1 : 0)),
    expected.map(Number),
  );
}

/** What differs by more than `relative`, or null. */
export function near(what: string, ours: number, expected: number, relative: number): string | null {
  return isNear(ours, expected, relative) ? null : `${what} is ${ours}, not ${expected}`;
}

/** Below 1e-300 doubles have few digits left, and both count as 0. */
function isNear(ours: number, expected: number, relative: number): boolean {
  return Math.abs(ours - expected) <= Math.max(relative * Math.abs(expected), 1e-300);
}

function within(what: string, ours: number, expected: number, absolute: number, relative: number): string | null {
  return Math.abs(ours - expected) <= Math.max(absolute, relative * Math.abs(expected)) ? null : `${what} is ${ours}, not ${expected}`;
}
