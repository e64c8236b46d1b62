/**
 * A socket that the other side has closed is read on: what it sent before is still to be had.
 *
 * A write to such a socket fails, and a stream closes at the first write that does, so that what had come and was not read yet would be lost: the
 * answer of a server that does not want the rest of a request (RFC 9112 §9.6). The system keeps it until it is read.
 */
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

type Callback = Parameters<Writable['_write']>[2];

/** Whether a write failed because the other side has closed. Any other error says nothing of what it has sent. */
export function isClosedByPeer(error: NodeJS.ErrnoException): boolean {
  return error.syscall === 'write' && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}

/** Has the stream of `socket` go on after such an error as if the bytes had been sent. `failed` hears of it; the end or an error comes as ever. */
export function readPastWriteErrors(socket: Socket, failed: (error: NodeJS.ErrnoException) => void): void {
  const { _write: write, _writev: writev } = socket;
  // A stream has one write under way at a time.
  let told: Callback;
  const written: Callback = (error) => {
    const isLast = error instanceof Error && isClosedByPeer(error);
    if (isLast) failed(error);
    told(isLast ? null : error);
  };
  socket._write = function (chunk, encoding, callback) {
    told = callback;
    write.call(this, chunk, encoding, written);
  };
  // A socket has both.
  socket._writev = function (chunks, callback) {
    told = callback;
    writev!.call(this, chunks, written);
  };
}
