/**
 * Bytes four at a time, wherever they lie: hashing or comparing a head so takes a tenth of the time that it takes byte by byte.
 */

/** The memory looked at last, as most bytes that come are copied into the same: a view costs more than what it is made for. */
let memory: ArrayBufferLike | null = null;
let view: DataView = new DataView(new ArrayBuffer(0));

/** All of the memory that the bytes lie in: they are at their `byteOffset`. */
export function viewOf({ buffer }: Uint8Array): DataView {
  if (buffer !== memory) {
    memory = buffer;
    view = new DataView(buffer);
  }
  return view;
}

/** 32 bits of `length` bytes, at least four, of which the upper ones are the best mixed. */
export function hashOf(bytes: DataView, at: number, length: number): number {
  const last = at + length - 4;
  let hash = length;
  // The last word may hold some bytes of the one before.
  for (let i = at; i < last; i += 4) hash = Math.imul(hash ^ bytes.getInt32(i, true), 0x9e3779b1);
  return Math.imul(hash ^ bytes.getInt32(last, true), 0x9e3779b1) >>> 0;
}

/** Whether all of `one`, at least four bytes, are those of `other` from `at` on. */
export function isAt(one: DataView, other: DataView, at: number): boolean {
  const last = one.byteLength - 4;
  for (let i = 0; i < last; i += 4) if (one.getInt32(i, true) !== other.getInt32(at + i, true)) return false;
  return one.getInt32(last, true) === other.getInt32(at + last, true);
}
