/**
 * Upper tail of the exact law of Kolmogorov's one-sample statistic, P(D_n ≥ x).
 *
 * No single formula is both quick and accurate, so the plane of n and x is cut into zones, as scipy's `kstwo` cuts it: closed forms at
 * both ends, Durbin's matrix where D is small, twice the one-sided law where it is large, and the Pelz–Good expansion for large n between.
 *
 * Source: Simard, L'Ecuyer. Computing the Two-Sided Kolmogorov–Smirnov Distribution. Journal of Statistical Software 39(11), 2011.
 * Matrix: Durbin 1973; Marsaglia, Tsang, Wang. JSS 8(18), 2003. One-sided law: Smirnov 1944. Expansion: Pelz, Good. JRSS B 38, 1976.
 */
import { logBinomialDensity, stirlingError } from './saddle-point.ts';

/** Up to here the exact matrix serves the whole middle. */
const SMALL_SAMPLE = 140;

/** P(D_n ≥ x) for a sample of n ≥ 1 values. */
export function kolmogorovUpperTail(n: number, x: number): number {
  const t = n * x;
  if (x >= 1) return 0;
  if (t <= 0.5) return 1;
  if (t <= 1) return 1 - Math.exp(logFactorialRatio(n) + n * Math.log(2 * t - 1));
  if (t >= n - 1) return 2 * (1 - x) ** n;
  if (x >= 0.5) return Math.min(1, 2 * oneSidedUpperTail(n, x));
  // n·x², to which the tail's exponent is proportional.
  const strength = t * x;
  if (strength >= (n <= SMALL_SAMPLE ? 4 : 2.2)) return strength >= 370 && n > SMALL_SAMPLE ? 0 : Math.min(1, 2 * oneSidedUpperTail(n, x));
  // Here P(D_n < x) is below 1e-12, and the matrix would be large.
  if (strength < 0.04) return 1;
  if (n <= SMALL_SAMPLE || (n <= 100_000 && n * x ** 1.5 <= 1.4)) return clip(1 - durbin(n, x));
  return clip(1 - pelzGood(n, x));
}

/** The limit of P(√n·D_n ≥ z) for large n: 2 Σ (−1)^(k − 1)·exp(−2k²z²), or Jacobi's other form where z is small. */
export function kolmogorovLimitUpperTail(z: number): number {
  if (z <= 0) return 1;
  if (z < 0.82) {
    let lower = 0;
    for (let k = 1; k <= 5; k += 2) lower += Math.exp(-((k * Math.PI) ** 2) / (8 * z * z));
    return clip(1 - (Math.sqrt(2 * Math.PI) / z) * lower);
  }
  let upper = 0;
  for (let k = 6; k > 0; k--) upper = Math.exp(-2 * k * k * z * z) - upper;
  return clip(2 * upper);
}

/** P(D⁺_n ≥ x): Smirnov's sum, all of whose terms are positive. `0 < x < 1`. */
function oneSidedUpperTail(n: number, x: number): number {
  const last = Math.floor(n * (1 - x));
  const term = (j: number): number => {
    if (j === 0) return Math.exp(n * Math.log1p(-x));
    const share = x + j / n;
    const rest = 1 - x - j / n;
    if (rest <= 0) return 0;
    // C(n, j)·x·(x + j/n)^(j−1)·(1 − x − j/n)^(n−j), which is a binomial density times x / (x + j/n).
    return j === n ? 0 : (x / share) * Math.exp(logBinomialDensity(j, n, share, rest));
  };
  // Outwards from the largest terms, until the rest cannot be seen.
  const middle = Math.min(last, Math.max(0, Math.round((n * (1 - x)) / 2)));
  let sum = 0;
  for (let j = middle; j >= 0; j--) {
    const value = term(j);
    sum += value;
    if (value < sum * 1e-20) break;
  }
  for (let j = middle + 1; j <= last; j++) {
    const value = term(j);
    sum += value;
    if (value < sum * 1e-20) break;
  }
  return sum;
}

