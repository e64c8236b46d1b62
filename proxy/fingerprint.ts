/**
 * What recognises a body that is not kept whole: a CRC-32 over its first 16 KiB and over 1 KiB at each further 64 KiB, however it was cut.
 *
 * Equal bodies have equal fingerprints, and bodies of equal length and fingerprint are equal but for changes that lie between the samples.
 * Hashing everything would cost a large body half as much again as carrying it, since its bytes have left the caches by then.
 */
import { crc32 } from 'node:zlib';

const HEAD_BYTES = 16 * 1024;
const SAMPLE_BYTES = 1024;
const EVERY_BYTES = 64 * 1024;

export class Fingerprint {
  #at = 0;
  #crc32 = 0;

  add(piece: Buffer): void {
    const from = this.#at;
    const end = from + piece.length;
    this.#at = end;
    for (let place = from - (from % EVERY_BYTES); place < end; place += EVERY_BYTES) {
      const start = Math.max(from, place);
      const stop = Math.min(end, place + (place === 0 ? HEAD_BYTES : SAMPLE_BYTES));
      if (start < stop) this.#crc32 = crc32(piece.subarray(start - from, stop - from), this.#crc32);
    }
  }

  /** An unsigned number of 32 bits. */
  get value(): number {
    return this.#crc32;
  }
}

/** The fingerprint of a body that is here as a whole. */
export function fingerprintOf(body: Buffer): number {
  const fingerprint = new Fingerprint();
  fingerprint.add(body);
  return fingerprint.value;
}
