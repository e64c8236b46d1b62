/**
 * How far an estimate may be off: a split-conformal bound, as wide as the trees disagree.
 *
 * A residual is measured in units of σ = spread among the trees + a floor, on batches of rows that the forest never saw. The half-width
 * of a live estimate is the (n + 1)·coverage-th smallest such score times its own σ (Lei et al., JASA 2018, normalised scores).
 *
 * The bound is about batches like those it was calibrated on. Errors of an unknown sort are allowed for by leaving one generator out at a
 * time when scores are collected; a change of the relation between inputs and labels is not, and nothing without labels can see it.
 */

/** Nominal share of batches whose true figure lies inside the interval. */
export const NOMINAL_COVERAGE = 0.9;
/** Two-sided normal quantile of the nominal coverage. */
const NORMAL_QUANTILE = 1.6448536269514722;

/** What turns an answer of the forest into an interval. */
export interface Calibration {
  /** Conformal quantile of |residual| / σ. */
  readonly quantile: number;
  /** Added to the trees' spread. */
  readonly spreadFloor: number;
  /** Rows of each calibration batch. */
  readonly batchRows: number;
  /** Rows that the forest was trained on: how well the level itself is known. */
  readonly trainingRows: number;
}

/** The conformal quantile of scores; the greatest of them where there are too few for the coverage. */
export function conformalQuantile(scores: readonly number[], coverage = NOMINAL_COVERAGE): number {
  const ascending = Float64Array.from(scores).sort();
  const place = Math.ceil((ascending.length + 1) * coverage) - 1;
  return ascending[Math.min(place, ascending.length - 1)] ?? 1;
}

/**
 * Half the width of the interval for a batch of `rows` rows.
 *
 * The quantile holds for batches of the calibration's size. The part of it that counting so many rows explains, z·√(a(1 − a)/n), is
 * replaced by what the live batch's own size explains: smaller batches get wider intervals, larger ones narrower. The training rows are a
 * sample too, and err all batches alike, which few calibration rows cannot show: they are counted the same way.
 *
 * @param estimate estimated accuracy a, in [0, 1]
 * @param rows at least 1
 */
export function halfWidth(estimate: number, spread: number, rows: number, calibration: Calibration): number {
  const calibrated = calibration.quantile * (spread + calibration.spreadFloor);
  const counting = NORMAL_QUANTILE ** 2 * estimate * (1 - estimate);
  const ofModel = Math.max(0, calibrated ** 2 - counting / calibration.batchRows);
  return Math.sqrt(ofModel + counting / rows + counting / calibration.trainingRows);
}
