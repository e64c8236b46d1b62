/**
 * What a monitor says: the detectors' word, already held against the policy's floor.
 */
import type { Level } from './detector.ts';

/** What sort of trouble a finding or an alert is about. */
export type FindingKind = 'drift' | 'quality' | 'schema' | 'performance' | 'failure';

/** A stretch of rows, both ends included, as numbered since the state began. */
export interface RowRange {
  readonly fromRow: number;
  readonly toRow: number;
  readonly fromAt: number;
  readonly toAt: number;
}

/** One judgement of one monitor on one signal: at the end of a window, or when a streaming detector's level changed or fired again. */
export interface Finding {
  readonly monitor: string;
  /** `inputs.income`, `outputs.p`, `feedback.error`, `request.failed`, `outputs` for a performance estimate. */
  readonly signal: string;
  /** The part of the rows it is about (`region=north`, or a slice's name); null = all. */
  readonly slice: string | null;
  readonly kind: FindingKind;
  /** `ks`, `ddm`, `schema`, `performance` … */
  readonly detector: string;
  /** `drift` = significant and at or above the effect floor; `insufficient` = too few samples to say. */
  readonly level: Level | 'insufficient';
  readonly at: number;
  /** Rows observed when it was made. */
  readonly observedRows: number;
  /** The window judged; null for a streaming detector. */
  readonly window: RowRange | null;
  readonly statistic: number | null;
  /** What the statistic was held against. */
  readonly threshold: number | null;
  readonly pValue: number | null;
  /** After correction over the window's tests; null where nothing was corrected. */
  readonly adjustedP: number | null;
  /** Tests that were corrected together. */
  readonly tests: number | null;
  readonly effect: number | null;
  /** The policy's floor for the effect; null = none. */
  readonly effectAtLeast: number | null;
  readonly n: number;
  readonly referenceN: number | null;
  /** First row of the new concept by the detector's estimate, or the window's first row. */
  readonly changeRow: number | null;
  readonly changeAt: number | null;
  /** One clause for people: what came and what was normal. */
  readonly note: string | null;
  /** Model version whose rows were judged; absent on findings of single rows. */
  readonly modelVersion?: string | null;
  /** What a window was compared with: `traffic`, `file` and the begin of its SHA-256, `upstream` and its name, `same-hour-of-week`. */
  readonly reference?: string | null;
  /** Estimate of a performance monitor, or measured accuracy; null elsewhere. */
  readonly estimate: Estimate | null;
}

/** A figure of quality with its bounds, in [0, 1]. */
export interface Estimate {
  readonly metric: string;
  readonly method: 'measured' | 'estimated';
  readonly reference: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}
