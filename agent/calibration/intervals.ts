/** Bounds of a counted share. */

/**
 * 95 % interval of a proportion, [low, high]; [0, 1] when nothing was counted.
 *
 * Source: Wilson. JASA 22, 1927.
 */
export function proportionInterval(count: number, of: number): [number, number] {
  if (of === 0) return [0, 1];
  const z = 1.959964;
  const share = count / of;
  const middle = share + z ** 2 / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  const scale = 1 + z ** 2 / of;
  return [count === 0 ? 0 : Math.max(0, (middle - half) / scale), count === of ? 1 : Math.min(1, (middle + half) / scale)];
}
