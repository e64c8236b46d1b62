/**
 * JSON values turned into tensors: the part that all JSON protocols share.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { isList, isObject, isScalar, member, type Value, type ValueObject } from './json.ts';
import { writeJson } from './json-text.ts';

/** Cells that records with ever new keys may be blown up to: a few kilobytes of them would otherwise fill the memory. */
const SPARSE_CELLS = 1_000_000;

/** Schemas have at most 2,000 columns; a megabyte of ever new keys would be a hundred thousand tensors. */
const COLUMNS_LIMIT = 10_000;

/** How many times more cells than values count as sparse. */
const SPARSE_FACTOR = 4;

/**
 * Whatever stands under one key of a body: a list becomes rows, an object named columns, a scalar one scalar.
 *
 * @throws DecodeError `too-many-columns`, see `rowTensors`.
 */
export function valueTensors(name: string, value: Value): Tensor[] {
  if (isList(value)) return rowTensors(name, value);
  return isObject(value) ? columnTensors(value) : [tensorOf(name, value)];
}

/**
 * Rows: objects become one tensor a key, anything else one tensor called `name`.
 *
 * A key that a row lacks, and every key of a row that is null, is null there.
 *
 * @throws DecodeError `too-many-columns` when rows of mostly different keys would make more cells than is reasonable.
 */
export function rowTensors(name: string, rows: readonly Value[]): Tensor[] {
  if (!rows.every((row) => row === null || isObject(row))) return [tensorOf(name, rows)];
  const keys = new Set<string>();
  let values = 0;
  for (const row of rows) {
    if (!isObject(row)) continue;
    for (const key of Object.keys(row)) {
      keys.add(key);
      values++;
    }
  }
  if (keys.size === 0) return [tensorOf(name, rows)];
  checkColumns(keys.size);
  const cells = keys.size * rows.length;
  if (cells > SPARSE_CELLS && cells > SPARSE_FACTOR * values) {
    throw new DecodeError('too-many-columns', `body: ${rows.length} rows with ${keys.size} different keys, most of them missing`);
  }
  return [...keys].map((key) => {
    const column = rows.map((row) => (isObject(row) ? (member(row, key) ?? null) : null));
    return tensorOf(key, column);
  });
}

/**
 * Columns by name; a scalar among them holds for the whole call.
 *
 * @throws DecodeError `too-many-columns`.
 */
export function columnTensors(columns: ValueObject): Tensor[] {
  const entries = Object.entries(columns);
  checkColumns(entries.length);
  return entries.map(([name, value]) => tensorOf(name, value));
}

/** @throws DecodeError `too-many-columns`. */
export function checkColumns(count: number): void {
  if (count > COLUMNS_LIMIT) throw new DecodeError('too-many-columns', `body: more than ${COLUMNS_LIMIT} columns`);
}

/**
 * One tensor without a datatype. Equal nesting of scalars gives shape `[rows, k…]`; otherwise, and for objects, each row is kept as
 * JSON text and null stays null.
 */
export function tensorOf(name: string, value: Value): Tensor {
  const shape = shapeOf(value);
  if (shape !== null) return { name, datatype: null, shape, data: flatten(value) };
  if (!isList(value)) return { name, datatype: null, shape: [], data: [writeJson(value)] };
  return { name, datatype: null, shape: [value.length], data: value.map((row) => (row === null ? null : writeJson(row))) };
}

/** The scalars of a value nested to any depth, row-major; shared with the value when it is a flat list. Objects are written as JSON. */
export function flatten(value: Value): readonly Scalar[] {
  if (!isList(value)) return [isScalar(value) ? value : writeJson(value)];
  if (value.every(isScalar)) return value;
  const data: Scalar[] = [];
  for (const inner of value) {
    // No spread: a row may be longer than a call may have arguments.
    for (const scalar of flatten(inner)) data.push(scalar);
  }
  return data;
}

/** Shape of equally nested lists of scalars; null when they are unequal or hold an object. */
function shapeOf(value: Value): number[] | null {
  if (isScalar(value)) return [];
  if (!isList(value)) return null;
  const [first] = value;
  if (first === undefined) return [0];
  const inner = shapeOf(first);
  if (inner === null || !value.every((row) => hasShape(row, inner, 0))) return null;
  return [value.length, ...inner];
}

function hasShape(value: Value, shape: readonly number[], from: number): boolean {
  if (from === shape.length) return isScalar(value);
  return isList(value) && value.length === shape[from] && value.every((inner) => hasShape(inner, shape, from + 1));
}
