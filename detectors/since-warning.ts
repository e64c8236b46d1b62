/**
 * How many observations ago the errors rose, as the authors of DDM and EDDM estimate it: the new concept began with the warning.
 *
 * A jump past the warning is dated from `bestAt`, where the detector stood best.
 *
 * @param count observations so far
 * @param warningFrom the count at the first observation of the present run of warnings, or 0
 */
export function sinceWarning(count: number, warningFrom: number, bestAt: number): number {
  return Math.max(1, warningFrom > 0 ? count - warningFrom + 1 : count - bestAt);
}
