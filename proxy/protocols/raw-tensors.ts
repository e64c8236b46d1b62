/**
 * Tensors as raw bytes: little-endian, row-major, back to back. One layout serves V2's binary tensor data extension over REST and the
 * `raw_input_contents` and `raw_output_contents` of its gRPC form.
 *
 * Source: Triton, binary tensor data extension; Open Inference Protocol, inference_grpc.md, "Raw Tensor Data".
 */
import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../../contracts/errors.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { checkCount } from './shapes.ts';

/** A tensor whose elements lie elsewhere. */
export type TensorHead = Omit<Tensor, 'data' | 'datatype'> & { readonly datatype: string };

interface Element {
  readonly bytes: number;
  read(view: DataView, at: number): Scalar;
  write(view: DataView, at: number, value: number | bigint): void;
}

/** Datatypes of a fixed size. */
const ELEMENTS: { readonly [datatype: string]: Element } = {
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) !== 0, write: (view, at, value) => view.setUint8(at, Number(value)) },
  INT8: { bytes: 1, read: (view, at) => view.getInt8(at), write: (view, at, value) => view.setInt8(at, Number(value)) },
  UINT8: { bytes: 1, read: (view, at) => view.getUint8(at), write: (view, at, value) => view.setUint8(at, Number(value)) },
  INT16: { bytes: 2, read: (view, at) => view.getInt16(at, true), write: (view, at, value) => view.setInt16(at, Number(value), true) },
  UINT16: { bytes: 2, read: (view, at) => view.getUint16(at, true), write: (view, at, value) => view.setUint16(at, Number(value), true) },
  INT32: { bytes: 4, read: (view, at) => view.getInt32(at, true), write: (view, at, value) => view.setInt32(at, Number(value), true) },
  UINT32: { bytes: 4, read: (view, at) => view.getUint32(at, true), write: (view, at, value) => view.setUint32(at, Number(value), true) },
  INT64: {
    bytes: 8,
    read: (view, at) => exactInteger(view.getBigInt64(at, true)),
    write: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  },
  UINT64: {
    bytes: 8,
    read: (view, at) => exactInteger(view.getBigUint64(at, true)),
    write: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  FP16: { bytes: 2, read: (view, at) => view.getFloat16(at, true), write: (view, at, value) => view.setFloat16(at, Number(value), true) },
  BF16: { bytes: 2, read: readBrainFloat, write: writeBrainFloat },
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true), write: (view, at, value) => view.setFloat32(at, Number(value), true) },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true), write: (view, at, value) => view.setFloat64(at, Number(value), true) },
};

/** Bytes of the length in front of each BYTES element. */
const LENGTH_BYTES = 4;

/**
 * The tensor that the bytes hold, all of them. 64-bit integers beyond 2^53 are bigint; a BYTES element is text where it is UTF-8, else
 * its base64.
 *
 * @param place names the tensor in messages: `body: inputs 0`.
 * @throws DecodeError `unknown-datatype`; `shape-mismatch` when shape and size contradict each other; `raw-size` when the elements of a
 * BYTES tensor do not fill the bytes.
 */
export function readRawTensor({ name, datatype, shape }: TensorHead, bytes: Uint8Array, place: string): Tensor {
  if (datatype === 'BYTES') {
    const data = readTexts(bytes, place);
    checkCount(shape, data.length, place);
    return { name, datatype, shape, data };
  }
  const element = elementOf(datatype);
  if (element === undefined) throw new DecodeError('unknown-datatype', `${place}: a datatype that has no raw form`);
  const count = bytes.length / element.bytes;
  if (!Number.isInteger(count)) {
    throw new DecodeError('raw-size', `${place}: ${bytes.length} bytes are no whole number of ${datatype} elements of ${element.bytes}`);
  }
  checkCount(shape, count, place);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Scalar[] = new Array(count);
  for (let index = 0; index < count; index++) data[index] = element.read(view, index * element.bytes);
  return { name, datatype, shape, data };
}

/**
 * The bytes of a tensor's elements; null where its datatype cannot hold one of them: text in a number, 300 in an INT8, a missing value in
 * what is neither float (NaN) nor BYTES (empty).
 */
export function writeRawTensor({ datatype, data }: Pick<Tensor, 'datatype' | 'data'>): Uint8Array | null {
  if (datatype === 'BYTES') return writeTexts(data);
  const element = datatype === null ? undefined : elementOf(datatype);
  if (element === undefined) return null;
  const bytes = new Uint8Array(data.length * element.bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of data.entries()) {
    if (!writeElement(element, isFloatType(datatype), view, index * element.bytes, value)) return null;
  }
  return bytes;
}

/** Whether a datatype's elements are floating-point numbers. */
export function isFloatType(datatype: string | null): boolean {
  return datatype !== null && /^B?FP?\d/.test(datatype);
}

function writeElement(element: Element, isFloat: boolean, view: DataView, at: number, value: Scalar): boolean {
  if (isFloat) {
    if (typeof value === 'string') return false;
    element.write(view, at, value === null ? Number.NaN : Number(value));
    return true;
  }
  if (value === null || typeof value === 'string' || (typeof value === 'number' && !Number.isInteger(value))) return false;
  element.write(view, at, Number.isSafeInteger(value) ? Number(value) : BigInt(value));
  // What does not fit has wrapped around.
  return BigInt(element.read(view, at) ?? 0) === BigInt(value);
}

function elementOf(datatype: string): Element | undefined {
  return Object.hasOwn(ELEMENTS, datatype) ? ELEMENTS[datatype] : undefined;
}

/** A number where it is exact, else the bigint. */
export function exactInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The upper half of a float32. */
function readBrainFloat(view: DataView, at: number): number {
  scratch.setUint32(0, view.getUint16(at, true) * 0x10000);
  return scratch.getFloat32(0);
}

/** Rounds to nearest, ties to even, as hardware does; NaN stays NaN. */
function writeBrainFloat(view: DataView, at: number, value: number | bigint): void {
  scratch.setFloat32(0, Number(value));
  const bits = scratch.getUint32(0);
  const rounded = Number.isNaN(Number(value)) ? 0x7fc0 : ((bits + 0x7fff + ((bits >>> 16) & 1)) / 0x10000) & 0xffff;
  view.setUint16(at, rounded, true);
}

const scratch = new DataView(new ArrayBuffer(4));

/** A BYTES element: text where it is UTF-8, else its base64. */
export function rawText(element: Uint8Array): string {
  return Buffer.from(element.buffer, element.byteOffset, element.length).toString(isUtf8(element) ? 'utf8' : 'base64');
}

function readTexts(bytes: Uint8Array, place: string): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start <= buffer.length ? start + buffer.readUInt32LE(at) : start;
    if (end > buffer.length) {
      throw new DecodeError('raw-size', `${place}: element ${texts.length} ends at byte ${end} of ${buffer.length}`);
    }
    texts.push(rawText(buffer.subarray(start, end)));
    at = end;
  }
  return texts;
}

function writeTexts(data: readonly Scalar[]): Uint8Array {
  return Buffer.concat(
    data.flatMap((value) => {
      const text = Buffer.from(value === null ? '' : String(value));
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}
