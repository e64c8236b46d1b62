/**
 * The tests of a comparison, on sorted numbers and on counts.
 */
import { chiSquaredOfSparse } from '../../detectors/chi-squared.ts';
import { cramersV } from '../../detectors/cramers-v.ts';
import { fisherExact } from '../../detectors/fisher-exact.ts';
import { ksGaps, ksTest } from '../../detectors/ks.ts';
import { poolAlike } from '../../detectors/sparse-counts.ts';
import { wassersteinDistance } from '../../detectors/wasserstein.ts';
import type { Summary, Test } from './columns.ts';
import { quantile } from './picture.ts';

const KS_OPTIONS = { method: 'auto', alternative: 'two-sided' } as const;
/** Steps that an exact p-value may take: some milliseconds a column. */
const MOST_STEPS = 3e5;
/** Expected counts below this call for pooling, and at 2 × 2 for Fisher's test. */
const MIN_EXPECTED = 5;
/** Factors between units that people use. */
const UNITS: readonly (readonly [number, number, string])[] = [
  ...[10, 100, 1_000, 1e6, 1e9, 60, 3_600, 86_400, 24, 1_024, 2.54, 1.609344, 0.45359237].flatMap((factor): [number, number, string][] => [
    [factor, 0, `× ${factor}`],
    [1 / factor, 0, `÷ ${factor}`],
  ]),
  [1.8, 32, '× 1.8 + 32'],
  [1 / 1.8, -32 / 1.8, '(x − 32) ÷ 1.8'],
];

/** What a two-sample test of numbers says. */
export interface NumbersTest {
  readonly test: Test;
  /** -1: the current values are smaller. */
  readonly direction: 1 | -1;
  readonly wasserstein: number | null;
}

/** Kolmogorov–Smirnov and the Wasserstein distance; both sides ascending, neither empty. */
export function testNumbers(reference: Float64Array, current: Float64Array, q: number): NumbersTest {
  const { statistic, pValue, sign } = ksTest(current, reference, KS_OPTIONS, MOST_STEPS);
  const n = current.length;
  const referenceN = reference.length;
  const { deviation } = summaryOf(reference);
  const distance = wassersteinDistance(reference, current) / deviation;
  return {
    test: {
      type: 'ks',
      statistic,
      corrected: false,
      degreesOfFreedom: null,
      pValue,
      adjustedPValue: pValue,
      effect: statistic,
      effectName: 'D',
      visible: Math.min(1, Math.sqrt((-Math.log(q / 2) / 2) * (1 / n + 1 / referenceN))),
      n,
      referenceN,
    },
    direction: sign === 1 ? -1 : 1,
    wasserstein: Number.isFinite(distance) ? distance : null,
  };
}

/** Chi-squared with sparse categories pooled, or Fisher where two categories are few; null where one category is all there is. */
export function testCounts(reference: ReadonlyMap<string, number>, current: ReadonlyMap<string, number>, q: number): Test | null {
  const labels = [...new Set([...reference.keys(), ...current.keys()])];
  const before = labels.map((label) => reference.get(label) ?? 0);
  const now = labels.map((label) => current.get(label) ?? 0);
  const referenceN = before.reduce((all, count) => all + count, 0);
  const n = now.reduce((all, count) => all + count, 0);
  const sides = { effectName: 'cramers_v', n, referenceN } as const;
  if (labels.length < 2 || n === 0 || referenceN === 0) return null;
  const rarest = before.reduce((least, count, place) => Math.min(least, count + now[place]!), Infinity);
  const least = rarest * (Math.min(n, referenceN) / (n + referenceN));
  if (labels.length === 2 && least < MIN_EXPECTED) {
    const { pValue, oddsRatio } = fisherExact([
      [now[0]!, now[1]!],
      [before[0]!, before[1]!],
    ]);
    const corrected = !Number.isFinite(oddsRatio);
    return {
      type: 'fisher',
      statistic: corrected ? ((now[0]! + 0.5) * (before[1]! + 0.5)) / ((now[1]! + 0.5) * (before[0]! + 0.5)) : oddsRatio,
      corrected,
      degreesOfFreedom: null,
      pValue,
      adjustedPValue: pValue,
      effect: cramersV(now, before),
      visible: visibleV(1, n, referenceN, q),
      ...sides,
    };
  }
  const result = chiSquaredOfSparse([now, before], MIN_EXPECTED);
  if (result === null) return null;
  const { statistic, degreesOfFreedom, pValue } = result;
  return {
    type: 'chi-squared',
    statistic,
    corrected: false,
    degreesOfFreedom,
    pValue,
    adjustedPValue: pValue,
    effect: cramersV(...poolAlike([now, before], MIN_EXPECTED)),
    visible: visibleV(degreesOfFreedom, n, referenceN, q),
    ...sides,
  };
}

