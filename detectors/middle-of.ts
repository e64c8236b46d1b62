/** The median of ascending values, of which there is at least one: of an even number the mean of the two in the middle. */
export function middleOf(sorted: Float64Array): number {
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
