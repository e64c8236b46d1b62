/**
 * Reads a socket without a stream between it and its reader, and without memory of its own for each read.
 *
 * All sockets of a thread read into one buffer, since none is read while another's bytes are looked at. Of a few bytes a copy costs less than
 * fresh memory for the most that may come; many are handed over where they lie.
 */
import type { OnReadOpts } from 'node:net';

/** The most that comes at once. */
const READ_BYTES = 64 * 1024;
/** Up to here bytes are copied. */
const COPY_BYTES = 16 * 1024;

const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** For the option `onread` of a socket whose bytes go to `received`, to keep. */
export function readInto(received: (bytes: Buffer) => void): OnReadOpts {
  let next = shared;
  return {
    buffer: () => next,
    callback(length, buffer) {
      const read = Buffer.from(buffer.buffer, buffer.byteOffset, length);
      const many = length > COPY_BYTES;
      next = many ? Buffer.allocUnsafeSlow(READ_BYTES) : shared;
      received(many && buffer !== shared ? read : Buffer.from(read));
      return true;
    },
  };
}
