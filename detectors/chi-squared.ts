/**
 * Pearson's chi-squared test of homogeneity: do the window's categories come in the reference's proportions?
 *
 * A table of 2 × k counts over the union of the categories; each cell is compared with row · column / total.
 * Statistic: Σ (O − E)²/E on k − 1 degrees of freedom, at 2 × 2 with Yates' correction: |O − E| less min(½, |O − E|).
 * Effect: Cramér's V, both sides weighted alike (cramers-v.ts).
 *
 * Source: Pearson 1900; Yates 1934. As scipy 1.17's `chi2_contingency`.
 * Deviation (not under `minExpected: 0`): categories whose expected count on either side is below `minExpected` are pooled (sparse-counts.ts).
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { CountedCategories } from '../contracts/sketch.ts';
import { CategoriesAgainst, type Category } from './categories-against.ts';
import { chiSquaredUpperTail } from './chi-squared-tail.ts';
import { cramersV } from './cramers-v.ts';
import { type Counts, poolAlike, type TableVerdict, testSparse } from './sparse-counts.ts';

const options = {
  yates: { type: 'boolean', default: true, description: 'Yates’ correction for continuity, where there are two categories.' },
  minExpected: {
    type: 'number',
    minimum: 0,
    default: 5,
    description: 'Categories expected less often than this on either side are tested as one, exactly where that is rare too; 0 pools none.',
  },
  form: {
    type: 'string',
    enum: ['homogeneity', 'goodness-of-fit'],
    default: 'homogeneity',
    description:
      '`goodness-of-fit` takes the reference’s shares as exact, as evidently does: a category that it has not seen is then impossible (p = 0).',
  },
} as const;

/**
 * Pearson's test on a table of counts `[rows][columns]`, columns without counts left out; null where a row is empty.
 * A single row or column has statistic 0 and p-value 1.
 */
export function chiSquaredOfTable(table: readonly (readonly number[])[], chosen: { readonly yates: boolean }): TableVerdict | null {
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
  if (degreesOfFreedom === 0) return { statistic: 0, pValue: 1, degreesOfFreedom };
  const statistic = chosen.yates && degreesOfFreedom === 1 ? corrected : plain;
  return { statistic, pValue: chiSquaredUpperTail(statistic, degreesOfFreedom), degreesOfFreedom };
}

/** The same of two rows, with Yates' correction, that may be sparse (sparse-counts.ts); null also where nothing varies. */
export function chiSquaredOfSparse(counts: Counts, minExpected: number): TableVerdict | null {
  return testSparse(counts, minExpected, (table) => chiSquaredOfTable(table, { yates: true }));
}

/**
 * Pearson's test of counts against the shares of others, taken as exact; null where either has none. Cells empty in both are left out. Where
 * one is expected to be empty and is not, the statistic is the largest double and p = 0.
 */
export function goodnessOfFit(current: readonly number[], reference: readonly number[]): TableVerdict | null {
  const table = chiSquaredOfTable([current, reference], { yates: false });
  if (table === null) return null;
  const scale = current.reduce((sum, count) => sum + count, 0) / reference.reduce((sum, count) => sum + count, 0);
  let statistic = 0;
  for (const [column, count] of current.entries()) {
    const expected = reference[column]! * scale;
    if (count !== expected) statistic += (count - expected) ** 2 / expected;
  }
  statistic = Math.min(Number.MAX_VALUE, statistic);
  return { ...table, statistic, pValue: statistic === Number.MAX_VALUE ? 0 : chiSquaredUpperTail(statistic, table.degreesOfFreedom) };
}

function against(chosen: OptionsOf<typeof options>, reference: readonly Category[] | CountedCategories): WindowedTest<Category> {
  const { form, minExpected } = chosen;
  const test = ([current, expected]: Counts) =>
    form === 'homogeneity' ? chiSquaredOfTable([current, expected], chosen) : goodnessOfFit(current, expected);
  return new CategoriesAgainst(reference, (counts) => {
    const result = testSparse(counts, minExpected, test);
    return result === null ? null : { ...result, effect: cramersV(...poolAlike(counts, minExpected)), note: null };
  });
}

/** Chi-squared over categories. */
export const chiSquared = defineWindowed<typeof options, Category>({
  type: 'chi-squared',
  summary: 'Compares the shares of the categories in a window with the reference (Pearson’s chi-squared).',
  observes: 'category',
  effect: 'cramers_v',
  options,
  prepare: against,
  sketched: { refuses: () => null, prepare: (chosen, { categories }) => (categories === null ? null : against(chosen, categories)) },
});
