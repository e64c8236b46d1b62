/**
 * Writes JSON the way real model servers do: non-finite numbers as bare `NaN`, `Infinity`, `-Infinity`, bigint as digits.
 */
import { isList, isScalar, type Value } from './json.ts';

/** A value as compact JSON text that `parseJson` reads back unchanged, `-0` and the difference of number and bigint included. */
export function writeJson(value: Value): string {
  if (isScalar(value)) return scalarText(value);
  if (isList(value)) return `[${value.map(writeJson).join(',')}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${writeJson(inner)}`)
    .join(',')}}`;
}

function scalarText(value: string | number | bigint | boolean | null): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'number') return JSON.stringify(value);
  if (Object.is(value, -0)) return '-0';
  // Digits alone would be read back as a bigint.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return value.toExponential();
  return String(value);
}
