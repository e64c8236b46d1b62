/**
 * Two-proportion z-test: has one share changed?
 *
 * The share is that of the values other than 0 where the reference holds numbers (true counts as 1), and else that of its most frequent
 * category. Statistic: z = (p − q) / √(r(1 − r)(1/n + 1/m)) with the pooled share r; its square is Pearson's chi-squared without correction.
 * Effect: |p − q|.
 *
 * Source: Fleiss, Levin, Paik. Statistical Methods for Rates and Proportions. 2003, §3.1. As statsmodels' `proportions_ztest`.
 * The law is the normal limit: for fewer than five expected on either side take `fisher`.
 * Cost: linear in the window.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import { type Category, countsOf } from './categories-against.ts';
import { normalUpperTail } from './normal-tail.ts';

const options = {
  alternative: {
    type: 'string',
    enum: ['two-sided', 'less', 'greater'],
    default: 'two-sided',
    description: '`greater`: the share has risen; `less`: fallen.',
  },
} as const;

type Alternative = 'two-sided' | 'less' | 'greater';

/** z and p-value of `hits` among n against `otherHits` among m, both n and m at least 1; z is 0 where all or none are hits. */
export function twoProportionTest(
  hits: number,
  n: number,
  otherHits: number,
  m: number,
  alternative: Alternative,
): { readonly statistic: number; readonly pValue: number } {
  const pooled = (hits + otherHits) / (n + m);
  // Over the common denominator, where equal shares give 0 and not a rounding error.
  const difference = (hits * m - otherHits * n) / (n * m);
  const variance = pooled * ((n - hits + (m - otherHits)) / (n + m)) * (1 / n + 1 / m);
  const statistic = variance > 0 ? difference / Math.sqrt(variance) : 0;
  const pValue =
    alternative === 'two-sided'
      ? Math.min(1, 2 * normalUpperTail(Math.abs(statistic)))
      : normalUpperTail(alternative === 'less' ? -statistic : statistic);
  return { statistic, pValue };
}

class ShareAgainst implements WindowedTest<Category> {
  readonly #alternative: Alternative;
  /** The category whose share is watched, or null for all numbers but 0. */
  readonly #category: Category | null;
  readonly #hits: number;
  readonly #referenceN: number;

  constructor(alternative: Alternative, reference: readonly Category[]) {
    this.#alternative = alternative;
    this.#category = reference.every((value) => typeof value === 'number') ? null : mostFrequent(reference);
    this.#hits = this.#hitsIn(reference);
    this.#referenceN = reference.length;
  }

  test(window: readonly Category[]): TestResult | null {
    const n = window.length;
    const m = this.#referenceN;
    if (n === 0 || m === 0) return null;
    const hits = this.#hitsIn(window);
    const { statistic, pValue } = twoProportionTest(hits, n, this.#hits, m, this.#alternative);
    return {
      statistic,
      pValue,
      degreesOfFreedom: null,
      effect: Math.abs(hits * m - this.#hits * n) / (n * m),
      n,
      referenceN: m,
      note: `share ${percent(hits / n)} (reference ${percent(this.#hits / m)})`,
    };
  }

  #hitsIn(values: readonly Category[]): number {
    let hits = 0;
    if (this.#category === null) for (const value of values) hits += value === 0 ? 0 : 1;
    else for (const value of values) hits += value === this.#category ? 1 : 0;
    return hits;
  }
}

function mostFrequent(values: readonly Category[]): Category {
  let most: Category = '';
  let count = 0;
  for (const [category, times] of countsOf(values)) if (times > count) [most, count] = [category, times];
  return most;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Two-proportion z-test. */
export const twoProportion = defineWindowed<typeof options, Category>({
  type: 'two-proportion',
  summary: 'Compares one share with the reference: that of values other than 0, or of the most frequent category (z-test).',
  observes: 'any',
  effect: 'difference',
  options,
  prepare: (chosen, reference) => new ShareAgainst(chosen.alternative, reference),
});
