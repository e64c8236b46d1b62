/**
 * Tables from CSV files, gzipped or not: a header line, then rows of as many cells. Cells stay text.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { pipeline, type Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { ConfigError } from '../contracts/errors.ts';
import { remedyFor } from '../policies/suggest.ts';
import { isParquet, otherFormat } from './data/other-formats.ts';
import { delimiterHint, guessDelimiter } from './delimiter.ts';

/** A table in memory. */
export interface Table {
  readonly columns: string[];
  /** `[rows][columns]`, in file order. */
  readonly rows: string[][];
}

/** A table that is read as it comes. */
export interface TableStream {
  readonly columns: string[];
  /** To be read once; `return()` closes the source. @throws ConfigError on iteration, for what is wrong further down. */
  readonly rows: AsyncGenerator<string[], void, undefined>;
}

/** How a table is written. */
export interface TableLayout {
  /** Whether the first line names the columns (the default); else they are named `0`, `1`, … */
  readonly header?: boolean;
  /** What stands between two cells; told from the first lines of a file, a comma of a stream. */
  readonly delimiter?: string;
}

/** Characters of one row; a quote that is never closed would otherwise swallow the file. */
const LONGEST_ROW = 16 * 1024 * 1024;
/** Bytes from which the delimiter is told, and what they may be inflated to. */
const LOOK_BYTES = 64 * 1024;
const MOST_INFLATED = 64 * 1024 * 1024;

/** The whole table of a file. @throws ConfigError naming file and line. */
export async function readTable(path: string, layout: TableLayout = {}): Promise<Table> {
  const { columns, rows } = await openTable(path, layout);
  const kept: string[][] = [];
  for await (const row of rows) kept.push(row);
  return { columns, rows: kept };
}

/** A file's table, row by row. @throws ConfigError naming file and line. */
export async function openTable(path: string, layout: TableLayout = {}): Promise<TableStream> {
  const { zipped, text } = await beginning(path);
  return streamTable(createReadStream(path), path, { delimiter: guessDelimiter(text), ...layout, zipped });
}

/** A table from any stream of bytes; `name` stands for it in messages. @throws ConfigError naming it and the line. */
export async function streamTable(
  source: Readable,
  name: string,
  layout: TableLayout & { readonly zipped?: boolean } = {},
): Promise<TableStream> {
  const records = checkedRecords(source, name, layout);
  const first = await records.next();
  if (first.done === true) throw new ConfigError('empty-table', `${name}: is empty; a table begins with a line of column names`);
  if (layout.header !== false) return { columns: first.value, rows: records };
  return { columns: first.value.map((_, index) => String(index)), rows: withFirst(first.value, records) };
}

/** The place of a column. @throws ConfigError with a suggestion when there is no such column. */
export function columnIndex(columns: readonly string[], wanted: string, name: string): number {
  const index = columns.indexOf(wanted);
  if (index === -1) {
    const remedy = delimiterHint(columns) ?? remedyFor(wanted, columns, 'it has none');
    throw new ConfigError('unknown-column', `${name}: has no column ${wanted}; ${remedy}`);
  }
  return index;
}

/** The finite decimal number in a cell; null for an empty one, `NA`, and whatever else is not a finite number. */
export function numberCell(text: string): number | null {
  const value = Number(text);
  // Number() also takes blanks for 0, and hexadecimal, octal and binary figures.
  return Number.isFinite(value) && !/^\s*$|[xob]/i.test(text) ? value : null;
}

