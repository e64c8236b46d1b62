/**
 * Jensen–Shannon distance: how far are the window's shares from the reference's?
 *
 * Statistic and effect: √(½ Σ p·ln(p/m) + ½ Σ q·ln(q/m)) with m = (p + q)/2, over the bins or categories. In [0, √ln 2 ≈ 0.833] with the
 * natural logarithm, [0, 1] with base 2. A metric, and finite where a share is 0. p-value: see divergence-against.ts.
 *
 * Source: Endres, Schindelin. A New Metric for Probability Distributions. IEEE Transactions on Information Theory 49, 2003. As scipy's
 * `jensenshannon`. Summed as p·ln(p/m) + m − p, whose terms cannot cancel (saddle-point.ts).
 * Cost: linear in the window and in the number of categories.
 */
import { defineWindowed } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { Category } from './categories-against.ts';
import { type Divergence, divergenceAgainst, divergenceOptions, divergenceSketched, sharesOf } from './divergence-against.ts';
import { deviance } from './saddle-point.ts';

const options = {
  ...divergenceOptions,
  base: {
    type: 'string',
    enum: ['e', '2'],
    default: 'e',
    description: 'Base of the logarithm: `e` reaches 0.833 at most, `2` reaches 1.',
  },
} as const;

/** The distance of two rows of counts over the same cells, neither of them empty. */
export function jensenShannonDistance(first: readonly number[], second: readonly number[], base: 'e' | '2'): number {
  const [p, q] = [sharesOf(first), sharesOf(second)];
  let sum = 0;
  for (const [cell, share] of p.entries()) {
    const other = q[cell]!;
    const middle = (share + other) / 2;
    if (middle > 0) sum += deviance(share, middle) + deviance(other, middle);
  }
  return Math.sqrt(Math.min(1, sum / 2 / Math.LN2) * (base === '2' ? 1 : Math.LN2));
}

function toBase({ base }: OptionsOf<typeof options>): Divergence {
  return (current, expected) => jensenShannonDistance(current, expected, base);
}

/** Jensen–Shannon distance. */
export const jensenShannon = defineWindowed<typeof options, Category>({
  type: 'jensen-shannon',
  summary: 'Measures how far a window’s shares, in bins or categories, are from the reference’s (Jensen–Shannon distance).',
  observes: 'any',
  effect: 'js_distance',
  options,
  prepare: (chosen, reference) => divergenceAgainst(chosen, reference, toBase(chosen)),
  sketched: divergenceSketched(toBase),
});
