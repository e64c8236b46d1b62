/**
 * What recognises a body that is not kept whole: the CRC-32 of its first 16 KiB and each 1024th byte from there on, however it was cut.
 *
 * Equal bodies have equal fingerprints. Of unequal ones of the same length, a change of a KiB in a row meets a sample, and a smaller one may lie between two.
 * Hashing everything would cost a large body more than half of what carrying it does.
 */
import { crc32 } from 'node:zlib';

const HEAD_BYTES = 16 * 1024;
const EVERY_BYTES = 1024;

/** Of one piece; a read of 64 KiB has 64. */
const samples = Buffer.alloc(64);

export class Fingerprint {
  #at = 0;
  #crc32 = 0;

  add(piece: Buffer): void {
    const from = this.#at;
    this.#at += piece.length;
    const headBytes = Math.max(0, Math.min(piece.length, HEAD_BYTES - from));
    if (headBytes > 0) this.#crc32 = crc32(piece.subarray(0, headBytes), this.#crc32);
    // The head's end is the place of a sample.
    let at = headBytes > 0 ? headBytes : (EVERY_BYTES - (from % EVERY_BYTES)) % EVERY_BYTES;
    while (at < piece.length) {
      let taken = 0;
      for (; at < piece.length && taken < samples.length; at += EVERY_BYTES) samples[taken++] = piece[at]!;
      this.#crc32 = crc32(samples.subarray(0, taken), this.#crc32);
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
