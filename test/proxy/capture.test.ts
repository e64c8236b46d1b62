import fc from 'fast-check';
import t from 'tap';
import { Capture } from '../../proxy/capture.ts';
import { fingerprintOf } from '../../proxy/fingerprint.ts';

t.test('the copy is the first bytes of what passed, however they were cut, and the pieces are left alone', (t) => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 30 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 0, max: 400 }), (given, limitBytes) => {
      const capture = new Capture();
      capture.start(limitBytes);
      const buffers = given.map((piece) => Buffer.from(piece));
      for (const buffer of buffers) capture.keep(buffer);
      const all = Buffer.concat(given);
      t.ok(capture.bytes.equals(all.subarray(0, limitBytes)));
      t.same(
        [capture.keptBytes, capture.totalBytes, capture.whole],
        [Math.min(limitBytes, all.length), all.length, all.length <= limitBytes],
      );
      t.ok(Buffer.concat(buffers).equals(all));
      for (const first of [0, limitBytes >> 1, limitBytes, 2 * limitBytes]) {
        t.ok(capture.first(first).equals(all.subarray(0, Math.min(first, limitBytes))));
        t.equal(
          capture.fingerprintBeyond(first),
          all.length > first ? fingerprintOf(all) : null,
          'of the whole body, where the first bytes are not all',
        );
      }
    }),
    { seed: 11, numRuns: 200 },
  );
  t.end();
});

t.test('a body that is not recorded has no fingerprint', async (t) => {
  const capture = new Capture();
  capture.start(2, false);
  for (const piece of ['a', 'bcd', 'e']) capture.keep(Buffer.from(piece));
  t.same([capture.bytes.toString(), capture.totalBytes, capture.fingerprintBeyond(0)], ['ab', 5, null]);
});
