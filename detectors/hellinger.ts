/**
 * Hellinger distance: how far are the window's shares from the reference's?
 *
 * Statistic and effect: √(½ Σ (√p − √q)²) over the bins or categories, in [0, 1]. A metric, and finite where a share is 0.
 * p-value: see divergence-against.ts.
 *
 * Source: Hellinger 1909; Cieslak, Chawla. A Framework for Monitoring Classifiers' Performance. KAIS 18, 2009, for drift.
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed } from '../contracts/detector.ts';
import type { Category } from './categories-against.ts';
import { divergenceAgainst, divergenceOptions, divergenceSketched, sharesOf } from './divergence-against.ts';

/** The distance of two rows of counts over the same cells, neither of them empty. */
export function hellingerDistance(first: readonly number[], second: readonly number[]): number {
  const [p, q] = [sharesOf(first), sharesOf(second)];
  let sum = 0;
  for (const [cell, share] of p.entries()) sum += (Math.sqrt(share) - Math.sqrt(q[cell]!)) ** 2;
  return Math.sqrt(Math.min(1, sum / 2));
}

/** Hellinger distance. */
export const hellinger = defineWindowed<typeof divergenceOptions, Category>({
  type: 'hellinger',
  summary: 'Measures how far a window’s shares, in bins or categories, are from the reference’s (Hellinger distance).',
  observes: 'any',
  effect: 'hellinger',
  options: divergenceOptions,
  prepare: (chosen, reference) => divergenceAgainst(chosen, reference, hellingerDistance),
  sketched: divergenceSketched(() => hellingerDistance),
});
