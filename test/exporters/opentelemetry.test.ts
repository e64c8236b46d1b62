/**
 * What the OpenTelemetry exporter makes of an endpoint's answers. Strings stand in protobuf as they are, so a request's
 * bytes tell which events it carries.
 */
import t, { type Test } from 'tap';
import type { Event } from '../../contracts/event.ts';
import type { Verdict } from '../../contracts/exporter.ts';
import { openTelemetry } from '../../exporters/opentelemetry.ts';
import { type Answer, listen, type SeenRequest } from './loopback.ts';
import { aRecord, anEventOfAnyKind } from './synthetic-events.ts';

const AT = Date.UTC(2026, 0, 2);
const OK: Answer = { status: 200 };

async function setUp(t: Test, answer: (request: SeenRequest) => Answer | null, env: { readonly [name: string]: string } = {}) {
  const endpoint = await listen(answer);
  // The SDK's own retries would need a second; a shorter deadline leaves retrying to delivery.
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url, OTEL_EXPORTER_OTLP_TIMEOUT: '500', ...env };
  Object.assign(process.env, variables);
  const lines: string[] = [];
  const exporter = openTelemetry({
    service: 'credit',
    version: '1.2.3',
    log: (line) => void lines.push(line),
    batch: { events: 512, waitMs: 0 },
  });
  t.teardown(async () => {
    await exporter.close();
    await endpoint.close();
    for (const name of Object.keys(variables)) delete process.env[name];
  });
  const signal = AbortSignal.timeout(20_000);
  await exporter.open(signal);
  const requests = (part: string) => endpoint.seen.filter(({ path }) => path === `/v1/${part}`);
  return { exporter, signal, requests, lines };
}

/** Ids of records that a request carries. */
function idsIn({ body }: SeenRequest): string[] {
  return [...new Set(body.match(/record-\d+/g))];
}

function kinds(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ kind }) => kind[0]).join('');
}

function events(count: number): Event[] {
  return Array.from({ length: count }, (_, n) => anEventOfAnyKind(n, AT + n));
}

function records(count: number, traceparent?: string): Event[] {
  return Array.from({ length: count }, (_, n) => {
    const record = aRecord(n, AT + n);
    return { kind: 'inference', id: record.id, at: record.at, record: traceparent === undefined ? record : { ...record, traceparent } };
  });
}

t.test('each signal goes once to its own path, as protobuf, under the service’s name', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  t.equal(kinds(await exporter.send(events(10), signal)), 'dddddddddd');
  for (const part of ['traces', 'logs', 'metrics']) {
    const [request, second] = requests(part);
    t.match(request?.headers, { 'content-type': 'application/x-protobuf' });
    t.ok(request?.body.includes('credit') && second === undefined, part);
  }
  t.notMatch(requests('traces')[0]?.body, /secret/, 'no query, which may carry secrets');
});

t.test('a span has the identity that its record announced to the model server', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  await exporter.send(records(1, '00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01'), signal);
  const bytes = requests('traces')[0]!.body;
  t.ok(bytes.includes(Buffer.from('0123456789abcdef0123456789abcdef', 'hex').toString('latin1')));
  t.ok(bytes.includes(Buffer.from('00f067aa0ba902b7', 'hex').toString('latin1')));
  for (const part of ['probability', 'kept_for']) t.ok(bytes.includes(`driftline.sampling.${part}`), part);
});

t.test('a trace that its caller does not sample gets no span, and still counts', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  t.equal(kinds(await exporter.send(records(3, '00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-00'), signal)), 'ddd');
  t.equal(requests('traces').length, 0);
  t.equal(requests('metrics').length, 1);
});

t.test('spans that were not taken are sent again, logs that were taken are not', async (t) => {
  let refusals = 1;
  const { exporter, signal, requests } = await setUp(t, ({ path }) => (path === '/v1/traces' && refusals-- > 0 ? { status: 503 } : OK));
  t.equal(kinds(await exporter.send(events(10), signal)), 'rrrrrrdddd');
  t.equal(kinds(await exporter.send(events(6), signal)), 'dddddd');
  t.equal(requests('traces').length, 2);
  t.same(idsIn(requests('traces')[1]!).length, 6);
  t.equal(requests('logs').length, 1);
});

