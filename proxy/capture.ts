/**
 * The bounded copy of a body, taken while the body passes by, and what recognises the whole where it outgrows the copy.
 *
 * It is also what a call is sent again from: to a fresh connection or to the fallback, as long as `whole` holds.
 */
import { Fingerprint, fingerprintOf } from './fingerprint.ts';

const NOTHING = Buffer.alloc(0);
/** From here on it pays to know a body's length before it has come. */
const LONG_BYTES = 16 * 1024;
/** Memory of this size is used again: fresh pages cost about as much as the copy that goes into them. */
const SPARE_BYTES = 256 * 1024;
const MAX_SPARE = 16;
const spare: Buffer[] = [];

export class Capture {
  #limitBytes = 0;
  #recognised = true;
  #kept: Buffer = NOTHING;
  #keptBytes = 0;
  /** Whether the copy lies in memory that is used again. */
  #isSpare = false;
  #totalBytes = 0;
  #expectedBytes = 0;
  /** Of all that passed, once that is more than is kept. */
  #fingerprint: Fingerprint | null = null;

  /** Of the next body. @param recognised whether one that outgrows the copy gets a fingerprint: what is not recorded needs none */
  start(limitBytes: number, recognised = true): void {
    this.drop();
    this.#limitBytes = limitBytes;
    this.#recognised = recognised;
    this.#totalBytes = 0;
    this.#expectedBytes = 0;
    this.#fingerprint = null;
  }

  /** How long the body says it is: then a long one is gathered in one place from the first piece on. */
  expect(totalBytes: number): void {
    this.#expectedBytes = totalBytes;
  }

  /**
   * The first piece is kept as a view (a body mostly comes in one); further ones are gathered, so that many small ones cost no more.
   *
   * Returns whether the piece is still looked at.
   */
  keep(piece: Buffer): boolean {
    this.#totalBytes += piece.length;
    const room = Math.min(piece.length, this.#limitBytes - this.#keptBytes);
    const isViewed = room > 0 && this.#gather(piece, room);
    if (!this.#recognised || this.whole) return isViewed;
    if (this.#fingerprint === null) {
      this.#fingerprint = new Fingerprint();
      this.#fingerprint.add(this.bytes);
    }
    this.#fingerprint.add(room > 0 ? piece.subarray(room) : piece);
    return isViewed;
  }

  #gather(piece: Buffer, room: number): boolean {
    // What is announced only takes no memory: much of it must have come.
    const isLong = piece.length > LONG_BYTES && this.#expectedBytes > piece.length;
    const isFirst = this.#keptBytes === 0 && !isLong;
    if (isFirst) {
      this.#kept = room === piece.length ? piece : piece.subarray(0, room);
    } else {
      const needed = Math.max(this.#keptBytes + room, isLong ? Math.min(this.#expectedBytes, this.#limitBytes) : 0);
      // The first piece has no spare room, so that what belongs to the connection is never written to.
      if (needed <= this.#kept.length) {
        piece.copy(this.#kept, this.#keptBytes, 0, room);
      } else {
        const bytes = Math.min(this.#limitBytes, Math.max(4096, isLong ? needed : needed * 2));
        this.#isSpare = bytes > SPARE_BYTES / 2 && bytes <= SPARE_BYTES;
        const grown = this.#isSpare ? (spare.pop() ?? Buffer.allocUnsafeSlow(SPARE_BYTES)) : Buffer.allocUnsafe(bytes);
        this.#kept.copy(grown, 0, 0, this.#keptBytes);
        piece.copy(grown, this.#keptBytes, 0, room);
        this.#kept = grown;
      }
    }
    this.#keptBytes += room;
    return isFirst;
  }

  /** The copy is done with, and so is whoever was given it: its memory may become another's. Nothing is kept until the next `start`. */
  free(): void {
    if (this.#isSpare && spare.length < MAX_SPARE) spare.push(this.#kept);
    this.drop();
  }

  /** The copy is done with, but its memory may be looked at still. */
  drop(): void {
    this.#isSpare = false;
    this.#kept = NOTHING;
    this.#keptBytes = 0;
    this.#limitBytes = 0;
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