/** P(D_n < x) by the power of Durbin's matrix. */
function durbin(n: number, x: number): number {
  const k = Math.floor(n * x) + 1;
  const size = 2 * k - 1;
  const h = k - n * x;
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) matrix[row * size + column] = row - column + 1 < 0 ? 0 : 1;
  }
  for (let i = 0; i < size; i++) {
    matrix[i * size]! -= h ** (i + 1);
    matrix[(size - 1) * size + i]! -= h ** (size - i);
  }
  if (2 * h > 1) matrix[(size - 1) * size]! += (2 * h - 1) ** size;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      for (let divisor = 2; divisor <= row - column + 1; divisor++) matrix[row * size + column]! /= divisor;
    }
  }
  const { value, exponent } = powerEntry(matrix, size, n, k - 1);
  return value * Math.exp(logFactorialRatio(n) + exponent * Math.LN2);
}

/** Entry (at, at) of matrix^power, as value · 2^exponent. */
function powerEntry(matrix: Float64Array, size: number, power: number, at: number): { value: number; exponent: number } {
  // Only one row of the result is wanted, so the product runs over a row vector and the squares of the matrix.
  let row: Float64Array = new Float64Array(size);
  row[at] = 1;
  let rowExponent = 0;
  let square: Float64Array = matrix;
  let squareExponent = 0;
  for (let left = power; ; ) {
    if (left % 2 === 1) {
      row = multiply(row, square, 1, size);
      rowExponent += squareExponent + scaleDown(row);
    }
    left = Math.floor(left / 2);
    if (left === 0) return { value: row[at]!, exponent: rowExponent };
    square = multiply(square, square, size, size);
    squareExponent = 2 * squareExponent + scaleDown(square);
  }
}

/** [rows, size] times [size, size], row-major. */
function multiply(left: Float64Array, right: Float64Array, rows: number, size: number): Float64Array {
  const product = new Float64Array(rows * size);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < size; k++) {
      const factor = left[i * size + k]!;
      if (factor === 0) continue;
      for (let j = 0; j < size; j++) product[i * size + j]! += factor * right[k * size + j]!;
    }
  }
  return product;
}

/** Divides by the power of two that brings the largest entry near 1, in place; returns the exponent. */
function scaleDown(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  if (largest === 0) return 0;
  const exponent = Math.floor(Math.log2(largest));
  const factor = 2 ** -exponent;
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
  return exponent;
}

/** P(D_n < x) by the Pelz–Good expansion in 1/√n, four terms. */
function pelzGood(n: number, x: number): number {
  const z = Math.sqrt(n) * x;
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const pi2 = Math.PI ** 2;
  let k0 = 0;
  let k1 = 0;
  let k2 = 0;
  let k3 = 0;
  // Sums over all whole k of terms in (k + ½)²: the negative ones equal the others, hence twice.
  for (let k = 0; k < 100; k++) {
    const half = pi2 * (k + 0.5) ** 2;
    const weight = 2 * Math.exp(-half / (2 * z2));
    if (weight === 0) break;
    k0 += weight;
    k1 += (half - z2) * weight;
    k2 += (6 * z6 + 2 * z4 + half * (2 * z4 - 5 * z2) + half ** 2 * (1 - 2 * z2)) * weight;
    k3 += (half ** 3 * (5 - 30 * z2) + half ** 2 * (-60 * z2 + 212 * z4) + half * (135 * z4 - 96 * z6) - (30 * z6 + 90 * z4 * z4)) * weight;
  }
  let k2Whole = 0;
  let k3Whole = 0;
  for (let k = 1; k < 100; k++) {
    const whole = pi2 * k * k;
    const weight = 2 * Math.exp(-whole / (2 * z2));
    if (weight === 0) break;
    k2Whole += whole * weight;
    k3Whole += (3 * whole * z2 - whole ** 2) * weight;
  }
  const root = Math.sqrt(Math.PI / 2);
  return (
    (root * k0) / z +
    (root * k1) / (6 * z4) / Math.sqrt(n) +
    ((root * k2) / (72 * z6 * z) - (root * k2Whole) / (36 * z2 * z)) / n +
    ((root * k3) / (6480 * z6 * z4) + (root * k3Whole) / (216 * z6)) / n ** 1.5
  );
}

/** log(n!/n^n). */
function logFactorialRatio(n: number): number {
  return stirlingError(n) + 0.5 * Math.log(2 * Math.PI * n) - n;
}

function clip(probability: number): number {
  return Math.min(1, Math.max(0, probability));
}
