/**
 * Where the upper tails of the normal and chi-squared laws reach a probability: the critical values of a level.
 *
 * By halving, until neighbouring doubles are left: a tail that is 0 in doubles, where Newton's method would lose its way, is only a bound.
 *
 * Source: the laws of normal-tail.ts and chi-squared-tail.ts.
 */
import { chiSquaredUpperTail } from './chi-squared-tail.ts';
import { normalUpperTail } from './normal-tail.ts';

/** The z with P(Z > z) = `pValue`, which lies in (0, 1). */
export function normalUpperQuantile(pValue: number): number {
  if (pValue === 0.5) return 0;
  return pValue > 0.5 ? -normalUpperQuantile(1 - pValue) : halve((z) => normalUpperTail(z) > pValue, 1);
}

/** The x with P(X > x) = `pValue`, in (0, 1), for X chi-squared with a whole number of degrees of freedom from 1. */
export function chiSquaredUpperQuantile(pValue: number, degreesOfFreedom: number): number {
  return halve((x) => chiSquaredUpperTail(x, degreesOfFreedom) > pValue, degreesOfFreedom);
}

/** The positive number up to which the condition holds. */
function halve(isBelow: (x: number) => boolean, guess: number): number {
  let low = 0;
  let high = guess;
  while (isBelow(high)) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
}
