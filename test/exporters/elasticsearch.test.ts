/**
 * What the Elasticsearch exporter makes of a cluster's answers; the cluster is a loopback server with one script a test.
 */
import t, { type Test } from 'tap';
import type { Event } from '../../contracts/event.ts';
import type { Exporter } from '../../contracts/exporter.ts';
import { elasticsearch } from '../../exporters/elasticsearch.ts';
import { documentId, toDocument } from '../../exporters/elasticsearch-documents.ts';
import { type Answer, type Loopback, listen, type SeenRequest } from './loopback.ts';
import { aRecord, anEventOfAnyKind } from './synthetic-events.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const SENDER = { service: 'credit', host: 'pod-1', version: '1.2.3' };

type BulkStatus = number | { readonly status: number; readonly error?: { readonly type: string }; readonly failure_store?: string };

function json(status: number, body: unknown): Answer {
  return { status, body: JSON.stringify(body), headers: { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' } };
}

/** Answers a bulk request with one status for each document, given its body. */
function bulk(status: (document: { readonly driftline: { readonly id: string } }) => BulkStatus): (request: SeenRequest) => Answer {
  return ({ body }) => {
    const documents = body
      .trim()
      .split('\n')
      .filter((_, line) => line % 2 === 1);
    const items = documents.map((line) => {
      const given = status(JSON.parse(line));
      return { create: typeof given === 'number' ? { status: given } : given };
    });
    return json(200, { items });
  };
}

async function setUp(t: Test, onBulk: (request: SeenRequest) => Answer | null, onTemplate?: (request: SeenRequest) => Answer | null) {
  const cluster = await listen((request) => {
    if (request.path.startsWith('/_bulk')) return onBulk(request);
    return onTemplate?.(request) ?? (request.method === 'GET' ? json(404, {}) : json(200, { acknowledged: true }));
  });
  const exporter = elasticsearch({
    nodes: [cluster.url],
    apiKey: 'c2VjcmV0',
    namespace: 'prod',
    sender: SENDER,
    batch: { events: 1_000, waitMs: 0 },
  });
  t.teardown(async () => {
    await exporter.close();
    await cluster.close();
  });
  return { cluster, exporter, signal: AbortSignal.timeout(20_000) };
}

function records(count: number): Event[] {
  return Array.from({ length: count }, (_, n) => ({ kind: 'inference', id: `record-${n}`, at: AT + n, record: aRecord(n, AT + n) }));
}

async function opened(
  t: Test,
  onBulk: (request: SeenRequest) => Answer | null,
): Promise<{ cluster: Loopback; exporter: Exporter; signal: AbortSignal }> {
  const parts = await setUp(t, onBulk);
  await parts.exporter.open(parts.signal);
  return parts;
}

t.test('documents go by create, under an id that is the same at every attempt', async (t) => {
  const { cluster, exporter, signal } = await opened(
    t,
    bulk(() => 201),
  );
  const events = records(2);
  await exporter.send(events, signal);
  await exporter.send(events, signal);
  const [first, second] = cluster.seen.filter(({ path }) => path.startsWith('/_bulk'));
  t.equal(first?.body, second?.body);
  const [action, document] = first!.body.split('\n').map((line) => (line === '' ? null : JSON.parse(line)));
  t.same(action, { create: { _index: 'logs-driftline.inference-prod', _id: documentId(events[0]!) } });
  t.match(document, { '@timestamp': '2026-01-02T03:04:05.678Z', driftline: { id: 'record-0' } });
  t.equal(first?.headers.authorization, 'ApiKey c2VjcmV0');
  t.match(first?.headers['content-type'], /ndjson/);
});

t.test('each document has its own verdict', async (t) => {
  const answers: { readonly [id: string]: BulkStatus } = {
    'record-0': 201,
    'record-1': { status: 409, error: { type: 'version_conflict_engine_exception' } },
    'record-2': { status: 429, error: { type: 'es_rejected_execution_exception' } },
    'record-3': { status: 400, error: { type: 'document_parsing_exception' } },
    'record-4': { status: 503, error: { type: 'unavailable_shards_exception' } },
    'record-5': { status: 403, error: { type: 'security_exception' } },
    'record-6': { status: 404, error: { type: 'index_not_found_exception' } },
    'record-7': { status: 201, failure_store: 'used' },
  };
  const { exporter, signal } = await opened(
    t,
    bulk(({ driftline }) => answers[driftline.id] ?? 201),
  );
  t.match(await exporter.send(records(8), signal), [
    { kind: 'delivered' },
    { kind: 'delivered' },
    { kind: 'retry', reason: /es_rejected/ },
    { kind: 'refused', reason: 'document_parsing_exception' },
    { kind: 'retry', reason: /unavailable_shards/ },
    { kind: 'retry', reason: /403.*grant create_doc/ },
    { kind: 'retry', reason: /404.*grant auto_configure/ },
    { kind: 'refused', reason: 'failure-store' },
  ]);
});

for (const status of [429, 500, 503]) {
  t.test(`a whole answer of ${status} can be retried`, async (t) => {
    const { exporter, signal } = await opened(t, () => json(status, { error: { type: 'busy' } }));
    await t.rejects(exporter.send(records(3), signal), { code: 'busy', retryable: true });
  });
}

t.test('a missing privilege is retryable and named', async (t) => {
  const { exporter, signal } = await opened(t, () => json(403, { error: { type: 'security_exception' } }));
  await t.rejects(exporter.send(records(3), signal), {
    code: 'forbidden',
    retryable: true,
    message: /grant create_doc and auto_configure/,
  });
});

t.test('a request that is too large is halved down to the document that is', async (t) => {
  const { cluster, exporter, signal } = await opened(t, (request) =>
    request.body.includes('record-5"') ? json(413, {}) : bulk(() => 201)(request),
  );
  const verdicts = await exporter.send(records(8), signal);
  t.same(
    verdicts.map(({ kind }) => kind),
    Array.from({ length: 8 }, (_, n) => (n === 5 ? 'refused' : 'delivered')),
  );
  t.match(verdicts[5], { reason: 'too-large' });
  t.equal(cluster.seen.filter(({ path }) => path.startsWith('/_bulk')).length, 7);
});

t.test('a large batch is cut into requests before it is sent', async (t) => {
  const { cluster, exporter, signal } = await opened(
    t,
    bulk(() => 201),
  );
  const large = records(12).map((event): Event => {
    if (event.kind !== 'inference') return event;
    return { ...event, record: { ...event.record, inputs: { text: ['x'.repeat(1_000_000)] } } };
  });
  const verdicts = await exporter.send(large, signal);
  t.ok(verdicts.length === 12 && verdicts.every(({ kind }) => kind === 'delivered'));
  const requests = cluster.seen.filter(({ path }) => path.startsWith('/_bulk'));
  t.equal(requests.length, 3);
  t.ok(requests.every(({ body }) => body.length <= 5 * 1024 * 1024));
});

t.test('when a later request of a batch fails, the earlier ones stay delivered', async (t) => {
  const { exporter, signal } = await opened(t, (request) =>
    request.body.includes('record-4"') ? json(503, {}) : bulk(() => 201)(request),
  );
  const large = records(6).map((event): Event => {
    if (event.kind !== 'inference') return event;
    return { ...event, record: { ...event.record, inputs: { text: ['x'.repeat(2_000_000)] } } };
  });
  const kinds = (await exporter.send(large, signal)).map(({ kind }) => kind);
  t.same(kinds, ['delivered', 'delivered', 'delivered', 'delivered', 'retry', 'retry']);
});

t.test('half an answer leaves the rest to be sent again', async (t) => {
  const { exporter, signal } = await opened(t, () => json(200, { items: [{ create: { status: 201 } }] }));
  t.match(await exporter.send(records(3), signal), [{ kind: 'delivered' }, { kind: 'retry' }, { kind: 'retry' }]);
});

t.test('an event that cannot be written as a document is refused alone', async (t) => {
  const { exporter, signal } = await opened(
    t,
    bulk(() => 201),
  );
  const [first, second] = records(2);
  const verdicts = await exporter.send([{ ...first!, at: Number.NaN }, second!], signal);
  t.match(verdicts, [{ kind: 'refused', reason: 'not-serializable' }, { kind: 'delivered' }]);
});

t.test('open installs components, then index templates, and keeps its hands off what is there', async (t) => {
  const installed: { readonly [path: string]: unknown } = {
    '/_component_template/driftline%40custom': {
      component_templates: [{ name: 'driftline@custom', component_template: { template: {} } }],
    },
    '/_component_template/driftline%40settings': { component_templates: [{ component_template: { version: 99 } }] },
    '/_component_template/driftline%40mappings': { component_templates: [{ component_template: { version: 0 } }] },
  };
  const { cluster, exporter, signal } = await setUp(
    t,
    () => null,
    ({ method, path }) => (method === 'GET' && path in installed ? json(200, installed[path]) : null),
  );
  await exporter.open(signal);
  const puts = cluster.seen.filter(({ method }) => method === 'PUT').map(({ path }) => path);
  t.equal(puts[0], '/_component_template/driftline%40mappings', 'an older version is replaced, before what is composed of it');
  t.same(puts.slice(1).sort(), [
    '/_index_template/logs-driftline.alert',
    '/_index_template/logs-driftline.feedback',
    '/_index_template/logs-driftline.inference',
    '/_index_template/metrics-driftline.drift',
  ]);
});

t.test('a cluster without lifecycles gets the templates without that section', async (t) => {
  const { cluster, exporter, signal } = await setUp(
    t,
    () => null,
    ({ method, body }) =>
      method === 'PUT' && body.includes('"lifecycle"') ? json(400, { error: { type: 'x_content_parse_exception' } }) : null,
  );
  await exporter.open(signal);
  const last = cluster.seen.filter(({ method, path }) => method === 'PUT' && path.startsWith('/_index_template')).slice(-4);
  t.ok(last.length === 4 && last.every(({ body }) => !body.includes('lifecycle') && JSON.parse(body).priority === 500));
});

t.test('an open that is refused says which privilege is missing', async (t) => {
  const { exporter, signal } = await setUp(
    t,
    () => null,
    ({ method }) => (method === 'PUT' ? json(403, {}) : null),
  );
  const message = 'elasticsearch: index template refused (403); grant manage_index_templates to the API key';
  await t.rejects(exporter.open(signal), { message, retryable: true, code: 'forbidden' });
});

t.test('no message carries the address, which may hold a password', async (t) => {
  const exporter = elasticsearch({
    nodes: ['http://user:geheim@127.0.0.1:1'],
    apiKey: null,
    namespace: 'x',
    sender: SENDER,
    batch: { events: 1, waitMs: 0 },
  });
  const error = await exporter.open(AbortSignal.timeout(5_000)).catch((error: Error) => error);
  t.match(error, { retryable: true, message: /^elasticsearch: index template failed \(ConnectionError\)/ });
  t.notMatch((error as Error).message, /geheim|127/);
  await exporter.close();
  await exporter.close();
});

t.test('a signal ends a request that hangs', async (t) => {
  const { exporter } = await opened(t, () => null);
  const abort = new AbortController();
  const sending = exporter.send(records(1), abort.signal);
  abort.abort();
  await t.rejects(sending, { code: 'unreachable', retryable: true });
});

t.test('a document has ECS names, our own under driftline, and no query', (t) => {
  const record = { ...aRecord(34, AT), path: '/v1/predict?token=geheim' };
  const { body } = toDocument({ kind: 'inference', id: record.id, at: AT, record }, 'prod', SENDER);
  t.match(body, {
    data_stream: { type: 'logs', dataset: 'driftline.inference', namespace: 'prod' },
    event: {
      kind: 'event',
      action: 'inference',
      dataset: 'driftline.inference',
      outcome: 'failure',
      duration: 18_500_000,
      reason: 'connect-refused',
    },
    service: { name: 'credit' },
    http: { request: { method: 'POST' }, response: { status_code: 502 } },
    url: { path: '/v1/predict' },
    trace: { id: /^a+22$/ },
    span: { id: /^b+22$/ },
    driftline: {
      model: { name: 'credit-risk', version: '7', route: 'primary' },
      output_number: 0.34,
      sampling: { probability: 1, kept_for: 'upstream_error' },
    },
  });
  t.notMatch(JSON.stringify(body), /geheim/);
  const large = aRecord(13, AT);
  t.match(toDocument({ kind: 'inference', id: large.id, at: AT, record: large }, 'prod', SENDER).body, {
    http: { request: { body: { bytes: 1_000_013 } } },
    driftline: { request: { body: { fingerprint: '0000000d' } }, sampling: { probability: 0.25, kept_for: 'sampled' } },
  });
  t.end();
});

t.test('every kind of event has a document with the fields that every stream shares', (t) => {
  for (let n = 0; n < 40; n++) {
    const event = anEventOfAnyKind(n, AT);
    const { stream, id, body } = toDocument(event, 'prod', SENDER);
    t.match(body, {
      '@timestamp': String,
      event: { id: event.id, module: 'driftline', kind: /^(event|metric|alert)$/ },
      host: { name: 'pod-1' },
    });
    if (!/^(logs|metrics)-driftline\.[a-z]+-prod$/.test(stream) || id.length !== 43) t.fail(`${stream} ${id}`);
    if (JSON.stringify(body).includes('for the receiver alone')) t.fail('a payload got out');
  }
  t.end();
});
