/** Random hexadecimal digits, drawn from the system in blocks: one draw a call would cost more than the rest of a head. */
import { randomFillSync } from 'node:crypto';

const block = Buffer.alloc(8192);
/** The block as lower-case digits, of which so many are used. */
const digits = Buffer.alloc(2 * block.length);
let used = digits.length;

/** Puts `count` random digits into latin1 `text`, from `at` on. */
export function putRandomHex(text: Buffer, at: number, count: number): void {
  if (used + count > digits.length) {
    randomFillSync(block);
    digits.write(block.toString('hex'), 'latin1');
    used = 0;
  }
  for (let i = 0; i < count; i++) text[at + i] = digits[used + i]!;
  used += count;
}

export const UUID_LENGTH = 36;
const VERSION_AT = 14;
const VARIANT_AT = 19;
const VARIANTS = Buffer.from('89ab');
const DASH = 45;
const DIGIT_0 = 48;
const LETTER_A = 97;

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
  putRandomHex(text, to + VARIANT_AT, 4);
  putRandomHex(text, to + VARIANT_AT + 5, 12);
  text[to + VERSION_AT + 4] = text[to + VARIANT_AT + 4] = DASH;
  // Of this digit the upper two bits are the variant; the lower two stay random.
  const code = text[to + VARIANT_AT]!;
  const digit = code < LETTER_A ? code - DIGIT_0 : code - LETTER_A + 10;
  text[to + VARIANT_AT] = VARIANTS[digit & 3]!;
}

/** What the ids of an instant begin with; they are greater than those of any before. */
export function uuidV7Start(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
