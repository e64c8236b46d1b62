/**
 * Columns of a JSON body that nobody described.
 */
import type { Tensor } from '../../contracts/tensor.ts';
import { isList, isObject, isScalar, type Value, type ValueObject } from './json.ts';
import { checkColumns, rowTensors, tensorOf } from './tensors.ts';

/** Name of the column of a body that is a bare scalar or list. */
const BARE = 'value';

/**
 * Every leaf as a column: a scalar by its path (`user.age`), a list by its path, a list of objects by the keys of its objects.
 * A name that is taken already gets the path of its list in front.
 *
 * @throws DecodeError `too-many-columns`, see `rowTensors`.
 */
export function leafTensors(value: Value): Tensor[] {
  if (isList(value)) return rowTensors(BARE, value);
  if (isScalar(value)) return [tensorOf(BARE, value)];
  const tensors = new Map<string, Tensor>();
  collect(value, '', tensors);
  return [...tensors.values()];
}

function collect(object: ValueObject, prefix: string, tensors: Map<string, Tensor>): void {
  for (const [key, value] of Object.entries(object)) {
    const path = prefix + key;
    if (isObject(value)) {
      collect(value, `${path}.`, tensors);
      continue;
    }
    for (const tensor of isList(value) ? rowTensors(path, value) : [tensorOf(path, value)]) {
      const name = tensors.has(tensor.name) ? `${path}.${tensor.name}` : tensor.name;
      tensors.set(name, { ...tensor, name });
      checkColumns(tensors.size);
    }
  }
}
