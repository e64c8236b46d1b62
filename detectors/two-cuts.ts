/**
 * What the HDDM detectors say of themselves: the cut that comes nearest to drift.
 */

/** One cut: how far the means on its two sides differ in the direction that is watched, and the bound that makes that drift. */
export interface CutSide {
  readonly difference: number;
  readonly bound: number;
  /** Observations before the cut. */
  readonly count: number;
}

/** The cut whose difference is the larger part of its bound; null where there is neither. */
export function nearerCut(low: CutSide | null, high: CutSide | null): CutSide | null {
  if (low === null || high === null) return low ?? high;
  return high.difference * low.bound > low.difference * high.bound ? high : low;
}
