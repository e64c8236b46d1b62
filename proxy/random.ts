/** Random hexadecimal digits, drawn from the system in blocks: one draw a call would cost more than the rest of a head. */
import { randomFillSync } from 'node:crypto';

const block = Buffer.alloc(8192);
/** The block as digits, turned into text at once: a slice of it is nearly free. */
let digits = '';
let used = 0;

/** `bytes` random bytes as lower-case hexadecimal digits. */
export function randomHex(bytes: number): string {
  if (used + 2 * bytes > digits.length) {
    randomFillSync(block);
    digits = block.toString('hex');
    used = 0;
  }
  used += 2 * bytes;
  return digits.slice(used - 2 * bytes, used);
}

/** The last instant that was turned into text: several calls share a millisecond. */
let instant = Number.NaN;
let instantText = '';

/** A UUID of version 7 (RFC 9562 §5.7) for the given instant in milliseconds since the Unix epoch. */
export function uuidV7(at: number): string {
  if (at !== instant) {
    instant = at;
    instantText = `${uuidV7Start(at)}-7`;
  }
  const random = randomHex(10);
  // The variant's two bits, and two that are random: of each digit's code these are its lowest.
  const variant = '89ab'[random.charCodeAt(3) & 3];
  return `${instantText}${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

/** What the ids of an instant begin with; they are greater than those of any before. */
export function uuidV7Start(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}`;
}
