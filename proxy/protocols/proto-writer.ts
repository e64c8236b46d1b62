/**
 * Writes the wire format of Protocol Buffers.
 */

export class ProtoWriter {
  readonly #parts: Uint8Array[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** Left out when empty, as proto3 has it. */
  text(number: number, value: string): this {
    return value === '' ? this : this.content(number, Buffer.from(value));
  }

  content(number: number, bytes: Uint8Array): this {
    this.#parts.push(varint(BigInt(number) * 8n + 2n), varint(BigInt(bytes.length)), bytes);
    return this;
  }

  number(number: number, value: number | bigint): this {
    this.#parts.push(varint(BigInt(number) * 8n), varint(BigInt(value)));
    return this;
  }

  message(number: number, message: ProtoWriter): this {
    return this.content(number, message.bytes);
  }

  /** Packed; left out when there are none. */
  varints(number: number, values: readonly (number | bigint)[]): this {
    return values.length === 0 ? this : this.content(number, Buffer.concat(values.map((value) => varint(BigInt(value)))));
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
