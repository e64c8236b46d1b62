/**
 * The bounded copy of a body, taken while the body passes by, and what recognises the whole where it outgrows the copy.
 *
 * It is also what a call is sent again from: to a fresh connection or to the fallback, as long as `whole` holds.
 */
import { Fingerprint, fingerprintOf } from './fingerprint.ts';

const NOTHING = Buffer.alloc(0);

export class Capture {
  readonly #limitBytes: number;
  readonly #recognised: boolean;
  #kept: Buffer = NOTHING;
  #keptBytes = 0;
  #totalBytes = 0;
  /** Of all that passed, once that is more than is kept. */
  #fingerprint: Fingerprint | null = null;

  /** @param recognised whether a body that outgrows the copy gets a fingerprint: what is not recorded needs none */
  constructor(limitBytes: number, recognised = true) {
    this.#limitBytes = limitBytes;
    this.#recognised = recognised;
  }

  /** The first piece is kept as a view (a body mostly comes in one); further ones are gathered, so that many small ones cost no more. */
  keep(piece: Buffer): void {
    this.#totalBytes += piece.length;
    const room = Math.min(piece.length, this.#limitBytes - this.#keptBytes);
    if (room > 0) this.#gather(piece, room);
    if (!this.#recognised || this.whole) return;
    if (this.#fingerprint === null) {
      this.#fingerprint = new Fingerprint();
      this.#fingerprint.add(this.bytes);
    }
    this.#fingerprint.add(room > 0 ? piece.subarray(room) : piece);
  }

  #gather(piece: Buffer, room: number): void {
    if (this.#keptBytes === 0) {
      this.#kept = room === piece.length ? piece : piece.subarray(0, room);
    } else {
      const needed = this.#keptBytes + room;
      // The first piece has no spare room, so that what belongs to the connection is never written to.
      if (needed <= this.#kept.length) {
        piece.copy(this.#kept, this.#keptBytes, 0, room);
      } else {
        const grown = Buffer.allocUnsafe(Math.min(this.#limitBytes, Math.max(4096, needed * 2)));
        this.#kept.copy(grown, 0, 0, this.#keptBytes);
        piece.copy(grown, this.#keptBytes, 0, room);
        this.#kept = grown;
      }
    }
    this.#keptBytes += room;
  }

  /** The copy: at most the limit, valid until the next `keep`. */
  get bytes(): Buffer {
    return this.#kept.length === this.#keptBytes ? this.#kept : this.#kept.subarray(0, this.#keptBytes);
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes that passed, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether every byte that passed is kept. */
  get whole(): boolean {
    return this.#keptBytes === this.#totalBytes;
  }

  /** The first of the bytes that are kept. */
  first(bytes: number): Buffer {
    return bytes >= this.#keptBytes ? this.bytes : this.#kept.subarray(0, bytes);
  }

  /** Of the whole body, where it is longer than so many bytes; else, and where nobody wants it, null. */
  fingerprintBeyond(bytes: number): number | null {
    if (!this.#recognised || this.#totalBytes <= bytes) return null;
    return this.#fingerprint === null ? fingerprintOf(this.bytes) : this.#fingerprint.value;
  }
}
