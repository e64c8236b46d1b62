/**
 * A reference file from a data file: the columns that a policy watches, as the CSV that it reads, or as a sketch without rows.
 */
import type { ColumnType } from '../../contracts/policy.ts';
import { ColumnSketch } from '../../detectors/sketches/column-sketch.ts';
import { ReferenceBins } from '../../detectors/sketches/reference-bins.ts';
import { TableSketch } from '../../detectors/sketches/table-sketch.ts';
import type { Value } from '../data/batch.ts';
import { isMissingText } from '../data/cell.ts';
import type { DataColumn } from '../data/column.ts';
import { openData } from '../data/file.ts';
import { sketchText } from '../reference-sketch.ts';
import { signalType } from '../signals.ts';
import { numberCell } from '../table.ts';

/** More rows than this make a file large and no test sharper. */
export const MOST_REFERENCE_ROWS = 50_000;

/** A column of the reference. */
export interface ReferenceColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * The file's newest rows, in their order: neighbours stay neighbours. Yields the header first, then pieces of some rows.
 *
 * @param rows how many the data file has
 */
export async function* referenceText(
  path: string,
  columns: readonly ReferenceColumn[],
  rows: number,
): AsyncGenerator<string, void, undefined> {
  yield `${columns.map(({ name }) => quoted(name)).join(',')}\n`;
  const stream = await openData(path);
  let skip = Math.max(0, rows - MOST_REFERENCE_ROWS);
  for await (const batch of stream.batches) {
    if (skip >= batch.rows) {
      skip -= batch.rows;
      continue;
    }
    const cells: ArrayLike<Value>[] = [];
    for (const { name } of columns) cells.push(await batch.column(name));
    const lines: string[] = [];
    for (let row = skip; row < batch.rows; row++) {
      const line = columns.map(({ type }, place) => quoted(cellText(type, cells[place]?.[row], stream.typed))).join(',');
      // A row of one empty cell would be a blank line.
      lines.push(line === '' && columns.length === 1 ? '""\n' : `${line}\n`);
    }
    skip = 0;
    yield lines.join('');
  }
}

/**
 * All rows of the file counted, and none kept.
 *
 * @param data the columns as they were read before, from whose numbers the bins are cut
 */
export async function* referenceSketch(
  path: string,
  columns: readonly ReferenceColumn[],
  data: readonly DataColumn[],
): AsyncGenerator<string, void, undefined> {
  const numbers = new Map(data.map((column) => [column.name, column.numbers]));
  const isNumber = ({ type }: ReferenceColumn) => signalType(type) === 'number';
  const empty = (column: ReferenceColumn) =>
    isNumber(column) ? ColumnSketch.ofNumbers(ReferenceBins.cutAt(numbers.get(column.name) ?? [])) : ColumnSketch.ofCategories();
  const places = new Map(columns.map((column, place) => [column.name, place]));
  const sketch = new TableSketch(new Map(columns.map((column) => [column.name, empty(column)])));
  const stream = await openData(path);
  for await (const batch of stream.batches) {
    const cells: ArrayLike<Value>[] = [];
    for (const { name } of columns) cells.push(await batch.column(name));
    for (let row = 0; row < batch.rows; row++) {
      sketch.update((name) => {
        // The sketch asks for the columns that it was given.
        const place = places.get(name)!;
        const text = cellText(columns[place]!.type, cells[place]?.[row], stream.typed);
        return text === '' ? null : isNumber(columns[place]!) ? Number(text) : text;
      });
    }
  }
  yield sketchText(sketch);
}

/** The cell as the reference is read back: numbers in decimal figures, true and false as 1 and 0, nothing for what is missing. */
function cellText(type: ColumnType, value: Value, typed: boolean): string {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date
      ? Number.isNaN(value.getTime())
        ? ''
        : value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
  const trimmed = typed ? text : text.trim();
  if (!typed && isMissingText(trimmed)) return '';
  if (type === 'number' || type === 'integer') {
    const number = numberCell(trimmed);
    return number === null ? '' : String(number);
  }
  if (type === 'boolean') return /^true$/i.test(trimmed) ? '1' : /^false$/i.test(trimmed) ? '0' : '';
  return trimmed;
}

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$|^\ufeff/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
