/**
 * Every captured gRPC exchange against the servers' own message classes: `test/golden/protocols/make-grpc.py` wrote what each holds.
 */
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Message } from '../../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../../contracts/tensor.ts';
import { protocolsFor } from '../../../proxy/catalogue.ts';
import { framed, grpcMessages, joinTensors } from '../../../proxy/protocols/grpc-messages.ts';
import { ProtoMessage } from '../../../proxy/protocols/protobuf.ts';
import { ProtoWriter } from '../../../proxy/protocols/proto-writer.ts';

type Element = string | number | boolean | null | { readonly n: string };

interface Captured {
  readonly case: string;
  readonly request: { readonly path: string; readonly messages_b64: readonly string[] };
  readonly response: { readonly code: string; readonly messages_b64: readonly string[] };
}

interface Expected {
  readonly server: string;
  readonly case: string;
  readonly side: 'request' | 'response';
  readonly protocol: string | null;
  readonly skipped?: string;
  readonly undecoded?: string;
  readonly failed?: boolean;
  readonly model?: string | null;
  readonly version?: string | null;
  readonly id?: string | null;
  readonly tensors?: readonly (Omit<Tensor, 'data'> & { readonly data: readonly Element[] })[];
}

const GRPC = [['content-type', 'application/grpc']] as const;
const golden = new URL('../../golden/', import.meta.url);
const protocols = protocolsFor('auto', { inputs: [], outputs: [] });

function lines<T>(file: string): T[] {
  const text = readFileSync(new URL(file, golden), 'utf8');
  // Golden files have the shapes above.
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}

function route(path: string) {
  for (const protocol of protocols) {
    const target = protocol.match({ method: 'POST', path, headers: GRPC });
    if (target !== null) return { protocol, target };
  }
  return null;
}

function decode(
  path: string,
  side: 'request' | 'response',
  messages: readonly Uint8Array[],
  headers: readonly (readonly [string, string])[] = GRPC,
) {
  const found = route(path);
  if (found === null) throw new Error(path);
  const body = { bytes: Buffer.concat(messages), headers };
  return side === 'request' ? found.protocol.decodeRequest(body, found.target) : found.protocol.decodeResponse(body, found.target);
}

function shown({ model, version, requestId, tensors, failure }: Message, sorted: boolean): object {
  const value = (scalar: Scalar): Element =>
    typeof scalar === 'bigint' || (typeof scalar === 'number' && !Number.isFinite(scalar)) ? { n: String(scalar) } : scalar;
  const list = tensors.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, data: data.map(value) }));
  if (sorted) list.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { model, version, id: requestId, tensors: list, ...(failure === undefined ? {} : { failed: true }) };
}

const captures = new Map(
  readdirSync(new URL('captures/grpc/', golden))
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) =>
      lines<Captured>(`captures/grpc/${file}`).map((captured): [string, Captured] => [`${file.slice(0, -6)} ${captured.case}`, captured]),
    ),
);

t.test('every captured gRPC message means what the servers’ own classes say', async (t) => {
  let decoded = 0;
  for (const expected of lines<Expected>('protocols/expected-grpc.jsonl')) {
    const name = `${expected.server} ${expected.case}`;
    const captured = captures.get(name)!;
    const { path } = captured.request;
    t.equal(route(path)?.protocol.type ?? null, expected.protocol, name);
    if (expected.skipped !== undefined) continue;
    const messages = captured[expected.side].messages_b64.map((text) => framed(Buffer.from(text, 'base64')));
    let actual: object;
    try {
      actual = shown(decode(path, expected.side, messages), expected.protocol === 'tfserving');
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      actual = { undecoded: error.code };
    }
    const { server, case: _case, side, protocol, ...rest } = expected;
    t.same(actual, rest, `${server} ${_case} ${side} ${protocol}`);
    if (expected.tensors !== undefined) decoded++;
  }
  t.ok(decoded > 60, `${decoded} messages decoded`);
});

