/**
 * A CSV body read the way pandas reads it: the first line names the columns, and each column's cells decide its type.
 */
import { parse } from 'csv-parse/sync';
import { DecodeError } from '../../contracts/errors.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';

/** What pandas takes for a missing value. */
const MISSING = new Set(['', 'NA', 'N/A', 'n/a', '#N/A', '<NA>', 'NaN', 'nan', '-NaN', '-nan', 'NULL', 'null', 'None']);

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITY = /^([+-]?)inf(?:inity)?$/i;

/** More digits are no integer type of any server, and a bigint of them takes quadratic time. */
const BIGINT_DIGITS = 40;

/**
 * One tensor of shape `[rows]` a column.
 *
 * @throws DecodeError `empty-body`; `not-csv` when rows differ in length, quotes are left open, or the bytes are no UTF-8.
 */
export function csvTensors(bytes: Uint8Array): Tensor[] {
  const [header, ...rows] = read(bytes);
  if (header === undefined) throw new DecodeError('empty-body', 'body: nothing in it');
  return header.map((name, index) => {
    const data = typed(rows.map((row) => row[index] ?? ''));
    return { name, datatype: null, shape: [data.length], data };
  });
}

function read(bytes: Uint8Array): readonly (readonly string[])[] {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Without `columns` the reader yields lists of strings.
    return parse(text, { skip_empty_lines: true }) as string[][];
  } catch (cause) {
    throw new DecodeError('not-csv', 'body: not CSV with equally long rows', { cause });
  }
}

function typed(cells: readonly string[]): Scalar[] {
  const present = cells.filter((cell) => !MISSING.has(cell));
  const convert = present.every(isNumber) ? numberOf : present.every((cell) => /^(?:true|false)$/i.test(cell)) ? isTrue : String;
  return cells.map((cell) => (MISSING.has(cell) ? null : convert(cell)));
}

function isNumber(cell: string): boolean {
  return NUMBER.test(cell) || INFINITY.test(cell);
}

function numberOf(cell: string): number | bigint {
  const infinity = INFINITY.exec(cell);
  if (infinity !== null) return infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const number = Number(cell);
  const long = /^[+-]?\d+$/.test(cell) && !Number.isSafeInteger(number) && cell.length <= BIGINT_DIGITS;
  return long ? BigInt(cell.replace('+', '')) : number;
}

function isTrue(cell: string): boolean {
  return cell.toLowerCase() === 'true';
}
