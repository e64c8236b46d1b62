import t from 'tap';
import { DecodeError } from '../../../contracts/errors.ts';
import type { Header } from '../../../contracts/exchange.ts';
import { type Mapping, protocolsFor } from '../../../proxy/catalogue.ts';
import { entropyOf } from '../../../proxy/protocols/entropy.ts';
import { readEvents, readLines } from '../../../proxy/protocols/events.ts';

const EVENTS: readonly Header[] = [['Content-Type', 'text/event-stream; charset=utf-8']];
const NOTHING: Mapping = { inputs: [], outputs: [] };
const target = { model: 'm', version: null };

function pieces(text: string) {
  return readEvents(Buffer.from(text)).map(({ kind, data, end }) => [kind, Buffer.from(data).toString(), end]);
}

function answered(type: string, text: string, headers: readonly Header[] = [], mapping = NOTHING, place = 0) {
  const protocol = protocolsFor(type, mapping)[place];
  if (protocol === undefined) throw new Error(type);
  return protocol.decodeResponse({ bytes: Buffer.from(text), headers }, target);
}

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
  return 'decoded';
}

t.test('events end with a blank line, in all three kinds of line ends; comments and ids are none', async (t) => {
  t.same(pieces('data: a\n\ndata:b\r\n\r\ndata:  c\r\rdata: d'), [
    ['message', 'a', 9],
    ['message', 'b', 19],
    ['message', ' c', 29],
    ['message', 'd', 36],
  ]);
  t.same(pieces('\ufeff: hello\nid: 7\nretry: 10\n\nevent: tick\ndata: 1\ndata: 2\n\nevent: idle\n\ndata\n\n'), [
    ['tick', '1\n2', 57],
    ['message', '', 76],
  ]);
  t.same(pieces('data: {}\n\ndata: [DONE]\n\n'), [['message', '{}', 10]]);
  t.same(pieces(''), []);
});

t.test('a body that is only called an event stream is named as such', async (t) => {
  t.equal(
    code(() => pieces('red green blue')),
    'not-events',
  );
  t.equal(
    code(() => answered('raw-json', 'red green', EVENTS)),
    'not-events',
  );
});

t.test('lines are values where several stand, blank ones between them or not', async (t) => {
  t.same(
    readLines(Buffer.from('{"a":1}\n\n  \r\n{"a":2}')).map(({ end }) => end),
    [8, 20],
  );
  const { tensors, flow } = answered('raw-json', '{"a":1,"b":"x"}\n{"a":2}\n');
  t.same(tensors, [
    { name: 'a', datatype: null, shape: [2], data: [1, 2] },
    { name: 'b', datatype: null, shape: [2], data: ['x', null] },
  ]);
  t.equal(flow?.events, 2);
  t.equal(
    code(() => answered('raw-json', '{"a":1}\n{"a":')),
    'not-json',
  );
  t.equal(answered('raw-json', '{\n"a":1\n}').flow, undefined, 'one value over several lines is no stream');
  t.equal(answered('raw-json', '{"a":1}\n', [['content-type', 'application/x-ndjson']]).flow?.events, 1);
});

t.test('a mapped stream has one row an event, and one that tells of an error is a failure', async (t) => {
  const mapping: Mapping = {
    inputs: [],
    outputs: [
      { name: 'token', path: '$.token' },
      { name: 'error', path: '$.error' },
    ],
  };
  const good = answered('raw-json', 'data: {"token":"a"}\n\ndata: {"error":0.5}\n\n', EVENTS, mapping);
  t.same(
    good.tensors.map(({ data }) => data),
    [
      ['a', null],
      [null, 0.5],
    ],
  );
  t.equal(good.failure, undefined, 'a number under the name of an error is a column');
  for (const error of ['data: {"error":"out of memory"}\n\n', 'data: {"error":{"code":5}}\n\n', 'event: error\ndata: {"detail":"x"}\n\n']) {
    t.equal(answered('raw-json', `data: {"token":"a"}\n\n${error}`, EVENTS, mapping).failure, 'error-in-stream', error);
    t.equal(answered('kserve-v2', error, EVENTS, NOTHING, 1).failure, 'error-in-stream', error);
  }
});

