/**
 * The regularised incomplete beta function.
 *
 * Source: Abramowitz, Stegun. Handbook of Mathematical Functions, 6.1.40 and 26.5.8, the fraction by Lentz's method as changed by Thompson and
 * Barnett.
 */

/** I_x(a, b), the chance that a beta variable is at most x; a and b positive, x in [0, 1]. */
export function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const factor = Math.exp(a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b));
  // The fraction converges quickly on its own side of the mean.
  if (x <= (a + 1) / (a + b + 2)) return (factor * betaFraction(a, b, x)) / a;
  return 1 - (factor * betaFraction(b, a, 1 - x)) / b;
}

/** log Γ(x) for x > 0. */
export function logGamma(x: number): number {
  // Up to 12 the recurrence leads to where Stirling's series has all its digits; whole numbers stay exact.
  let product = 1;
  let at = x;
  if (x % 1 === 0 && x <= 20) {
    for (let k = 2; k < x; k++) product *= k;
    return Math.log(product);
  }
  for (; at < 12; at++) product *= at;
  const square = at * at;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product);
}

function betaFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let k = 1; k < 10_000; k++) {
    const even = (k * (b - k) * x) / ((a + 2 * k - 1) * (a + 2 * k));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    value *= c * d;
    const odd = (-(a + k) * (a + b + k) * x) / ((a + 2 * k) * (a + 2 * k + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return value;
}
