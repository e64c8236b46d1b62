import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import { decodeContent, fieldValue } from '../../../proxy/protocols/content.ts';

const text = Buffer.from('{"instances":[[1,2],[3,4]]}');

function failure(bytes: Uint8Array, coding: string, maxBytes = 1000): string {
  try {
    decodeContent(bytes, [['Content-Encoding', coding]], maxBytes);
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
  return 'decoded';
}

t.test('a body without an encoding comes back as it is', (t) => {
  t.equal(decodeContent(text, [], 10), text);
  t.equal(decodeContent(text, [['content-encoding', 'identity']], 10), text);
  t.end();
});

t.test('gzip, deflate with and without its wrapper, br and zstd are removed, one on another too', (t) => {
  const encoded: readonly [string, Uint8Array][] = [
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
    ['identity , gzip', gzipSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['zstd,br, deflate', deflateSync(brotliCompressSync(zstdCompressSync(text)))],
  ];
  for (const [coding, bytes] of encoded) {
    t.same(Buffer.from(decodeContent(bytes, [['CONTENT-encoding', coding]], 1000)), text, coding);
  }
  t.end();
});

t.test('an output larger than the cap is refused before it fills the memory', (t) => {
  const zeros = Buffer.alloc(50_000_000);
  for (const [coding, bomb] of [
    ['gzip', gzipSync(zeros)],
    ['deflate', deflateRawSync(zeros)],
    ['br', brotliCompressSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['gzip, gzip', gzipSync(gzipSync(zeros))],
  ] as const) {
    t.equal(failure(bomb, coding), 'inflated-too-large', coding);
  }
  t.equal(failure(gzipSync(text), 'gzip', text.length - 1), 'inflated-too-large');
  t.equal(failure(gzipSync(text), 'gzip', text.length), 'decoded');
  t.end();
});

t.test('an output out of all proportion to its input is refused below the cap too, unless it is small', (t) => {
  const cap = 100_000_000;
  t.equal(failure(gzipSync(Buffer.alloc(20_000_000)), 'gzip', cap), 'inflated-ratio');
  t.equal(failure(brotliCompressSync(Buffer.alloc(2_000_000)), 'br', cap), 'inflated-ratio');
  t.equal(failure(gzipSync(Buffer.alloc(900_000)), 'gzip', cap), 'decoded');
  const dense = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * index * 7919) % 65_521));
  t.equal(failure(gzipSync(dense, { level: 1 }), 'gzip', cap), 'decoded');
  t.end();
});

t.test('of a copy that was cut off, what comes out is kept; of a whole body that is cut short, nothing', (t) => {
  const long = Buffer.from(Array.from({ length: 20_000 }, (_, index) => String((index * 7919) % 10_007)).join());
  for (const [coding, bytes] of [
    ['gzip', gzipSync(long)],
    ['deflate', deflateSync(long)],
    ['br', brotliCompressSync(long)],
    ['zstd', zstdCompressSync(long)],
  ] as const) {
    const half = bytes.subarray(0, bytes.length >> 1);
    const part = decodeContent(half, [['content-encoding', coding]], 1_000_000, true);
    t.ok(part.length < long.length && long.subarray(0, part.length).equals(part), coding);
    if (coding !== 'zstd') t.ok(part.length > 1000, coding);
    t.equal(failure(half, coding, 1_000_000), 'content-encoding', coding);
  }
  t.end();
});

t.test('an encoding that is unknown, wrong, cut short or piled up is refused', (t) => {
  t.equal(failure(text, 'compress'), 'content-encoding');
  t.equal(failure(text, 'constructor'), 'content-encoding');
  t.equal(failure(text, 'br'), 'content-encoding');
  t.equal(failure(text, 'zstd'), 'content-encoding');
  t.equal(failure(text, 'gzip'), 'content-encoding');
  t.equal(failure(text, 'deflate'), 'content-encoding');
  t.equal(failure(gzipSync(text).subarray(0, 20), 'gzip'), 'content-encoding');
  t.equal(failure(text, 'gzip, gzip, gzip, gzip'), 'content-encoding');
  t.end();
});

t.test('any bytes under any encoding are decoded or refused with a reason', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom('gzip', 'deflate', 'deflate,gzip', 'zstd', 'br', ''), (bytes, coding) => {
      failure(bytes, coding);
    }),
    { seed: 20262, numRuns: 500 },
  );
  t.end();
});

t.test('a field sent twice is one list', (t) => {
  t.equal(
    fieldValue(
      [
        ['Accept', 'a'],
        ['X', 'no'],
        ['accept', 'b'],
      ],
      'accept',
    ),
    'a, b',
  );
  t.equal(fieldValue([], 'accept'), null);
  t.end();
});
