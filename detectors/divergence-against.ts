/**
 * What the divergences share: numbers in bins or categories, counted on both sides, a distance of the shares, and a p-value for it.
 *
 * Jensen–Shannon's divergence, PSI and Hellinger's squared distance are all, near 0, a multiple of Σ (p − q)²/(p + q): under the null
 * hypothesis 8·JS, PSI and 8·H², over 1/n + 1/m, follow the chi-squared law. So the p-value is that of Pearson's test on the same counts,
 * sparse ones as sparse-counts.ts has it; it says whether the shares differ, and the distance how much.
 *
 * Source: Liese, Vajda. Convex Statistical Distances. 1987, for f-divergences; for PSI Yurdakul, Naranjo. Journal of Risk Model Validation
 * 14, 2020.
 */
import type { TestResult, WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { type BinnedPair, Bins } from './bins.ts';
import { CategoriesAgainst, type Category, type CountsTest } from './categories-against.ts';
import { chiSquaredOfSparse } from './chi-squared.ts';
import { poolAlike } from './sparse-counts.ts';

/** The options of every divergence. */
export const divergenceOptions = {
  bins: {
    type: 'string',
    enum: ['auto', 'quantile', 'evidently'],
    default: 'auto',
    description:
      'Bins of numbers. `quantile`: the reference’s deciles; `auto`: by value where the reference has at most 20 different ones, else deciles; `evidently`: as that library, by value or Sturges’ rule over both samples.',
  },
  minExpected: {
    type: 'number',
    minimum: 0,
    default: 5,
    description:
      'Bins and categories that would come less often than this on a side, had both as many rows as the smaller one, are pooled before the distance is taken; 0 pools none.',
  },
} as const;

type DivergenceOptions = OptionsOf<typeof divergenceOptions>;

/** A distance of two rows of counts over the same cells, neither of them empty. Finite, from 0. */
export type Divergence = (current: readonly number[], expected: readonly number[]) => number;

/** The p-value's cells hold at least so many expected, as the law is a limit. */
const MIN_EXPECTED = 5;

/** A divergence with its reference in bins, or counted where it holds categories. */
export function divergenceAgainst(
  chosen: DivergenceOptions,
  reference: readonly Category[],
  divergence: Divergence,
): WindowedTest<Category> {
  const numbers = reference.filter((value) => typeof value === 'number');
  if (numbers.length < reference.length || numbers.length === 0)
    return new CategoriesAgainst(reference, testOf(divergence, chosen.minExpected));
  return new BinsAgainst(new Bins(chosen.bins, numbers), testOf(divergence, chosen.bins === 'evidently' ? 0 : chosen.minExpected));
}

/** What the definition of every divergence says of sketches. */
export function divergenceSketched<O extends DivergenceOptions>(divergenceFor: (chosen: O) => Divergence) {
  return {
    refuses: ({ bins }: O) => (bins === 'evidently' ? '`bins: evidently` needs the values of the reference: use `auto`' : null),
    prepare(chosen: O, { numbers, categories }: ReferenceSketch): WindowedTest<Category> | null {
      const test = testOf(divergenceFor(chosen), chosen.minExpected);
      if (categories !== null) return new CategoriesAgainst(categories, test);
      const counted = numbers?.bins ?? null;
      return counted === null ? null : new BinsAgainst(new Bins(chosen.bins, counted), test);
    },
  };
}

/** Shares of counts, whose sum is not 0. */
export function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

function testOf(divergence: Divergence, minExpected: number): CountsTest {
  return (counts) => {
    const cells = poolAlike(counts, minExpected);
    // A single cell says nothing: whatever fell into it was pooled.
    if (cells[0].length < 2) return null;
    const result = chiSquaredOfSparse(counts, MIN_EXPECTED);
    const distance = divergence(...cells);
    return {
      statistic: distance,
      pValue: result?.pValue ?? 1,
      degreesOfFreedom: result?.degreesOfFreedom ?? 0,
      effect: distance,
      note: null,
    };
  };
}

class BinsAgainst implements WindowedTest<Category> {
  readonly #bins: Bins;
  readonly #testCounts: CountsTest;

  constructor(bins: Bins, testCounts: CountsTest) {
    this.#bins = bins;
    this.#testCounts = testCounts;
  }

  test(window: readonly Category[]): TestResult | null {
    // What is no number has no bin.
    const values = window.filter((value) => typeof value === 'number' && !Number.isNaN(value)) as number[];
    if (values.length === 0 || this.#bins.referenceN === 0) return null;
    const pair: BinnedPair = this.#bins.pair(values);
    const result = this.#testCounts([pair.window, pair.reference]);
    return result === null ? null : { ...result, n: values.length, referenceN: this.#bins.referenceN };
  }
}
