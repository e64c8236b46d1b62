/**
 * L-infinity distance: by how much has the share changed that changed most?
 *
 * Statistic and effect: max |p − q| over the bins or categories, in [0, 1]; the measure of TensorFlow Data Validation and Vertex AI for
 * categories. p-value: see divergence-against.ts.
 *
 * Source: Breck, Polyzotis, Roy, Whang, Zinkevich. Data Validation for Machine Learning. SysML 2019, §3.2.
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed } from '../contracts/detector.ts';
import type { Category } from './categories-against.ts';
import { divergenceAgainst, divergenceOptions, divergenceSketched, sharesOf } from './divergence-against.ts';

/** The distance of two rows of counts over the same cells, neither of them empty. */
export function lInfinityDistance(first: readonly number[], second: readonly number[]): number {
  const [p, q] = [sharesOf(first), sharesOf(second)];
  let largest = 0;
  for (const [cell, share] of p.entries()) largest = Math.max(largest, Math.abs(share - q[cell]!));
  return largest;
}

/** L-infinity distance. */
export const lInfinity = defineWindowed<typeof divergenceOptions, Category>({
  type: 'l-infinity',
  summary: 'Measures the largest change of a share, of a bin or a category, from the reference (L-infinity distance).',
  observes: 'any',
  effect: 'l_infinity',
  options: divergenceOptions,
  prepare: (chosen, reference) => divergenceAgainst(chosen, reference, lInfinityDistance),
  sketched: divergenceSketched(() => lInfinityDistance),
});
