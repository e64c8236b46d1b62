/**
 * Tensors turned back into JSON: what the answers of all JSON protocols share.
 */
import type { EncodedAnswer } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import type { Value } from './json.ts';
import { writeJson } from './json-text.ts';

/** Rows of an answer: bare values for a single tensor, whose name the row form drops; else an object of named values a row. */
export function rowsOf(tensors: readonly Tensor[]): Value {
  const [only, ...others] = tensors;
  if (only === undefined) return [];
  if (others.length === 0) return nestedOf(only);
  const count = tensors.reduce((most, { shape }) => Math.max(most, shape[0] ?? 1), 0);
  const columns = tensors.map((tensor): [string, Value] => [tensor.name, nestedOf(tensor)]);
  // `fromEntries` makes own members of any key, `__proto__` included.
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(columns.map(([name, column]) => [name, Array.isArray(column) ? (column[row] ?? null) : column])),
  );
}

/** A tensor's data nested by its shape; the bare scalar for shape `[]`. */
export function nestedOf({ shape, data }: Tensor): Value {
  let next = 0;
  const nest = (axis: number): Value => {
    const length = shape[axis];
    if (length === undefined) return data[next++] ?? null;
    return Array.from({ length }, () => nest(axis + 1));
  };
  return nest(0);
}

/** A JSON answer ready to send. */
export function jsonAnswer(value: Value): EncodedAnswer {
  return { bytes: Buffer.from(writeJson(value)), contentType: 'application/json' };
}
