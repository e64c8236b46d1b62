/**
 * Writes a part of a message: head, body bytes and end together, in one system call where they are small.
 */
import type { Socket } from 'node:net';

/** Up to here copying into one buffer is cheaper than a vectored write. */
const JOIN_BYTES = 32 * 1024;

/**
 * Sends `head` (latin1), then the pieces (as one chunk when `chunked`), then `end` (latin1). Any of them may be empty.
 * The pieces must not be changed afterwards. Returns false when the receiver should be waited for.
 */
export function writeMessage(socket: Socket, head: string, pieces: readonly Buffer[], chunked: boolean, end: string): boolean {
  let bodyBytes = 0;
  for (const piece of pieces) bodyBytes += piece.length;
  let before = head;
  let after = end;
  if (chunked && bodyBytes > 0) {
    before += `${bodyBytes.toString(16)}\r\n`;
    after = `\r\n${end}`;
  }
  const total = before.length + bodyBytes + after.length;
  if (total === 0) return !socket.writableNeedDrain;
  if (total === bodyBytes && pieces.length === 1) return socket.write(pieces[0]!);
  if (total <= JOIN_BYTES) {
    const joined = Buffer.allocUnsafe(total);
    let at = joined.write(before, 0, 'latin1');
    for (const piece of pieces) {
      piece.copy(joined, at);
      at += piece.length;
    }
    if (after !== '') joined.write(after, at, 'latin1');
    return socket.write(joined);
  }
  socket.cork();
  if (before !== '') socket.write(before, 'latin1');
  for (const piece of pieces) socket.write(piece);
  if (after !== '') socket.write(after, 'latin1');
  socket.uncork();
  return !socket.writableNeedDrain;
}
