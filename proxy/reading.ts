/**
 * Reads a socket without a stream between it and its reader, and without memory of its own for each read.
 *
 * All sockets of a thread read into one buffer, since none is read while another's bytes are looked at. Of a few bytes a copy costs less than
 * fresh memory for the most that may come. Where many flow, a socket has a buffer to itself, which is handed over as it lies; when its receiver
 * says that it is done with the bytes, the next are read over them, and a large body passes through a few pages that stay in the caches.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { handleOf, inside } from './node-inside.ts';

/** The most that comes at once. */
const READ_BYTES = 64 * 1024;
/** Up to here bytes are copied. */
const COPY_BYTES = 16 * 1024;
/** Buffers kept for the next socket on which much flows. */
const MAX_SPARE = 16;

const shared: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
const spare: Buffer[] = [];
let released = false;

/** Says, before `received` returns, that nobody looks at the bytes it was given any more: not the system either. */
export function releaseRead(): void {
  released = true;
}

/** For the option `onread` of a socket whose bytes go to `received`: to keep, unless it releases them. */
export function readInto(received: (bytes: Buffer) => void): OnReadOpts {
  let next = shared;
  return {
    buffer: () => next,
    callback(length, memory) {
      const own = next === shared ? null : next;
      const many = length > COPY_BYTES;
      next = shared;
      released = false;
      if (own !== null && many) received(Buffer.from(memory.buffer, memory.byteOffset, length));
      else {
        const copy = Buffer.allocUnsafe(length);
        (memory as Buffer).copy(copy, 0, 0, length);
        received(copy);
      }
      const free = own !== null && (released || !many) ? own : null;
      if (many) next = free ?? spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
      else if (free !== null && spare.length < MAX_SPARE) spare.push(free);
      return true;
    },
  };
}

/** Takes what Node does for each read of a socket with these options, timers and a stream that nobody reads, out of the way. */
export function readStraight(socket: Socket, { buffer, callback }: OnReadOpts): void {
  const handle = handleOf(socket);
  if (handle === null || inside === null || typeof buffer !== 'function') return;
  const { streamBaseState, kReadBytesOrError } = inside;
  const { onread } = handle;
  let memory = buffer();
  handle.onread = function (given) {
    const length = streamBaseState[kReadBytesOrError]!;
    // Ends and errors are the socket's to tell.
    if (length <= 0) return onread.call(this, given);
    if (socket.destroyed) return undefined;
    callback(length, memory);
    const next = buffer();
    if (next === memory) return undefined;
    memory = next;
    return next;
  };
}
