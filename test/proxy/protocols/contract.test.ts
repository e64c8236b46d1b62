/**
 * What holds for every protocol of the catalogue, whatever bytes arrive.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Header } from '../../../contracts/exchange.ts';
import type { Message, MessageBody, Protocol, Target } from '../../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../../contracts/tensor.ts';
import { type Mapping, protocolsFor, protocolTypes } from '../../../proxy/catalogue.ts';

const NOTHING: Mapping = { inputs: [], outputs: [] };
const MAPPING: Mapping = {
  inputs: [
    { name: 'x', path: '$.instances[*][0]' },
    { name: 'age', path: '$[*].age' },
  ],
  outputs: [
    { name: 'label', path: '$.outputs[*].max_key' },
    { name: 'y', path: '$.predictions' },
  ],
};
const TARGET: Target = { model: 'm', version: null };

const candidates: readonly Protocol[] = protocolTypes.flatMap((type) => [...protocolsFor(type, NOTHING), ...protocolsFor(type, MAPPING)]);

const captures = new URL('../../golden/captures/', import.meta.url);
const bodies: Buffer[] = readdirSync(captures)
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => readFileSync(new URL(name, captures), 'utf8').trimEnd().split('\n'))
  .flatMap((line) => {
    const { request, response } = JSON.parse(line) as { request: { body_b64?: string }; response: { body_b64?: string } | null };
    return [request.body_b64 ?? '', response?.body_b64 ?? ''];
  })
  .filter((encoded) => encoded.length > 0 && encoded.length < 1500)
  .map((encoded) => Buffer.from(encoded, 'base64'));

const contentType = fc.oneof(
  fc.constantFrom<readonly Header[]>(
    ...[[], [['content-type', 'text/csv'] as const], [['Content-Type', 'application/json'] as const]],
    ...[[['content-type', 'text/event-stream; charset=utf-8'] as const], [['content-type', 'application/x-ndjson'] as const]],
  ),
  fc.oneof(fc.nat({ max: 300 }), fc.constantFrom('', '-1', '1e3', '99999999999999999999')).map((length): readonly Header[] => {
    return [['Inference-Header-Content-Length', String(length)]];
  }),
);

/** Decodes both ways and checks every promise about a decoded message; what is refused must be refused with a `DecodeError`. */
function survive(bytes: Uint8Array, headers: readonly Header[], truncated = false): void {
  for (const protocol of candidates) {
    for (const decode of [protocol.decodeRequest, protocol.decodeResponse]) {
      let message: Message;
      try {
        message = decode({ bytes, headers, truncated } satisfies MessageBody, TARGET);
      } catch (error) {
        if (error instanceof DecodeError) continue;
        throw error;
      }
      const mayBePart = protocol.type === 'kserve-v2' && headers.some(([name]) => name.startsWith('Inference'));
      if (truncated && message.tensors.length > 0 && !mayBePart) throw new Error(`${protocol.type}: half a body is taken for a whole`);
      for (const { name, shape, data } of message.tensors) {
        const count = shape.reduce((product, length) => product * length, 1);
        if (typeof name !== 'string' || count !== data.length) throw new Error(`${protocol.type}: shape [${shape}] for ${data.length}`);
        if (data.some((element) => typeof element === 'object' && element !== null)) throw new Error(`${protocol.type}: not a scalar`);
        if (data.some((element) => element === undefined)) throw new Error(`${protocol.type}: undefined element`);
        if ((shape[0] ?? 0) > Math.max(bytes.length, 65_536)) throw new Error(`${protocol.type}: rows out of nothing`);
      }
    }
  }
  if ('polluted' in {} || Object.keys(Object.prototype).length > 0) throw new Error('a body reached the prototype of all objects');
}

t.test('random bytes are decoded or refused with a DecodeError', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), contentType, fc.boolean(), survive), { seed: 1, numRuns: 500 });
  t.end();
});

t.test('captured bodies with bytes changed, cut or doubled are decoded or refused with a DecodeError', (t) => {
  const damaged = fc
    .tuple(
      fc.constantFrom(...bodies),
      fc.nat(),
      fc.nat(),
      fc.constantFrom('', 'null', '[]', '{}', '"x"', 'NaN', '-1', '99999999999999999999', ','),
    )
    .map(([body, from, length, patch]) => {
      const start = from % body.length;
      return Buffer.concat([body.subarray(0, start), Buffer.from(patch), body.subarray(start + (length % 12))]);
    });
  fc.assert(fc.property(damaged, contentType, fc.boolean(), survive), { seed: 2, numRuns: 1000 });
  t.end();
});

