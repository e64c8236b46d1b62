/**
 * What a single cell holds: a number, a time, a text or nothing.
 */
import { numberCell } from '../table.ts';

/** Kinds of cells, as small numbers: one is kept for each cell. */
export const MISSING = 0;
export const NUMBER = 1;
export const INFINITE = 2;
export const BOOLEAN = 3;
export const TIME = 4;
export const TEXT = 5;

/** A cell that was read. */
export interface Cell {
  readonly kind: number;
  /** The number, infinities too; 0 or 1 for booleans, milliseconds since the Unix epoch for times; NaN for all others, and for times of unknown order. */
  readonly number: number;
}

/** Texts of CSV that stand for no value, in lower case. */
const MISSING_WORDS = new Set(['', 'na', 'n/a', 'nan', 'null', 'none']);
const LONGEST_MISSING_WORD = 4;
const INFINITE_WORD = /^[+-]?inf(inity)?$/i;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/;
/** Day and month in either order: a time, but not which. */
const LOCAL_DATE = /^\d{1,2}[./]\d{1,2}[./]\d{4}( \d{1,2}:\d{2}(:\d{2})?)?$/;

/** Nothing. */
export const NO_CELL: Cell = { kind: MISSING, number: Number.NaN };

/** Whether a text of CSV stands for no value. */
export function isMissingText(trimmed: string): boolean {
  return trimmed.length <= LONGEST_MISSING_WORD && MISSING_WORDS.has(trimmed.toLowerCase());
}

/** A text that may stand for anything, without blanks around it. */
export function readText(trimmed: string): Cell {
  if (isMissingText(trimmed)) return NO_CELL;
  const number = numberCell(trimmed);
  if (number !== null) return { kind: NUMBER, number };
  if (/^(true|false)$/i.test(trimmed)) return { kind: BOOLEAN, number: trimmed.length === 4 ? 1 : 0 };
  if (INFINITE_WORD.test(trimmed)) return { kind: INFINITE, number: trimmed.startsWith('-') ? -Infinity : Infinity };
  return readTypedText(trimmed);
}

/** A text that the file has as such: never a number, but perhaps a time, for which JSON has no other form. */
export function readTypedText(text: string): Cell {
  if (ISO_TIME.test(text)) return { kind: TIME, number: instantOf(text) };
  return { kind: LOCAL_DATE.test(text) ? TIME : TEXT, number: Number.NaN };
}

/** A number that the file has as such; NaN is none. */
export function readNumber(number: number): Cell {
  if (Number.isNaN(number)) return NO_CELL;
  return { kind: Number.isFinite(number) ? NUMBER : INFINITE, number };
}

/** A time that the file has as such. */
export function readDate(date: Date): Cell {
  const number = date.getTime();
  return Number.isNaN(number) ? NO_CELL : { kind: TIME, number };
}

/** Lists and maps inside a cell have no distribution of their own; as text they can at least be told apart. */
export function nestedText(value: object): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}

/** Without a zone it is read as UTC, on every machine. */
function instantOf(text: string): number {
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text) || text.length <= 10;
  return Date.parse(zoned ? text.replace(' ', 'T') : `${text.trim().replace(' ', 'T')}Z`);
}
