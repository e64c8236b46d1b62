/** Random hexadecimal digits, of bytes drawn from the system in blocks: one draw a call would cost more than the rest of a head. */
import { randomFill, randomFillSync } from 'node:crypto';

/** Enough for four thousand calls. */
const BLOCK_BYTES = 128 * 1024;

let block = Buffer.alloc(BLOCK_BYTES);
let used = BLOCK_BYTES;
/** The next block. It is drawn by a thread of Node's pool: the calls that come meanwhile would wait for it, a tenth of a millisecond. */
let spare = Buffer.alloc(BLOCK_BYTES);
let isDrawn = false;
let isBeingDrawn = false;
const DIGITS = Buffer.from('0123456789abcdef');

/** A random number from 0 to 255. */
function randomByte(): number {
  if (used === BLOCK_BYTES) turnOver();
  return block[used++]!;
}

function turnOver(): void {
  if (isDrawn) [block, spare] = [spare, block];
  // At the beginning, or where calls were quicker than the pool.
  else randomFillSync(block);
  used = 0;
  isDrawn = false;
  if (isBeingDrawn) return;
  isBeingDrawn = true;
  randomFill(spare, (error) => {
    isBeingDrawn = false;
    isDrawn = error === null;
  });
}

/** Puts `count` random lower-case digits into latin1 `text`, from `at` on. */
export function putRandomHex(text: Buffer, at: number, count: number): void {
  for (let i = 0; i < count; i += 2) {
    const byte = randomByte();
    text[at + i] = DIGITS[byte >> 4]!;
    if (i + 1 < count) text[at + i + 1] = DIGITS[byte & 15]!;
  }
}

export const UUID_LENGTH = 36;
const VERSION_AT = 14;
const VARIANT_AT = 19;
/** The upper two bits of this digit are the variant; the lower two are random. */
const VARIANTS = Buffer.from('89ab');
const DASH = 45;

/** What the ids of the last instant begin with: several calls share a millisecond. */
const start = Buffer.from('00000000-0000-7');
let instant = Number.NaN;

/** Puts a UUID of version 7 (RFC 9562 §5.7) into latin1 `text`, for the given instant in milliseconds since the Unix epoch. */
export function putUuidV7(text: Buffer, to: number, at: number): void {
  if (at !== instant) {
    instant = at;
    start.write(uuidV7Start(at), 'latin1');
  }
  text.set(start, to);
  putRandomHex(text, to + VERSION_AT + 1, 3);
  text[to + VARIANT_AT - 1] = DASH;
  text[to + VARIANT_AT] = VARIANTS[randomByte() & 3]!;
  putRandomHex(text, to + VARIANT_AT + 1, 3);
  text[to + VARIANT_AT + 4] = DASH;
  putRandomHex(text, to + VARIANT_AT + 5, 12);
}

/** What the ids of an instant begin with; they are greater than those of any before. */
export function uuidV7Start(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
