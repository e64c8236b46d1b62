import t from 'tap';
import { timingOf } from '../../agent/timing.ts';
import type { AnswerTiming } from '../../contracts/exchange.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.test('a model that becomes slow at its tokens is an alert, one that becomes fast is none', async (t) => {
  const monitor = (signal: string) =>
    `{name: ${signal.split('.')[1]}, features: [${signal}], detectors: {numeric: {type: adwin}}, clear: {for: 1s}, severity: critical}`;
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: openai, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  monitors: [${['request.tokensPerSecond', 'request.timeToFirstToken', 'request.timeToFirstByte'].map(monitor).join(', ')}]
  actions: [{name: console, type: console}]
`);
  const line = await openLine(policy, t.testdir());
  let calls = 0;
  const body = (text: string) => ({ bytes: Buffer.from(text), totalBytes: Buffer.byteLength(text) });
  const first = 'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
  const rest = `${first}data: {"choices":[],"usage":{"completion_tokens":11}}\n\n`;
  const chat = (firstMs: number, speed: number) => {
    const lastMs = firstMs + 10_000 / speed;
    const marks = [
      { ms: firstMs, bytes: first.length },
      { ms: lastMs, bytes: first.length + rest.length },
    ];
    const timing: AnswerTiming = { firstByteMs: firstMs, lastByteMs: lastMs, reads: 2, longestGapMs: lastMs - firstMs, marks };
    calls++;
    line.analysis.observe({
      ...exchangeOf(`id-${calls}`, calls, []),
      ...{ path: '/v1/chat/completions', latencyMs: lastMs, timing, responseHeaders: [['content-type', 'text/event-stream']] },
      ...{ request: body('{"messages":[{"content":"x"}]}'), response: body(first + rest) },
    });
  };
  const firing = () => line.reader.page<{ signal: string; state: string }>('alerts', 0, 100).items.map(({ signal }) => signal);
  for (let i = 0; i < 300; i++) chat(200, 20 + (i % 3));
  for (let i = 0; i < 300; i++) chat(200, 80 + (i % 3));
  line.commit();
  t.same(firing(), [], 'faster is no alert');
  for (let i = 0; i < 300; i++) chat(200, 20 + (i % 3));
  line.commit();
  t.same(firing(), ['request.tokensPerSecond']);
  for (let i = 0; i < 300; i++) chat(900 + (i % 3), 20 + (i % 3));
  line.commit();
  t.same(new Set(firing()), new Set(['request.tokensPerSecond', 'request.timeToFirstToken', 'request.timeToFirstByte']));
  const { items } = line.reader.page<DriftlineRecord>('records', 0, 1);
  t.ok(items[0]?.timing?.tokensPerSecond);
  line.crash();
});

t.test('a first token beyond the reads that were kept has no time', async (t) => {
  const timing: AnswerTiming = { firstByteMs: 1, lastByteMs: 9, reads: 300, longestGapMs: 1, marks: [{ ms: 1, bytes: 10 }] };
  const flow = { events: 300, tokens: 5, firstTextEnd: 11, lastTextEnd: 20 };
  t.match(timingOf(timing, 9, flow, false), { firstTokenMs: null, tokensPerSecond: null, events: 300 });
  // The last one is held to have come with the last byte.
  t.match(timingOf(timing, 9, { ...flow, firstTextEnd: 10 }, false), { firstTokenMs: 1, tokensPerSecond: 500 });
});
