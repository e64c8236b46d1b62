/**
 * What a comparison of two data files says, column by column.
 */
import type { DataType } from '../data/column.ts';
import type { Picture } from './picture.ts';

/** `insufficient`: too few values to say; `skipped`: no distribution to compare (identifiers, times, free text). */
export type Verdict = 'drift' | 'insufficient' | 'same' | 'skipped';

/** When a difference counts. */
export interface CompareSettings {
  /** Level of the adjusted p-values, in (0, 1). */
  readonly q: number;
  /** Least effect (D, Cramér's V) that is drift, in [0, 1]. */
  readonly threshold: number;
  /** Values that each side must have. */
  readonly minSamples: number;
}

/** Figures of a side's numbers. */
export interface Summary {
  readonly mean: number;
  readonly deviation: number;
  readonly min: number;
  readonly quartiles: readonly [number, number, number];
  readonly max: number;
}

/** One side of a column. */
export interface Side {
  readonly type: DataType;
  readonly rows: number;
  /** Share of the rows without a value. */
  readonly missing: number;
  /** Share of the values that are not of the column's type. */
  readonly invalid: number;
  /** Different values as far as they were counted. */
  readonly distinct: number;
  /** Of numbers and times (milliseconds since the Unix epoch); null for other types. */
  readonly summary: Summary | null;
  /** Correlation of each number with the one before; null where there is none. */
  readonly autocorrelation: number | null;
}

/** A category that is on one side only. */
export interface Novelty {
  readonly category: string;
  /** Its share on the side that has it. */
  readonly share: number;
}

/** A test and what came of it. */
export interface Test {
  readonly type: 'ks' | 'chi-squared' | 'fisher';
  /** D of ks, χ², the odds ratio of fisher. */
  readonly statistic: number;
  /** Whether ½ was added to each count of the odds ratio (Haldane 1956), which would be infinite otherwise. */
  readonly corrected: boolean;
  readonly degreesOfFreedom: number | null;
  readonly pValue: number;
  /** Benjamini–Hochberg over all tests of the comparison; the plain one until it is adjusted. */
  readonly adjustedPValue: number;
  /** D for ks; for the others Cramér's V, both sides weighted alike. */
  readonly effect: number;
  readonly effectName: 'D' | 'cramers_v';
  /** Smallest effect that so many values show at level q, before adjustment. */
  readonly visible: number;
  readonly n: number;
  readonly referenceN: number;
}

/** Whether more or fewer values are missing. */
export interface MissingTest {
  readonly pValue: number;
  readonly adjustedPValue: number;
  /** Cohen's h of the two shares, in [0, π]. */
  readonly effect: number;
}

/** One column on both sides. */
export interface ColumnComparison {
  readonly name: string;
  readonly verdict: Verdict;
  /** Why, in words; what matters most first. */
  readonly reasons: readonly string[];
  /** Null where the side has no such column. */
  readonly reference: Side | null;
  readonly current: Side | null;
  readonly test: Test | null;
  readonly missingTest: MissingTest | null;
  /** Wasserstein distance over the reference's standard deviation; null where it has none. */
  readonly wasserstein: number | null;
  /** Most frequent first, at most 50. */
  readonly newCategories: readonly Novelty[];
  readonly vanishedCategories: readonly Novelty[];
  /** Null where there is nothing to draw. */
  readonly picture: Picture | null;
}

/** A file of the comparison. */
export interface ComparedFile {
  readonly path: string;
  readonly format: string;
  readonly rows: number;
  /** Rows compared: all, or an even sample. */
  readonly kept: number;
}

/** All columns at once. */
export interface Together {
  readonly type: 'domain-classifier';
  /** Columns that took part. */
  readonly columns: number;
  /** Area under the ROC curve, from ½ (nothing tells the files apart) to 1. */
  readonly effect: number;
  readonly effectName: 'auc';
  readonly pValue: number;
  /** Benjamini–Hochberg over all tests of the comparison; the plain one until it is adjusted. */
  readonly adjustedPValue: number;
  /** `mostly in a, b`; null where it is not significant. */
  readonly note: string | null;
  readonly n: number;
  readonly referenceN: number;
  readonly verdict: 'drift' | 'same';
}

/** Two files compared. */
export interface Comparison {
  readonly reference: ComparedFile;
  readonly current: ComparedFile;
  readonly settings: CompareSettings;
  /** Tests that were made and adjusted together. */
  readonly tests: number;
  /** What matters most first. */
  readonly columns: readonly ColumnComparison[];
  /** Null with fewer than two columns, or too few rows. */
  readonly together: Together | null;
  /** What to know before believing the figures. */
  readonly notes: readonly string[];
}
