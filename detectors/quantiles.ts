/**
 * Where the upper tails of the normal and chi-squared laws reach a probability: the critical values of a level.
 *
 * Newton's method on the logarithm of the tail, which is nearly straight, so that levels of 1e-100 are found as quickly as 0.05.
 *
 * Source: the laws of normal-tail.ts and chi-squared-tail.ts; first guess by Wilson, Hilferty. PNAS 17, 1931.
 */
import { chiSquaredUpperTail } from './chi-squared-tail.ts';
import { normalUpperTail } from './normal-tail.ts';
import { logGammaDensity } from './saddle-point.ts';

const MOST_STEPS = 60;

/** The z with P(Z > z) = `pValue`, which lies in (0, 1). */
export function normalUpperQuantile(pValue: number): number {
  if (pValue > 0.5) return -normalUpperQuantile(1 - pValue);
  if (pValue === 0.5) return 0;
  const wanted = Math.log(pValue);
  return newton(
    Math.sqrt(-2 * Math.log(2 * pValue)),
    (z) => Math.log(normalUpperTail(z)) - wanted,
    (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / normalUpperTail(z),
  );
}

/** The x with P(X > x) = `pValue`, in (0, 1), for X chi-squared with a whole number of degrees of freedom from 1. */
export function chiSquaredUpperQuantile(pValue: number, degreesOfFreedom: number): number {
  const wanted = Math.log(pValue);
  const ninth = 2 / (9 * degreesOfFreedom);
  const guess = degreesOfFreedom * Math.max(0.01, 1 - ninth + normalUpperQuantile(pValue) * Math.sqrt(ninth)) ** 3;
  const a = degreesOfFreedom / 2;
  return newton(
    guess,
    (x) => Math.log(chiSquaredUpperTail(x, degreesOfFreedom)) - wanted,
    (x) => (a / x) * Math.exp(logGammaDensity(a, x / 2) - Math.log(chiSquaredUpperTail(x, degreesOfFreedom))),
  );
}

/** The positive root of a falling function, given how fast it falls. */
function newton(guess: number, height: (x: number) => number, fall: (x: number) => number): number {
  let x = guess;
  for (let step = 0; step < MOST_STEPS; step++) {
    // Never more than nine tenths of the way to 0, where the laws end.
    const next = Math.max(x / 10, x + height(x) / fall(x));
    if (Math.abs(next - x) <= 2e-16 * x) return next;
    x = next;
  }
  return x;
}
