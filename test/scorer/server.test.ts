import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Tensor } from '../../contracts/tensor.ts';
import { protocolsFor } from '../../proxy/catalogue.ts';
import { openModel } from '../../scorer/onnx.ts';
import { type ScorerServerOptions, startScorerServer } from '../../scorer/server.ts';
import { COLUMNS, column, labels, model, probabilities, rows } from './elec2.ts';

t.teardown(() => model.close());

async function serve(t: Test, options: Partial<ScorerServerOptions> = {}) {
  const protocols = protocolsFor('auto', { inputs: [], outputs: [] });
  const server = await startScorerServer({ model, name: 'elec2', version: '7', protocols, port: 0, ...options });
  t.teardown(() => server.close());
  const at = `http://127.0.0.1:${server.port}`;
  return {
    server,
    get: (to: string) => fetch(at + to),
    post: (to: string, body: unknown, headers: { [name: string]: string } = {}) =>
      fetch(at + to, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
      }),
  };
}

const v2 = {
  id: 'call-1',
  inputs: COLUMNS.map((name, index) => ({ name, datatype: 'FP32', shape: [rows.length, 1], data: column(index) })),
};

t.test('the runtime here says what the runtime for Python says', async (t) => {
  const golden = JSON.parse(readFileSync(path.join(import.meta.dirname, '../golden/onnx/elec2-outputs.json'), 'utf8'));
  t.same(labels, golden.label);
  // Both add 32-bit floats in an order of their own: a few units of the last place.
  t.ok(probabilities.flat().every((value, index) => Math.abs(Number(value) - golden.probabilities[index]) < 1e-6));
});

t.test('the model is worth asking: both classes occur, with differing probabilities', async (t) => {
  t.same(new Set(labels), new Set([0, 1]));
  t.ok(new Set(probabilities.map(String)).size > 10);
});

t.test('a V2 answer equals the runtime, and echoes id, model and version', async (t) => {
  const { post } = await serve(t);
  const answer = await post('/v2/models/elec2/infer', v2);
  t.equal(answer.status, 200);
  t.match(await answer.json(), {
    id: 'call-1',
    model_name: 'elec2',
    model_version: '7',
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [40], data: labels },
      { name: 'probabilities', datatype: 'FP32', shape: [40, 2], data: probabilities.flat() },
    ],
  });
});

t.test('V2 binary tensors are understood, and binary outputs are given where they are asked for, packed or not', async (t) => {
  const { post } = await serve(t);
  const raws = COLUMNS.map((_, index) => Buffer.from(Float32Array.from(column(index)).buffer));
  const inputs = v2.inputs.map(({ data: _, ...head }, index) => ({ ...head, parameters: { binary_data_size: raws[index]?.length } }));
  const outputs = [{ name: 'probabilities', parameters: { binary_data: true } }, { name: 'label' }];
  const json = Buffer.from(JSON.stringify({ id: 'call-2', inputs, outputs }));
  const body = Buffer.concat([json, ...raws]);
  const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(json.length) };
  for (const [bytes, coding] of [
    [body, {}],
    [gzipSync(body), { 'content-encoding': 'gzip' }],
  ] as const) {
    const answer = await post('/v2/models/elec2/infer', bytes, { ...headers, ...coding });
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('content-type'), 'application/octet-stream');
    const whole = Buffer.from(await answer.arrayBuffer());
    const length = Number(answer.headers.get('inference-header-content-length'));
    t.match(JSON.parse(whole.subarray(0, length).toString()), {
      id: 'call-2',
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [40], data: labels },
        { name: 'probabilities', datatype: 'FP32', shape: [40, 2], parameters: { binary_data_size: 320 } },
      ],
    });
    const floats = Array.from({ length: 80 }, (_, index) => whole.readFloatLE(length + 4 * index));
    t.same(floats, probabilities.flat());
    t.equal(whole.length, length + 320);
  }
  const plain = await post('/v2/models/elec2/infer', { ...v2, parameters: { binary_data_output: true } });
  t.equal(plain.headers.get('content-type'), 'application/octet-stream');
  t.equal((await post('/v2/models/elec2/infer', body.subarray(0, -1), headers)).status, 400);
});

