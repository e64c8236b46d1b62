/**
 * A cell of a data file in the type of a policy's column: what the server would have got of it.
 *
 * Parquet and JSON carry types, and are taken at their word. CSV is text: a number where the column has numbers, true or false where it has
 * those, and text that is neither stays as it stands, which is a value of another type. Words such as NA stand for no value, except in a
 * column whose `values` list them.
 */
import type { Column } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { Value } from './batch.ts';
import { BOOLEAN, INFINITE, isMissingText, MISSING, NUMBER, nestedText, readText } from './cell.ts';

/**
 * Reads the cells of one column.
 *
 * @param column null = it is not known: every text of CSV is what it looks like
 * @param typed whether a text is a text, as in Parquet and JSON, or may stand for a number, as in CSV
 */
export function cellReader(column: Pick<Column, 'type' | 'values'> | null, typed: boolean): (value: Value) => Cell {
  const ofText = typed ? typedText : textReader(column);
  const isBoolean = column?.type === 'boolean';
  return (value) => {
    const cell = typeof value === 'string' ? ofText(value) : plainCell(value);
    return isBoolean && (cell === 0 || cell === 1) ? cell === 1 : cell;
  };
}

function typedText(text: string): Cell {
  return text === '' ? null : text;
}

function textReader(column: Pick<Column, 'type' | 'values'> | null): (text: string) => Cell {
  switch (column?.type) {
    case 'categorical':
    case 'text': {
      const listed = new Set(column.values);
      return (text) => {
        if (listed.has(text)) return text;
        const trimmed = text.trim();
        return isMissingText(trimmed) && !listed.has(trimmed) ? null : trimmed;
      };
    }
    case 'number':
    case 'integer':
      return (text) => {
        const cell = looksLike(text.trim());
        return typeof cell === 'boolean' ? text.trim() : cell;
      };
    default:
      return (text) => looksLike(text.trim());
  }
}

/** Infinities are texts in records. */
function looksLike(trimmed: string): Cell {
  const { kind, number } = readText(trimmed);
  switch (kind) {
    case MISSING:
      return null;
    case NUMBER:
      return number;
    case BOOLEAN:
      return number === 1;
    case INFINITE:
      return String(number);
    default:
      return trimmed;
  }
}

function plainCell(value: Exclude<Value, string>): Cell {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'number':
      return Number.isNaN(value) ? null : Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return Number(value);
    case 'boolean':
      return value;
    default:
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      return nestedText(value);
  }
}
