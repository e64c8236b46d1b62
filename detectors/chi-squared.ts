/**
 * Pearson's chi-squared test of homogeneity: do the window's categories come in the reference's proportions?
 *
 * A table of 2 × k counts over the union of the categories; each cell is compared with row · column / total.
 * Statistic: Σ (O − E)²/E on k − 1 degrees of freedom, at 2 × 2 with Yates' correction: |O − E| less min(½, |O − E|).
 * Effect: Cramér's V = √(χ²/total) of the uncorrected statistic, for a table of two rows.
 *
 * Source: Pearson 1900; Yates 1934; Cramér. Mathematical Methods of Statistics. 1946, §21.9. As scipy 1.17's `chi2_contingency`.
 * Deviation (not under `minExpected: 0`): categories whose expected count on either side is below `minExpected` are pooled into
 * one cell, and that with the rarest other one where it is still too small: the law holds only for filled cells (Cochran 1954).
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { chiSquaredUpperTail } from './chi-squared-tail.ts';

const options = {
  yates: { type: 'boolean', default: true, description: 'Yates’ correction for continuity, where there are two categories.' },
  minExpected: {
    type: 'number',
    minimum: 0,
    default: 5,
    description: 'Categories expected less often than this on either side are pooled; 0 pools none.',
  },
} as const;

type ChiSquaredOptions = OptionsOf<typeof options>;
type Category = number | string;

const MOST_NAMED = 5;
const LONGEST_NAME = 40;

/** What `chiSquaredOfTable` finds. */
export interface TableResult {
  readonly statistic: number;
  readonly pValue: number;
  readonly degreesOfFreedom: number;
  readonly cramersV: number;
}

/**
 * Pearson's test on a table of counts `[rows][columns]`, columns without counts left out; null where a row is empty.
 * A single row or column has statistic 0 and p-value 1.
 */
export function chiSquaredOfTable(table: readonly (readonly number[])[], chosen: { readonly yates: boolean }): TableResult | null {
  const rowTotals = table.map((row) => row.reduce((sum, count) => sum + count, 0));
  if (rowTotals.length === 0 || rowTotals.includes(0)) return null;
  const total = rowTotals.reduce((sum, count) => sum + count, 0);
  let columns = 0;
  let plain = 0;
  let corrected = 0;
  for (let column = 0; column < table[0]!.length; column++) {
    const columnTotal = table.reduce((sum, row) => sum + row[column]!, 0);
    if (columnTotal === 0) continue;
    columns++;
    for (const [row, rowTotal] of rowTotals.entries()) {
      const expected = (rowTotal * columnTotal) / total;
      const difference = Math.abs(table[row]![column]! - expected);
      plain += (difference * difference) / expected;
      corrected += (difference - Math.min(0.5, difference)) ** 2 / expected;
    }
  }
  const degreesOfFreedom = (rowTotals.length - 1) * (columns - 1);
  if (degreesOfFreedom === 0) return { statistic: 0, pValue: 1, degreesOfFreedom, cramersV: 0 };
  const statistic = chosen.yates && degreesOfFreedom === 1 ? corrected : plain;
  return {
    statistic,
    pValue: chiSquaredUpperTail(statistic, degreesOfFreedom),
    degreesOfFreedom,
    cramersV: Math.min(1, Math.sqrt(plain / (total * (Math.min(rowTotals.length, columns) - 1)))),
  };
}

class ChiSquaredAgainst implements WindowedTest<Category> {
  readonly #options: ChiSquaredOptions;
  readonly #reference: ReadonlyMap<Category, number>;
  readonly #referenceN: number;

  constructor(chosen: ChiSquaredOptions, reference: readonly Category[]) {
    this.#options = chosen;
    this.#reference = countsOf(reference);
    this.#referenceN = reference.length;
  }

  test(window: readonly Category[]): TestResult | null {
    if (window.length === 0 || this.#referenceN === 0) return null;
    const counts = countsOf(window);
    const current: number[] = [];
    const expected: number[] = [];
    for (const [category, count] of this.#reference) {
      current.push(counts.get(category) ?? 0);
      expected.push(count);
    }
    const unseen: Category[] = [];
    for (const [category, count] of counts) {
      if (this.#reference.has(category)) continue;
      unseen.push(category);
      current.push(count);
      expected.push(0);
    }
    const result = chiSquaredOfTable(poolSparse(current, expected, this.#options.minExpected), this.#options);
    if (result === null || result.degreesOfFreedom === 0) return null;
    return {
      statistic: result.statistic,
      pValue: result.pValue,
      degreesOfFreedom: result.degreesOfFreedom,
      effect: result.cramersV,
      n: window.length,
      referenceN: this.#referenceN,
      note: unseen.length === 0 ? null : unseenNote(unseen),
    };
  }
}

/** The two rows with every column that is expected less than `minExpected` times in either of them pooled into one. */
export function poolSparse(first: readonly number[], second: readonly number[], minExpected: number): [number[], number[]] {
  const firstTotal = first.reduce((sum, count) => sum + count, 0);
  const secondTotal = second.reduce((sum, count) => sum + count, 0);
  // A column's expected count in the smaller row is its total times that row's share.
  const enough = (minExpected * (firstTotal + secondTotal)) / Math.min(firstTotal, secondTotal);
  const rows: [number[], number[]] = [[], []];
  let pooledFirst = 0;
  let pooledSecond = 0;
  for (const [column, count] of first.entries()) {
    const other = second[column]!;
    if (count + other >= enough) {
      rows[0].push(count);
      rows[1].push(other);
    } else {
      pooledFirst += count;
      pooledSecond += other;
    }
  }
  const pooled = pooledFirst + pooledSecond;
  if (pooled === 0) return rows;
  if (pooled < enough && rows[0].length > 0) {
    let rarest = 0;
    for (let column = 1; column < rows[0].length; column++) {
      if (rows[0][column]! + rows[1][column]! < rows[0][rarest]! + rows[1][rarest]!) rarest = column;
    }
    rows[0][rarest]! += pooledFirst;
    rows[1][rarest]! += pooledSecond;
  } else {
    rows[0].push(pooledFirst);
    rows[1].push(pooledSecond);
  }
  return rows;
}

function countsOf(values: readonly Category[]): Map<Category, number> {
  const counts = new Map<Category, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function unseenNote(unseen: readonly Category[]): string {
  const named = unseen.slice(0, MOST_NAMED).map((category) => {
    const name = String(category);
    return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
  });
  const more = unseen.length - named.length;
  return `unseen: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Chi-squared over categories. */
export const chiSquared = defineWindowed<typeof options, Category>({
  type: 'chi-squared',
  summary: 'Compares the shares of the categories in a window with the reference (Pearson’s chi-squared).',
  observes: 'category',
  effect: 'cramers_v',
  options,
  prepare: (chosen, reference) => new ChiSquaredAgainst(chosen, reference),
});