t.test('what a model of tensors cannot answer is refused as such', async (t) => {
  const { post } = await serve(t);
  const chat = await post('/v1/chat/completions', { model: 'elec2', messages: [{ role: 'user', content: 'hi' }] });
  t.equal(chat.status, 501);
  t.match(await chat.json(), { error: /no answer of openai/ });
});

t.test('V1 rows, as arrays or as objects, are answered by an object of all outputs a row', async (t) => {
  const { post } = await serve(t);
  const expected = { predictions: labels.map((label, row) => ({ label, probabilities: probabilities[row] })) };
  const arrays = await post('/v1/models/elec2:predict', { instances: rows });
  t.same(await arrays.json(), expected);
  const objects = rows.map((row) => Object.fromEntries(COLUMNS.map((name, index) => [name, row[index]])));
  t.same(await (await post('/v1/models/elec2:predict', { instances: objects })).json(), expected);
});

t.test('a V1 answer of a model with one output is its plain values', async (t) => {
  const matrix = await openModel(path.join(import.meta.dirname, '../golden/onnx/matrix.onnx'));
  t.teardown(() => matrix.close());
  const { post } = await serve(t, { model: matrix });
  const answer = await post('/v1/models/elec2:predict', { instances: [[1, 2, 3]] });
  t.same(await answer.json(), { predictions: [6] });
});

t.test('MLflow tables, split and records, are answered as the runtime does', async (t) => {
  const { post } = await serve(t);
  const expected = { predictions: labels.map((label, row) => ({ label, probabilities: probabilities[row] })) };
  const split = await post('/invocations', { dataframe_split: { columns: COLUMNS, data: rows } });
  t.same(await split.json(), expected);
  const records = rows.map((row) => Object.fromEntries(COLUMNS.map((name, index) => [name, row[index]])));
  t.same(await (await post('/invocations', { dataframe_records: records })).json(), expected);
});

t.test('a bare NaN in a request reaches the model as a missing number', async (t) => {
  const { post } = await serve(t);
  const inputs = COLUMNS.map((name) => `{"name":"${name}","datatype":"FP32","shape":[1,1],"data":[NaN]}`).join(',');
  const answer = await post('/v2/models/elec2/infer', `{"inputs":[${inputs}]}`);
  t.equal(answer.status, 200);
});

t.test('garbage is answered 400 with a reason, and the next call is served', async (t) => {
  const { post } = await serve(t);
  const infer = '/v2/models/elec2/infer';
  for (const body of [
    '',
    'garbage',
    '{"inputs":',
    '[]',
    '{}',
    'null',
    '{"inputs":[{"name":"period","shape":[2],"datatype":"FP32","data":[1]}]}',
  ]) {
    const answer = await post(infer, body);
    t.equal(answer.status, 400, body);
    t.match(await answer.json(), { error: /./ });
  }
  t.equal((await post(infer, Buffer.from([0xff, 0x00, 0x80]))).status, 400);
  t.equal((await post(infer, { inputs: v2.inputs.slice(1) })).status, 400);
  t.equal((await post(infer, v2)).status, 200);
});

t.test('a compressed request is understood, a broken or unknown coding refused', async (t) => {
  const { post } = await serve(t);
  const bytes = gzipSync(JSON.stringify(v2));
  t.equal((await post('/v2/models/elec2/infer', bytes, { 'content-encoding': 'gzip' })).status, 200);
  t.equal((await post('/v2/models/elec2/infer', bytes.subarray(5), { 'content-encoding': 'gzip' })).status, 400);
  t.equal((await post('/v2/models/elec2/infer', bytes, { 'content-encoding': 'zstd' })).status, 415);
});

