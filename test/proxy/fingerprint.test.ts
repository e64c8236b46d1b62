import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { Fingerprint, fingerprintOf } from '../../proxy/fingerprint.ts';

const KIB = 1024;
const body = Buffer.from(Array.from({ length: 300 * KIB }, (_, i) => (i * i + (i >> 7)) & 255));

t.test('a fingerprint is the CRC-32 of the first 16 KiB and of 1 KiB at each further 64 KiB', async (t) => {
  const samples = [body.subarray(0, 16 * KIB), ...[64, 128, 192, 256].map((at) => body.subarray(at * KIB, (at + 1) * KIB))];
  t.equal(fingerprintOf(body), crc32(Buffer.concat(samples)));
  for (const length of [0, 1, 1_000, 16 * KIB, 17 * KIB, 64 * KIB]) {
    t.equal(fingerprintOf(body.subarray(0, length)), crc32(body.subarray(0, Math.min(length, 16 * KIB))), `${length} bytes`);
  }
  t.equal(fingerprintOf(body.subarray(0, 64 * KIB + 3)), crc32(body.subarray(64 * KIB, 64 * KIB + 3), crc32(body.subarray(0, 16 * KIB))));
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

t.test('a change inside a sample shows, one between two does not', async (t) => {
  const changed = (at: number) => {
    const other = Buffer.from(body);
    other[at]! ^= 1;
    return fingerprintOf(other) !== fingerprintOf(body);
  };
  for (const at of [0, 16 * KIB - 1, 64 * KIB, 65 * KIB - 1, 257 * KIB - 1]) t.equal(changed(at), true, `at ${at}`);
  for (const at of [16 * KIB, 64 * KIB - 1, 65 * KIB, 299 * KIB]) t.equal(changed(at), false, `at ${at}`);
});
