/**
 * The running program into a real Elasticsearch and a real Collector: what it recorded and alerted is read back there, id by id.
 */
import { Agent } from 'node:http';
import path from 'node:path';
import { Client } from '@elastic/elasticsearch';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { startCollector } from '../support/collector.ts';
import { startElasticsearch } from '../support/elasticsearch.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, runSidecar, until } from '../support/program.ts';

// The first start on a machine downloads and builds.
t.setTimeout(600_000);

const CALLS = 600;

const policy = (elasticsearch: string, model: string) => `apiVersion: driftline/v1
kind: Policy
metadata: {name: exported}
spec:
  model: {name: stand-in, prediction: y}
  traffic: {protocol: kserve-v2, upstreams: {primary: {url: "${model}"}}}
  schema:
    inputs: [{name: x, type: number}]
    outputs: [{name: y, type: integer}]
  reference: {source: traffic, learn: {rows: 200}}
  window: {type: tumbling, rows: 100}
  minSamples: 50
  monitors:
    - {name: drift, features: [x], detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}, severity: warning}
  actions: [{name: console, type: console}]
  exporters: {elasticsearch: {nodes: ["${elasticsearch}"], namespace: e2e}, otlp: {fromEnv: true}}
`;

t.test('records and alerts arrive in Elasticsearch, spans and alert events in the Collector, and the totals are those sent', async (t) => {
  const [server, collector] = [await startElasticsearch(), await startCollector()];
  if ('skipped' in server || 'skipped' in collector) {
    const why = 'skipped' in server ? server.skipped : 'skipped' in collector ? collector.skipped : '';
    return void t.pass(why, { skip: why });
  }
  const client = new Client({ node: server.url });
  const model = await startModelServer();
  t.teardown(async () => {
    await model.close();
    await client.close();
    await server.close();
    await collector.close();
  });
  const folder = t.testdir({ 'policy.yaml': policy(server.url, model.url) });
  const sidecar = await runSidecar(['-c', path.join(folder, 'policy.yaml'), '--state', path.join(folder, 'state')], undefined, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  t.teardown(() => sidecar.kill());

  const agent = new Agent({ keepAlive: true });
  const sent: string[] = [];
  for (let i = 0; i < CALLS; i++) {
    const x = ((i * 2654435761) % 1000) / 1000 + (i >= 400 ? 0.6 : 0);
    const answer = await call(`${sidecar.data}/v2/models/stand-in/infer`, { method: 'POST', body: v2Row({ x }), agent });
    t.equal(answer.status, 200);
    sent.push(String(answer.headers['x-driftline-id']));
  }
  agent.destroy();
  const labels = sent.slice(0, 50).map((id) => ({ id, label: 1 }));
  t.equal((await sidecar.feedback(...labels)).status, 202);
  const status = await until(
    'everything to be exported',
    () => sidecar.get<Status>('/v1/status'),
    (now) =>
      now.accounting.stored === CALLS &&
      now.exporters.length === 2 &&
      now.exporters.every((exporter) => exporter.up && exporter.queued === 0),
    120_000,
  );
  for (const exporter of status.exporters) {
    t.same(exporter.dropped, {}, exporter.name);
    t.equal(exporter.accepted, exporter.delivered, exporter.name);
  }
  const records = await sidecar.all<DriftlineRecord>('records');
  const alerts = await sidecar.all<Alert>('alerts');
  t.same(new Set(records.map((record) => record.id)), new Set(sent));
  t.match(alerts, [{ signal: 'inputs.x', state: 'firing' }]);

  await client.indices.refresh({ index: ['logs-driftline.*', 'metrics-driftline.*'] });
  const ids = async (index: string, field: string): Promise<string[]> => {
    const found = await client.search<{ driftline: Record<string, unknown> }>({ index, size: 10_000 });
    return found.hits.hits.map((hit) => {
      const value = field.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], hit._source);
      return String(value);
    });
  };
  t.same((await ids('logs-driftline.inference-e2e', 'driftline.id')).sort(), [...sent].sort(), 'each record once');
  t.same((await ids('logs-driftline.feedback-e2e', 'driftline.id')).sort(), sent.slice(0, 50).sort(), 'each label once');
  t.ok((await ids('logs-driftline.alert-e2e', 'driftline.alert.id')).includes(alerts[0]!.id));
  t.equal((await ids('metrics-driftline.drift-e2e', 'driftline.feature.name')).length, CALLS / 100, 'each window once');

  const spans = await collector.spans();
  const attribute = (attributes: readonly { key: string; value: { stringValue?: string } }[], key: string) =>
    attributes.find((one) => one.key === key)?.value.stringValue;
  t.same(spans.map((span) => attribute(span.attributes, 'driftline.id')).sort(), [...sent].sort(), 'a span each');
  const byId = new Map(records.map((record) => [record.id, record]));
  for (const span of spans) {
    const [, traceId, spanId] = (byId.get(attribute(span.attributes, 'driftline.id') ?? '')?.traceparent ?? '').split('-');
    if (traceId !== span.traceId || spanId !== span.spanId)
      return t.fail(`a span of another trace than was sent upstream: ${span.traceId}`);
  }
  const logs = await collector.logRecords();
  t.ok(
    logs.some((log) => log.eventName === 'driftline.alert' && attribute(log.attributes, 'driftline.alert.id') === alerts[0]!.id),
    'the alert as a log event',
  );
  const total = (await collector.metrics())
    .filter((metric) => metric.name === 'driftline.inferences')
    .flatMap((metric) => metric.sum?.dataPoints ?? [])
    .reduce((sum, point) => sum + Number(point.asInt ?? point.asDouble), 0);
  t.equal(total, CALLS);
  t.same(await sidecar.stop(), { code: 0, signal: null });
});