t.test('a body above the limit is refused, sent plain or packed', async (t) => {
  const { post } = await serve(t, { maxBodyBytes: 20_000 });
  t.equal((await post('/v2/models/elec2/infer', 'x'.repeat(20_001))).status, 413);
  t.equal((await post('/v2/models/elec2/infer', gzipSync('x'.repeat(1_000_000)), { 'content-encoding': 'gzip' })).status, 413);
  t.equal((await post('/v2/models/elec2/infer', v2)).status, 200);
});

t.test('a chunked body above the limit is answered 413 before its end', async (t) => {
  const { server } = await serve(t, { maxBodyBytes: 1000 });
  const socket = connect(server.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const answer = new Promise<string>((resolve) => {
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.on('close', () => resolve(said));
  });
  const chunk = `3e9\r\n${'x'.repeat(1001)}\r\n`;
  socket.write(`POST /v2/models/elec2/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`);
  t.match(await answer, /^HTTP\/1\.1 413 .*\r\nconnection: close\r\n/is);
});

t.test('health, readiness and metadata are told in V2, V1 and MLflow', async (t) => {
  const { get } = await serve(t);
  for (const to of ['/v2', '/v2/health/live', '/v2/health/ready', '/v2/models/elec2/ready', '/ping', '/health'])
    t.equal((await get(to)).status, 200, to);
  t.same(await (await get('/v1/models')).json(), { models: ['elec2'] });
  t.same(await (await get('/v1/models/elec2')).json(), { name: 'elec2', ready: true });
  t.match(await (await get('/v2/models/elec2?x=1')).json(), {
    name: 'elec2',
    versions: ['7'],
    inputs: COLUMNS.map((name) => ({ name, datatype: 'FP32', shape: [-1, 1] })),
    outputs: [
      { name: 'label', datatype: 'INT64', shape: [-1] },
      { name: 'probabilities', shape: [-1, 2] },
    ],
  });
});

t.test('another model, another version and another path are 404', async (t) => {
  const { get, post } = await serve(t);
  t.equal((await get('/v2/models/other')).status, 404);
  t.equal((await get('/v1/models/other')).status, 404);
  t.equal((await get('/nothing')).status, 404);
  t.equal((await post('/v2/models/other/infer', v2)).status, 404);
  t.equal((await post('/v2/models/elec2/versions/8/infer', v2)).status, 404);
  t.equal((await post('/v2/models/elec2/versions/7/infer', v2)).status, 200);
});

t.test('a server without a name stands in for any model, under the name it was asked for', async (t) => {
  const { post } = await serve(t, { name: null, version: null });
  t.match(await (await post('/v2/models/fraud/infer', v2)).json(), { model_name: 'fraud', outputs: [{ data: labels }, {}] });
});

t.test('a failure of the model is 500 and the server serves on', async (t) => {
  let broken = true;
  const moody = { ...model, run: (tensors: readonly Tensor[]) => (broken ? Promise.reject(new Error('boom')) : model.run(tensors)) };
  const { post } = await serve(t, { model: moody });
  t.equal((await post('/v2/models/elec2/infer', v2)).status, 500);
  broken = false;
  t.equal((await post('/v2/models/elec2/infer', v2)).status, 200);
});

t.test('a call past its deadline is refused without being computed', async (t) => {
  let runs = 0;
  const counting = { ...model, run: (tensors: readonly Tensor[]) => model.run(tensors).finally(() => runs++) };
  const { post } = await serve(t, { model: counting, deadlineMs: 0 });
  t.equal((await post('/v2/models/elec2/infer', v2)).status, 503);
  t.equal(runs, 0);
});

t.test('a caller that leaves in the middle of its body harms nobody', async (t) => {
  const { server, post } = await serve(t);
  await new Promise<void>((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('POST /v2/models/elec2/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{', () => socket.destroy());
    });
    socket.on('close', () => resolve());
  });
  t.equal((await post('/v2/models/elec2/infer', v2)).status, 200);
});
