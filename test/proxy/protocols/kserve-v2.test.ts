import t from 'tap';
import type { Header } from '../../../contracts/exchange.ts';
import { kserveV2 } from '../../../proxy/protocols/kserve-v2.ts';

const target = { model: 'm', version: '1' };

function request(inputs: string, headers: readonly Header[] = []) {
  return kserveV2.decodeRequest({ bytes: Buffer.from(`{"inputs":${inputs}}`), headers }, target);
}

function tensor(shape: string, data: string, datatype = 'FP32'): string {
  return `[{"name":"x","datatype":"${datatype}","shape":${shape},"data":${data}}]`;
}

const encode = kserveV2.encodeResponse;
if (encode === null) throw new Error('V2 gives answers');

t.test('flat and nested data mean the same tensor', (t) => {
  const flat = request(tensor('[2,3]', '[1,2,3,4,5,6]')).tensors;
  t.same(flat, [{ name: 'x', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }]);
  t.same(request(tensor('[2,3]', '[[1,2,3],[4,5,6]]')).tensors, flat);
  t.same(request(tensor('[]', '7')).tensors, [{ name: 'x', datatype: 'FP32', shape: [], data: [7] }]);
  t.end();
});

t.test('a shape that does not fit its data is refused and says which tensor', (t) => {
  for (const shape of ['[3]', '[2,2]', '[-1,6]', '[1.5]', '["2"]', '[1e300]']) {
    t.throws(() => request(tensor(shape, '[1,2,3,4,5,6]')), { code: 'shape-mismatch', message: /inputs 0/ }, shape);
  }
  t.throws(() => request(tensor('[1000000000000000,0]', '[]')), { code: 'shape-mismatch' });
  t.same(request(tensor('[0,3]', '[]')).tensors[0]?.shape, [0, 3]);
  t.end();
});

t.test('64-bit integers stay exact in integer tensors and are plain numbers in float tensors', (t) => {
  t.same(request(tensor('[1]', '[9223372036854775807]', 'INT64')).tensors[0]?.data, [9223372036854775807n]);
  t.same(request(tensor('[1]', '[9223372036854775807]', 'FP64')).tensors[0]?.data, [2 ** 63]);
  t.same(request(tensor('[1]', '[9223372036854775807]', 'BF16')).tensors[0]?.data, [2 ** 63]);
  t.end();
});

