/**
 * What is left of a column whose rows were not kept: counts and quantiles, enough for most tests.
 */

/** Numbers counted in bins `(uppers[b - 1], uppers[b]]`; what lies above the last upper edge is in a last bin of its own. */
export interface CountedBins {
  /** Ascending doubles. */
  readonly uppers: readonly number[];
  /** Values in each bin, one more than there are upper edges. */
  readonly counts: readonly number[];
}

/** Values by weight, ascending, that stand for a distribution. */
export interface WeightedValues {
  readonly values: readonly number[];
  /** Whole numbers; together as many as there were values. */
  readonly weights: readonly number[];
  /** Largest error of a share of values below some point, with 99 % confidence; 0 = exact. */
  readonly rankError: number;
}

/** The finite numbers of a column. */
export interface SketchedNumbers {
  /** Null where no edges were known when the values were counted. */
  readonly bins: CountedBins | null;
  readonly quantiles: WeightedValues;
  /** Of a column with a value; 0 of an empty one. */
  readonly mean: number;
  /** Dividing by the number of values. */
  readonly deviation: number;
}

/** How often each category came. */
export interface CountedCategories<C extends number | string = number | string> {
  readonly counts: ReadonlyMap<C, number>;
  /** Values whose categories were not kept apart; null = all were. */
  readonly other: number | null;
}

/** A sketched column; one of `numbers` and `categories` is there. */
export interface ReferenceSketch {
  /** Present values, and rows without one. */
  readonly n: number;
  readonly missing: number;
  readonly numbers: SketchedNumbers | null;
  readonly categories: CountedCategories<string> | null;
}
