/**
 * Writes small Parquet files for tests: optional columns, PLAIN pages, one page a column chunk.
 *
 * Source: Apache Parquet format 2.11 (thrift definitions, encodings, data page v1); Thrift compact protocol; Snappy's format for literals.
 */
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';

type Cell = number | bigint | string | boolean | Date | null;

export interface ParquetColumn {
  readonly name: string;
  readonly type: 'double' | 'int64' | 'text' | 'boolean' | 'timestamp';
  readonly cells: readonly Cell[];
}

const TYPES = { boolean: 0, int64: 2, timestamp: 2, double: 5, text: 6 } as const;
const CODECS = {
  UNCOMPRESSED: { code: 0, pack: (bytes: Buffer) => bytes },
  SNAPPY: { code: 1, pack: snappy },
  GZIP: { code: 2, pack: (bytes: Buffer) => gzipSync(bytes) },
  BROTLI: { code: 4, pack: (bytes: Buffer) => brotliCompressSync(bytes) },
  ZSTD: { code: 6, pack: (bytes: Buffer) => zstdCompressSync(bytes) },
} as const;

export type ParquetCodec = keyof typeof CODECS;
export const PARQUET_CODECS = Object.keys(CODECS) as ParquetCodec[];

/** The bytes of a file. `groupRows`: rows of a row group. */
export function parquet(
  columns: readonly ParquetColumn[],
  { codec = 'UNCOMPRESSED', groupRows = Number.MAX_SAFE_INTEGER }: { codec?: ParquetCodec; groupRows?: number } = {},
): Buffer {
  const rows = columns[0]?.cells.length ?? 0;
  const parts: Buffer[] = [Buffer.from('PAR1')];
  let offset = 4;
  const groups: Buffer[] = [];
  for (let from = 0; from < rows; from += groupRows) {
    const to = Math.min(rows, from + groupRows);
    const chunks = columns.map((column) => {
      const plain = page(column, column.cells.slice(from, to));
      const packed = CODECS[codec].pack(plain);
      const header = struct([
        [1, i32(0)],
        [2, i32(plain.length)],
        [3, i32(packed.length)],
        [
          5,
          structure([
            [1, i32(to - from)],
            [2, i32(0)],
            [3, i32(3)],
            [4, i32(3)],
          ]),
        ],
      ]);
      const at = offset;
      parts.push(header, packed);
      offset += header.length + packed.length;
      const size = header.length + packed.length;
      const metadata = structure([
        [1, i32(TYPES[column.type])],
        [2, list(5, [zigzag(0)])],
        [3, list(8, [binary(column.name).bytes])],
        [4, i32(CODECS[codec].code)],
        [5, i64(to - from)],
        [6, i64(header.length + plain.length)],
        [7, i64(size)],
        [9, i64(at)],
      ]);
      return struct([
        [2, i64(at)],
        [3, metadata],
      ]);
    });
    groups.push(
      struct([
        [1, list(12, chunks)],
        [2, i64(0)],
        [3, i64(to - from)],
      ]),
    );
  }
  const schema = [
    struct([
      [4, binary('schema')],
      [5, i32(columns.length)],
    ]),
    ...columns.map(({ name, type }) =>
      struct([
        [1, i32(TYPES[type])],
        [3, i32(1)],
        [4, binary(name)],
        ...(type === 'text' ? [[6, i32(0)] as const] : type === 'timestamp' ? [[6, i32(9)] as const] : []),
      ]),
    ),
  ];
  const footer = struct([
    [1, i32(1)],
    [2, list(12, schema)],
    [3, i64(rows)],
    [4, list(12, groups)],
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, length, Buffer.from('PAR1')]);
}

/** Definition levels (1 = present, bit-packed), then the present values. */
function page({ type }: ParquetColumn, cells: readonly Cell[]): Buffer {
  const groups = Math.ceil(cells.length / 8);
  const bits = Buffer.alloc(groups);
  for (const [row, cell] of cells.entries()) if (cell !== null) bits[row >> 3]! |= 1 << (row & 7);
  const levels = Buffer.concat([varint(BigInt((groups << 1) | 1)), bits]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(levels.length);
  const present = cells.filter((cell) => cell !== null);
  if (type === 'boolean') {
    const packed = Buffer.alloc(Math.ceil(present.length / 8));
    for (const [place, cell] of present.entries()) if (cell === true) packed[place >> 3]! |= 1 << (place & 7);
    return Buffer.concat([size, levels, packed]);
  }
  return Buffer.concat([size, levels, ...present.map((cell) => value(type, cell))]);
}

function value(type: ParquetColumn['type'], cell: Cell): Buffer {
  if (type === 'text') {
    const text = Buffer.from(String(cell));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text]);
  }
  const bytes = Buffer.alloc(8);
  if (type === 'double') bytes.writeDoubleLE(Number(cell));
  else bytes.writeBigInt64LE(cell instanceof Date ? BigInt(cell.getTime()) : BigInt(cell as number | bigint));
  return bytes;
}

/** Literals only, 60 bytes at most each. */
function snappy(bytes: Buffer): Buffer {
  const parts = [varint(BigInt(bytes.length))];
  for (let at = 0; at < bytes.length; at += 60) {
    const piece = bytes.subarray(at, at + 60);
    parts.push(Buffer.from([(piece.length - 1) << 2]), piece);
  }
  return Buffer.concat(parts);
}

interface Field {
  readonly type: number;
  readonly bytes: Buffer;
}

function struct(fields: readonly (readonly [number, Field])[]): Buffer {
  const parts: Buffer[] = [];
  let before = 0;
  for (const [id, { type, bytes }] of fields) {
    parts.push(Buffer.from([((id - before) << 4) | type]), bytes);
    before = id;
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function structure(fields: readonly (readonly [number, Field])[]): Field {
  return { type: 12, bytes: struct(fields) };
}

function list(type: number, items: readonly Buffer[]): Field {
  const head =
    items.length < 15
      ? Buffer.from([(items.length << 4) | type])
      : Buffer.concat([Buffer.from([0xf0 | type]), varint(BigInt(items.length))]);
  return { type: 9, bytes: Buffer.concat([head, ...items]) };
}

function i32(number: number): Field {
  return { type: 5, bytes: zigzag(number) };
}

function i64(number: number): Field {
  return { type: 6, bytes: zigzag(number) };
}

function binary(text: string): Field {
  const bytes = Buffer.from(text);
  return { type: 8, bytes: Buffer.concat([varint(BigInt(bytes.length)), bytes]) };
}

function zigzag(number: number): Buffer {
  return varint(number < 0 ? -2n * BigInt(number) - 1n : 2n * BigInt(number));
}

function varint(number: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = number; ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
