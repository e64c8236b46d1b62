/**
 * A reference file: the schema's columns of a CSV, JSON lines or Parquet table, or a sketch of one.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ConfigError } from '../contracts/errors.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import { openData } from './data/file.ts';
import { cellReader } from './data/schema-cell.ts';
import type { SignalColumns } from './kept-rows.ts';
import { isSketchFile, readSketchedColumns, type SketchedColumn } from './reference-sketch.ts';

/** More reference rows than this are thinned evenly: the tests gain nothing from them. */
const MOST_ROWS = 100_000;

/** What a file holds. */
export interface ReferenceFile {
  readonly columns: SignalColumns;
  /** Columns of a file without rows. */
  readonly sketches: ReadonlyMap<string, SketchedColumn>;
  /** Of the file's bytes, hex. */
  readonly sha256: string;
}

/** @throws ConfigError when the file cannot be read, or lacks every column of the schema. */
export async function readReferenceFile(path: string, schema: Policy['schema']): Promise<ReferenceFile> {
  if (isSketchFile(path)) {
    const sketches = await readSketchedColumns(path, schema);
    return { columns: new Map(), sketches, sha256: await hashOf(path) };
  }
  const { inputs, outputs } = schema;
  const stream = await openData(path);
  const wanted = [
    ...inputs.map((column) => ({ signal: `inputs.${column.name}`, column, read: cellReader(column, stream.typed) })),
    ...outputs.map((column) => ({ signal: `outputs.${column.name}`, column, read: cellReader(column, stream.typed) })),
  ];
  const columns = new Map<string, Cell[]>();
  let seen = 0;
  let every = 1;
  let kept = 0;
  for await (const batch of stream.batches) {
    const places: number[] = [];
    for (let row = 0; row < batch.rows; row++) if ((seen + row) % every === 0) places.push(row);
    for (const { signal, column, read } of wanted) {
      // A CSV's names are read without the blanks around them.
      const name = [column.name, column.name.trim()].find((one) => batch.columns.includes(one));
      if (name === undefined) continue;
      const cells = columns.get(signal) ?? new Array<Cell>(kept).fill(null);
      columns.set(signal, cells);
      const values = await batch.column(name);
      for (const place of places) cells.push(read(values[place]));
    }
    seen += batch.rows;
    kept += places.length;
    for (const cells of columns.values()) while (cells.length < kept) cells.push(null);
    while (kept > MOST_ROWS) {
      every *= 2;
      for (const [signal, cells] of columns)
        columns.set(
          signal,
          cells.filter((_, row) => row % 2 === 0),
        );
      kept = Math.ceil(kept / 2);
    }
  }
  if (columns.size === 0 && wanted.length > 0) {
    const names = wanted.map(({ column }) => column.name).join(', ');
    throw new ConfigError('reference-columns', `${path}: has none of the policy’s columns (${names}); name its columns as the schema does`);
  }
  return { columns, sketches: new Map(), sha256: await hashOf(path) };
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
