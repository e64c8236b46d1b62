/**
 * Parquet, with all its codecs, a row group at a time and only the columns that are asked for.
 *
 * Source: Apache Parquet format 2.11, file layout: `PAR1`, row groups, footer, its length, `PAR1`.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ConfigError } from '../../contracts/errors.ts';
import { fileError } from '../table.ts';
import { type Batch, type DataStream, MOST_COLUMNS, type Value } from './batch.ts';

/** Bytes of magic, footer length and magic: no file is shorter. */
const LEAST_BYTES = 12;

/** Reads the footer; the rows come with the batches. @throws ConfigError naming the file and what is wrong with it. */
export async function openParquet(path: string): Promise<DataStream> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    throw fileError(error, path);
  }
  try {
    const { size } = await handle.stat();
    await checkEnds(handle, size, path);
    const file = bufferOf(handle, size);
    const metadata = await parquetMetadataAsync(file).catch((error: unknown) => {
      throw damaged(`${path}: the footer cannot be read`, error);
    });
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    if (columns.length > MOST_COLUMNS)
      throw new ConfigError('too-many-columns', `${path}: has ${columns.length} columns; ${MOST_COLUMNS} can be read`);
    return { format: 'parquet', typed: true, columns, batches: batchesOf(handle, file, metadata, columns, path) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function checkEnds(handle: FileHandle, size: number, path: string): Promise<void> {
  const magic = async (at: number) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, Math.max(0, at));
    return buffer.toString('latin1', 0, bytesRead);
  };
  if (size === 0) throw new ConfigError('empty-table', `${path}: is empty; copy the file again`);
  const begin = await magic(0);
  if (begin === 'PARE') throw new ConfigError('encrypted-parquet', `${path}: is an encrypted Parquet file; write it without encryption`);
  if (begin !== 'PAR1')
    throw new ConfigError(
      'not-parquet',
      `${path}: is not a Parquet file, in spite of its name; CSV and JSON lines go under any other name`,
    );
  if (size < LEAST_BYTES || (await magic(size - 4)) !== 'PAR1')
    throw new ConfigError('broken-parquet', `${path}: the Parquet file is cut off (its footer is missing); copy it again`);
}

async function* batchesOf(
  handle: FileHandle,
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly string[],
  path: string,
): AsyncGenerator<Batch, void, undefined> {
  try {
    let rowStart = 0;
    for (const [group, { num_rows: count }] of metadata.row_groups.entries()) {
      const rows = Number(count);
      const rowEnd = rowStart + rows;
      const range = { rowStart, rowEnd };
      yield {
        rows,
        columns,
        async column(name): Promise<ArrayLike<Value>> {
          try {
            // A scan of its own for each column: it would keep what it has read.
            const scan = await parquetScan({ file, metadata, compressors, columns: [name], ...range });
            const cells = await scan.readColumn({ column: name, ...range });
            if (cells.length === rows) return cells;
          } catch (error) {
            throw damaged(`${path}: column ${name} cannot be read in row group ${group + 1}`, error);
          }
          throw new ConfigError(
            'broken-parquet',
            `${path}: column ${name} has too few rows in row group ${group + 1}; copy the file again`,
          );
        },
      };
      rowStart = rowEnd;
    }
  } finally {
    await handle.close();
  }
}

function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const length = Math.max(0, Math.min(end, byteLength) - start);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.buffer.slice(0, filled);
    },
  };
}

/** Whatever the reader threw: it has no error classes of its own. */
function damaged(what: string, error: unknown): ConfigError {
  const why = error instanceof Error ? error.message.replace(/^parquet /, '') : String(error);
  return new ConfigError('broken-parquet', `${what} (${why}); copy or write the file again`, [], error);
}