t.test('events are not delivered before the totals that count them were taken, and count once', async (t) => {
  let refusals = 1;
  const { exporter, signal, requests } = await setUp(t, ({ path }) => (path === '/v1/metrics' && refusals-- > 0 ? { status: 503 } : OK));
  t.equal(kinds(await exporter.send(events(10), signal)), 'rrrrrrrrrr');
  t.equal(kinds(await exporter.send(events(10), signal)), 'dddddddddd');
  t.equal(requests('traces').length, 1, 'spans were taken the first time');
  const [first, again] = requests('metrics');
  t.equal(again?.body, first?.body, 'the same figures again');
});

t.test('the same events sent twice are sent and counted once', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  await exporter.send(events(10), signal);
  t.equal(kinds(await exporter.send(events(10), signal)), 'dddddddddd');
  t.equal(requests('traces').length, 1);
  t.equal(requests('logs').length, 1);
});

t.test('a batch sent again while its first sending is still under way goes once', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  const both = await Promise.all([exporter.send(events(10), signal), exporter.send(events(10), signal)]);
  t.same(both.map(kinds), ['dddddddddd', 'dddddddddd']);
  t.equal(requests('traces').length, 1);
  t.equal(requests('logs').length, 1);
});

t.test('one span that the endpoint cannot take is refused alone', async (t) => {
  const { exporter, signal } = await setUp(t, ({ path, body }) =>
    path === '/v1/traces' && body.includes('record-3') ? { status: 400 } : OK,
  );
  const verdicts = await exporter.send(records(6), signal);
  t.equal(kinds(verdicts), 'dddrdd');
  t.match(verdicts[3], { kind: 'refused', reason: 'bad-request' });
});

t.test('a partial success counts as many refused as the endpoint rejected', async (t) => {
  // ExportTraceServiceResponse { partial_success { rejected_spans: 2 } }
  const partial = Buffer.from([0x0a, 0x02, 0x08, 0x02]);
  const { exporter, signal, lines } = await setUp(t, ({ path }) => (path === '/v1/traces' ? { status: 200, body: partial } : OK));
  const verdicts = await exporter.send(records(5), signal);
  t.equal(verdicts.filter(({ kind }) => kind === 'delivered').length, 3);
  t.equal(verdicts.filter((verdict) => verdict.kind === 'refused' && verdict.reason === 'partial-success').length, 2);
  t.same(lines, []);
});

for (const status of [401, 403]) {
  t.test(`a ${status} keeps the events and says where the key belongs`, async (t) => {
    const { exporter, signal } = await setUp(t, () => ({ status }));
    const verdicts = await exporter.send(records(2), signal);
    t.match(verdicts, [{ kind: 'retry', reason: /OTEL_EXPORTER_OTLP_HEADERS/ }, { kind: 'retry' }]);
  });
}

t.test('an endpoint that hangs or is not there is retried', async (t) => {
  const { exporter, signal } = await setUp(t, () => null);
  t.match(await exporter.send(records(1), signal), [{ kind: 'retry', reason: /reachable/ }]);
});

t.test('a signal that is switched off is not waited for', async (t) => {
  const { exporter, signal, requests } = await setUp(t, ({ path }) => (path === '/v1/logs' ? OK : { status: 503 }), {
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_METRICS_EXPORTER: 'none',
  });
  t.equal(kinds(await exporter.send(events(10), signal)), 'dddddddddd');
  t.equal(requests('logs').length, 1);
  t.equal(requests('traces').length + requests('metrics').length, 0);
});

t.test('it can be opened again after it was closed', async (t) => {
  const { exporter, signal, requests } = await setUp(t, () => OK);
  await exporter.send(records(1), signal);
  await exporter.close();
  await exporter.close();
  await t.rejects(exporter.send(records(1), signal), { code: 'not-open', retryable: true });
  await exporter.open(signal);
  t.equal(kinds(await exporter.send(records(2), signal)), 'dd');
  t.equal(requests('traces').length, 2);
});
