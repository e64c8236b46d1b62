/**
 * From tensors to columns: which cell of a decoded body belongs to which column of the schema.
 */
import type { Column } from '../contracts/policy.ts';
import type { Header } from '../contracts/exchange.ts';
import type { Cell, Columns } from '../contracts/record.ts';
import type { Scalar, Tensor } from '../contracts/tensor.ts';
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
  return schema.flatMap(({ tensor, type }) => {
    if (tensor === null || !tensor.startsWith(HEADER)) return [];
    const value = fieldValue(headers, tensor.slice(HEADER.length));
    const isNumber = (type === 'number' || type === 'integer') && value !== null && /^-?\d+(?:\.\d+)?$/.test(value);
    return [{ name: tensor, datatype: null, shape: [], data: [isNumber ? Number(value) : value] }];
  });
}

/** Numbers stay numbers; what JSON cannot carry (non-finite, beyond 2^53) becomes text. */
export function toCell(value: Scalar): Cell {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

function pickColumns(tensors: readonly Tensor[], schema: readonly Column[]): Extracted {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  // Tensors that the schema does not name (parameters, mostly) have a say in the rows only when there are no others.
  const named = schema.flatMap((column) => byName.get(column.tensor ?? column.name) ?? []).filter(({ name }) => !name.startsWith(HEADER));
  const rows = Math.max(0, ...(named.length > 0 ? named : tensors).map(rowsOf));
  const columns: { [name: string]: Cell[] } = Object.create(null);
  for (const column of schema) {
    const tensor = byName.get(column.tensor ?? column.name) ?? null;
    if (tensor !== null) columns[column.name] = cellsOf(tensor, column.index ?? 0, rows);
  }
  return { columns, rows };
}

function learnColumns(tensors: readonly Tensor[]): Extracted {
  const rows = Math.max(0, ...tensors.map(rowsOf));
  const columns: { [name: string]: Cell[] } = Object.create(null);
  let count = 0;
  for (const tensor of tensors) {
    if (rowsOf(tensor) !== rows) continue;
    const width = widthOf(tensor);
    if (width === 0 || width > WIDEST_LEARNED_ROW) continue;
    for (let index = 0; index < width && count < MOST_LEARNED_COLUMNS; index++, count++) {
      columns[width === 1 ? tensor.name : `${tensor.name}[${index}]`] = cellsOf(tensor, index, rows);
    }
  }
  return { columns, rows };
}

/** A tensor without a value has no rows, whatever its shape says. */
function rowsOf(tensor: Tensor): number {
  return tensor.data.length === 0 ? 0 : (tensor.shape[0] ?? 1);
}

/** Values a row. */
function widthOf(tensor: Tensor): number {
  return tensor.shape.slice(1).reduce((product, size) => product * size, 1);
}

function cellsOf(tensor: Tensor, index: number, rows: number): Cell[] {
  // One scalar holds for the whole call.
  if (tensor.shape.length === 0 && index === 0) return new Array<Cell>(rows).fill(toCell(tensor.data[0] ?? null));
  const width = widthOf(tensor);
  const cells: Cell[] = new Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = index < width ? tensor.data[row * width + index] : undefined;
    cells[row] = value === undefined ? null : toCell(value);
  }
  return cells;
}
