/**
 * Upper tail of the chi-squared law: the regularised upper incomplete gamma function Q(dof/2, x/2).
 *
 * Below the mean 1 − P by the power series, where Q is not small; above it the continued fraction gives Q itself, so that p-values keep
 * their digits down to the smallest doubles.
 *
 * Source: Abramowitz, Stegun. Handbook of Mathematical Functions, 6.5.29 and 6.5.31; the fraction by Lentz's method as changed by Thompson
 * and Barnett. The common factor after Loader (see saddle-point.ts).
 */
import { logGammaDensity } from './saddle-point.ts';

/** P(X > statistic) for X chi-squared with a whole number of degrees of freedom; 1 when there are none. */
export function chiSquaredUpperTail(statistic: number, degreesOfFreedom: number): number {
  if (!(statistic > 0) || degreesOfFreedom === 0) return 1;
  if (statistic === Infinity) return 0;
  const a = degreesOfFreedom / 2;
  const x = statistic / 2;
  const factor = logGammaDensity(a, x);
  return x < a + 1 ? Math.max(0, 1 - Math.exp(factor) * lowerSeries(a, x)) : Math.exp(factor + Math.log(a * upperFraction(a, x)));
}

/** Σ x^k / ((a + 1) … (a + k)). */
function lowerSeries(a: number, x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum;
}

/** Γ(a, x)·e^x / x^a for x ≥ a + 1, where every denominator is positive. */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = Infinity;
  let d = 1 / b;
  let value = d;
  for (let k = 1; ; k++) {
    const an = -k * (k - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const change = c * d;
    value *= change;
    // Both run towards 1 until only rounding is left.
    if (Math.abs(change - 1) < 4e-16 || k > 1e6) return value;
  }
}
