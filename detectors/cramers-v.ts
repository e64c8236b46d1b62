/**
 * Cramér's V of two rows of counts, both sides weighted alike: how far apart are their shares, on a scale from 0 to 1?
 *
 * V = √(½ Σ (p − q)²/(p + q)) over the columns, with p and q the shares of either side: what √(χ²/total) is where both rows have equally many
 * counts. 0 for equal shares, 1 where no category is on both sides. Of two categories near one half each it is the difference of their
 * shares; as for Cohen's w 0.1 is a small difference, 0.3 a middling and 0.5 a large one.
 *
 * Source: Cramér. Mathematical Methods of Statistics. 1946, §21.9; Cohen. Statistical Power Analysis. 1988, §7.2. So weighted it is the distance
 * of Vincze and Le Cam, a metric: Le Cam. Asymptotic Methods in Statistical Decision Theory. 1986; Topsøe. IEEE Transactions on Information
 * Theory 46, 2000 (triangular discrimination).
 * Deviation: the table as it was counted has a V that falls with the ratio of its rows: a flag that goes from one half to always has 0.58
 * against as many rows, and 0.1 against a hundred times as many. A floor would mean another change for each reference.
 */
export function cramersV(first: readonly number[], second: readonly number[]): number {
  const n = first.reduce((sum, count) => sum + count, 0);
  const m = second.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (const [column, count] of first.entries()) {
    const p = count / n;
    const q = second[column]! / m;
    if (p + q > 0) sum += ((p - q) * (p - q)) / (p + q);
  }
  return Math.min(1, Math.sqrt(sum / 2));
}
