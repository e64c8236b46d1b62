import type { Socket } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { Capture } from '../../proxy/capture.ts';
import { fingerprintOf } from '../../proxy/fingerprint.ts';
import { readInto } from '../../proxy/reading.ts';
import { boundless } from './wire.ts';

const recorded = ({ memory, recordedBytes }: Capture) => memory.subarray(0, recordedBytes);

/** Gives bytes as a socket's reads give them, and has the next read write over what is passing. */
function passes(bytes: Uint8Array, received: (piece: Buffer) => void): void {
  const { buffer, callback } = readInto(received);
  const memory = (buffer as () => Buffer)();
  memory.set(bytes);
  callback.call(undefined as unknown as Socket, bytes.length, memory);
  memory.fill(0xee);
}

t.test('the copy is the first bytes of what passed, however they were cut and wherever they lay, and the pieces are left alone', (t) => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 30 });
  const limits = fc.nat(400);
  // One serves all, as a connection's does.
  const lasting = new Capture(boundless());
  const passing = new Capture(boundless());
  fc.assert(
    fc.property(pieces, limits, limits, fc.boolean(), (given, recordBytes, heldBytes, isFreed) => {
      const all = Buffer.concat(given);
      const limitBytes = Math.max(recordBytes, heldBytes);
      const buffers = given.map((piece) => Buffer.from(piece));
      lasting.start(recordBytes, heldBytes);
      for (const buffer of buffers) lasting.keep(buffer);
      t.ok(Buffer.concat(buffers).equals(all));
      passing.start(recordBytes, heldBytes);
      for (const piece of given) passes(piece, (bytes) => passing.keep(bytes));
      for (const capture of [lasting, passing]) {
        t.ok(capture.bytes.equals(all.subarray(0, limitBytes)));
        t.ok(recorded(capture).equals(all.subarray(0, recordBytes)));
        t.same([capture.totalBytes, capture.whole], [all.length, all.length <= limitBytes]);
        t.equal(capture.fingerprint, all.length > recordBytes ? fingerprintOf(all) : null, 'of the whole body, where not all is recorded');
        if (isFreed) capture.free();
      }
    }),
    { seed: 11, numRuns: 200 },
  );
  t.end();
});

t.test('a passing piece is looked at only where its record is due; what is dropped is not written over', async (t) => {
  const capture = new Capture(boundless());
  capture.start(10);
  passes(Buffer.from('abc'), (piece) => t.ok(capture.keep(piece, true), 'looked at'));
  t.equal(recorded(capture).toString('hex'), 'eeeeee', 'as it lies');
  capture.start(10);
  passes(Buffer.from('abc'), (piece) => t.notOk(capture.keep(piece), 'copied'));
  const first = capture.bytes;
  t.equal(first.toString(), 'abc');
  capture.drop();
  capture.start(10);
  passes(Buffer.from('def'), (piece) => capture.keep(piece));
  t.same([first.toString(), capture.bytes.toString()], ['abc', 'def']);
  const second = capture.bytes;
  capture.free();
  capture.start(10);
  passes(Buffer.from('ghi'), (piece) => capture.keep(piece));
  t.equal(second.toString(), 'ghi', 'what is free serves the next body');
});

t.test('a body that is not recorded has no fingerprint', async (t) => {
  const capture = new Capture(boundless());
  capture.start(2, 0, false);
  for (const piece of ['a', 'bcd', 'e']) capture.keep(Buffer.from(piece));
  t.same([capture.bytes.toString(), capture.totalBytes, capture.fingerprint], ['ab', 5, null]);
});
