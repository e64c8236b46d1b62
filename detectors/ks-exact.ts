/**
 * Exact p-values of the two-sample Kolmogorov–Smirnov test, by counting lattice paths.
 *
 * Under the null hypothesis every order of the pooled values is as likely: a random path from (0, 0) to (m, n), one step right for a value
 * of the first sample, one up for the second. The p-value is the share of paths that reach |i·n − j·m| ≥ h, where D = h/(m·n).
 *
 * Source: Hodges. The significance probability of the Smirnov two-sample test. Arkiv för Matematik 3, 1958; equal sizes by Gnedenko and
 * Korolyuk 1951 in Drion's form. Ties make these p-values too large rather than too small.
 */

/** What stands for a share of 1, so large that shares of 1e-300 are still ordinary numbers. */
const OUTSIDE = 1e280;
/** Below this a share is 0: it could not be seen in the result, and subnormal numbers are many times slower. */
const NOTHING = 1e-290;

/** P(D ≥ h/(m·n)), from one side or both. `h` a whole number from 0 to m·n; `m` and `n` at least 1. */
export function exactKsPValue(m: number, n: number, h: number, sides: 'one' | 'two'): number {
  if (h <= 0) return 1;
  // The exponent of the bound by Dvoretzky, Kiefer and Wolfowitz; the smallest double is e^−745.
  if ((2 * (h / (m * n)) ** 2 * m * n) / (m + n) > 760) return 0;
  if (m === n) return equalSizes(n, Math.round(h / n), sides);
  return pathShare(m, n, h, sides);
}

/** Equal sizes, D = h/n: the reflection principle's alternating sum, by Horner's rule and with ratios near 1 only. */
function equalSizes(n: number, h: number, sides: 'one' | 'two'): number {
  let share = 0;
  for (let k = sides === 'two' ? Math.floor(n / h) : 1; k >= 1; k--) {
    let ratio = 1;
    const before = (k - 1) * h;
    for (let j = 0; j < h; j++) ratio *= (n - before - j) / (n + before + j + 1);
    share = ratio * (1 - share);
  }
  return Math.min(1, sides === 'two' ? 2 * share : share);
}

/**
 * The share of paths to (m, n) that leave the band, by the share of those to each point inside it:
 *   share(i, j) = (i · share(i − 1, j) + j · share(i, j − 1)) / (i + j),
 * and 1 outside. Weighted means of positive numbers: nothing cancels, overflows or needs scaling, and small shares keep their digits.
 * Goes by diagonals i + j = s, whose points do not depend on each other. Steps: the points inside, at most 2h.
 */
function pathShare(m: number, n: number, h: number, sides: 'one' | 'two'): number {
  const total = m + n;
  const share = new Float64Array(m + 1).fill(OUTSIDE);
  share[0] = 0;
  let lowest = 0;
  for (let s = 1; s <= total; s++) {
    const from = Math.max(0, s - n, sides === 'two' ? Math.floor((s * m - h) / total) + 1 : 0);
    const to = Math.min(m, s, Math.ceil((s * m + h) / total) - 1);
    if (to < from) return 1;
    const part = 1 / s;
    // Downwards: share[i − 1] must still be that of the diagonal before.
    for (let i = to; i > 0 && i >= from; i--) {
      const mean = (i * share[i - 1]! + (s - i) * share[i]!) * part;
      share[i] = mean < NOTHING ? 0 : mean;
    }
    // Points that the band has left behind are outside from now on.
    for (; lowest < from; lowest++) share[lowest] = OUTSIDE;
  }
  return Math.min(1, share[m]! / OUTSIDE);
}
