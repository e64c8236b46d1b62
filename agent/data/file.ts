/**
 * Data files: CSV, JSON lines or Parquet, told apart by what they contain; the first two gzipped or not.
 *
 * Memory stays bounded: at most 10 million cells of a file are kept (500,000 rows of 20 columns, 130 MB), an even random sample of the rows
 * of a larger one, and at most 100,000 different texts of a column. Counts of rows and missing values are those of the whole file.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ConfigError } from '../../contracts/errors.ts';
import { columnIndex, fileError } from '../table.ts';
import type { DataStream } from './batch.ts';
import { ColumnBuilder, type DataColumn } from './column.ts';
import { openCsv } from './csv.ts';
import { openJsonLines } from './json-lines.ts';
import { isParquet, otherFormat } from './other-formats.ts';
import { openParquet } from './parquet.ts';
import { MOST_CELLS, RowSample } from './sample.ts';
import { utf8 } from './utf8.ts';

/** A file that was read to its end. */
export interface Data {
  readonly path: string;
  readonly format: DataStream['format'];
  /** Rows of the file. */
  readonly rows: number;
  /** Rows whose values are kept: all, or an even sample. */
  readonly kept: number;
  /** In the file's order. */
  readonly columns: readonly DataColumn[];
}

/** What is read of a file. */
export interface DataChoice {
  /** Columns by name; null = all. */
  readonly columns?: readonly string[] | null;
  /** Cells to keep. */
  readonly mostCells?: number;
}

/** Bytes from which the format is told. */
const LOOK_BYTES = 64 * 1024;

/** Opens a file as it comes. @throws ConfigError naming the file, and the line where it has lines. */
export async function openData(path: string): Promise<DataStream> {
  if (/\.(parquet|pq)$/i.test(path)) return openParquet(path);
  const source = createReadStream(path);
  try {
    const raw = await peek(source, path);
    if (isParquet(raw.head)) {
      source.destroy();
      return openParquet(path);
    }
    if (raw.head[0] !== 0x1f || raw.head[1] !== 0x8b) return await openText(raw, path);
    const inner = await peek(
      pipeline(Readable.from(raw.bytes, { objectMode: false }), createGunzip(), () => {}),
      path,
    );
    if (isParquet(inner.head))
      throw new ConfigError(
        'zipped-parquet',
        `${path}: is a Parquet file inside gzip, and Parquet is read from its end; unpack it (gunzip)`,
      );
    return await openText(inner, path);
  } catch (error) {
    source.destroy();
    throw error;
  }
}

/** The whole file as columns. @throws ConfigError naming the file, and the line where it has lines. */
export async function readData(path: string, choice: DataChoice = {}): Promise<Data> {
  const stream = await openData(path);
  const { columns: wanted = null, mostCells = MOST_CELLS } = choice;
  try {
    const builders = new Map<string, ColumnBuilder>();
    const add = (name: string) => {
      if (!builders.has(name) && (wanted === null || wanted.includes(name))) builders.set(name, new ColumnBuilder(name, stream.typed));
    };
    for (const name of stream.columns) add(name);
    let sample: RowSample | null = null;
    let capacity = 0;
    const seen = new Set(stream.columns);
    for await (const batch of stream.batches) {
      for (const name of batch.columns) {
        seen.add(name);
        add(name);
      }
      if (sample === null) {
        capacity = Math.max(1, Math.floor(mostCells / Math.max(1, builders.size)));
        sample = new RowSample(capacity);
      }
      // Columns that come late in JSON lines were not reckoned with.
      if (builders.size * Math.min(capacity, sample.seen) > 4 * mostCells)
        throw new ConfigError(
          'too-many-columns',
          `${path}: brings new columns all the way down (${builders.size} by now); choose some with --columns`,
        );
      const slots = new Int32Array(batch.rows);
      for (let row = 0; row < batch.rows; row++) slots[row] = sample.next();
      for (const [name, builder] of builders) {
        const cells = await batch.column(name);
        for (let row = 0; row < batch.rows; row++) builder.add(cells[row], slots[row]!);
      }
    }
    for (const name of wanted ?? []) columnIndex([...seen], name, path);
    if (sample === null || sample.seen === 0)
      throw new ConfigError('no-rows', `${path}: has a header and no rows; there is nothing to read`);
    const { seen: rows, kept } = sample;
    return { path, format: stream.format, rows, kept, columns: [...builders.values()].map((builder) => builder.finish(rows, kept)) };
  } finally {
    await stream.batches.return();
  }
}

interface Peeked {
  /** How the bytes begin. */
  readonly head: Buffer;
  /** All of them, the head included. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
}

/** Looks at the beginning; works on pipes, which cannot be read twice. */
async function peek(source: Readable, path: string): Promise<Peeked> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const looked: Buffer[] = [];
  let length = 0;
  try {
    while (length < LOOK_BYTES) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      looked.push(value);
      length += value.length;
    }
  } catch (error) {
    throw fileError(error, path);
  }
  const all = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* looked;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  };
  return { head: Buffer.concat(looked), bytes: all() };
}

async function openText({ head, bytes }: Peeked, path: string): Promise<DataStream> {
  checkText(head, path);
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const begin = text.trimStart()[0];
  if (begin === '[') throw new ConfigError('json-array', `${path}:1: is one JSON list; write one object a line (jq -c '.[]' does it)`);
  const checked = Readable.from(utf8(bytes, path), { objectMode: false });
  return begin === '{' ? openJsonLines(checked, path) : openCsv(checked, path, text);
}

function checkText(head: Buffer, path: string): void {
  const other = otherFormat(head);
  if (other !== null) throw new ConfigError('other-format', `${path}: is ${other}`);
  if (
    head
      .toString('utf8')
      .replace(/^\ufeff/, '')
      .trim() === ''
  )
    throw new ConfigError('empty-table', `${path}: is empty; a table begins with a line of column names`);
  if (head.includes(0)) throw new ConfigError('not-text', `${path}: is no text; CSV, JSON lines and Parquet can be read`);
}
