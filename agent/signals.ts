/**
 * From cells to what detectors may see: finite numbers, or categories as text. Everything else is a missing value.
 */
import type { Column, ColumnType } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';

/** How a signal is watched. */
export type SignalType = 'number' | 'category' | 'unwatched';

/** A finite number, or null: a detector never sees NaN or an infinity. */
export function numberOf(cell: Cell): number | null {
  if (typeof cell === 'boolean') return Number(cell);
  if (typeof cell === 'string') {
    if (cell === '' || !/^[-\d]/.test(cell)) return null;
    const value = Number(cell);
    return Number.isFinite(value) ? value : null;
  }
  return cell !== null && Number.isFinite(cell) ? cell : null;
}

/** A category as text; null when the cell is missing. */
export function categoryOf(cell: Cell): string | null {
  return cell === null || cell === 'NaN' ? null : String(cell);
}

/** All finite numbers of a column, in order. */
export function numbersOf(cells: readonly Cell[]): number[] {
  const values: number[] = [];
  for (const cell of cells) {
    const value = numberOf(cell);
    if (value !== null) values.push(value);
  }
  return values;
}

/** All categories of a column, in order: the column itself where it holds nothing else. */
export function categoriesOf(cells: readonly Cell[]): readonly string[] {
  // Nothing but text passes.
  if (cells.every((cell) => typeof cell === 'string' && cell !== 'NaN')) return cells as readonly string[];
  const values: string[] = [];
  for (const cell of cells) {
    const value = categoryOf(cell);
    if (value !== null) values.push(value);
  }
  return values;
}

/** How the policy's column type is watched. */
export function signalType(type: ColumnType): SignalType {
  switch (type) {
    case 'number':
    case 'integer':
    case 'boolean':
      return 'number';
    case 'categorical':
      return 'category';
    case 'text':
      return 'unwatched';
  }
}

/** Guesses the type of a column that no schema describes, from its reference: text is a category, unless nearly all differ; true and false are 1 and 0. */
export function guessColumn(name: string, cells: readonly Cell[]): Column {
  const present = cells.filter((cell) => cell !== null && cell !== 'NaN');
  const isNumeric = present.length > 0 && present.every((cell) => typeof cell === 'number' || numberOf(cell) !== null);
  const distinct = new Set(present.map(String)).size;
  // An identifier has a new value in nearly every row: there is no distribution to watch.
  const isIdentifier = !isNumeric && distinct > 20 && distinct > present.length / 2;
  const type: ColumnType = isNumeric ? 'number' : isIdentifier ? 'text' : 'categorical';
  return {
    name,
    type,
    tensor: null,
    index: null,
    path: null,
    required: false,
    min: null,
    max: null,
    values: null,
    maxMissing: null,
    maxUnseen: null,
  };
}

/** Reasons that are no failure of the model server: the client's own mistakes, and ours. */
const NOT_THE_PRIMARY: ReadonlySet<string> = new Set(['bad-request', 'request-timeout', 'loop', 'internal']);

/** Whether the primary failed this call: it did not answer, or answered 5xx. A client's own mistakes (4xx) do not count. Null: it was not asked. */
export function requestFailed(record: DriftlineRecord): boolean | null {
  // The route chose another: the primary was not asked, which is no news of it.
  if (record.reason === 'route') return null;
  if (record.reason !== null && NOT_THE_PRIMARY.has(record.reason)) return false;
  return record.outcome === 'failed' || record.reason !== null || record.status >= 500;
}

/** Whether two values name the same class: `1`, `1.0`, `"1"` and `true` do. */
export function sameLabel(left: unknown, right: unknown): boolean {
  if (left === null || left === undefined || right === null || right === undefined) return false;
  const a = labelText(left);
  const b = labelText(right);
  if (a === b) return true;
  return a !== '' && b !== '' && Number(a) === Number(b);
}

function labelText(label: unknown): string {
  return typeof label === 'boolean' ? String(Number(label)) : String(label).trim();
}
