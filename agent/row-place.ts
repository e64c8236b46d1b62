/**
 * Where the observations of a column stand: one a row. Moved from row to row, as few of them cause a finding that asks.
 */
import type { DriftlineRecord } from '../contracts/record.ts';
import type { Place } from './streaming-monitor.ts';

/** The place of one row of a record at a time. */
export class RowPlace implements Place {
  readonly at: number;
  readonly observedRows: number;
  readonly #firstRow: number;
  /** Index in the record. */
  row = 0;

  constructor(record: DriftlineRecord, observedRows: number) {
    this.at = record.at;
    this.observedRows = observedRows;
    this.#firstRow = record.firstRow ?? 0;
  }

  back(observations: number): { readonly row: number; readonly at: number } {
    return { row: Math.max(0, this.#firstRow + this.row - observations + 1), at: this.at };
  }
}
