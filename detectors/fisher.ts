/**
 * Fisher's exact test: do two categories come in the reference's proportions, however few rows there are?
 *
 * Statistic: the odds ratio of the window against the reference, with ½ added to each count (Haldane 1956) so that it is a number for
 * empty cells too; above 1 where the first category (of the reference, in order of appearance) has become more frequent.
 * Effect: Cramér's V, both sides weighted alike (cramers-v.ts). The test: fisher-exact.ts.
 * With more than two categories, unseen ones included, it is chi-squared with its sparse cells pooled (chi-squared.ts), and the note says so.
 *
 * Source: see fisher-exact.ts.
 * Cost: linear in the window.
 */
import { defineWindowed, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { CountedCategories } from '../contracts/sketch.ts';
import { CategoriesAgainst, type Category } from './categories-against.ts';
import { chiSquaredOfSparse } from './chi-squared.ts';
import { cramersV } from './cramers-v.ts';
import { fisherExact } from './fisher-exact.ts';
import { poolAlike } from './sparse-counts.ts';

const options = {
  alternative: {
    type: 'string',
    enum: ['two-sided', 'less', 'greater'],
    default: 'two-sided',
    description:
      '`greater`: the reference’s first category has become more frequent; `less`: rarer. More than two categories have no sides.',
  },
} as const;

const MIN_EXPECTED = 5;

function against(chosen: OptionsOf<typeof options>, reference: readonly Category[] | CountedCategories): WindowedTest<Category> {
  return new CategoriesAgainst(reference, (counts) => {
    const [current, expected] = counts;
    if (current.length > 2) {
      const result = chiSquaredOfSparse(counts, MIN_EXPECTED);
      if (result === null) return null;
      return { ...result, effect: cramersV(...poolAlike(counts, MIN_EXPECTED)), note: 'more than two categories: chi-squared' };
    }
    const [a, b] = current;
    const [c, d] = expected;
    if (a === undefined || b === undefined || c === undefined || d === undefined) return null;
    const { pValue } = fisherExact(
      [
        [a, b],
        [c, d],
      ],
      chosen.alternative,
    );
    const statistic = ((a + 0.5) * (d + 0.5)) / ((b + 0.5) * (c + 0.5));
    return { statistic, pValue, degreesOfFreedom: null, effect: cramersV(...counts), note: null };
  });
}

/** Fisher's exact test over two categories. */
export const fisher = defineWindowed<typeof options, Category>({
  type: 'fisher',
  summary: 'Compares the shares of two categories with the reference exactly, for few rows (Fisher); of more than two as `chi-squared`.',
  observes: 'category',
  effect: 'cramers_v',
  options,
  prepare: against,
  sketched: { refuses: () => null, prepare: (chosen, { categories }) => (categories === null ? null : against(chosen, categories)) },
});
