/**
 * Events through delivery into a real Elasticsearch and a real OpenTelemetry Collector, read back id by id.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import t, { type Test } from 'tap';
import { systemClock } from '../../contracts/clock.ts';
import type { Event } from '../../contracts/event.ts';
import type { Exporter } from '../../contracts/exporter.ts';
import type { Policy } from '../../contracts/policy.ts';
import { openExporters } from '../../exporters/catalogue.ts';
import { Delivery, systemTimer } from '../../exporters/delivery.ts';
import { documentId } from '../../exporters/elasticsearch-documents.ts';
import { MemoryLog } from '../exporters/fakes.ts';
import { anEventOfAnyKind } from '../exporters/synthetic-events.ts';
import type { Skipped } from '../support/build-cache.ts';
import { type OtlpAttribute, startCollector } from '../support/collector.ts';
import { startElasticsearch } from '../support/elasticsearch.ts';

// The first start on a machine downloads and builds.
t.setTimeout(600_000);

const COUNT = 400;
const NOW = Date.now();
const STREAMS = ['logs-driftline.*', 'metrics-driftline.*'];

function events(from: number, to: number): Event[] {
  return Array.from({ length: to - from }, (_, index) => anEventOfAnyKind(from + index, NOW + from + index));
}

function deliver(exporter: Exporter, log: MemoryLog, lines: string[] = []): Delivery {
  return new Delivery({
    exporter,
    log,
    clock: systemClock,
    timer: systemTimer,
    random: () => 0.5,
    baseMs: 100,
    capMs: 1_000,
    report: (line) => void lines.push(line),
  });
}

function open(t: Test, policy: Policy['exporters']): Exporter {
  const [exporter] = openExporters(policy, {
    secret: () => null,
    version: '0.0.0-test',
    service: 'credit',
    log: (line) => t.comment(line),
  });
  return exporter!;
}

function skip(t: Test, { skipped }: Skipped): void {
  t.comment(`skipped: ${skipped}`);
  t.pass(skipped, { skip: skipped });
}

interface Aggregations {
  readonly signals: { readonly buckets: readonly { readonly key: string }[] };
  readonly regions: { readonly buckets: readonly { readonly key: string }[] };
  readonly scores: { readonly value: number };
  readonly outputs: { readonly value: number };
}

/** A document, as far as it is looked into. */
interface StoredSource {
  readonly event: { readonly id: string };
  readonly url?: { readonly path: string };
}

/** All documents by `_id`. */
async function documents(client: Client): Promise<Map<string, { index: string; source: StoredSource }>> {
  await client.indices.refresh({ index: STREAMS });
  const found = await client.search<StoredSource>({ index: STREAMS, size: 10_000 });
  return new Map(found.hits.hits.map((hit) => [hit._id!, { index: hit._index, source: hit._source! }]));
}