t.test('missing values and non-finite ones are kept apart', (t) => {
  t.same(request(tensor('[4]', '[null,NaN,Infinity,-Infinity]')).tensors[0]?.data, [
    null,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
  t.end();
});

function binary(inputs: string, raw: Uint8Array, change: { readonly length?: string; readonly truncated?: boolean } = {}) {
  const json = Buffer.from(`{"inputs":${inputs}}`);
  const headers = [['INFERENCE-header-content-length', change.length ?? String(json.length)]] as const;
  const { truncated = false } = change;
  return kserveV2.decodeRequest({ bytes: Buffer.concat([json, raw]), headers, truncated }, target);
}

const ab =
  '[{"name":"a","datatype":"INT32","shape":[2],"parameters":{"binary_data_size":8}},{"name":"j","datatype":"FP32","shape":[1],"data":[5]},{"name":"b","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]';
const abRaw = Buffer.from('01000000feffffff020000006869', 'hex');

t.test('binary and JSON tensors stand side by side, the bytes in the order of the list', (t) => {
  t.same(binary(ab, abRaw).tensors, [
    { name: 'a', datatype: 'INT32', shape: [2], data: [1, -2] },
    { name: 'j', datatype: 'FP32', shape: [1], data: [5] },
    { name: 'b', datatype: 'BYTES', shape: [1], data: ['hi'] },
  ]);
  t.end();
});

t.test('sizes that do not add up are refused and say which tensor', (t) => {
  t.throws(() => binary(ab, abRaw.subarray(1)), {
    code: 'raw-size',
    message: 'body: inputs 2: 6 bytes of binary data announced, 5 are left',
  });
  t.throws(() => binary(ab, Buffer.concat([abRaw, Buffer.of(0)])), { code: 'raw-size', message: /1 bytes after the last/ });
  t.throws(() => binary(ab.replace('[2]', '[3]'), abRaw), { code: 'shape-mismatch', message: /inputs 0: shape \[3\]/ });
  t.throws(() => binary(ab.replace(':8', ':-8'), abRaw), { code: 'unexpected-structure' });
  t.throws(() => binary(ab, abRaw, { length: '9999' }), { code: 'json-length' });
  t.throws(() => binary(ab, abRaw, { length: '-1' }), { code: 'json-length' });
  t.throws(() => binary(ab, abRaw, { length: '12' }), { code: 'not-json' });
  t.throws(() => binary(ab, abRaw, { length: '0' }), { code: 'headerless-tensor' });
  t.end();
});

t.test('of a copy that ends inside the binary data, the whole tensors are decoded and the others named', (t) => {
  const { tensors, cut } = binary(ab, abRaw.subarray(0, 10), { truncated: true });
  t.same(
    tensors.map(({ name }) => name),
    ['a', 'j'],
  );
  t.same(cut, ['b']);
  t.equal(binary(ab, abRaw, { truncated: true }).cut, undefined);
  t.throws(() => binary(ab, abRaw, { truncated: true, length: '9999' }), { code: 'truncated' });
  t.throws(() => kserveV2.decodeRequest({ bytes: Buffer.from('{"inputs":[]}'), headers: [], truncated: true }, target), {
    code: 'truncated',
  });
  t.end();
});

t.test('data that stays elsewhere is named as such', (t) => {
  t.throws(() => request('[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]'), { code: 'binary-tensors' });
  t.throws(() => request('[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"shared_memory_region":"r"}}]'), {
    code: 'shared-memory',
  });
  t.end();
});

t.test('an answer is written as binary data where the request asks for it, and as JSON where bytes cannot say it', (t) => {
  const wanted = (text: string) => kserveV2.decodeRequest({ bytes: Buffer.from(text), headers: [] }, target).binaryOutputs;
  t.equal(wanted('{"inputs":[],"outputs":[{"name":"y"}]}'), undefined);
  t.same(wanted('{"inputs":[],"parameters":{"binary_data_output":true}}'), { usual: true, except: [] });
  const mixed = wanted(
    '{"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"z","parameters":{"binary_data":false}}]}',
  );
  t.same(mixed, { usual: false, except: ['y'] });
  const tensors = [
    { name: 'y', datatype: 'FP16', shape: [2], data: [1.5, -0] },
    { name: 'z', datatype: 'BYTES', shape: [1], data: ['ü'] },
    { name: 'lost', datatype: 'INT32', shape: [1], data: [null] },
  ];
  for (const [binaryOutputs, binaryNames] of [
    [mixed, ['y']],
    [{ usual: true, except: [] }, ['y', 'z']],
    [{ usual: true, except: ['y'] }, ['z']],
  ] as const) {
    if (binaryOutputs === undefined) throw new Error('not wanted');
    const answer = encode({ requestId: 'r', model: 'm', version: '1', tensors, binaryOutputs });
    t.equal(answer.contentType, 'application/octet-stream');
    const { headers = [] } = answer;
    const json = JSON.parse(Buffer.from(answer.bytes.subarray(0, Number(headers[0]?.[1]))).toString());
    t.same(
      json.outputs.filter((output: { data?: unknown }) => output.data === undefined).map(({ name }: { name: string }) => name),
      binaryNames,
    );
    t.same(kserveV2.decodeResponse({ bytes: answer.bytes, headers }, target).tensors, tensors);
  }
  t.end();
});

t.test('what is no V2 message is refused', (t) => {
  for (const inputs of ['{}', 'null', '[1]', '[{"name":1}]', '[{"name":"x","datatype":"FP32","shape":[1]}]', tensor('[1]', '[{}]')]) {
    t.throws(() => request(inputs), { code: 'unexpected-structure' }, inputs);
  }
  t.throws(() => kserveV2.decodeResponse({ bytes: Buffer.from('{"error":"no"}'), headers: [] }, target), { code: 'unexpected-structure' });
  t.end();
});

t.test('an answer names model, version and id itself, and the path stands in where it does not', (t) => {
  const answer = (text: string) => {
    const { requestId, model, version } = kserveV2.decodeResponse({ bytes: Buffer.from(text), headers: [] }, target);
    return [requestId, model, version];
  };
  t.same(answer('{"model_name":"other","model_version":"7","id":"a","outputs":[]}'), ['a', 'other', '7']);
  t.same(answer('{"model_name":null,"model_version":null,"id":null,"outputs":[]}'), [null, 'm', '1']);
  t.end();
});

t.test('an answer states a datatype that fits data without one', (t) => {
  const datatype = (data: readonly (number | bigint | string | boolean | null)[]) => {
    const message = { requestId: null, model: 'm', version: null, tensors: [{ name: 'y', datatype: null, shape: [data.length], data }] };
    return JSON.parse(Buffer.from(encode(message).bytes).toString()).outputs[0].datatype;
  };
  t.equal(datatype([1, 2n ** 60n]), 'INT64');
  t.equal(datatype([2n ** 63n]), 'UINT64');
  t.equal(datatype([1, 0.5, null]), 'FP64');
  t.equal(datatype([true, null]), 'BOOL');
  t.equal(datatype(['a', 1]), 'BYTES');
  t.equal(datatype([]), 'FP64');
  t.end();
});
