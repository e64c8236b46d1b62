/**
 * A binary search without a branch on what it compares: which way it goes cannot be guessed, and a wrong guess costs more than a step.
 */

/** The first place from `from` on, and below `to`, whose value is not less; `to` where there is none. The values between are ascending. */
export function lowerBound(ascending: Float64Array, value: number, from: number, to: number): number {
  let first = from;
  for (let left = to - from; left > 0; ) {
    const half = (left + 1) >>> 1;
    first += half * Number(ascending[first + half - 1]! < value);
    left -= half;
  }
  return first;
}