t.test('events that are V2 messages are put one under another', async (t) => {
  const event = (datatype: string, shape: number[], data: unknown[]) =>
    `data: ${JSON.stringify({ model_name: 'e', id: 'q', outputs: [{ name: 'y', datatype, shape, data }] })}\n\n`;
  const { tensors, requestId, model, flow } = answered(
    'kserve-v2',
    event('BYTES', [1, 1], ['a']) + event('BYTES', [2, 1], ['b', 'c']),
    EVENTS,
    NOTHING,
    1,
  );
  t.same(tensors, [{ name: 'y', datatype: 'BYTES', shape: [3, 1], data: ['a', 'b', 'c'] }]);
  t.same([requestId, model, flow?.events], ['q', 'e', 2]);
  t.equal(
    code(() => answered('kserve-v2', event('FP32', [1, 1], [1]) + event('FP32', [1, 2], [1, 2]), EVENTS, NOTHING, 1)),
    'shape-mismatch',
  );
});

t.test('a chat of several choices, of tools, and of the older completions', async (t) => {
  const column = (text: string, name: string, headers = EVENTS) => {
    return answered('openai', text, headers).tensors.find((tensor) => tensor.name === name)?.data;
  };
  const delta = (index: number, more: object) => `data: ${JSON.stringify({ choices: [{ index, ...more }] })}\n\n`;
  const two =
    delta(1, { delta: { content: 'B' } }) +
    delta(0, { delta: { content: 'a' } }) +
    delta(1, { delta: { content: 'b' }, finish_reason: 'length' });
  t.same(column(two, 'content'), ['a', 'Bb']);
  t.same(column(two, 'finish_reason'), [null, 'length']);
  const call = (index: number, text: string) => delta(0, { delta: { tool_calls: [{ index, function: { arguments: text } }] } });
  t.same(
    column(call(0, '{"x"') + call(0, ':1}') + call(1, '{}') + delta(0, { delta: {}, finish_reason: 'tool_calls' }), 'tool_calls'),
    [2],
  );
  t.same(column('{"choices":[{"text":"once upon","index":0,"finish_reason":"length"}]}', 'content', []), ['once upon']);
  t.same(column('{"choices":[{"message":{"content":null,"tool_calls":[{},{}]}}]}', 'tool_calls', []), [2]);
  t.equal(answered('openai', '{"error":{"message":"overloaded"}}').failure, 'error-in-answer');
  t.equal(
    code(() => answered('openai', '{"choices":[]}')),
    'unexpected-structure',
  );
  t.equal(
    code(() => answered('openai', delta(1e9, {}), EVENTS)),
    'unexpected-structure',
  );
  t.equal(
    code(() => answered('openai', 'data: {"id":1}\n\n', EVENTS)),
    'unexpected-structure',
  );
});

t.test('what a chat is asked: its messages, its prompt, its settings', async (t) => {
  const [openai] = protocolsFor('openai', NOTHING);
  const asked = (body: object) => {
    const { tensors, model } = openai?.decodeRequest({ bytes: Buffer.from(JSON.stringify(body)), headers: [] }, target) ?? { tensors: [] };
    return { ...Object.fromEntries(tensors.map(({ name, data }) => [name, data[0]])), model };
  };
  const parts = [
    { type: 'text', text: 'look' },
    { type: 'image_url', image_url: {} },
  ];
  t.same(asked({ model: 'l', messages: [{ role: 'system', content: 'be' }, { content: parts }], n: 2, tools: [{}], stream: true }), {
    ...{ model: 'l', messages: 2, characters: 6, prompt: 'look', tools: 1, n: 2, stream: true },
  });
  t.match(asked({ prompt: ['a', 'bc'] }), { messages: 2, characters: 3, prompt: 'bc', model: null });
  t.equal(
    code(() => asked({ input: 'x' })),
    'unexpected-structure',
  );
});

t.test('the entropy of scores: none for one class, the most for equal ones, scale of no matter', async (t) => {
  t.equal(entropyOf({ a: 1, b: 0 }), 0);
  t.equal(entropyOf({ a: 0.5, b: 0.5 }), Math.LN2);
  t.ok(Math.abs((entropyOf([3, 3, 3, 3]) ?? 0) - Math.log(4)) < 1e-15);
  t.ok(Math.abs((entropyOf({ a: 2, b: 6, note: 'x' }) ?? 0) - (Math.log(4) - 0.75 * Math.log(3))) < 1e-15);
  for (const none of [null, 'x', [], {}, { a: 0 }, { a: -1, b: 2 }, [Number.POSITIVE_INFINITY], [Number.NaN]])
    t.equal(entropyOf(none), null);
});
