import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { protocolsFor } from '../../proxy/catalogue.ts';
import { type ScorerServerOptions, startScorerServer } from '../../scorer/server.ts';
import { until } from '../support/program.ts';
import { END_STREAM, FRAME, frame, headers, numbers, PREFACE } from '../proxy/http2/h2-wire.ts';
import { COLUMNS, column, labels, model, probabilities, rows } from './elec2.ts';
import { floats, inference, integers, service } from './grpc-service.ts';

t.teardown(() => model.close());

async function serve(t: Test, options: Partial<ScorerServerOptions> = {}) {
  const protocols = protocolsFor('auto', { inputs: [], outputs: [] });
  const server = await startScorerServer({ model, name: 'elec2', version: '7', protocols, port: 0, ...options });
  t.teardown(() => server.close());
  const address = `127.0.0.1:${server.port}`;
  const v2 = inference(t, address);
  const predict = service(t, 'predict.proto', 'tensorflow.serving.PredictionService', address);
  return { server, v2, predict, at: `http://${address}` };
}

const shape = [rows.length, 1];
const raw = COLUMNS.map((_, index) => Buffer.from(Float32Array.from(column(index)).buffer));
const inRaw = { inputs: COLUMNS.map((name) => ({ name, datatype: 'FP32', shape })), raw_input_contents: raw };
const inFields = { inputs: COLUMNS.map((name, index) => ({ name, datatype: 'FP32', shape, contents: { fp32_contents: column(index) } })) };

t.test('ModelInfer, raw or in fields, equals the runtime, and echoes id, model and version', async (t) => {
  const { v2 } = await serve(t);
  for (const inputs of [inRaw, inFields]) {
    const { answer } = await v2.call('ModelInfer', { model_name: 'elec2', id: 'call-1', ...inputs });
    t.match(answer, {
      ...{ id: 'call-1', model_name: 'elec2', model_version: '7' },
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [40] },
        { name: 'probabilities', datatype: 'FP32', shape: [40, 2] },
      ],
    });
    const [first, second] = answer.raw_output_contents as Buffer[];
    t.same(integers(first), labels);
    t.same(floats(second), probabilities.flat());
  }
});

t.test('Predict equals the runtime', async (t) => {
  const { predict } = await serve(t, { version: '3' });
  const tensor = (index: number) => ({ dtype: 1, tensor_shape: { dim: shape.map((size) => ({ size })) }, float_val: column(index) });
  const inputs = Object.fromEntries(COLUMNS.map((name, index) => [name, tensor(index)]));
  const { answer } = await predict.call('Predict', { model_spec: { name: 'elec2' }, inputs });
  t.match(answer.model_spec, { name: 'elec2', version: { value: 3 } });
  const outputs = answer.outputs as { [name: string]: { dtype: number; tensor_content: Buffer } };
  t.equal(outputs.label!.dtype, 9);
  t.same(integers(outputs.label!.tensor_content), labels);
  t.same(floats(outputs.probabilities!.tensor_content), probabilities.flat());
});

t.test('what cannot be answered is told by gRPC’s own status, and the next call is served', async (t) => {
  const { v2 } = await serve(t, { maxBodyBytes: 4096 });
  const refused: readonly (readonly [method: string, request: object, code: grpc.status, details: RegExp])[] = [
    ['ModelInfer', { model_name: 'other', ...inRaw }, grpc.status.NOT_FOUND, /this server has elec2/],
    ['ModelInfer', { model_name: 'elec2', model_version: '8', ...inRaw }, grpc.status.NOT_FOUND, /this server has 7/],
    ['ModelInfer', { model_name: 'elec2' }, grpc.status.INVALID_ARGUMENT, /has no tensor/],
    [
      'ModelInfer',
      { model_name: 'elec2', ...inRaw, raw_input_contents: [Buffer.alloc(8)] },
      grpc.status.INVALID_ARGUMENT,
      /6 tensors and 1 raw/,
    ],
    ['ModelInfer', { model_name: 'x'.repeat(5000), ...inRaw }, grpc.status.RESOURCE_EXHAUSTED, /above 4096 bytes/],
    ['ModelReady', { name: 'elec2' }, grpc.status.UNIMPLEMENTED, /no such method/],
    ['ModelStreamInfer', { model_name: 'elec2', ...inRaw }, grpc.status.UNIMPLEMENTED, /ModelStreamInfer is not answered here/],
    // Where the text of the refusal cuts the name, half a character is left.
    ['ModelInfer', { inputs: [{ name: `${'x'.repeat(63)}😀`, datatype: 'FP32', shape: [0] }] }, grpc.status.INVALID_ARGUMENT, /xx\ufffd/],
  ];
  for (const [method, request, code, details] of refused) {
    await t.rejects(v2.call(method, request), { code, details }, `${code} ${details}`);
    const { answer } = await v2.call('ModelInfer', { model_name: 'elec2', ...inRaw });
    t.same(integers((answer.raw_output_contents as Buffer[])[0]), labels);
  }
});

