import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Scalar } from '../../../contracts/tensor.ts';
import { readRawTensor, writeRawTensor } from '../../../proxy/protocols/raw-tensors.ts';

function read(datatype: string, shape: readonly number[], hex: string): readonly Scalar[] {
  return readRawTensor({ name: 'x', datatype, shape }, Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'body: inputs 0').data;
}

function refused(datatype: string, shape: readonly number[], hex: string): DecodeError {
  try {
    read(datatype, shape, hex);
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error('it was read');
}

t.test('every datatype is read little-endian', async (t) => {
  t.same(read('BOOL', [3], '00 01 02'), [false, true, true]);
  t.same(read('INT8', [2], '7f 80'), [127, -128]);
  t.same(read('UINT8', [2], '7f 80'), [127, 128]);
  t.same(read('INT16', [2], '0080 ff7f'), [-32768, 32767]);
  t.same(read('UINT16', [1], '0080'), [32768]);
  t.same(read('INT32', [1], 'feffffff'), [-2]);
  t.same(read('UINT32', [1], 'feffffff'), [4294967294]);
  t.same(read('FP16', [5], '003c 00c0 ff7b 0100 007c'), [1, -2, 65504, 2 ** -24, Number.POSITIVE_INFINITY]);
  t.same(read('BF16', [3], '803f 00c0 4940'), [1, -2, 3.140625]);
  t.same(read('FP32', [1], 'cdcccc3d'), [Math.fround(0.1)]);
  t.same(read('FP64', [1], '9a9999999999b93f'), [0.1]);
});

t.test('64-bit integers keep every digit, and are numbers where numbers are exact', async (t) => {
  t.same(read('INT64', [2], 'ffffffffffffffff 0000000000000040'), [-1, 2n ** 62n]);
  t.same(read('UINT64', [2], 'ffffffffffffffff ffffffffffff1f00'), [2n ** 64n - 1n, Number.MAX_SAFE_INTEGER]);
});

t.test('a BYTES element is text where it is UTF-8, else base64', async (t) => {
  t.same(read('BYTES', [4], '02000000 6869 00000000 02000000 c3bc 02000000 ff00'), ['hi', '', 'ü', '/wA=']);
});

t.test('sizes that contradict the shape are told with both', async (t) => {
  t.match(refused('FP32', [2], '00000000'), {
    code: 'shape-mismatch',
    message: 'body: inputs 0: shape [2] needs 2 elements, the data has 1',
  });
  t.match(refused('INT64', [1], '000000'), { code: 'raw-size', message: /inputs 0: 3 bytes .* of 8/ });
  t.match(refused('BYTES', [1], '05000000 6869'), { code: 'raw-size', message: /element 0 ends at byte 9 of 6/ });
  t.equal(refused('BYTES', [1], '0500').code, 'raw-size');
  t.equal(refused('BYTES', [3], '00000000').code, 'shape-mismatch');
  t.equal(refused('FP8', [1], '00').code, 'unknown-datatype');
  t.equal(refused('constructor', [1], '00').code, 'unknown-datatype');
  t.equal(refused('FP32', [1e15, 0], '').code, 'shape-mismatch');
});

t.test('what a datatype cannot hold is not written', async (t) => {
  const written = (datatype: string, ...data: Scalar[]) => writeRawTensor({ datatype, data });
  t.equal(written('INT8', 300), null);
  t.equal(written('INT8', 1.5), null);
  t.equal(written('INT32', null), null);
  t.equal(written('UINT64', 2n ** 64n), null);
  t.equal(written('FP32', 'text'), null);
  t.equal(written('XYZ', 1), null);
  t.same(written('INT8', true, -128), Buffer.from([1, 0x80]));
  t.same(written('FP32', null), Buffer.from('0000c07f', 'hex'));
});

t.test('BF16 rounds to the nearest, ties to even', async (t) => {
  // 1 + 2^-8 lies half-way between 1 and 1 + 2^-7.
  for (const [value, back] of [
    [1 + 2 ** -8, 1],
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
    [3.4e38, Number.POSITIVE_INFINITY],
  ] as const) {
    const bytes = writeRawTensor({ datatype: 'BF16', data: [value] });
    t.same(readRawTensor({ name: 'x', datatype: 'BF16', shape: [1] }, bytes ?? Buffer.of(), '').data, [back]);
  }
});

t.test('whatever is written is read back, at any offset of its buffer', async (t) => {
  const elements: { readonly [datatype: string]: fc.Arbitrary<Scalar> } = {
    BOOL: fc.boolean(),
    INT8: fc.integer({ min: -128, max: 127 }),
    UINT16: fc.integer({ min: 0, max: 65535 }),
    INT32: fc.integer(),
    INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    UINT64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    FP16: fc.float().map((value) => Math.f16round(value)),
    FP32: fc.float(),
    FP64: fc.double(),
    BYTES: fc.string(),
  };
  for (const [datatype, element] of Object.entries(elements)) {
    fc.assert(
      fc.property(fc.array(element), fc.nat({ max: 7 }), (data, offset) => {
        const bytes = writeRawTensor({ datatype, data });
        if (bytes === null) throw new Error('not written');
        const moved = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
        const back = readRawTensor({ name: 'x', datatype, shape: [data.length] }, moved, '').data;
        if (!data.every((value, at) => Object.is(typeof value === 'bigint' ? BigInt(back[at] ?? 0) : back[at], value)))
          throw new Error(`${data} ${back}`);
      }),
      { seed: 11, numRuns: 200 },
    );
  }
  t.pass();
});
