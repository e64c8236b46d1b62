/**
 * Reads a socket without a stream between it and its reader, and without memory of its own for each read.
 *
 * All sockets of a thread read into one buffer, since none is read while another's bytes are looked at. Of a few bytes a copy costs less than
 * fresh memory for the most that may come. Where many flow, a socket has a buffer to itself, which is handed over as it lies; when its receiver
 * says that it is done with the bytes, the next are read over them, and a large body passes through a few pages that stay in the caches.
 */
import type { OnReadOpts } from 'node:net';

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
      const read = Buffer.from(memory.buffer, memory.byteOffset, length);
      const many = length > COPY_BYTES;
      next = shared;
      released = false;
      received(own !== null && many ? read : Buffer.from(read));
      const free = own !== null && (released || !many) ? own : null;
      if (many) next = free ?? spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
      else if (free !== null && spare.length < MAX_SPARE) spare.push(free);
      return true;
    },
  };
}
