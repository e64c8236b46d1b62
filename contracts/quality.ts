/**
 * Names of data quality: what can be checked, and the signals that carry it.
 */

/** Checks of a single cell: whether it is missing, of another type, out of range, or a category never seen. */
export const CELL_CHECKS = ['missing', 'type', 'range', 'unseen'] as const;
/** Checks of a column: those of its cells, and whether it holds one value only. */
export const COLUMN_CHECKS = [...CELL_CHECKS, 'constant'] as const;
/** Checks of whole rows and of their coming: repeated rows, rows that breach the schema, silence, rows a unit of time. */
export const ROW_CHECKS = ['duplicates', 'violations', 'freshness', 'rows'] as const;

export type CellCheck = (typeof CELL_CHECKS)[number];
export type ColumnCheck = (typeof COLUMN_CHECKS)[number];
export type RowCheck = (typeof ROW_CHECKS)[number];
export type QualityCheck = ColumnCheck | RowCheck;

/** Signals of the checks of whole rows; a column's signal is `inputs.age.missing` for the check `missing`. */
export const ROW_SIGNALS: { readonly [check in RowCheck]: string } = {
  duplicates: 'rows.duplicates',
  violations: 'schema.violations',
  freshness: 'rows.freshness',
  rows: 'rows.count',
};

/** Column and check that a name such as `age.missing` or `inputs.age.missing` ends in; null when it is no name of this kind. */
export function columnCheckOf(name: string): { readonly column: string; readonly check: ColumnCheck } | null {
  const dot = name.lastIndexOf('.');
  const check = COLUMN_CHECKS.find((candidate) => candidate === name.slice(dot + 1));
  return dot <= 0 || check === undefined ? null : { column: name.slice(0, dot), check };
}

/** The check that a signal of whole rows carries, or null. */
export function rowCheckOf(signal: string): RowCheck | null {
  return ROW_CHECKS.find((check) => ROW_SIGNALS[check] === signal) ?? null;
}

/** Whether a signal of data quality has a 0 or 1 with every row, as it comes, so that a streaming detector may watch it. */
export function isPerRow(signal: string): boolean {
  const check = columnCheckOf(signal)?.check;
  return signal === ROW_SIGNALS.violations || CELL_CHECKS.some((cellCheck) => cellCheck === check);
}
