/**
 * G-test of homogeneity, by the likelihood ratio: do the window's categories come in the reference's proportions?
 *
 * A table of 2 × k counts as for chi-squared (chi-squared.ts), whose sparse cells are pooled alike.
 * Statistic: G = 2 Σ O·ln(O/E) with 0·ln 0 = 0, on k − 1 degrees of freedom. Effect: Cramér's V, both sides weighted alike.
 * Against chi-squared it weighs cells that are fuller than expected less and empty ones more.
 *
 * Source: Wilks. Annals of Mathematical Statistics 9, 1938; Sokal, Rohlf. Biometry. As scipy 1.17's `chi2_contingency` with
 * `lambda_="log-likelihood"` and without correction. Summed as Σ (O·ln(O/E) + E − O), whose terms cannot cancel (saddle-point.ts).
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { CountedCategories } from '../contracts/sketch.ts';
import { CategoriesAgainst, type Category } from './categories-against.ts';
import { chiSquaredUpperTail } from './chi-squared-tail.ts';
import { cramersV } from './cramers-v.ts';
import { deviance } from './saddle-point.ts';
import { poolAlike, type TableVerdict, testSparse } from './sparse-counts.ts';

const options = {
  minExpected: {
    type: 'number',
    minimum: 0,
    default: 5,
    description: 'Categories expected less often than this on either side are tested as one, exactly where that is rare too; 0 pools none.',
  },
} as const;

/** G, p-value and degrees of freedom of a table of counts `[rows][columns]`, columns without counts left out; null where a row is empty. */
export function gTestOfTable(table: readonly (readonly number[])[]): TableVerdict | null {
  const rowTotals = table.map((row) => row.reduce((sum, count) => sum + count, 0));
  if (rowTotals.length === 0 || rowTotals.includes(0)) return null;
  const total = rowTotals.reduce((sum, count) => sum + count, 0);
  let columns = 0;
  let half = 0;
  for (let column = 0; column < table[0]!.length; column++) {
    const columnTotal = table.reduce((sum, row) => sum + row[column]!, 0);
    if (columnTotal === 0) continue;
    columns++;
    for (const [row, rowTotal] of rowTotals.entries()) half += deviance(table[row]![column]!, (rowTotal * columnTotal) / total);
  }
  const degreesOfFreedom = (rowTotals.length - 1) * (columns - 1);
  if (degreesOfFreedom === 0) return { statistic: 0, pValue: 1, degreesOfFreedom };
  return { statistic: 2 * half, pValue: chiSquaredUpperTail(2 * half, degreesOfFreedom), degreesOfFreedom };
}

function against(chosen: OptionsOf<typeof options>, reference: readonly Category[] | CountedCategories): WindowedTest<Category> {
  return new CategoriesAgainst(reference, (counts) => {
    const result = testSparse(counts, chosen.minExpected, gTestOfTable);
    return result === null ? null : { ...result, effect: cramersV(...poolAlike(counts, chosen.minExpected)), note: null };
  });
}

/** G-test over categories. */
export const gTest = defineWindowed<typeof options, Category>({
  type: 'g-test',
  summary: 'Compares the shares of the categories in a window with the reference (likelihood-ratio G).',
  observes: 'category',
  effect: 'cramers_v',
  options,
  prepare: against,
  sketched: { refuses: () => null, prepare: (chosen, { categories }) => (categories === null ? null : against(chosen, categories)) },
});