t.test('a real Elasticsearch holds each event once, also when sent again and when it was down in between', async (t) => {
  const server = await startElasticsearch();
  if ('skipped' in server) return skip(t, server);
  const client = new Client({ node: server.url });
  t.teardown(async () => {
    await client.close();
    await server.close();
  });
  const policy = { elasticsearch: { nodes: [server.url], apiKeyRef: null, namespace: 'test' }, otlp: false };
  const log = new MemoryLog();
  const lines: string[] = [];
  const sent = events(0, COUNT);
  for (const event of sent) log.append(event);
  const delivery = deliver(open(t, policy), log, lines);
  t.equal(await delivery.flush(60_000), true, 'everything went');
  t.match(delivery.status(), { up: true, accepted: COUNT, delivered: COUNT, dropped: {}, queued: 0 });
  t.same(lines, []);

  const stored = await documents(client);
  t.equal(stored.size, COUNT);
  for (const event of sent) {
    const found = stored.get(documentId(event));
    if (found?.source.event.id !== event.id) return t.fail(`${event.kind} ${event.id} not found`);
  }
  const [record, , , , , , feedback, window, alert, action] = sent.slice(0, 10).map((event) => stored.get(documentId(event))!);
  t.match(record, { index: /logs-driftline\.inference-test/, source: { driftline: { id: 'record-0', input: { 'home.owner': [true] } } } });
  t.equal(record?.source.url?.path, '/v2/models/credit-risk/infer', 'no query, which may carry secrets');
  t.match(feedback, {
    index: /logs-driftline\.feedback-test/,
    source: { driftline: { id: 'record-5', feedback: { fate: 'joined', value: 'yes' } } },
  });
  t.match(window, { index: /metrics-driftline\.drift-test/, source: { driftline: { feature: { name: 'inputs.region' } } } });
  t.match(alert, {
    index: /logs-driftline\.alert-test/,
    source: { event: { kind: 'alert' }, driftline: { alert: { id: 'alert-8', state: 'firing' } } },
  });
  t.match(action, {
    index: /logs-driftline\.alert-test/,
    source: { driftline: { action: { id: 'decision-9' }, alert: { id: 'alert-9' } } },
  });

  await t.test('fields have the types that dashboards need', async (t) => {
    const found = await client.search({
      index: STREAMS,
      size: 0,
      aggs: {
        signals: { terms: { field: 'driftline.feature.name' } },
        scores: { avg: { field: 'driftline.detector.score' } },
        regions: { terms: { field: 'driftline.input.region' } },
        outputs: { max: { field: 'driftline.output_number' } },
      },
      query: { exists: { field: 'driftline.model.name' } },
    });
    const { signals, scores, regions, outputs } = found.aggregations as unknown as Aggregations;
    t.ok(signals.buckets.length === 2 && scores.value > 0.2 && outputs.value > 0.9);
    t.same(
      regions.buckets.map((bucket) => bucket.key),
      ['west'],
    );
  });

  await t.test('a user’s own component template wins and is never overwritten', async (t) => {
    // The server that tests start has one, which sets the codec.
    const custom = await client.cluster.getComponentTemplate({ name: 'driftline@custom' });
    t.match(custom.component_templates[0], { component_template: { template: { settings: { index: { codec: 'default' } } } } });
    const settings = Object.values(await client.indices.getSettings({ index: STREAMS }));
    t.equal(settings.length, 4);
    t.ok(settings.every(({ settings }) => settings?.index?.codec === 'default'));
  });

  await t.test('all of it sent again changes nothing', async (t) => {
    const again = new MemoryLog();
    for (const event of sent) again.append(event);
    const repeated = deliver(open(t, policy), again);
    t.equal(await repeated.flush(60_000), true);
    t.match(repeated.status(), { delivered: COUNT, dropped: {} });
    await repeated.close();
    t.equal((await documents(client)).size, COUNT);
  });

  await t.test('one document that no mapping takes is dropped with its reason, its neighbours arrive', async (t) => {
    const [good, bad, neighbour] = events(COUNT, COUNT + 3);
    if (bad?.kind !== 'inference') throw new Error('a record expected');
    // A `long` field that holds text, as a later version with another mapping would send it.
    const broken = { ...bad, record: { ...bad.record, rows: 'many' as unknown as number } };
    for (const event of [good!, broken, neighbour!]) log.append(event);
    t.equal(await delivery.flush(60_000), true);
    t.match(delivery.status(), { delivered: COUNT + 2, dropped: { document_parsing_exception: 1 } });
    t.equal((await documents(client)).size, COUNT + 2);
  });

  await t.test('stopped in mid-stream and started again, it has everything', async (t) => {
    await server.stop();
    const more = events(COUNT + 10, COUNT + 210);
    for (const event of more) log.append(event);
    delivery.wake();
    t.equal(await delivery.flush(1_500), false, 'not while it is down');
    t.match(delivery.status(), { up: false, queued: 200, lastError: /^elasticsearch: bulk request failed \(\w+\); check that the nodes/ });
    await server.restart();
    t.equal(await delivery.flush(60_000), true);
    t.match(delivery.status(), { up: true, lastError: null, accepted: COUNT + 203, queued: 0 });
    const all = await documents(client);
    t.equal(all.size, COUNT + 202);
    t.ok(more.every((event) => all.get(documentId(event))?.source.event.id === event.id));
  });
  await delivery.close();
});

