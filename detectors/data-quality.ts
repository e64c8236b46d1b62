/**
 * Tests of data quality: has a share of bad rows risen, has a column become constant?
 *
 * `shareRise` takes a 0 or 1 a row (missing or not, unseen or not). Its p-value is that of Fisher's exact test, one-sided: quality that
 * gets better is no finding. It holds for shares near 0, where the normal limit does not, and where the reference has none at all it is the
 * law of ranks: k of n beyond the most of m have probability C(n, k)/C(n + m, k). Statistic: the share now. Effect: its rise.
 *
 * `constantValue` takes a column's values as text. Where the window has a single value its p-value is the chance of that in n rows of the
 * reference, Σ pᵢⁿ over the shares pᵢ of the reference's values; else it is 1. Statistic: the share of the most frequent value now.
 * Effect, in a constant window: the share of the reference that has other values.
 *
 * Source: fisher-exact.ts.
 * Cost: linear in the window.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import { type Category, countsOf } from './categories-against.ts';
import { fisherExact } from './fisher-exact.ts';

class RiseAgainst implements WindowedTest<number> {
  readonly #hits: number;
  readonly #referenceN: number;

  constructor(reference: readonly number[]) {
    this.#hits = hitsIn(reference);
    this.#referenceN = reference.length;
  }

  test(window: readonly number[]): TestResult | null {
    const n = window.length;
    const m = this.#referenceN;
    if (n === 0 || m === 0) return null;
    const hits = hitsIn(window);
    const [share, usual] = [hits / n, this.#hits / m];
    const table = [
      [hits, n - hits],
      [this.#hits, m - this.#hits],
    ] as const;
    const { pValue } = fisherExact(table, 'greater');
    const note = `in ${percent(share)} of rows (reference ${percent(usual)})`;
    return { statistic: share, pValue, degreesOfFreedom: null, effect: Math.max(0, share - usual), n, referenceN: m, note };
  }
}

class ConstantAgainst implements WindowedTest<string> {
  readonly #counts: ReadonlyMap<Category, number>;
  readonly #referenceN: number;

  constructor(reference: readonly string[]) {
    this.#counts = countsOf(reference);
    this.#referenceN = reference.length;
  }

  test(window: readonly string[]): TestResult | null {
    const n = window.length;
    const m = this.#referenceN;
    if (n === 0 || m === 0) return null;
    const counts = countsOf(window);
    let most = 0;
    for (const share of shares(counts, n)) most = Math.max(most, share);
    const base = { statistic: most, degreesOfFreedom: null, n, referenceN: m };
    if (counts.size > 1) return { ...base, pValue: 1, effect: 0, note: null };
    const value = counts.keys().next().value ?? '';
    let chance = 0;
    for (const share of shares(this.#counts, m)) chance += share ** n;
    const others = 1 - (this.#counts.get(value) ?? 0) / m;
    const note = `one value in all ${n} rows (reference ${this.#counts.size} values)`;
    return { ...base, pValue: Math.min(1, chance), effect: others, note };
  }
}

function hitsIn(values: readonly number[]): number {
  let hits = 0;
  for (const value of values) if (value !== 0) hits++;
  return hits;
}

function* shares(counts: ReadonlyMap<Category, number>, total: number): Generator<number> {
  for (const count of counts.values()) yield count / total;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.001 ? 2 : 1)} %`;
}

/** Has a share risen above the reference's? */
export const shareRise = defineWindowed<Record<never, never>, number>({
  type: 'data-quality',
  summary: 'Tells whether a share of bad rows has risen above the reference’s (Fisher, one-sided).',
  observes: 'number',
  effect: 'share',
  options: {},
  prepare: (_, reference) => new RiseAgainst(reference),
});

/** Has a column become constant that was not? */
export const constantValue = defineWindowed<Record<never, never>, string>({
  type: 'data-quality',
  summary: 'Tells whether a column holds one value only that held others in the reference.',
  observes: 'category',
  effect: 'share',
  options: {},
  prepare: (_, reference) => new ConstantAgainst(reference),
});
