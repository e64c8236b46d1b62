/**
 * Which rows of a table repeat an earlier one.
 *
 * Rows are held against each other by a hash of 53 bits, so that memory is a number a row however wide the rows are. Two different rows
 * are taken for one with a chance of about n²/2⁵⁴: below one in ten thousand in a million rows.
 */
import type { Cell } from '../contracts/record.ts';

/** 1 for each row whose cells all equal those of an earlier row, else 0. Rows without any value repeat nothing. */
export function repeatedRows(columns: readonly (readonly Cell[] | null)[], rows: number): number[] {
  const seen = new Set<number>();
  const repeated = new Array<number>(rows).fill(0);
  for (let row = 0; row < rows; row++) {
    const hash = hashOf(columns, row);
    if (hash === null) continue;
    if (seen.has(hash)) repeated[row] = 1;
    else seen.add(hash);
  }
  return repeated;
}

/** Two multiplicative hashes side by side; the type goes in, so that 1 and "1" differ. */
function hashOf(columns: readonly (readonly Cell[] | null)[], row: number): number | null {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  let present = false;
  for (const column of columns) {
    const cell = column?.[row] ?? null;
    if (cell !== null) present = true;
    const text = cell === null ? '\u0000' : typeof cell === 'string' ? `s${cell}` : String(cell);
    for (let i = 0; i <= text.length; i++) {
      // One step beyond the end parts the cells.
      const unit = i < text.length ? text.charCodeAt(i) : 0x1f;
      a = Math.imul(a ^ unit, 2_654_435_761);
      b = Math.imul(b ^ unit, 1_597_334_677);
    }
  }
  if (!present) return null;
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return 4_294_967_296 * (b & 0x1f_ffff) + (a >>> 0);
}