t.test('compressed messages are what they were before, and bombs are refused', async (t) => {
  const captured = captures.get('triton grpc-infer-raw')!;
  const plain = Buffer.from(captured.request.messages_b64[0]!, 'base64');
  const packed = framed(gzipSync(plain));
  packed[0] = 1;
  const headers = [...GRPC, ['grpc-encoding', 'gzip']] as const;
  t.same(decode(captured.request.path, 'request', [packed], headers), decode(captured.request.path, 'request', [framed(plain)]));
  const bomb = framed(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
  bomb[0] = 1;
  t.throws(() => decode(captured.request.path, 'request', [bomb], headers), { code: /^inflated/ });
  packed[0] = 1;
  t.throws(() => decode(captured.request.path, 'request', [packed], [...GRPC, ['grpc-encoding', 'snappy']]), { code: 'content-encoding' });
  t.throws(() => grpcMessages({ bytes: packed.subarray(0, -1), headers: GRPC }), { code: 'grpc-framing' });
  t.throws(() => grpcMessages({ bytes: Buffer.from([2, 0, 0, 0, 0]), headers: GRPC }), { code: 'grpc-framing' });
  t.throws(() => grpcMessages({ bytes: packed, headers: GRPC, truncated: true }), { code: 'truncated' });
});

t.test('a stream whose messages differ is not joined, and a final mark does not count', async (t) => {
  const one: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
  t.same(joinTensors([[one], [], [one]]), [{ ...one, shape: [2, 2], data: [1, 2, 1, 2] }]);
  t.same(joinTensors([[]]), []);
  for (const other of [
    { ...one, name: 'y' },
    { ...one, datatype: 'FP64' },
    { ...one, shape: [1, 3], data: [1, 2, 3] },
    { ...one, shape: [] },
  ]) {
    t.throws(() => joinTensors([[one], [other]]), { code: 'uneven-stream' });
  }
  t.throws(() => joinTensors([[one], [one, { ...one, name: 'y' }]]), { code: 'uneven-stream' });
});

t.test('what cannot be decoded is named', async (t) => {
  const path = '/inference.GRPCInferenceService/ModelInfer';
  const tensor = (datatype: string, shape: number[]) => new ProtoWriter().text(1, 'x').text(2, datatype).varints(3, shape);
  const request = (inner: ProtoWriter) => [framed(new ProtoWriter().text(1, 'm').message(5, inner).bytes)];
  const shared = tensor('FP32', [1]).message(
    4,
    new ProtoWriter().text(1, 'shared_memory_region').message(2, new ProtoWriter().text(3, 'r')),
  );
  t.throws(() => decode(path, 'request', request(shared)), { code: 'shared-memory' });
  t.throws(() => decode(path, 'request', request(tensor('FP32', [3]))), { code: 'shape-mismatch' });
  t.throws(() => decode(path, 'request', request(tensor('FP32', [-1]))), { code: 'shape-mismatch' });
  t.throws(() => decode(path, 'request', []), { code: 'unexpected-structure' });
  const predict = '/tensorflow.serving.PredictionService/Predict';
  const complex = new ProtoWriter().number(1, 8).message(2, new ProtoWriter().message(2, new ProtoWriter().number(1, 1)));
  const entry = new ProtoWriter().text(1, 'x').message(2, complex);
  t.throws(() => decode(predict, 'request', [framed(new ProtoWriter().message(2, entry).bytes)]), { code: 'unknown-datatype' });
  const huge = new ProtoWriter().number(1, 1).message(2, new ProtoWriter().message(2, new ProtoWriter().number(1, 2n ** 40n)));
  t.throws(
    () => decode(predict, 'request', [framed(new ProtoWriter().message(2, new ProtoWriter().text(1, 'x').message(2, huge)).bytes)]),
    { code: 'shape-mismatch' },
  );
});

t.test('an answer that is written is read again, for the client and by it', async (t) => {
  const tensors: Tensor[] = [
    { name: 'a', datatype: 'FP32', shape: [2, 1], data: [0.5, -1] },
    { name: 'b', datatype: 'INT64', shape: [2], data: [-3, 2n ** 62n] },
    { name: 'c', datatype: 'BYTES', shape: [2], data: ['ä', ''] },
    { name: 'd', datatype: 'BOOL', shape: [1], data: [true] },
    { name: 'e', datatype: 'FP16', shape: [1], data: [0.25] },
  ];
  for (const path of ['/inference.GRPCInferenceService/ModelInfer', '/tensorflow.serving.PredictionService/Predict']) {
    const { protocol, target } = route(path)!;
    const sent: Message = { requestId: null, model: 'm', version: '7', tensors };
    const { bytes, contentType } = protocol.encodeResponse!(sent, target);
    t.equal(contentType, 'application/grpc');
    t.same(protocol.decodeResponse({ bytes, headers: GRPC }, target), sent);
  }
});

t.test('any bytes decode or raise DecodeError, however they came about', async (t) => {
  const paths = ['inference.GRPCInferenceService/ModelInfer', 'inference.GRPCInferenceService/ModelStreamInfer'].concat(
    ['Predict', 'Classify', 'Regress'].map((method) => `tensorflow.serving.PredictionService/${method}`),
  );
  const seeds = [...captures.values()].flatMap(({ request, response }) =>
    [...request.messages_b64, ...response.messages_b64].map((text) => Buffer.from(text, 'base64')),
  );
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }), fc.nat({ max: 20 }))
    .map(([seed, changes, cut]) => {
      const bytes = Buffer.from(seed);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes.subarray(0, Math.max(0, bytes.length - (cut > 15 ? cut : 0)));
    });
  const message = fc.oneof(
    { weight: 4, arbitrary: mutated },
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  let decoded = 0;
  fc.assert(
    fc.property(message, fc.constantFrom(...paths), fc.boolean(), (bytes, path, asks) => {
      try {
        const { tensors } = decode(`/${path}`, asks ? 'request' : 'response', [framed(bytes)]);
        decoded++;
        for (const { shape, data } of tensors) {
          if (shape.reduce((product, size) => product * size, 1) !== data.length) throw new Error(`${shape} holds ${data.length}`);
        }
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }),
    { seed: 11, numRuns: 20_000 },
  );
  t.ok(decoded > 1000, `${decoded} decoded`);
});

