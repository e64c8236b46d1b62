import { gzipSync } from 'node:zlib';
import t from 'tap';
import { Decoder } from '../../agent/decode.ts';
import type { AnswerTiming, Exchange, Header } from '../../contracts/exchange.ts';
import { exchangeOf } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const UPSTREAM = 'upstreams: {primary: {url: "http://127.0.0.1:1"}}';

function body(text: string | Uint8Array, totalBytes?: number) {
  const bytes = Buffer.from(text);
  return { bytes, totalBytes: totalBytes ?? bytes.length };
}

function call(path: string, request: Exchange['request'], response: Exchange['response'], over: Partial<Exchange> = {}): Exchange {
  return { ...exchangeOf('a', 1, []), path, request, response, ...over };
}

function chunk(delta: object, more: object = {}): string {
  return `data: ${JSON.stringify({ model: 'llm', choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;
}

const CHAT = body('{"model":"llm","stream":true,"messages":[{"role":"user","content":"Hi there"}]}');
const EVENTS: readonly Header[] = [['content-type', 'text/event-stream']];
const chat = new Decoder(policyOf(`  model: {name: m}\n  traffic: {protocol: openai, ${UPSTREAM}}\n`));

/** A stream of which each piece was read by itself, 100 ms apart, the first after 250 ms. */
function streamed(pieces: readonly string[], over: Partial<Exchange> = {}) {
  let bytes = 0;
  const marks = pieces.map((piece, index) => {
    bytes += Buffer.byteLength(piece);
    return { ms: 250 + 100 * index, bytes };
  });
  const lastByteMs = marks.at(-1)?.ms ?? 0;
  const timing: AnswerTiming = { firstByteMs: 250, lastByteMs, reads: marks.length, longestGapMs: 100, marks };
  const exchange = call('/v1/chat/completions', CHAT, body(pieces.join('')), {
    responseHeaders: EVENTS,
    timing,
    latencyMs: lastByteMs,
    ...over,
  });
  const record = chat.decode(exchange);
  if (record === null) throw new Error('no prediction');
  return record;
}

const PIECES = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Hel' }),
  chunk({ content: 'lo' }),
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`,
  `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 4, completion_tokens: 3 } })}\n\ndata: [DONE]\n\n`,
];

t.test('a chat stream becomes one row: its text, why it ended, its tokens, and when they came', async (t) => {
  const record = streamed(PIECES);
  t.equal(record.undecoded, null);
  t.equal(record.model, 'llm');
  t.match(record.inputs, { prompt: ['Hi there'], messages: [1], characters: [8] });
  t.strictSame(
    { ...record.outputs },
    {
      content: ['Hello'],
      finish_reason: ['stop'],
      characters: [5],
      tool_calls: [0],
      prompt_tokens: [4],
      completion_tokens: [3],
    },
  );
  // The first text is in the second read, the last in the third: two more tokens in 100 ms.
  t.strictSame(record.timing, {
    ...{ firstByteMs: 250, lastByteMs: 650, reads: 5, longestGapMs: 100 },
    ...{ events: 5, firstTokenMs: 350, tokensPerSecond: 20 },
  });
});

t.test('events that were read together are no later than their read', async (t) => {
  const record = streamed([PIECES.slice(0, 2).join(''), PIECES.slice(2).join('')]);
  t.match(record.timing, { firstTokenMs: 250, tokensPerSecond: 20, events: 5 });
  t.match(streamed([PIECES.join('')]).timing, { firstTokenMs: 250, tokensPerSecond: null });
});

t.test('compression hides which read an event came in; the text is there all the same', async (t) => {
  const record = streamed(PIECES, {
    response: body(gzipSync(PIECES.join(''))),
    responseHeaders: [...EVENTS, ['content-encoding', 'gzip']],
  });
  t.strictSame(record.outputs.content, ['Hello']);
  t.match(record.timing, { events: 5, firstTokenMs: null, tokensPerSecond: null });
});

t.test('an error inside a stream that began well is a failure', async (t) => {
  const record = streamed([...PIECES.slice(0, 2), 'data: {"error":{"message":"out of memory"}}\n\n']);
  t.match(record, { status: 200, outcome: 'failed', reason: 'error-in-stream', undecoded: null, rows: 1 });
  t.strictSame({ ...record.outputs }, {}, 'half an answer is no prediction');
});

t.test('a stream longer than the copy keeps its times, and is not guessed at', async (t) => {
  const whole = PIECES.join('');
  const record = streamed(PIECES, { response: body(whole.slice(0, 200), whole.length) });
  t.equal(record.undecoded, 'response: truncated');
  t.strictSame({ ...record.outputs }, {});
  t.match(record.timing, { firstByteMs: 250, reads: 5, events: null });
});