t.test('a real Collector gets a span a record, a log event an alert, and totals that equal what was sent', async (t) => {
  const collector = await startCollector();
  if ('skipped' in collector) return skip(t, collector);
  t.teardown(() => collector.close());
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  process.env.OTEL_RESOURCE_ATTRIBUTES = 'deployment.environment.name=test';
  t.teardown(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_RESOURCE_ATTRIBUTES;
  });
  const log = new MemoryLog();
  const sent = events(0, COUNT);
  for (const event of sent) log.append(event);
  const exporter = open(t, { elasticsearch: null, otlp: true });
  const delivery = deliver(exporter, log);
  t.equal(await delivery.flush(60_000), true, 'everything went');
  t.match(delivery.status(), { up: true, delivered: COUNT, dropped: {}, queued: 0 });
  // The same events once more, as after an answer that was lost: taken already, so nothing is sent or counted again.
  const repeated = await exporter.send(sent, AbortSignal.timeout(10_000));
  t.ok(repeated.every((verdict) => verdict.kind === 'delivered'));
  await delivery.close();

  const records = sent.flatMap((event) => (event.kind === 'inference' ? [event.record] : []));
  const { spans, logRecords, metrics } = await settled(async () => ({
    spans: await collector.spans(),
    logRecords: await collector.logRecords(),
    metrics: await collector.metrics(),
  }));
  t.equal(spans.length, records.length);
  const byId = new Map(spans.map((span) => [attribute(span, 'driftline.id'), span]));
  for (const record of records) {
    const span = byId.get(record.id);
    const [, traceId, spanId] = record.traceparent.split('-');
    if (span === undefined || span.traceId !== traceId || span.spanId !== spanId)
      return t.fail(`${record.id} has not its own trace and span id`);
    const took = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6;
    if (Math.abs(took - record.latencyMs) > 0.001) return t.fail(`${record.id} took ${took} ms`);
  }
  const resource = Object.fromEntries(spans[0]!.resource.map(({ key, value }) => [key, value.stringValue]));
  t.match(resource, { 'service.name': 'credit', 'deployment.environment.name': 'test' });

  const names = { alert: 'driftline.alert', action: 'driftline.action', feedback: 'driftline.feedback' } as const;
  for (const [kind, eventName] of Object.entries(names)) {
    const expected = sent.filter((event) => event.kind === kind).map((event) => event.id);
    const found = logRecords.filter((record) => record.eventName === eventName).map((record) => attribute(record, 'event.id'));
    t.same(found.sort(), expected.sort(), `every ${kind}, once`);
  }
  const firstAlert = logRecords.find((record) => record.eventName === 'driftline.alert');
  t.equal(attribute(firstAlert!, 'driftline.alert.id'), 'alert-8');
  t.equal(firstAlert?.body?.stringValue, '[WARNING] credit-risk: alert 8');

  const total = (name: string): number | undefined =>
    metrics.find((metric) => metric.name === name)?.sum?.dataPoints.reduce((sum, point) => sum + Number(point.asInt ?? point.asDouble), 0);
  t.equal(total('driftline.inferences'), records.length);
  t.equal(
    total('driftline.schema.violations'),
    records.reduce((sum, record) => sum + record.violations.length, 0),
  );
  t.equal(total('driftline.feedback'), sent.filter((event) => event.kind === 'feedback').length);
  t.equal(total('driftline.actions'), sent.filter((event) => event.kind === 'action').length);
  const page = await (await fetch(collector.prometheusUrl)).text();
  t.match(page, /driftline_drift_score\{.*feature="inputs\.region".*model_name="credit-risk"/);
  t.match(page, /driftline_inferences_total\{/);
});

/** The answer of `read` once it stays the same: the Collector writes its files after it has answered. */
async function settled<T>(read: () => Promise<T>): Promise<T> {
  let before = '';
  for (;;) {
    const answer = await read();
    const text = JSON.stringify(answer);
    if (text === before) return answer;
    before = text;
    // Files of another process have no event to wait for.
    await sleep(300);
  }
}

function attribute({ attributes }: { readonly attributes: readonly OtlpAttribute[] }, key: string): string | undefined {
  return attributes.find((attribute) => attribute.key === key)?.value.stringValue;
}
