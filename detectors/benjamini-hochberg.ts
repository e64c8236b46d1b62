/**
 * Adjusted p-values for several tests at once.
 *
 * A test whose adjusted p-value is at most q belongs to a set of findings of which, on average, at most the share q is false
 * (Benjamini–Hochberg), or which holds any false one with probability at most q (Bonferroni).
 *
 * Source: Benjamini, Hochberg. Controlling the False Discovery Rate. JRSS B 57, 1995, in the adjusted form of Yekutieli, Benjamini 1999.
 */

/** min over j ≥ i of p₍ⱼ₎·m/j, at most 1, in the order given. The p-values lie in [0, 1]. */
export function adjustBenjaminiHochberg(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const descending = pValues.map((_, index) => index).sort((a, b) => pValues[b]! - pValues[a]!);
  const adjusted = new Array<number>(m);
  let smallest = 1;
  for (const [place, index] of descending.entries()) {
    smallest = Math.min(smallest, pValues[index]! * (m / (m - place)));
    adjusted[index] = smallest;
  }
  return adjusted;
}

/** p·m, at most 1, in the order given. */
export function adjustBonferroni(pValues: readonly number[]): number[] {
  return pValues.map((pValue) => Math.min(1, pValue * pValues.length));
}
