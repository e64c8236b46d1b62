/**
 * Reads a socket without a stream between it and its reader, and without memory of its own for each read.
 *
 * All sockets of a thread read into one buffer, since none is read while another's bytes are looked at. Few bytes stay there and are passing: the
 * next read writes over them, and who keeps any keeps a copy (`lasting`). Where many flow, a socket has a buffer to itself, which is handed over
 * as it lies; when its receiver says that it is done with the bytes, the next are read over them, and a large body passes through a few pages
 * that stay in the caches.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { handleOf, inside } from './node-inside.ts';

/** The most that comes at once, and what a socket on which much flows holds for its next read. */
export const READ_BYTES = 64 * 1024;
/** Up to here bytes are passing. */
const PASSING_BYTES = 16 * 1024;
/** Buffers kept for the next socket on which much flows. */
const MAX_SPARE = 16;

const shared: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
const sharedMemory = shared.buffer;
const spare: Buffer[] = [];
let released = false;

/** Views of passing bytes, by where they begin and end: lengths repeat, and a view takes more memory than a head. */
const views = new Map<number, readonly [Buffer]>();
const MAX_VIEWS = 1024;

/** These bytes of `input`, as a list of one. */
export function pieceOf(input: Buffer, from: number, end: number): readonly [Buffer] {
  if (!isPassing(input)) return [from === 0 && end === input.length ? input : input.subarray(from, end)];
  const start = input.byteOffset + from;
  // Both are less than 2¹⁵.
  const key = (start << 15) | (input.byteOffset + end);
  let known = views.get(key);
  if (known === undefined) {
    if (views.size === MAX_VIEWS) views.clear();
    known = [input.subarray(from, end)];
    views.set(key, known);
  }
  return known;
}

/** Whether the next read writes over these bytes. */
export function isPassing({ buffer }: Buffer): boolean {
  return buffer === sharedMemory;
}

/** These bytes, to keep. */
export function lasting(bytes: Buffer): Buffer {
  return isPassing(bytes) ? Buffer.from(bytes) : bytes;
}

/** Says, before `received` returns, that nobody looks at the bytes it was given any more: not the system either. */
export function releaseRead(): void {
  released = true;
}

/** For the option `onread` of a socket whose bytes go to `received`: passing, or its own unless it releases them. */
export function readInto(received: (bytes: Buffer) => void): OnReadOpts {
  let next = shared;
  return {
    buffer: () => next,
    callback(length, memory) {
      const own = memory === shared ? null : (memory as Buffer);
      const many = length > PASSING_BYTES;
      next = shared;
      released = false;
      if (!many) {
        if (own !== null) own.copy(shared, 0, 0, length);
        received(pieceOf(shared, 0, length)[0]);
      } else if (own === null) received(Buffer.from(shared.subarray(0, length)));
      else received(own.subarray(0, length));
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
