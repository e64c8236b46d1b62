import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { Fingerprint, fingerprintOf } from '../../proxy/fingerprint.ts';

const KIB = 1024;
const body = Buffer.from(Array.from({ length: 300 * KIB }, (_, i) => (i * i + (i >> 7)) & 255));

t.test('a fingerprint is the CRC-32 of the first 16 KiB and of each 1024th byte from there on', async (t) => {
  for (const length of [0, 1, 1_000, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 17 * KIB, 17 * KIB + 1, 300 * KIB]) {
    const samples: number[] = [];
    for (let at = 16 * KIB; at < length; at += KIB) samples.push(body[at]!);
    const expected = crc32(Buffer.from(samples), crc32(body.subarray(0, Math.min(length, 16 * KIB))));
    t.equal(fingerprintOf(body.subarray(0, length)), expected, `${length} bytes`);
  }
});

t.test('it does not matter how a body was cut', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: body.length }), { maxLength: 12 }), (cuts) => {
      const fingerprint = new Fingerprint();
      let from = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), body.length]) {
        fingerprint.add(body.subarray(from, cut));
        from = cut;
      }
      return fingerprint.value === fingerprintOf(body);
    }),
    { seed: 19, numRuns: 300 },
  );
  t.pass('300 ways');
});

t.test('a change in the head, of a sample or of a KiB in a row shows, a smaller one between two samples does not', async (t) => {
  const changed = (from: number, bytes: number) => {
    const other = Buffer.from(body);
    for (let at = from; at < from + bytes; at++) other[at]! ^= 1;
    return fingerprintOf(other) !== fingerprintOf(body);
  };
  for (const at of [0, 16 * KIB - 1, 16 * KIB, 17 * KIB, 299 * KIB]) t.equal(changed(at, 1), true, `at ${at}`);
  for (const at of [16 * KIB + 1, 17 * KIB - 1, 17 * KIB + 1, 300 * KIB - 1]) t.equal(changed(at, 1), false, `at ${at}`);
  for (let at = 16 * KIB; at <= 299 * KIB; at += 997) t.equal(changed(at, KIB), true, `a KiB at ${at}`);
  t.equal(changed(17 * KIB + 1, KIB - 1), false);
  t.equal(changed(70_000, 60_000), true);
});