t.test('HTTP/1.1 and HTTP/2 share the port, however the first word is split', async (t) => {
  const { at, server, v2 } = await serve(t);
  t.equal((await fetch(`${at}/v2/health/ready`)).status, 200);
  await v2.call('ModelInfer', { model_name: 'elec2', ...inRaw });
  const session = connectHttp2(at);
  t.teardown(() => session.destroy());
  const stream = session.request({ ':path': '/v2/models/elec2' });
  const [head] = await once(stream, 'response');
  t.equal(head[':status'], 200);
  t.match(JSON.parse(String(await stream.reduce((text, piece) => text + piece, ''))), { name: 'elec2', versions: ['7'] });
  for (const [text, isAnswer] of [
    ['PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', (head: string) => head.startsWith('HTTP/1.1 404 ')],
    // A whole preface and empty settings are acknowledged (a frame of type 4 with the flag 1).
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', (frames: string) => frames.includes('\0\0\0\x04\x01\0\0\0\0')],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1').setNoDelay(true);
    t.teardown(() => socket.destroy());
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
    });
    for (const character of text.slice(0, 6)) {
      socket.write(character, 'latin1');
      await sleep(5);
    }
    socket.write(text.slice(6), 'latin1');
    await until(text, () => received, isAnswer);
  }
});

t.test('who says nothing, or stops in the middle, is let go', async (t) => {
  const { at, server } = await serve(t, { deadlineMs: 200 });
  for (const said of ['', 'PR', 'PRI ', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0']) {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(said, 'latin1');
    socket.resume();
    await once(socket, 'close');
  }
  const session = connectHttp2(at);
  t.teardown(() => session.destroy());
  const begin = (more: object = {}) =>
    session.request({
      ':method': 'POST',
      ':path': '/inference.GRPCInferenceService/ModelInfer',
      'content-type': 'application/grpc',
      ...more,
    });
  // A byte now and then wins no time.
  const slow = begin();
  const drip = setInterval(() => slow.write(Buffer.alloc(1)), 20);
  t.teardown(() => clearInterval(drip));
  slow.resume();
  const [tail] = await once(slow, 'trailers');
  clearInterval(drip);
  t.match(tail, { 'grpc-status': '4', 'grpc-message': /did not come in time/ });
  const plain = begin({ 'content-type': 'application/json', ':path': '/v2/models/elec2/infer' });
  const [head] = await once(plain, 'response');
  t.equal(head[':status'], 408);
});

t.test('who has ended its side of HTTP/2 without a word has left', async (t) => {
  const { server } = await serve(t, { deadlineMs: 120_000 });
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  socket.resume();
  socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  await once(socket, 'end');
  t.pass();
});

t.test('closing breaks off what is open', async (t) => {
  const { at, server } = await serve(t);
  const silent = connect(server.port, '127.0.0.1');
  const session = connectHttp2(at);
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  const ends = Promise.all([once(silent, 'close'), once(session, 'close')]);
  await server.close();
  await ends;
  t.pass();
});

t.test('HEAD and a client that asks whether to go on are answered over HTTP/2 as over HTTP/1.1', async (t) => {
  const { at } = await serve(t);
  const session = connectHttp2(at);
  t.teardown(() => session.destroy());
  // Without an end, too.
  for (const endStream of [true, false]) {
    const head = session.request({ ':method': 'HEAD', ':path': '/v2/models/elec2' }, { endStream });
    head.resume();
    const [fields] = await once(head, 'response');
    t.match(fields, { ':status': 200, 'content-type': 'application/json' });
    if (!head.closed) await once(head, 'close');
  }
  const asking = session.request({ ':method': 'POST', ':path': '/v2/models/other/infer', expect: '100-continue' });
  await once(asking, 'continue');
  asking.end('{}');
  const [fields] = await once(asking, 'response');
  t.equal(fields[':status'], 404);
});

t.test('closing breaks off an answer that nobody fetches', async (t) => {
  const zeros = new Array<number>(4_000_000).fill(0);
  const large = { ...model, run: async () => [{ name: 'label', datatype: 'FP32', shape: [zeros.length], data: zeros }] };
  const protocols = protocolsFor('auto', { inputs: [], outputs: [] });
  const server = await startScorerServer({ model: large, name: null, version: null, protocols, port: 0 });
  const socket = connect(server.port, '127.0.0.1').pause();
  t.teardown(() => socket.destroy());
  const body = JSON.stringify({ inputs: [{ name: 'period', datatype: 'FP32', shape: [1], data: [1] }] });
  const fields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':authority', 'x'],
    [':path', '/v2/models/elec2/infer'],
    ['content-type', 'application/json'],
  ] as const;
  // Windows without an end: what is unsent lies in the server's connection.
  const window = frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
  socket.write(PREFACE);
  socket.write(
    Buffer.concat([window, numbers(FRAME.window, 0, 0x7f000000), headers(1, fields), frame(FRAME.data, END_STREAM, 1, Buffer.from(body))]),
  );
  await sleep(1_000);
  const from = performance.now();
  await server.close();
  t.ok(performance.now() - from < 5_000);
});