/** All records, the header among them, each of as many cells as the first. */
async function* checkedRecords(
  source: Readable,
  name: string,
  { delimiter = ',', zipped = false }: TableLayout & { readonly zipped?: boolean },
): AsyncGenerator<string[], void, undefined> {
  let cells = -1;
  let lastLine = 0;
  const parser = parse({
    bom: true,
    delimiter,
    max_record_size: LONGEST_ROW,
    // Counted here, where the line is known and blank lines can be told from empty cells.
    relax_column_count: true,
    on_record: (record: string[], { lines }) => {
      lastLine = lines;
      if (cells === -1) cells = record.length;
      if (record.length === cells) return record;
      if (record.length === 1 && record[0] === '') return null;
      const remedy = record.length < cells ? 'mend the row, or copy the file again if it ends here' : 'mend the row';
      throw new ConfigError(
        'ragged-row',
        `${name}:${lines}: has ${record.length} cell${record.length === 1 ? '' : 's'} where the first line has ${cells}; ${remedy}`,
      );
    },
  });
  // An error anywhere ends the parser with it, and so the loop below; leaving the loop ends the source.
  const done = () => {};
  if (zipped) pipeline(source, createGunzip(), parser, done);
  else pipeline(source, parser, done);
  try {
    for await (const record of parser) yield record;
  } catch (error) {
    if (error instanceof CsvError && error.code === 'CSV_QUOTE_NOT_CLOSED') {
      const message = `${name}:${lastLine + 1}: is not CSV: a quote is opened in this row and never closed; close it, or copy the file again`;
      throw new ConfigError('broken-csv', message, [], error);
    }
    throw fileError(error, name);
  }
}

async function* withFirst(first: string[], rest: AsyncGenerator<string[], void, undefined>): AsyncGenerator<string[], void, undefined> {
  yield first;
  yield* rest;
}

/** How a file begins. What is no file (a pipe) cannot be read twice, and is not looked at. */
async function beginning(path: string): Promise<{ zipped: boolean; text: string }> {
  try {
    const file = await open(path);
    try {
      if (!(await file.stat()).isFile()) return { zipped: false, text: '' };
      const { bytesRead, buffer } = await file.read(Buffer.alloc(LOOK_BYTES), 0, LOOK_BYTES, 0);
      const head = buffer.subarray(0, bytesRead);
      const zipped = bytesRead >= 2 && head[0] === 0x1f && head[1] === 0x8b;
      return { zipped, text: csvText(zipped ? inflated(head) : head, path) };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, path);
  }
}

/** The beginning of a CSV file as text. @throws ConfigError where it is that of something else */
function csvText(head: Buffer, path: string): string {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const other = isParquet(head) ? 'a Parquet file; only CSV is read here' : otherFormat(head);
  if (other !== null) throw new ConfigError('other-format', `${path}: is ${other}`);
  if (/^\s*[{[]\s*["{\]}]/.test(text)) throw new ConfigError('other-format', `${path}: is JSON; only CSV is read here`);
  if (head.includes(0)) throw new ConfigError('not-text', `${path}: is no text; only CSV is read here`);
  return text;
}

/** As much as there is; damage is told when all of it is read. */
function inflated(head: Buffer): Buffer {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MOST_INFLATED });
  } catch {
    return Buffer.alloc(0);
  }
}

/** An error of reading in words for the user; a bug stays itself. */
export function fileError(error: unknown, name: string): unknown {
  if (error instanceof CsvError) {
    // The message ends with the cell, which may be any bytes.
    const what = error.message.replace(/, value is [\s\S]*$/, '');
    return new ConfigError('broken-csv', `${name}:${error.lines ?? 0}: is not CSV: ${what}`, [], error);
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'Z_BUF_ERROR')
    return new ConfigError('broken-gzip', `${name}: the gzip data ends too early; copy the file again`, [], error);
  if (code?.startsWith('Z_') === true)
    return new ConfigError('broken-gzip', `${name}: the gzip data is damaged; copy the file again`, [], error);
  if (code === 'ENOENT') return new ConfigError('no-file', `${name}: there is no such file`, [], error);
  if (code === 'EISDIR') return new ConfigError('no-file', `${name}: is a folder; name a file in it`, [], error);
  if (code === 'EACCES' || code === 'EPERM') return new ConfigError('no-access', `${name}: may not be read by this user`, [], error);
  return error;
}
