/**
 * The open window: the newest rows of every watched column, until there are enough to be judged.
 */
import type { RowRange } from '../contracts/finding.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import { MOST_LEARNED_COLUMNS } from './columns.ts';
import { signalName } from './signal-names.ts';

/** Columns of a window, both sides together; a schema's are never so many that names without end could push them out. */
const MOST_SIGNALS = 2 * MOST_LEARNED_COLUMNS;

/** A full window: cells by signal, all of equal length. */
export interface ClosedWindow {
  readonly range: RowRange;
  readonly columns: ReadonlyMap<string, readonly Cell[]>;
}

/** Tumbling windows of a fixed number of rows. A record that reaches over the end is divided. */
export class Windows {
  readonly #size: number;
  #columns = new Map<string, Cell[]>();
  #rows = 0;
  #fromRow: number;
  #fromAt = 0;

  /** @param fromRow first row of the open window */
  constructor(size: number, fromRow: number) {
    this.#size = size;
    this.#fromRow = fromRow;
  }

  get fromRow(): number {
    return this.#fromRow;
  }

  /** Rows in the open window. */
  get rows(): number {
    return this.#rows;
  }

  /** Adds the record's rows from `fromRow` on (rows before it belong to windows already judged) and gives the windows that became full. */
  add(record: DriftlineRecord): ClosedWindow[] {
    const closed: ClosedWindow[] = [];
    if (record.firstRow === null) return closed;
    const signals = cellsBySignal(record);
    for (let row = Math.max(0, this.#fromRow + this.#rows - record.firstRow); row < record.rows; row++) {
      if (this.#rows === 0) this.#fromAt = record.at;
      let filled = 0;
      for (const [signal, cells] of signals) {
        let column = this.#columns.get(signal);
        if (column === undefined) {
          if (this.#columns.size >= MOST_SIGNALS) continue;
          // A column that appears in mid-window was missing until now.
          column = new Array<Cell>(this.#rows).fill(null);
          this.#columns.set(signal, column);
        }
        column.push(cells[row] ?? null);
        filled++;
      }
      this.#rows++;
      if (filled < this.#columns.size) {
        for (const column of this.#columns.values()) if (column.length < this.#rows) column.push(null);
      }
      if (this.#rows === this.#size) closed.push(this.#close(record.at));
    }
    return closed;
  }

  #close(toAt: number): ClosedWindow {
    const range = { fromRow: this.#fromRow, toRow: this.#fromRow + this.#rows - 1, fromAt: this.#fromAt, toAt };
    const columns = this.#columns;
    this.#columns = new Map();
    this.#fromRow += this.#rows;
    this.#rows = 0;
    return { range, columns };
  }
}

/** The record's columns as signals. */
export function cellsBySignal(record: DriftlineRecord): [string, readonly Cell[]][] {
  const signals: [string, readonly Cell[]][] = [];
  for (const name of Object.keys(record.inputs)) signals.push([signalName('inputs', name), record.inputs[name]!]);
  for (const name of Object.keys(record.outputs)) signals.push([signalName('outputs', name), record.outputs[name]!]);
  return signals;
}
