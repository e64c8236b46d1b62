/**
 * The bounded copy of a body, taken while the body passes by, and what recognises the whole where it outgrows the copy.
 *
 * It is also what a call is sent again from: to a fresh connection or to the fallback, as long as `whole` holds.
 */
import { Fingerprint, fingerprintOf } from './fingerprint.ts';
import type { Held } from './held.ts';
import { isPassing } from './reading.ts';
import type { CopiedBody } from './ring-record.ts';

const NOTHING = Buffer.alloc(0);
/** From here on it pays to know a body's length before it has come. */
const LONG_BYTES = 16 * 1024;

/** Memory of one size that is used again: fresh pages cost more than the copy that goes into them. */
interface Stock {
  readonly bytes: number;
  readonly most: number;
  readonly spare: Buffer[];
}

const SMALL: Stock = { bytes: LONG_BYTES, most: 128, spare: [] };
const LARGE: Stock = { bytes: 256 * 1024, most: 16, spare: [] };

export class Capture implements CopiedBody {
  readonly #held: Held;
  /** What room was made for. */
  #takenBytes = 0;
  /** The most that is kept. */
  #limitBytes = 0;
  /** The most of it that goes on record. */
  #recordBytes = 0;
  #recognised = true;
  #kept: Buffer = NOTHING;
  #keptBytes = 0;
  /** Where the copy's memory is from, if it is used again. */
  #stock: Stock | null = null;
  #totalBytes = 0;
  #expectedBytes = 0;
  /** Of all that passed, once that is more than is kept. */
  #fingerprint: Fingerprint | null = null;

  constructor(held: Held) {
    this.#held = held;
  }

  /**
   * Of the next body.
   *
   * @param recordBytes of it that go on record
   * @param heldBytes that are held whatever goes on record
   * @param recognised whether one that outgrows the record gets a fingerprint: what is not recorded needs none
   */
  start(recordBytes: number, heldBytes = 0, recognised = true): void {
    this.drop();
    this.#limitBytes = Math.max(recordBytes, heldBytes);
    this.#recordBytes = recordBytes;
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
   * The first piece is kept as a view (a body mostly comes in one), unless it is passing and the record is not `due` before it goes; further ones
   * are gathered, so that many small ones cost no more.
   *
   * Returns whether the piece is still looked at.
   */
  keep(piece: Buffer, due = false): boolean {
    this.#totalBytes += piece.length;
    let room = Math.min(piece.length, this.#limitBytes - this.#keptBytes);
    if (room > 0 && !this.#hasRoom(room, due)) {
      this.#limitBytes = this.#keptBytes;
      room = 0;
    }
    const isViewed = room > 0 && this.#gather(piece, room, due);
    if (!this.#recognised || this.whole) return isViewed;
    if (this.#fingerprint === null) {
      this.#fingerprint = new Fingerprint();
      this.#fingerprint.add(this.bytes);
    }
    this.#fingerprint.add(room > 0 ? piece.subarray(room) : piece);
    return isViewed;
  }

  /** Whether so many bytes more may be kept. What is small, or looked at for one read only, takes no room. */
  #hasRoom(bytes: number, due: boolean): boolean {
    const keptBytes = this.#keptBytes + bytes;
    if (keptBytes <= LONG_BYTES || (due && this.#keptBytes === 0)) return true;
    const needed = (keptBytes <= LARGE.bytes / 4 ? LARGE.bytes / 4 : this.#limitBytes) - this.#takenBytes;
    if (needed <= 0) return true;
    if (!this.#held.takeForCopy(needed)) return false;
    this.#takenBytes += needed;
    return true;
  }

  #gather(piece: Buffer, room: number, due: boolean): boolean {
    // What is announced only takes no memory: much of it must have come.
    const isLong = piece.length > LONG_BYTES && this.#expectedBytes > piece.length;
    const isViewed = this.#keptBytes === 0 && !isLong && (due || !isPassing(piece));
    if (isViewed) {
      this.#kept = room === piece.length ? piece : piece.subarray(0, room);
    } else {
      const needed = Math.max(this.#keptBytes + room, isLong ? Math.min(this.#expectedBytes, this.#limitBytes) : 0);
      // A view has no spare room, so that what belongs to the connection is never written to.
      if (needed > this.#kept.length) this.#grow(needed, isLong);
      piece.copy(this.#kept, this.#keptBytes, 0, room);
    }
    this.#keptBytes += room;
    return isViewed;
  }

  #grow(needed: number, isLong: boolean): void {
    const bytes = isLong ? needed : Math.max(needed, Math.min(needed * 2, this.#limitBytes));
    this.#stock = needed <= SMALL.bytes ? SMALL : bytes > LARGE.bytes / 2 && bytes <= LARGE.bytes ? LARGE : null;
    const grown = this.#stock?.spare.pop() ?? Buffer.allocUnsafeSlow(this.#stock?.bytes ?? bytes);
    this.#kept.copy(grown, 0, 0, this.#keptBytes);
    this.#kept = grown;
  }

  /** The copy is done with, and so is whoever was given it: its memory may become another's. Nothing is kept until the next `start`. */
  free(): void {
    const stock = this.#stock;
    if (stock !== null && stock.spare.length < stock.most) stock.spare.push(this.#kept);
    this.drop();
  }

  /** It will be done with at once, and another may have the room. */
  giveBack(): void {
    if (this.#takenBytes === 0) return;
    this.#held.giveBack(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** The copy is done with, but its memory may be looked at still. */
  drop(): void {
    this.#stock = null;
    this.#kept = NOTHING;
    this.#keptBytes = 0;
    this.#limitBytes = 0;
  }

  /** The copy: at most the limit, valid until the next `keep`, and where the record was `due` until the read is over. */
  get bytes(): Buffer {
    return this.#kept.length === this.#keptBytes ? this.#kept : this.#kept.subarray(0, this.#keptBytes);
  }

  get memory(): Buffer {
    return this.#kept;
  }

  get recordedBytes(): number {
    return Math.min(this.#keptBytes, this.#recordBytes);
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether every byte that passed is kept. */
  get whole(): boolean {
    return this.#keptBytes === this.#totalBytes;
  }

  get fingerprint(): number | null {
    if (!this.#recognised || this.#totalBytes <= this.#recordBytes) return null;
    return this.#fingerprint === null ? fingerprintOf(this.bytes) : this.#fingerprint.value;
  }
}
