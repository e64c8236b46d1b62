/**
 * Shapes against the elements that should fill them.
 */
import { DecodeError } from '../../contracts/errors.ts';

/** Largest dimension of a tensor without elements: `[10^15, 0]` needs no data, yet would be that many rows. */
const EMPTY_DIMENSION_LIMIT = 65_536;

/** Elements that a shape needs. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** @throws DecodeError `shape-mismatch` unless the shape needs exactly `count` elements. `place` names the tensor: `body: inputs 0`. */
export function checkCount(shape: readonly number[], count: number, place: string): void {
  const needed = elementCount(shape);
  if (needed !== count) {
    throw new DecodeError('shape-mismatch', `${place}: shape [${shape}] needs ${needed} elements, the data has ${count}`);
  }
  if (count === 0 && shape.some((length) => length > EMPTY_DIMENSION_LIMIT)) {
    throw new DecodeError('shape-mismatch', `${place}: shape [${shape}] without any element`);
  }
}
