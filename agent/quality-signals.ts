/**
 * Signals of data quality, derived from the columns: a 0 or 1 with every row.
 *
 * `inputs.age.missing`, `.type`, `.range` and `.unseen` tell of the cell, `rows.duplicates` whether the row came before in this window,
 * `schema.violations` whether it breaches the schema anywhere. `inputs.age.constant` has the column's own cells, and is judged as a whole.
 * A real column of such a name wins.
 *
 * Where the schema has no limits the reference's own stand in: its least and largest number, its categories. Its own rows are then held
 * against the others', each as if it were new: a category that occurs once would have been unseen (Good 1953), the least and the
 * largest number out of range. So the reference's share is what a healthy window shows.
 */
import type { Column, Policy } from '../contracts/policy.ts';
import { type CellCheck, CELL_CHECKS, type ColumnCheck, columnCheckOf, ROW_SIGNALS } from '../contracts/quality.ts';
import type { Cell } from '../contracts/record.ts';
import { repeatedRows } from './repeated-rows.ts';
import { breachOf, fitsType, isMissing } from './schema-check.ts';
import { numberOf } from './signals.ts';

/** Cells of a column by its signal, or null where it has none. */
export type CellsOf = (signal: string) => readonly Cell[] | null;

/** The columns of both sides. */
export interface BothSides {
  readonly inputs: readonly Column[];
  readonly outputs: readonly Column[];
}

/** A value beyond which a cell is out of range, or a category unseen. */
interface Usual {
  readonly min: number;
  readonly max: number;
  /** Null = any category is fine. */
  readonly values: ReadonlySet<string> | null;
}

/** Derives the signals of these columns. */
export class QualitySignals {
  readonly #columns = new Map<string, Column>();
  readonly #windowRows: number;
  readonly #reference: CellsOf;
  readonly #usual = new Map<string, Usual>();
  readonly #ofReference = new Map<string, readonly Cell[] | null>();

  constructor(policy: Policy, columns: BothSides, reference: CellsOf) {
    this.#windowRows = policy.window.rows;
    this.#reference = reference;
    for (const side of ['inputs', 'outputs'] as const)
      for (const column of columns[side]) this.#columns.set(`${side}.${column.name}`, column);
  }

  /** The column that a derived signal is about; null for signals of whole rows and for what is not derived. */
  columnOf(signal: string): string | null {
    const found = this.#columns.has(signal) ? null : columnCheckOf(signal);
    return found !== null && this.#columns.has(found.column) ? found.column : null;
  }

  /** Whether the signal is derived here and not a column of its own. */
  has(signal: string): boolean {
    return !this.#columns.has(signal) && (isOfRows(signal) || this.columnOf(signal) !== null);
  }

