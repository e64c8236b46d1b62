/**
 * A reference file: the schema's columns of a CSV, JSON lines or Parquet table, or a sketch of one.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ConfigError } from '../contracts/errors.ts';
import type { Policy } from '../contracts/policy.ts';
import { openData } from './data/file.ts';
import { cellReader } from './data/schema-cell.ts';
import { STRETCH_ROWS, StretchSample } from './data/stretch-sample.ts';
import { delimiterHint } from './delimiter.ts';
import type { SignalColumns } from './kept-rows.ts';
import { isSketchFile, readSketchedColumns, type SketchedColumn } from './reference-sketch.ts';

/** More reference rows than this are thinned: the tests gain nothing from them. */
const MOST_ROWS = 100_000;

/** What a file holds. */
export interface ReferenceFile {
  readonly columns: SignalColumns;
  /** Columns of a file without rows. */
  readonly sketches: ReadonlyMap<string, SketchedColumn>;
  /** Of the file's bytes, hex. */
  readonly sha256: string;
  /** Rows of a file that was too long, and how many of them are kept; null = all are. */
  readonly thinned: { readonly rows: number; readonly kept: number } | null;
}

/** @throws ConfigError when the file cannot be read, or lacks every column of the schema. */
export async function readReferenceFile(path: string, schema: Policy['schema']): Promise<ReferenceFile> {
  if (isSketchFile(path)) {
    const sketches = await readSketchedColumns(path, schema);
    return { columns: new Map(), sketches, sha256: await hashOf(path), thinned: null };
  }
  const { inputs, outputs } = schema;
  const stream = await openData(path);
  const wanted = [
    ...inputs.map((column) => ({ signal: `inputs.${column.name}`, column, read: cellReader(column, stream.typed) })),
    ...outputs.map((column) => ({ signal: `outputs.${column.name}`, column, read: cellReader(column, stream.typed) })),
  ];
  const sample = new StretchSample(MOST_ROWS);
  for await (const batch of stream.batches) {
    const pieces = sample.take(batch.rows);
    if (pieces.length === 0) continue;
    for (const { signal, column, read } of wanted) {
      // A CSV's names are read without the blanks around them.
      const name = [column.name, column.name.trim()].find((one) => batch.columns.includes(one));
      if (name === undefined) continue;
      const values = await batch.column(name);
      for (const piece of pieces) piece.add(signal, (row) => read(values[row]));
    }
  }
  const columns = sample.columns();
  if (columns.size === 0 && wanted.length > 0) {
    const names = wanted.map(({ column }) => column.name).join(', ');
    const remedy = (stream.typed ? null : delimiterHint(stream.columns)) ?? 'name its columns as the schema does';
    throw new ConfigError('reference-columns', `${path}: has none of the policy’s columns (${names}); ${remedy}`);
  }
  const thinned = sample.kept < sample.seen ? { rows: sample.seen, kept: sample.kept } : null;
  return { columns, sketches: new Map(), sha256: await hashOf(path), thinned };
}

/** What is to be said of a file that was thinned; null where nothing is. */
export function thinningInWords(path: string, { thinned }: ReferenceFile): string | null {
  if (thinned === null) return null;
  const [rows, kept, stretch] = [thinned.rows, thinned.kept, STRETCH_ROWS].map((count) => count.toLocaleString('en-US'));
  return `${path}: has ${rows} rows, of which ${kept} are the reference: stretches of ${stretch} neighbours, drawn at random all over the file`;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
