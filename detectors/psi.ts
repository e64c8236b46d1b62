/**
 * Population stability index: how far are the window's shares from the reference's, in the credit industry's measure?
 *
 * Statistic and effect: Σ (p − q)·ln(p/q) over the bins or categories; by custom 0.1 is worth a look and 0.2 an alarm. A share of 0 is
 * replaced by 0.0001 and nothing is rescaled; under `bins: evidently` by a millionth of the side's smallest share where that is at most
 * 0.0001. p-value: see divergence-against.ts.
 *
 * Source: Siddiqi. Credit Risk Scorecards. 2006; Kullback, Leibler. Annals of Mathematical Statistics 22, 1951, for J(1, 2).
 * Deviation (not under `minExpected: 0`): sparse bins and categories are pooled first. Against the replaced zero, one row of a new category
 * would count for more than a real shift.
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed } from '../contracts/detector.ts';
import type { Category } from './categories-against.ts';
import { divergenceAgainst, divergenceOptions, divergenceSketched, sharesOf } from './divergence-against.ts';

const ZERO_SHARE = 1e-4;

/** PSI of two rows of counts over the same cells, neither of them empty. */
export function populationStabilityIndex(first: readonly number[], second: readonly number[], zeros: 'fixed' | 'evidently'): number {
  const fill = (shares: number[]): number[] => {
    const least = shares.reduce((smallest, share) => (share > 0 && share < smallest ? share : smallest), Infinity);
    const zero = zeros === 'evidently' && least <= ZERO_SHARE ? least / 1e6 : ZERO_SHARE;
    return shares.map((share) => (share === 0 ? zero : share));
  };
  const [p, q] = [fill(sharesOf(first)), fill(sharesOf(second))];
  let sum = 0;
  for (const [cell, share] of p.entries()) sum += (share - q[cell]!) * Math.log(share / q[cell]!);
  return sum;
}

/** Population stability index. */
export const psi = defineWindowed<typeof divergenceOptions, Category>({
  type: 'psi',
  summary: 'Measures how far a window’s shares, in bins or categories, are from the reference’s (population stability index).',
  observes: 'any',
  effect: 'psi',
  isUnbounded: true,
  options: divergenceOptions,
  prepare: (chosen, reference) => {
    const zeros = chosen.bins === 'evidently' ? 'evidently' : 'fixed';
    return divergenceAgainst(chosen, reference, (current, expected) => populationStabilityIndex(current, expected, zeros));
  },
  sketched: divergenceSketched(() => (current, expected) => populationStabilityIndex(current, expected, 'fixed')),
});