  /** The signal's cells, one a row of the table; columns that the table lacks are missing in all its rows. */
  cells(signal: string, table: CellsOf, rows: number): readonly Cell[] {
    if (signal === ROW_SIGNALS.duplicates) return repeatedRows(this.#inputs(table), rows);
    if (signal === ROW_SIGNALS.violations) return this.#violations(table, rows);
    const found = columnCheckOf(signal);
    const column = found === null ? undefined : this.#columns.get(found.column);
    if (found === null || column === undefined) return [];
    const cells = table(found.column) ?? new Array<Cell>(rows).fill(null);
    return found.check === 'constant' ? cells : this.#checked(found.column, column, found.check, cells);
  }

  /** The signal's cells in the reference; null while there is none. */
  reference(signal: string): readonly Cell[] | null {
    let known = this.#ofReference.get(signal);
    if (known === undefined) {
      known = this.#referenceCells(signal);
      // What is not known yet is asked for again.
      if (known !== null) this.#ofReference.set(signal, known);
    }
    return known;
  }

  #referenceCells(signal: string): readonly Cell[] | null {
    const found = columnCheckOf(signal);
    if (isOfRows(signal) || found === null) {
      const signals = [...this.#columns.keys()].filter((one) => signal !== ROW_SIGNALS.duplicates || one.startsWith('inputs.'));
      const rows = signals.reduce((most, one) => Math.max(most, this.#reference(one)?.length ?? 0), 0);
      if (rows === 0) return null;
      if (signal === ROW_SIGNALS.violations) return this.#violations(this.#reference, rows);
      return this.#repeatedByWindow(rows);
    }
    const cells = this.#reference(found.column);
    const column = this.#columns.get(found.column);
    if (cells === null || column === undefined) return null;
    if (found.check === 'range' && column.min === null && column.max === null) return leaveOneOutRange(column, cells);
    if (found.check === 'unseen' && column.values === null) return leaveOneOutUnseen(cells);
    return found.check === 'constant' ? cells : this.#checked(found.column, column, found.check, cells);
  }

  /** In stretches of a window's length: the longer a stretch, the more of it repeats. */
  #repeatedByWindow(rows: number): Cell[] {
    const columns = this.#inputs(this.#reference);
    const repeated: Cell[] = [];
    for (let from = 0; from < rows; from += this.#windowRows) {
      const to = Math.min(rows, from + this.#windowRows);
      if (to - from < this.#windowRows && from > 0) break;
      repeated.push(
        ...repeatedRows(
          columns.map((cells) => cells?.slice(from, to) ?? null),
          to - from,
        ),
      );
    }
    return repeated;
  }

  #inputs(table: CellsOf): (readonly Cell[] | null)[] {
    return [...this.#columns.keys()].filter((signal) => signal.startsWith('inputs.')).map(table);
  }

  #violations(table: CellsOf, rows: number): Cell[] {
    const violated = new Array<Cell>(rows).fill(0);
    for (const [signal, column] of this.#columns) {
      const values = column.values === null && column.maxUnseen === null ? null : this.#usualOf(signal, column).values;
      const cells = table(signal);
      for (let row = 0; row < rows; row++) if (breachOf(column, cells?.[row] ?? null, values) !== null) violated[row] = 1;
    }
    return violated;
  }

  #checked(signal: string, column: Column, check: ColumnCheck, cells: readonly Cell[]): Cell[] {
    const bad = isBad(column, check as CellCheck, () => this.#usualOf(signal, column));
    return cells.map((cell) => (bad(cell) ? 1 : 0));
  }

  #usualOf(signal: string, column: Column): Usual {
    const known = this.#usual.get(signal);
    if (known !== undefined) return known;
    const cells = this.#reference(signal);
    const usual = usualOf(column, cells ?? []);
    if (cells !== null || (column.min !== null && column.max !== null) || column.values !== null) this.#usual.set(signal, usual);
    return usual;
  }
}

/** Checks of a column's cells that can find anything, by its type. */
export function checksOf(column: Column): readonly ColumnCheck[] {
  return CELL_CHECKS.filter((check): boolean => {
    if (check === 'range') return column.type === 'number' || column.type === 'integer';
    if (check === 'unseen') return column.type === 'categorical' || column.values !== null;
    // Whatever comes is a category.
    return check !== 'type' || column.type !== 'categorical';
  });
}

function isOfRows(signal: string): boolean {
  return signal === ROW_SIGNALS.duplicates || signal === ROW_SIGNALS.violations;
}

function isBad(column: Column, check: CellCheck, usualOf: () => Usual): (cell: Cell) => boolean {
  if (check === 'missing') return isMissing;
  if (check === 'type') return (cell) => !isMissing(cell) && !fitsType(column, cell);
  const { min, max, values } = usualOf();
  if (check === 'unseen') return (cell) => values !== null && !isMissing(cell) && !values.has(String(cell));
  return (cell) => {
    if (isMissing(cell) || !fitsType(column, cell)) return false;
    // Infinity is text in a cell, and out of any range.
    const value = Number(cell);
    return value < min || value > max;
  };
}

/** The schema's limits, else the reference's. */
function usualOf(column: Column, reference: readonly Cell[]): Usual {
  const values = column.values ?? (reference.length === 0 ? null : reference.filter((cell) => !isMissing(cell)).map(String));
  if (column.min !== null || column.max !== null)
    return { min: column.min ?? -Infinity, max: column.max ?? Infinity, values: values === null ? null : new Set(values) };
  const [min, max] = rangeOf(reference);
  return { min: min ?? -Infinity, max: max ?? Infinity, values: values === null ? null : new Set(values) };
}

function rangeOf(cells: readonly Cell[]): [number | null, number | null] {
  let [min, max]: [number | null, number | null] = [null, null];
  for (const cell of cells) {
    const value = numberOf(cell);
    if (value === null) continue;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return [min, max];
}

/** 1 where the value alone is the least or the largest. */
function leaveOneOutRange(column: Column, cells: readonly Cell[]): Cell[] {
  const [min, max] = rangeOf(cells);
  const times = new Map<number, number>();
  for (const cell of cells) {
    const value = numberOf(cell);
    if (value !== null && (value === min || value === max)) times.set(value, (times.get(value) ?? 0) + 1);
  }
  return cells.map((cell) => (fitsType(column, cell) && times.get(numberOf(cell) ?? Number.NaN) === 1 ? 1 : 0));
}

/** 1 where the category occurs once. */
function leaveOneOutUnseen(cells: readonly Cell[]): Cell[] {
  const times = new Map<string, number>();
  for (const cell of cells) if (!isMissing(cell)) times.set(String(cell), (times.get(String(cell)) ?? 0) + 1);
  return cells.map((cell) => (!isMissing(cell) && times.get(String(cell)) === 1 ? 1 : 0));
}