/** Tensors whose announced sizes and bytes may or may not agree. */
const binaryBody = fc
  .record({
    tensors: fc.array(
      fc.record({
        datatype: fc.constantFrom('BOOL', 'INT8', 'INT64', 'UINT64', 'FP16', 'BF16', 'FP32', 'FP64', 'BYTES', 'toString', 'FP8'),
        shape: fc.array(fc.oneof(fc.nat({ max: 3 }), fc.constantFrom(1e15, -1, 0.5)), { maxLength: 3 }),
        size: fc.oneof(fc.nat({ max: 24 }), fc.constantFrom(-1, 2 ** 53, 1.5)),
      }),
      { maxLength: 3 },
    ),
    raw: fc.uint8Array({ maxLength: 60 }),
    off: fc.constantFrom(0, 0, 0, 1, -1),
    side: fc.constantFrom('inputs', 'outputs'),
  })
  .map(({ tensors, raw, off, side }): { bytes: Buffer; headers: readonly Header[] } => {
    const listed = tensors.map(({ size, ...rest }) => ({ name: 'x', ...rest, parameters: { binary_data_size: size } }));
    const json = Buffer.from(JSON.stringify({ [side]: listed }));
    return { bytes: Buffer.concat([json, raw]), headers: [['Inference-Header-Content-Length', String(json.length + off)]] };
  });

t.test('binary tensors of any sizes, shapes and datatypes are decoded or refused with a DecodeError', (t) => {
  fc.assert(
    fc.property(binaryBody, fc.boolean(), ({ bytes, headers }, truncated) => survive(bytes, headers, truncated)),
    { seed: 5, numRuns: 500 },
  );
  t.end();
});

t.test('any lines of an event stream are decoded or refused with a DecodeError', (t) => {
  const json = fc.oneof(
    fc.constantFrom(
      '{"choices":[{"index":0,"delta":{"content":"a"}}]}',
      '{"choices":[{"index":1e9}]}',
      '{"choices":[{"delta":{"tool_calls":[{"index":1e300}]}}]}',
    ),
    fc.constantFrom(
      '{"error":{"message":"x"}}',
      '{"outputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]}',
      '[DONE]',
      '{"a":1}',
      '{',
    ),
    fc.constantFrom('{"usage":{"completion_tokens":1e400},"choices":[]}', '{"__proto__":{"polluted":1}}', '[]', '""', 'null'),
  );
  const line = fc.tuple(fc.constantFrom('data: ', 'data:', 'data', 'event: ', ': ', 'id: ', 'nonsense', '', '\ufeffdata: '), json);
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r', '\n\n', '\n\n', '\r\n\r\n')), { maxLength: 12 })
    .map((parts) => Buffer.from(parts.map(([[field, value], end]) => field + value + end).join('')));
  fc.assert(
    fc.property(stream, contentType, fc.boolean(), (bytes, headers, truncated) => {
      survive(bytes, headers, truncated);
      survive(bytes, [['content-type', 'text/event-stream']]);
    }),
    { seed: 6, numRuns: 300 },
  );
  t.end();
});

t.test('bodies built to hurt are refused or decoded, within bounds', (t) => {
  const many = (count: number, item: (index: number) => string) => Array.from({ length: count }, (_, index) => item(index)).join();
  const pollution = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';
  const bodies = {
    deep: `${'['.repeat(10_000)}1${']'.repeat(10_000)}`,
    deepObjects: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    integerKeys: `{${many(11_000, (index) => `"${index * 16_381}":1`)}}`,
    integerKeysInRows: `{"instances":[{${many(11_000, (index) => `"${index * 16_381}":1`)}}]}`,
    longInteger: `{"instances":[${'9'.repeat(500_000)}]}`,
    pollution: `{${pollution},"instances":[{${pollution}}]}`,
    pollutionLong: `{"n":99999999999999999999,${pollution},"inputs":{${pollution}}}`,
    events: 'data: 1\n\n'.repeat(20_001),
    emptyEvents: 'data\n\n'.repeat(20_001),
    oneLongLine: `data: ${'x'.repeat(1_000_000)}`,
  };
  for (const body of Object.values(bodies)) {
    for (const type of ['application/json', 'text/event-stream']) survive(Buffer.from(body), [['content-type', type]]);
  }
  const refused = (body: string, type: string) => {
    const [openai] = protocolsFor('openai', NOTHING);
    try {
      openai?.decodeResponse({ bytes: Buffer.from(body), headers: [['content-type', type]] }, TARGET);
    } catch (error) {
      return error instanceof DecodeError ? error.code : String(error);
    }
    return null;
  };
  t.equal(refused(bodies.deep, 'application/json'), 'too-deep');
  t.equal(refused(bodies.events, 'text/event-stream'), 'too-many-events');
  const [raw] = protocolsFor('raw-json', NOTHING);
  t.throws(() => raw?.decodeRequest({ bytes: Buffer.from(bodies.integerKeys), headers: [] }, TARGET), { code: 'too-many-columns' });
  t.end();
});

t.test('any JSON under the words of the protocols is decoded or refused with a DecodeError', (t) => {
  const word = fc.constantFrom(
    ...['instances', 'inputs', 'outputs', 'predictions', 'examples', 'context', 'results', 'explanations', 'dataframe_split'],
    ...['dataframe_records', 'columns', 'data', 'shape', 'datatype', 'name', 'parameters', 'b64', 'id', 'age', '__proto__', 'constructor'],
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: 'medium' }, fc.constantFrom(null, 0, -1, 2, 1e15, 'a', true), tie('list'), tie('object')),
    list: fc.array(tie('any'), { maxLength: 4 }),
    object: fc.dictionary(word, tie('any'), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(value.object, contentType, (body, headers) => survive(Buffer.from(JSON.stringify(body)), headers)),
    { seed: 3, numRuns: 700 },
  );
  t.end();
});

