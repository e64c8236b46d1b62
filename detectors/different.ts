/** The different values of a sample, and how many of it lie below each. */
export interface Different {
  /** Ascending; −0 and 0 are one. */
  readonly values: Float64Array;
  /** Values of the sample below the k-th different one; one more at the end, for all. */
  readonly below: Int32Array;
}

/** @param sorted ascending, without NaN; infinities are values like others */
export function different(sorted: Float64Array): Different {
  const values = new Float64Array(sorted.length);
  const below = new Int32Array(sorted.length + 1);
  let count = 0;
  for (let k = 0; k < sorted.length; k++) {
    if (count === 0 || values[count - 1] !== sorted[k]) values[count++] = sorted[k]!;
    below[count] = k + 1;
  }
  return { values: values.slice(0, count), below: below.slice(0, count + 1) };
}
