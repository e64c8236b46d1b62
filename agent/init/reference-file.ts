/**
 * A reference file from a data file: the columns that a policy watches, as the CSV that it reads, or as a sketch without rows.
 */
import type { ColumnType } from '../../contracts/policy.ts';
import { ColumnSketch } from '../../detectors/sketches/column-sketch.ts';
import { ReferenceBins } from '../../detectors/sketches/reference-bins.ts';
import { TableSketch } from '../../detectors/sketches/table-sketch.ts';
import type { Value } from '../data/batch.ts';
import type { DataColumn } from '../data/column.ts';
import { openData } from '../data/file.ts';
import { cellReader } from '../data/schema-cell.ts';
import { sketchText } from '../reference-sketch.ts';
import { categoryOf, numberOf, signalType } from '../signals.ts';

/** More rows than this make a file large and no test sharper. */
export const MOST_REFERENCE_ROWS = 50_000;

/** Stands in a column of numbers, or of true and false, for a text that is none. */
const OTHER_TYPE = '?';

/** A column of the reference. */
export interface ReferenceColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Categories as the policy lists them; null where it lists none. */
  readonly values: readonly string[] | null;
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
  const texts = columns.map((column) => cellText(column, stream.typed));
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
      const line = texts.map((text, place) => quoted(text(cells[place]?.[row]))).join(',');
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
  const read = columns.map((column) => cellReader(column, stream.typed));
  for await (const batch of stream.batches) {
    const cells: ArrayLike<Value>[] = [];
    for (const { name } of columns) cells.push(await batch.column(name));
    for (let row = 0; row < batch.rows; row++) {
      sketch.update((name) => {
        // The sketch asks for the columns that it was given.
        const place = places.get(name)!;
        const cell = read[place]!(cells[place]?.[row]);
        return isNumber(columns[place]!) ? numberOf(cell) : categoryOf(cell);
      });
    }
  }
  yield sketchText(sketch);
}

/**
 * Cells as they are read back: numbers in decimal figures, true and false as 1 and 0, nothing for what is missing, and a mark for what is not of
 * the column's type, since it may say anything about anyone. Categories stand as they are: a word such as NA is missing until it is listed.
 */
function cellText({ type, values }: ReferenceColumn, typed: boolean): (value: Value) => string {
  if (signalType(type) === 'category') {
    const plain = cellReader({ type, values }, true);
    return (value) => {
      const text = String(plain(value) ?? '');
      return typed || values?.includes(text) === true ? text : text.trim();
    };
  }
  const read = cellReader({ type, values: null }, typed);
  return (value) => {
    const cell = read(value);
    if (cell === null) return '';
    if (typeof cell === 'boolean') return type === 'boolean' ? String(Number(cell)) : OTHER_TYPE;
    return numberText(cell) ?? OTHER_TYPE;
  };
}

function numberText(cell: number | string): string | null {
  return typeof cell === 'number' || /^-?Infinity$/.test(cell) ? String(cell) : null;
}

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$|^\ufeff/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
