/** Bounds of a counted share. */

const Z = 1.959964;

/**
 * 95 % interval of a proportion, [low, high]; [0, 1] when nothing was counted.
 *
 * Source: Wilson. JASA 22, 1927.
 */
export function proportionInterval(count: number, of: number): [number, number] {
  if (of === 0) return [0, 1];
  const share = count / of;
  const middle = share + Z ** 2 / (2 * of);
  const half = Z * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
  const scale = 1 + Z ** 2 / of;
  return [count === 0 ? 0 : Math.max(0, (middle - half) / scale), count === of ? 1 : Math.min(1, (middle + half) / scale)];
}

/**
 * The same of a proportion that was counted in sequences, `of` trials each, whose trials share what the sequence rests on: a reference, a
 * detector, rows of overlapping windows. So many trials count as fewer, by as much as the sequences differ more than chance would have it.
 *
 * Source: Kish. Survey Sampling. 1965, §5 (design effect); Student's quantile by Cornish and Fisher (Abramowitz, Stegun, 26.7.5).
 */
export function clusteredInterval(counts: readonly number[], of: number): [number, number] {
  const sequences = counts.length;
  const count = counts.reduce((sum, one) => sum + one, 0);
  const share = count / (sequences * of);
  const byChance = of * share * (1 - share);
  if (sequences < 2 || !(byChance > 0)) return proportionInterval(count, sequences * of);
  const degrees = sequences - 1;
  const variance = counts.reduce((sum, one) => sum + (one - of * share) ** 2, 0) / degrees;
  const student = Z + (Z ** 3 + Z) / (4 * degrees) + (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * degrees ** 2);
  const design = Math.max(1, (variance / byChance) * (student / Z) ** 2);
  return proportionInterval(count / design, (sequences * of) / design);
}
