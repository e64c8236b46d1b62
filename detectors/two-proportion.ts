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
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { type Category, countsOf } from './categories-against.ts';
import { normalUpperTail } from './normal-tail.ts';
import { binOf } from './sketches/reference-bins.ts';

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

/** What is known of the reference. */
interface Share {
  /** The category whose share is watched, or null for all numbers but 0. */
  readonly category: Category | null;
  readonly hits: number;
  readonly n: number;
}

class ShareAgainst implements WindowedTest<Category> {
  readonly #alternative: Alternative;
  readonly #category: Category | null;
  readonly #hits: number;
  readonly #referenceN: number;

  constructor(alternative: Alternative, { category, hits, n }: Share) {
    this.#alternative = alternative;
    this.#category = category;
    this.#hits = hits;
    this.#referenceN = n;
  }

  test(window: readonly Category[]): TestResult | null {
    const n = window.length;
    const m = this.#referenceN;
    if (n === 0 || m === 0) return null;
    const hits = hitsIn(window, this.#category);
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
}

function hitsIn(values: readonly Category[], category: Category | null): number {
  let hits = 0;
  if (category === null) for (const value of values) hits += value === 0 ? 0 : 1;
  else for (const value of values) hits += value === category ? 1 : 0;
  return hits;
}

function shareOf(reference: readonly Category[]): Share {
  const category = reference.every((value) => typeof value === 'number') ? null : mostFrequent(countsOf(reference));
  return { category, hits: hitsIn(reference, category), n: reference.length };
}

/** 0 has a bin of its own. */
function sketchedShare({ n, numbers, categories }: ReferenceSketch): Share | null {
  if (categories !== null) {
    const category = mostFrequent(categories.counts);
    return { category, hits: categories.counts.get(category) ?? 0, n };
  }
  const bins = numbers?.bins ?? null;
  return bins === null ? null : { category: null, hits: n - bins.counts[binOf(bins.uppers, 0)]!, n };
}

function mostFrequent<C extends Category>(counts: ReadonlyMap<C, number>): C | '' {
  let most: C | '' = '';
  let count = 0;
  for (const [category, times] of counts) if (times > count) [most, count] = [category, times];
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
  prepare: (chosen, reference) => new ShareAgainst(chosen.alternative, shareOf(reference)),
  sketched: {
    refuses: () => null,
    prepare: ({ alternative }, reference) => {
      const share = sketchedShare(reference);
      return share === null ? null : new ShareAgainst(alternative, share);
    },
  },
});
