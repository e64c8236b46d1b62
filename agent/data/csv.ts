/**
 * CSV with any of the usual delimiters, as batches.
 */
import type { Readable } from 'node:stream';
import { ConfigError } from '../../contracts/errors.ts';
import { guessDelimiter } from '../delimiter.ts';
import { numberCell, streamTable } from '../table.ts';
import { type Batch, type DataStream, MOST_COLUMNS } from './batch.ts';

const BATCH_ROWS = 1_000;
const DECIMAL_COMMA = /^\s*[+-]?\d+,\d+\s*$/;

/** Reads a table from its bytes; `head` is how it begins. @throws ConfigError naming file and line. */
export async function openCsv(source: Readable, path: string, head: string): Promise<DataStream> {
  const delimiter = guessDelimiter(head);
  const { columns: header, rows } = await streamTable(source, path, { delimiter });
  try {
    const columns = namesOf(header, path);
    return { format: 'csv', typed: false, columns, batches: batchesOf(columns, rows, delimiter) };
  } catch (error) {
    await rows.return();
    throw error;
  }
}

function namesOf(header: readonly string[], path: string): string[] {
  if (header.length > MOST_COLUMNS)
    throw new ConfigError('too-many-columns', `${path}:1: has ${header.length} columns; ${MOST_COLUMNS} can be read`);
  // Frames without names are written with 0, 1, 2 …
  const counted = header.every((cell, index) => cell.trim() === String(index));
  if (header.every((cell) => numberCell(cell) !== null) && !(counted && header.length > 1)) {
    throw new ConfigError(
      'no-header',
      `${path}:1: holds numbers where the names of the columns should be; add a first line that names them`,
    );
  }
  const names = header.map((cell, index) => (cell.trim() === '' ? `column_${index + 1}` : cell.trim()));
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new ConfigError('repeated-column', `${path}:1: names two columns ${name}; rename one`);
    seen.add(name);
  }
  return names;
}

async function* batchesOf(
  columns: readonly string[],
  rows: AsyncGenerator<string[], void, undefined>,
  delimiter: string,
): AsyncGenerator<Batch, void, undefined> {
  const places = new Map(columns.map((name, index) => [name, index]));
  // Where commas do not part the cells they may stand in numbers: 1,5.
  const plain = delimiter === ',' ? (cell: string) => cell : (cell: string) => (DECIMAL_COMMA.test(cell) ? cell.replace(',', '.') : cell);
  let held: string[][] = [];
  const batch = (taken: readonly string[][]): Batch => ({
    rows: taken.length,
    columns,
    column(name) {
      const place = places.get(name);
      return taken.map((row) => (place === undefined ? null : plain(row[place]!)));
    },
  });
  for await (const row of rows) {
    held.push(row);
    if (held.length < BATCH_ROWS) continue;
    yield batch(held);
    held = [];
  }
  if (held.length > 0) yield batch(held);
}
