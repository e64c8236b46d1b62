/**
 * The wire format of Protocol Buffers, as far as the messages of model servers need it: fields by number, no .proto and no generated code.
 *
 * Any bytes are read or raise `DecodeError`; what is read costs time and memory in proportion to their number.
 *
 * Source: Protocol Buffers, Encoding.
 */
import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../../contracts/errors.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

interface Field {
  readonly wire: number;
  /** Of a varint; zero elsewhere. */
  readonly value: bigint;
  /** Content of the others, a view. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly Field[] = [];

export class ProtoMessage {
  readonly #fields = new Map<number, Field[]>();

  /** @throws DecodeError `not-protobuf`. */
  constructor(bytes: Uint8Array) {
    const cursor = { at: 0 };
    while (cursor.at < bytes.length) {
      const tag = readVarint(bytes, cursor);
      // Field numbers have 29 bits.
      const number = Number(tag >> 3n);
      if (number === 0 || tag > 0xffff_ffffn) throw broken('a field without a number');
      const field = readField(bytes, cursor, Number(tag & 7n));
      const same = this.#fields.get(number);
      if (same === undefined) this.#fields.set(number, [field]);
      else same.push(field);
    }
  }

  has(number: number): boolean {
    return this.#fields.has(number);
  }

  /** The last one counts; empty where there is none. */
  text(number: number): string {
    const bytes = this.bytes(number);
    if (!isUtf8(bytes)) throw broken('text that is not UTF-8');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  bytes(number: number): Uint8Array {
    return this.manyBytes(number).at(-1) ?? NOTHING;
  }

  /** Views, in order. */
  manyBytes(number: number): Uint8Array[] {
    return this.#all(number).map((field) => {
      if (field.wire !== BYTES) throw broken(`field ${number} is of another kind`);
      return field.bytes;
    });
  }

  /** A message within; several parts of it are one. Null where there is none. */
  message(number: number): ProtoMessage | null {
    const parts = this.manyBytes(number);
    const [only] = parts;
    if (only === undefined) return null;
    return new ProtoMessage(parts.length === 1 ? only : Buffer.concat(parts));
  }

  messages(number: number): ProtoMessage[] {
    return this.manyBytes(number).map((bytes) => new ProtoMessage(bytes));
  }

  /** A map's entries, later ones over earlier ones. */
  map(number: number): Map<string, ProtoMessage> {
    const entries = this.messages(number).map((entry): [string, ProtoMessage] => [
      entry.text(1),
      entry.message(2) ?? new ProtoMessage(NOTHING),
    ]);
    return new Map(entries);
  }

  /** As unsigned 64-bit numbers: what is negative is to be read with `BigInt.asIntN`. */
  varint(number: number): bigint {
    return this.varints(number).at(-1) ?? 0n;
  }

  /** Packed and one by one alike. */
  varints(number: number): bigint[] {
    const values: bigint[] = [];
    for (const field of this.#all(number)) {
      if (field.wire === VARINT) values.push(field.value);
      else if (field.wire === BYTES) {
        for (const cursor = { at: 0 }; cursor.at < field.bytes.length; ) values.push(readVarint(field.bytes, cursor));
      } else throw broken(`field ${number} is of another kind`);
    }
    return values;
  }

  floats(number: number): number[] {
    return this.#fixed(number, FIXED32, 4, (view, at) => view.getFloat32(at, true));
  }

  doubles(number: number): number[] {
    return this.#fixed(number, FIXED64, 8, (view, at) => view.getFloat64(at, true));
  }

  #all(number: number): readonly Field[] {
    return this.#fields.get(number) ?? NO_FIELDS;
  }

  #fixed(number: number, wire: number, size: number, read: (view: DataView, at: number) => number): number[] {
    const values: number[] = [];
    for (const field of this.#all(number)) {
      const { bytes } = field;
      if ((field.wire !== wire && field.wire !== BYTES) || bytes.length % size !== 0) throw broken(`field ${number} is of another kind`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += size) values.push(read(view, at));
    }
    return values;
  }
}

function readField(bytes: Uint8Array, cursor: { at: number }, wire: number): Field {
  if (wire === VARINT) return { wire, value: readVarint(bytes, cursor), bytes: NOTHING };
  let length: number;
  if (wire === BYTES) {
    const stated = readVarint(bytes, cursor);
    length = stated > BigInt(bytes.length) ? Number.POSITIVE_INFINITY : Number(stated);
  } else if (wire === FIXED32) length = 4;
  else if (wire === FIXED64) length = 8;
  // Groups have been out of use since before any of these protocols.
  else throw broken('a kind of field that is not known');
  const end = cursor.at + length;
  if (end > bytes.length) throw broken('a field is longer than its message');
  const content = bytes.subarray(cursor.at, end);
  cursor.at = end;
  return { wire, value: 0n, bytes: content };
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): bigint {
  // Most are small: numbers below 2^28 need no bigint arithmetic.
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = nextByte(bytes, cursor);
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt(low);
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = nextByte(bytes, cursor);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw broken('a number of more than ten bytes');
}

function nextByte(bytes: Uint8Array, cursor: { at: number }): number {
  const byte = bytes[cursor.at];
  if (byte === undefined) throw broken('a number is cut off');
  cursor.at++;
  return byte;
}

function broken(what: string): DecodeError {
  return new DecodeError('not-protobuf', `message: ${what}`);
}
