/**
 * Total variation distance: what share of the rows would have to change bin or category to undo the difference?
 *
 * Statistic and effect: ½ Σ |p − q| over the bins or categories, in [0, 1]. p-value: see divergence-against.ts.
 *
 * Source: Levin, Peres. Markov Chains and Mixing Times. 2017, §4.1.
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed } from '../contracts/detector.ts';
import type { Category } from './categories-against.ts';
import { divergenceAgainst, divergenceOptions, divergenceSketched, sharesOf } from './divergence-against.ts';

/** The distance of two rows of counts over the same cells, neither of them empty. */
export function totalVariationDistance(first: readonly number[], second: readonly number[]): number {
  const [p, q] = [sharesOf(first), sharesOf(second)];
  let sum = 0;
  for (const [cell, share] of p.entries()) sum += Math.abs(share - q[cell]!);
  return Math.min(1, sum / 2);
}

/** Total variation distance. */
export const totalVariation = defineWindowed<typeof divergenceOptions, Category>({
  type: 'total-variation',
  summary: 'Measures what share of a window’s rows lies in other bins or categories than the reference’s would (total variation distance).',
  observes: 'any',
  effect: 'total_variation',
  options: divergenceOptions,
  prepare: (chosen, reference) => divergenceAgainst(chosen, reference, totalVariationDistance),
  sketched: divergenceSketched(() => totalVariationDistance),
});
