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

/** A UUID of version 7 (RFC 9562 §5.7) for the given instant in milliseconds since the Unix epoch. */
export function uuidV7(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  const random = randomHex(10);
  const variant = '89ab'[Number.parseInt(random[3]!, 16) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