t.test('a whole chat tells its speed by the tokens and the time of the whole call', async (t) => {
  const answer = {
    model: 'llm',
    choices: [{ index: 0, message: { content: 'ok' }, finish_reason: 'length' }],
    usage: { completion_tokens: 30 },
  };
  const timing: AnswerTiming = { firstByteMs: 1500, lastByteMs: 1500, reads: 1, longestGapMs: 0, marks: [] };
  const record = chat.decode(call('/v1/chat/completions', CHAT, body(JSON.stringify(answer)), { timing, latencyMs: 1500 }));
  t.match(record?.timing, { events: null, firstTokenMs: null, tokensPerSecond: 20 });
  t.strictSame(record?.outputs.finish_reason, ['length']);
});

t.test('of binary tensors that the copy cuts, those that are whole are on record, and the record says that it is cut', async (t) => {
  const decoder = new Decoder(policyOf(`  model: {name: m}\n  traffic: {protocol: kserve-v2, ${UPSTREAM}}\n`));
  const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [2], parameters: { binary_data_size: 8 } });
  const json = Buffer.from(JSON.stringify({ inputs: [tensor('a'), tensor('b')] }));
  const raw = Buffer.from('0000803f00000040', 'hex');
  const kept = Buffer.concat([json, raw, raw.subarray(0, 3)]);
  const requestHeaders: readonly Header[] = [['inference-header-content-length', String(json.length)]];
  const answer = '{"outputs":[{"name":"y","datatype":"INT32","shape":[2],"data":[3,4]}]}';
  const record = decoder.decode(call('/v2/models/m/infer', body(kept, json.length + 16), body(answer), { requestHeaders }));
  t.equal(record?.undecoded, 'truncated');
  t.strictSame({ ...record?.inputs }, { a: [1, 2] });
  t.strictSame({ ...record?.outputs }, { y: [3, 4] });
});

t.test('an image in, scores out: columns from the header fields, the best class, its score and the entropy', async (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: torchserve, ${UPSTREAM}, sampling: {maxBodyBytes: 0}}
  schema:
    inputs:
      - {name: content_type, from: "header:Content-Type", type: categorical, values: [image/jpeg]}
      - {name: content_length, from: "header:content-length", type: integer, min: 2000}
      - {name: camera, from: "header:x-camera-id", type: categorical}
    outputs:
      - {name: label, type: categorical, path: "$.max_key"}
      - {name: confidence, type: number, path: "$.max_value"}
      - {name: entropy, type: number, derive: entropy, of: "$"}
      - {name: server, type: text, from: "header:server"}
`);
  const requestHeaders: readonly Header[] = [
    ['CONTENT-TYPE', 'image/jpeg'],
    ['Content-Length', '40000'],
  ];
  const responseHeaders: readonly Header[] = [['Server', 'ts']];
  const exchange = call('/predictions/defects/1.2', body('', 40_000), body('{"scratch":0.5,"dent":0.25,"none":0.25}'), {
    requestHeaders,
    responseHeaders,
  });
  const record = new Decoder(policy).decode(exchange);
  t.match(record, { undecoded: null, rows: 1, model: 'defects', version: '1.2' });
  t.strictSame({ ...record?.inputs }, { content_type: ['image/jpeg'], content_length: [40_000], camera: [null] });
  t.strictSame({ ...record?.outputs }, { label: ['scratch'], confidence: [0.5], entropy: [1.5 * Math.LN2], server: ['ts'] });
});

t.test('a header field holds for every row of the call', async (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, ${UPSTREAM}}
  schema:
    inputs: [{name: tenant, from: "header:x-tenant", type: categorical}, {name: x, type: number}]
`);
  const exchange = { ...exchangeOf('a', 1, [{ x: 1 }, { x: 2 }]), requestHeaders: [['X-Tenant', 'north']] as const };
  t.strictSame({ ...new Decoder(policy).decode(exchange)?.inputs }, { tenant: ['north', 'north'], x: [1, 2] });
});

t.test('where only header fields are named, the rows are those of the body all the same', async (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, ${UPSTREAM}}
  schema: {inputs: [{name: tenant, from: "header:x-tenant", type: categorical}]}
`);
  const exchange = { ...exchangeOf('a', 1, [{ x: 1 }, { x: 2 }, { x: 3 }]), requestHeaders: [['x-tenant', 'south']] as const };
  const record = new Decoder(policy).decode(exchange);
  t.equal(record?.rows, 3);
  t.strictSame({ ...record?.inputs }, { tenant: ['south', 'south', 'south'] });
});
