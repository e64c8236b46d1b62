/**
 * Writes a part of a message: head, body bytes and end together, in one system call where they are small.
 */
import type { Outlet } from './outlet.ts';

/** Up to here copying into one buffer is cheaper than a vectored write. */
const JOIN_BYTES = 32 * 1024;
const NOTHING = Buffer.alloc(0);

/** The start of a message: bytes that were made before, then text (latin1) that is this message's own. */
export interface Head {
  readonly bytes: Buffer;
  readonly text: string;
}

export const NO_HEAD: Head = { bytes: NOTHING, text: '' };

const BENCH_BYTES = 2 * JOIN_BYTES;

/** Where small messages are put together, from the first byte that is free on. */
let bench = Buffer.allocUnsafeSlow(BENCH_BYTES);
let free = 0;

/**
 * Sends `head`, then the pieces (as one chunk when `chunked`), then `end` (latin1). Any of them may be empty.
 * The pieces must not be changed afterwards. Returns false when the receiver should be waited for.
 */
export function writeMessage(outlet: Outlet, head: Head, pieces: readonly Buffer[], chunked: boolean, end: string): boolean {
  let bodyBytes = 0;
  for (const piece of pieces) bodyBytes += piece.length;
  let before = head.text;
  let after = end;
  if (chunked && bodyBytes > 0) {
    before += `${bodyBytes.toString(16)}\r\n`;
    after = `\r\n${end}`;
  }
  const total = head.bytes.length + before.length + bodyBytes + after.length;
  if (total === 0) return !outlet.isBlocked;
  if (total === bodyBytes && pieces.length === 1) return outlet.write(pieces[0]!);
  if (total <= JOIN_BYTES) {
    if (bench.length - free < total) {
      bench = Buffer.allocUnsafeSlow(BENCH_BYTES);
      free = 0;
    }
    bench.set(head.bytes, free);
    let at = free + head.bytes.length;
    if (before !== '') at += bench.write(before, at, 'latin1');
    for (const piece of pieces) {
      bench.set(piece, at);
      at += piece.length;
    }
    if (after !== '') bench.write(after, at, 'latin1');
    const flowing = outlet.write(bench.subarray(free, free + total));
    // What was not taken yet, as always with TLS, still lies there.
    if (outlet.unsentBytes > 0) free += total;
    return flowing;
  }
  const parts = [head.bytes, Buffer.from(before, 'latin1'), ...pieces, Buffer.from(after, 'latin1')];
  return outlet.writeAll(parts.filter(({ length }) => length > 0));
}
