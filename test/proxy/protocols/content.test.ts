import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
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

t.test('gzip and deflate, with and without its wrapper, are removed', (t) => {
  const encoded: readonly [string, Uint8Array][] = [
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
    ['identity , gzip', gzipSync(text)],
  ];
  for (const [coding, bytes] of encoded) {
    t.same(Buffer.from(decodeContent(bytes, [['CONTENT-encoding', coding]], 1000)), text, coding);
  }
  t.end();
});

t.test('an output larger than the cap is refused before it fills the memory', (t) => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  t.equal(failure(bomb, 'gzip'), 'inflated-too-large');
  t.equal(failure(gzipSync(text), 'gzip', text.length - 1), 'inflated-too-large');
  t.equal(failure(gzipSync(text), 'gzip', text.length), 'decoded');
  t.end();
});

t.test('an encoding that is unknown, wrong, cut short or piled up is refused', (t) => {
  t.equal(failure(brotliCompressSync(text), 'br'), 'content-encoding');
  t.equal(failure(text, 'gzip'), 'content-encoding');
  t.equal(failure(text, 'deflate'), 'content-encoding');
  t.equal(failure(gzipSync(text).subarray(0, 20), 'gzip'), 'content-encoding');
  t.equal(failure(text, 'gzip, gzip, gzip, gzip'), 'content-encoding');
  t.end();
});

t.test('any bytes under any encoding are decoded or refused with a reason', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom('gzip', 'deflate', 'deflate,gzip', 'zstd', ''), (bytes, coding) => {
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
