/**
 * Decoded data of a call: named tensors, whatever the protocol called them.
 */

/** One element. `null` is a missing value; `NaN` and the infinities stay numbers; integers beyond 2^53 are bigint. */
export type Scalar = number | bigint | string | boolean | null;

/** A named array as it travelled. A table's column is a tensor of shape `[rows]`. */
export interface Tensor {
  readonly name: string;
  /** V2 datatype (`FP32`, `INT64`, `BYTES`, `BOOL` …), or null where the protocol names none. */
  readonly datatype: string | null;
  /** First element is the number of rows; `[]` is one scalar for the whole call. */
  readonly shape: readonly number[];
  /** Row-major, `product(shape)` elements; large ones may be read only when they are asked for. Nested data of unequal lengths is kept as JSON text, one element a row. */
  readonly data: readonly Scalar[];
}
