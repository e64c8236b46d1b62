/**
 * From tensors to columns: which cell of a decoded body belongs to which column of the schema.
 */
import type { Column } from '../contracts/policy.ts';
import type { Header } from '../contracts/exchange.ts';
import type { Cell, Columns } from '../contracts/record.ts';
import type { Scalar, Tensor } from '../contracts/tensor.ts';
import { Memo } from '../proxy/memo.ts';
import { fieldValue } from '../proxy/protocols/content.ts';

/** Without a schema, a matrix of up to this many values a row becomes that many columns; a wider one (an image) is left alone. */
const WIDEST_LEARNED_ROW = 64;
/** Without a schema, at most so many columns are kept of each side of a record. */
export const MOST_LEARNED_COLUMNS = 200;

/** What a column's `tensor` begins with when a header field carries it. */
const HEADER = 'header:';

/** Columns of one side of a record. */
export interface Extracted {
  readonly columns: Columns;
  readonly rows: number;
}

/**
 * Picks the cells that the schema names; with an empty schema, all that look like columns.
 * A column whose tensor is absent is left out.
 */
export function extractColumns(tensors: readonly Tensor[], schema: readonly Column[]): Extracted {
  return schema.length === 0 ? learnColumns(tensors) : pickColumns(tensors, schema);
}

/** The header fields that the columns name, each as one scalar for the whole call: null where the field is missing, a number where the column is one. */
export function headerTensors(headers: readonly Header[], schema: readonly Column[]): Tensor[] {
  const tensors: Tensor[] = [];
  for (const { tensor, type } of schema) {
    if (tensor?.startsWith(HEADER) !== true) continue;
    const value = fieldValue(headers, tensor.slice(HEADER.length));
    const isNumber = (type === 'number' || type === 'integer') && value !== null && /^-?\d+(?:\.\d+)?$/.test(value);
    tensors.push({ name: tensor, datatype: null, shape: [], data: [isNumber ? Number(value) : value] });
  }
  return tensors;
}

/** Numbers stay numbers; what JSON cannot carry (non-finite, beyond 2^53) becomes text. */
export function toCell(value: Scalar): Cell {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

function pickColumns(tensors: readonly Tensor[], schema: readonly Column[]): Extracted {
  const byName = new Map<string, Tensor>();
  for (const tensor of tensors) byName.set(tensor.name, tensor);
  // Tensors that the schema does not name (parameters, mostly) have a say in the rows only when there are no others.
  let rows = -1;
  for (const column of schema) {
    const tensor = byName.get(tensorOf(column));
    if (tensor !== undefined && !tensor.name.startsWith(HEADER)) rows = Math.max(rows, rowsOf(tensor));
  }
  if (rows < 0) rows = mostRows(tensors);
  const columns = new NamedColumns();
  for (const column of schema) {
    const tensor = byName.get(tensorOf(column));
    if (tensor !== undefined) columns[column.name] = cellsOf(tensor, column.index ?? 0, rows);
  }
  return { columns, rows };
}

function learnColumns(tensors: readonly Tensor[]): Extracted {
  const rows = mostRows(tensors);
  const columns = new NamedColumns();
  let count = 0;
  for (const tensor of tensors) {
    if (rowsOf(tensor) !== rows) continue;
    const width = widthOf(tensor);
    if (width === 0 || width > WIDEST_LEARNED_ROW) continue;
    const names = width === 1 ? null : numberedNames.get(tensor.name);
    for (let index = 0; index < width && count < MOST_LEARNED_COLUMNS; index++, count++)
      columns[names === null ? tensor.name : names[index]!] = cellsOf(tensor, index, rows);
  }
  return { columns, rows };
}

/** Names of a matrix's columns, put together once. */
const numberedNames = new Memo((tensor) => Array.from({ length: WIDEST_LEARNED_ROW }, (_, index) => `${tensor}[${index}]`));

/** Columns and nothing else, so that none is taken for what every object has. Of `Object.create(null)` the engine makes a slow hash table. */
class NamedColumns {
  [name: string]: readonly Cell[];
}
Object.setPrototypeOf(NamedColumns.prototype, null);
Reflect.deleteProperty(NamedColumns.prototype, 'constructor');

function tensorOf({ tensor, name }: Column): string {
  return tensor ?? name;
}

function mostRows(tensors: readonly Tensor[]): number {
  let rows = 0;
  for (const tensor of tensors) rows = Math.max(rows, rowsOf(tensor));
  return rows;
}

/** A tensor without a value has no rows, whatever its shape says. */
function rowsOf({ shape }: Tensor): number {
  return shape.includes(0) ? 0 : (shape[0] ?? 1);
}

/** Values a row. */
function widthOf({ shape }: Pick<Tensor, 'shape'>): number {
  let width = 1;
  for (let dimension = 1; dimension < shape.length; dimension++) width *= shape[dimension]!;
  return width;
}

function cellsOf({ shape, data }: Tensor, index: number, rows: number): readonly Cell[] {
  // One scalar holds for the whole call.
  if (shape.length === 0 && index === 0) return new Array<Cell>(rows).fill(toCell(data[0] ?? null));
  const width = widthOf({ shape });
  if (width === 1 && index === 0 && data.length === rows && data.every(isCell)) return data;
  const cells: Cell[] = new Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = index < width ? data[row * width + index] : undefined;
    cells[row] = value === undefined ? null : toCell(value);
  }
  return cells;
}

function isCell(value: Scalar): value is Cell {
  return typeof value === 'number' ? Number.isFinite(value) : typeof value !== 'bigint';
}