/** Cohen's h: the difference of two shares on a scale on which it is equally easy to see everywhere. Cohen 1988, §6.2. */
export function cohensH(one: number, other: number): number {
  return Math.abs(2 * Math.asin(Math.sqrt(one)) - 2 * Math.asin(Math.sqrt(other)));
}

/** How the current values may have been made of the reference's, where a change of units explains nearly all of a large difference. */
export function otherUnits(reference: Float64Array, current: Float64Array, effect: number): string | null {
  if (effect < 0.5) return null;
  const [before, now] = [quantile(reference, 0.5), quantile(current, 0.5)];
  const spread = Math.abs(quantile(current, 0.75) - quantile(current, 0.25)) + Math.abs(now) * 0.05;
  for (const [factor, offset, words] of UNITS) {
    if (Math.abs(before * factor + offset - now) > spread) continue;
    const changed = reference.map((value) => value * factor + offset);
    const { above, below } = ksGaps(changed, current);
    if (Math.max(above, below) / (reference.length * current.length) < effect / 4) return words;
  }
  return null;
}

/** Figures of ascending numbers, at least one. */
export function summaryOf(ascending: Float64Array): Summary {
  const n = ascending.length;
  const median = quantile(ascending, 0.5);
  // Where squares would overflow, all is reckoned in units of the largest value.
  const largest = Math.max(Math.abs(ascending[0]!), Math.abs(ascending[n - 1]!));
  const unit = largest > 1e150 ? largest : 1;
  const origin = median / unit;
  let sum = 0;
  let squares = 0;
  // About the median: the squares of a large offset would swallow a small spread.
  for (const value of ascending) {
    const difference = value / unit - origin;
    sum += difference;
    squares += difference * difference;
  }
  const variance = n > 1 ? (squares - (sum * sum) / n) / (n - 1) : 0;
  return {
    mean: (origin + sum / n) * unit,
    deviation: Math.min(Number.MAX_VALUE, Math.sqrt(Math.max(0, variance)) * unit),
    min: ascending[0]!,
    quartiles: [quantile(ascending, 0.25), median, quantile(ascending, 0.75)],
    max: ascending[n - 1]!,
  };
}

/** The V whose chi-squared, near 0 4·V²/(1/n + 1/m), is significant at q: quantile by Wilson and Hilferty 1931. */
function visibleV(degreesOfFreedom: number, n: number, referenceN: number, q: number): number {
  const spread = 2 / (9 * degreesOfFreedom);
  const critical = degreesOfFreedom * (1 - spread + upperNormal(q) * Math.sqrt(spread)) ** 3;
  return Math.min(1, Math.sqrt((critical / 4) * (1 / n + 1 / referenceN)));
}

/** z with P(Z > z) = q. Abramowitz and Stegun 26.2.23, to 4.5e-4. */
function upperNormal(q: number): number {
  const tail = Math.min(q, 1 - q);
  const t = Math.sqrt(-2 * Math.log(tail));
  const z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3);
  return q <= 0.5 ? z : -z;
}
