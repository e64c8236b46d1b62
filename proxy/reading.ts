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
/** Copies are put one after the other into pieces of memory of this size. A piece stays for as long as a call looks at anything in it. */
const SLAB_BYTES = 32 * 1024;
/** Up to here: what is left of a piece when the next copy needs a fresh one should be little. */
const SMALL_BYTES = 4 * 1024;
/** Buffers kept for the next socket on which much flows. */
const MAX_SPARE = 16;

const shared: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
const spare: Buffer[] = [];
let released = false;
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

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
      else received(copyOf(memory as Buffer, length));
      const free = own !== null && (released || !many) ? own : null;
      if (many) next = free ?? spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
      else if (free !== null && spare.length < MAX_SPARE) spare.push(free);
      return true;
    },
  };
}

function copyOf(memory: Buffer, length: number): Buffer {
  if (length > SMALL_BYTES) return Buffer.copyBytesFrom(memory, 0, length);
  if (SLAB_BYTES - used < length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  memory.copy(slab, used, 0, length);
  const copy = slab.subarray(used, used + length);
  used += length;
  return copy;
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