t.test('the wire format: packed and single, parts of one message, and what breaks it', async (t) => {
  const both = new ProtoMessage(Buffer.from([0x08, 5, 0x0a, 2, 6, 7, 0x08, 0x96, 0x01]));
  t.same(both.varints(1), [5n, 6n, 7n, 150n]);
  t.same(new ProtoMessage(Buffer.from('08ffffffffffffffffff01', 'hex')).varints(1), [0xffff_ffff_ffff_ffffn]);
  const parts = new ProtoWriter().message(1, new ProtoWriter().text(1, 'a')).message(1, new ProtoWriter().text(2, 'b')).bytes;
  const joined = new ProtoMessage(parts).message(1)!;
  t.same([joined.text(1), joined.text(2)], ['a', 'b']);
  const wrong = ['00', '07', '0b', '08', '0a05', '08ffffffffffffffffffff01', '0aff', '0d0000', '0900000000', '0a02c328', '0a02'];
  for (const hex of wrong) {
    t.throws(
      () => {
        const read = new ProtoMessage(Buffer.from(hex, 'hex'));
        read.text(1);
      },
      { code: 'not-protobuf' },
      hex,
    );
  }
  t.throws(() => new ProtoMessage(Buffer.from([0x08, 1])).bytes(1), { code: 'not-protobuf' });
  t.throws(() => new ProtoMessage(Buffer.from([0x0d, 0, 0, 0, 0])).varints(1), { code: 'not-protobuf' });
});
