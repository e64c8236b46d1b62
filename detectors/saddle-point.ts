/**
 * Loader's two terms, which give binomial, Poisson and gamma densities to full relative accuracy, far into the tails.
 *
 * A density is written as exp(−(what is far from the mean)) times Stirling's corrections, so that no two large logarithms cancel.
 *
 * Source: Loader. Fast and Accurate Computation of Binomial Probabilities. 2000, §2 to §4.
 */

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** Below this the factorial itself is exact enough. */
const SMALL = 15;
/** Stirling's correction of 0, ½, 1, … `SMALL`; that of 0 is not defined and never asked for. */
const SMALL_ERRORS = Float64Array.from({ length: 2 * SMALL + 1 }, (_, halves) => smallStirlingError(halves / 2));

/** log(x!) − log(√(2πx)·(x/e)^x) for x a positive multiple of ½. */
export function stirlingError(x: number): number {
  if (x <= SMALL) return SMALL_ERRORS[2 * x]!;
  const square = x * x;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / x;
}

/** x·log(x/mean) + mean − x for x ≥ 0 and mean > 0: never negative, and accurate where the two are close. */
export function deviance(x: number, mean: number): number {
  if (x === 0) return mean;
  const difference = x - mean;
  if (Math.abs(difference) >= 0.1 * (x + mean)) return x * Math.log(x / mean) - difference;
  const ratio = difference / (x + mean);
  const square = ratio * ratio;
  let sum = difference * ratio;
  let term = 2 * x * ratio;
  for (let j = 3; ; j += 2) {
    term *= square;
    const next = sum + term / j;
    if (next === sum) return sum;
    sum = next;
  }
}

/** Log of C(n, k)·p^k·(1 − p)^(n − k), for 0 < k < n whole numbers and 0 < p < 1; `q` is 1 − p, given apart to keep its digits. */
export function logBinomialDensity(k: number, n: number, p: number, q: number): number {
  return (
    stirlingError(n) -
    stirlingError(k) -
    stirlingError(n - k) -
    deviance(k, n * p) -
    deviance(n - k, n * q) +
    0.5 * Math.log(n / (2 * Math.PI * k * (n - k)))
  );
}

/** Log of x^a·e^(−x)/Γ(a + 1) for x > 0 and a > 0 a multiple of ½. */
export function logGammaDensity(a: number, x: number): number {
  return -stirlingError(a) - deviance(a, x) - HALF_LOG_TWO_PI - 0.5 * Math.log(a);
}

function smallStirlingError(x: number): number {
  if (x === 0) return 0;
  let factorial = x % 1 === 0 ? 1 : Math.sqrt(Math.PI);
  for (let factor = x; factor > 0; factor--) factorial *= factor;
  return Math.log(factorial) - (x + 0.5) * Math.log(x) + x - HALF_LOG_TWO_PI;
}
