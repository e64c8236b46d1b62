/**
 * Elements of a tensor to and from what the ONNX runtime holds, by V2 datatype.
 *
 * Towards the model: numbers, numeric text, booleans and big integers are taken for a number where nothing is lost; a
 * missing value is NaN in a float and empty text in BYTES, and refused elsewhere, since no integer means "unknown".
 */
import { ScorerError } from '../contracts/errors.ts';
import type { Scalar } from '../contracts/tensor.ts';

/** What the runtime takes: a typed array, or texts. */
export type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

/** ONNX element types by V2 datatype; FP16 is left out, as JSON cannot carry it either. */
export const ONNX_TYPES = {
  FP32: 'float32',
  FP64: 'float64',
  INT8: 'int8',
  UINT8: 'uint8',
  INT16: 'int16',
  UINT16: 'uint16',
  INT32: 'int32',
  UINT32: 'uint32',
  INT64: 'int64',
  UINT64: 'uint64',
  BOOL: 'bool',
  BYTES: 'string',
} as const;

/** A V2 datatype that a model's input may have. */
export type Datatype = keyof typeof ONNX_TYPES;

/** Inclusive bounds of the integer types. */
const BOUNDS: { readonly [type: string]: readonly [low: bigint, high: bigint] } = {
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  UINT8: [0n, 2n ** 8n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

/**
 * `data` as the runtime wants it for an input of `datatype`; always a copy.
 *
 * @throws ScorerError (`bad-input`) that names the input and the element, never its value.
 */
export function toElements(input: string, datatype: Datatype, data: readonly Scalar[]): Elements {
  const at = <T>(convert: (value: Scalar) => T | null, wanted: string): ((value: Scalar, index: number) => T) => {
    return (value, index) => {
      const converted = convert(value);
      if (converted !== null) return converted;
      const came = value === null ? 'null' : typeof value;
      throw new ScorerError('bad-input', `scorer: element ${index} of input ${input} (${datatype}) is ${came}; send ${wanted}`);
    };
  };
  const [low, high] = BOUNDS[datatype] ?? [0n, 0n];
  const integer = at((value) => toInteger(value, low, high), `whole numbers from ${low} to ${high}`);
  const small = (value: Scalar, index: number) => Number(integer(value, index));
  switch (datatype) {
    case 'FP32':
      return filled(new Float32Array(data.length), data, at(toFloat, 'numbers or null'));
    case 'FP64':
      return filled(new Float64Array(data.length), data, at(toFloat, 'numbers or null'));
    case 'INT8':
      return filled(new Int8Array(data.length), data, small);
    case 'UINT8':
      return filled(new Uint8Array(data.length), data, small);
    case 'INT16':
      return filled(new Int16Array(data.length), data, small);
    case 'UINT16':
      return filled(new Uint16Array(data.length), data, small);
    case 'INT32':
      return filled(new Int32Array(data.length), data, small);
    case 'UINT32':
      return filled(new Uint32Array(data.length), data, small);
    case 'INT64':
      return filled(new BigInt64Array(data.length), data, integer);
    case 'UINT64':
      return filled(new BigUint64Array(data.length), data, integer);
    case 'BOOL':
      return filled(new Uint8Array(data.length), data, at(toBoolean, 'true or false'));
    case 'BYTES':
      return data.map((value) => (value === null ? '' : String(value)));
  }
}

/** A loop: the arrays' own `from` takes several times as long for each element. */
function filled<T, A extends { [index: number]: T }>(into: A, data: readonly Scalar[], convert: (value: Scalar, index: number) => T): A {
  for (let i = 0; i < data.length; i++) into[i] = convert(data[i]!, i);
  return into;
}

/** What the runtime returned, as elements of a tensor; big integers only where a number would lose digits. */
export function fromElements(datatype: string, data: ArrayLike<unknown>): Scalar[] {
  const elements: Scalar[] = [];
  for (let i = 0; i < data.length; i++) elements.push(fromElement(datatype, data[i]));
  return elements;
}

function fromElement(datatype: string, value: unknown): Scalar {
  if (datatype === 'BOOL') return value === 1 || value === true;
  if (typeof value === 'bigint') {
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }
  return typeof value === 'number' || typeof value === 'string' ? value : null;
}

function toFloat(value: Scalar): number | null {
  if (typeof value === 'number') return value;
  if (value === null) return Number.NaN;
  if (typeof value !== 'string') return Number(value);
  if (value === 'NaN') return Number.NaN;
  // Number('') is 0, which a missing cell is not.
  const number = value.trim() === '' ? Number.NaN : Number(value);
  return Number.isNaN(number) ? null : number;
}

function toInteger(value: Scalar, low: bigint, high: bigint): bigint | null {
  let whole: bigint;
  if (typeof value === 'bigint') whole = value;
  else if (typeof value === 'boolean') whole = value ? 1n : 0n;
  else if (typeof value === 'number' && Number.isInteger(value)) whole = BigInt(value);
  else if (typeof value === 'string' && /^[+-]?\d{1,20}$/.test(value)) whole = BigInt(value.replace('+', ''));
  else return null;
  return whole >= low && whole <= high ? whole : null;
}

function toBoolean(value: Scalar): number | null {
  if (value === true || value === 1 || value === 1n || value === 'true') return 1;
  return value === false || value === 0 || value === 0n || value === 'false' ? 0 : null;
}