const float = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e17, 2 ** 60, 3));
const element: readonly [datatype: string, fc.Arbitrary<Scalar>][] = [
  ['FP64', fc.option(float, { freq: 5 })],
  ['BYTES', fc.string()],
  ['BOOL', fc.boolean()],
  ['INT64', fc.integer()],
  ['UINT64', fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n })],
];

/** Tensors of equally many rows, each `[rows]` or `[rows, width]`. */
function tensors(names: fc.Arbitrary<string[]>): fc.Arbitrary<Tensor[]> {
  return fc.tuple(names, fc.integer({ min: 1, max: 4 })).chain(([names, rows]) =>
    fc.tuple(
      ...names.map((name) =>
        fc.tuple(fc.constantFrom(...element), fc.constantFrom(0, 1, 3)).chain(([[datatype, scalar], width]) => {
          const count = rows * Math.max(1, width);
          const shape = width === 0 ? [rows] : [rows, width];
          return fc.array(scalar, { minLength: count, maxLength: count }).map((data): Tensor => ({ name, datatype, shape, data }));
        }),
      ),
    ),
  );
}

const name = fc.oneof(fc.stringMatching(/^[a-z_]{1,6}$/), fc.constantFrom('__proto__', 'constructor', 'toString', 'größe', 'a b'));
const several = fc.uniqueArray(name, { minLength: 2, maxLength: 4 });

function answered(protocol: Protocol, sent: readonly Tensor[]): Message {
  if (protocol.encodeResponse === null) throw new Error(`${protocol.type} gives no answers`);
  const { bytes, contentType } = protocol.encodeResponse({ requestId: 'r-1', model: 'm', version: '2', tensors: sent });
  return protocol.decodeResponse({ bytes, headers: [['content-type', contentType]] }, { model: 'm', version: '2' });
}

function text({ name, datatype, shape, data }: Tensor, withDatatype: boolean): string {
  const elements = data.map((scalar) => `${typeof scalar} ${Object.is(scalar, -0) ? '-0' : String(scalar)}`);
  return JSON.stringify([name, withDatatype ? datatype : null, shape, elements]);
}

for (const type of protocolTypes.filter((type) => protocolsFor(type, NOTHING)[0]?.encodeResponse !== null)) {
  // The row forms drop a single tensor's name, and a bare value has none.
  const only = type === 'raw-json' || type === 'torchserve' ? 'value' : 'predictions';
  t.test(`an answer of ${type} decodes to the tensors it was written from`, (t) => {
    const [protocol] = protocolsFor(type, NOTHING);
    if (protocol === undefined) throw new Error(type);
    fc.assert(
      fc.property(tensors(fc.oneof(several, fc.constant<string[]>([only]))), (sent) => {
        const back = answered(protocol, sent);
        const own = type === 'kserve-v2';
        if (own && back.requestId !== 'r-1') throw new Error('the id is lost');
        const [written, read] = [sent, back.tensors].map((list) => list.map((tensor) => text(tensor, own)).sort());
        if (JSON.stringify(written) !== JSON.stringify(read)) throw new Error(`${written}\n${read}`);
      }),
      { seed: 4, numRuns: 300 },
    );
    t.equal(back(protocol).model, 'm');
    t.end();
  });
}

function back(protocol: Protocol): Message {
  return answered(protocol, [{ name: 'predictions', datatype: 'FP32', shape: [1], data: [0.5] }]);
}

t.test('a mapped answer is written so that the mapping finds every column again', (t) => {
  const mapping: Mapping = {
    inputs: [],
    outputs: [
      { name: 'a', path: '$.rows[*].a' },
      { name: 'b', path: "$.rows[*]['b c'][*]" },
      { name: 'c', path: '$.c.d' },
      { name: 'label', path: '$.scores.max_key' },
      { name: 'confidence', path: '$.scores.max_value' },
      { name: 'first', path: '$.list[0]' },
      { name: 'third', path: '$.list[2]' },
    ],
  };
  const sent: Tensor[] = [
    { name: 'a', datatype: null, shape: [2], data: [1, Number.NaN] },
    { name: 'c', datatype: null, shape: [3], data: ['x', null, 'z'] },
    { name: 'label', datatype: null, shape: [], data: ['cat'] },
    { name: 'confidence', datatype: null, shape: [], data: [0.75] },
    { name: 'first', datatype: null, shape: [], data: [true] },
    { name: 'third', datatype: null, shape: [2], data: [1, 2] },
  ];
  for (const type of ['raw-json', 'torchserve']) {
    const [protocol] = protocolsFor(type, mapping);
    if (protocol === undefined) throw new Error(type);
    const { tensors } = answered(protocol, sent);
    t.same(
      tensors.filter(({ name }) => name !== 'b'),
      sent,
    );
  }
  t.end();
});
