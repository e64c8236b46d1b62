import t from 'tap';
import { openExporters } from '../../exporters/catalogue.ts';

const deps = { secret: () => null, version: '1.2.3' };
const cluster = { nodes: ['http://127.0.0.1:1'], apiKeyRef: null, namespace: 'prod' };

t.test('a policy gets the exporters that it names', (t) => {
  t.same(openExporters({ elasticsearch: null, otlp: false }, deps), []);
  const names = openExporters({ elasticsearch: cluster, otlp: true }, deps).map(({ name }) => name);
  t.same(names, ['elasticsearch', 'otlp']);
  t.end();
});

t.test('a secret that is not configured is a mistake in the configuration', (t) => {
  const policy = { elasticsearch: { ...cluster, apiKeyRef: 'es-key' }, otlp: false };
  t.throws(() => openExporters(policy, deps), { name: 'ConfigError', code: 'missing-secret', message: /es-key/ });
  t.equal(openExporters(policy, { ...deps, secret: () => 'key' }).length, 1);
  t.end();
});

for (const [variable, value] of [
  ['OTEL_CONFIG_FILE', 'otel.yaml'],
  ['OTEL_LOGS_EXPORTER', 'console'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'http/json'],
] as const) {
  t.test(`${variable}=${value} is refused, not ignored`, (t) => {
    t.teardown(() => delete process.env[variable]);
    process.env[variable] = value;
    t.throws(() => openExporters({ elasticsearch: null, otlp: true }, deps), { name: 'ConfigError', message: new RegExp(variable) });
    t.end();
  });
}

t.test('the switch that turns the SDK off turns the exporter off', (t) => {
  t.teardown(() => delete process.env.OTEL_SDK_DISABLED);
  process.env.OTEL_SDK_DISABLED = 'true';
  t.same(openExporters({ elasticsearch: null, otlp: true }, deps), []);
  t.end();
});

t.test('closing without opening, and twice, does nothing', async () => {
  for (const exporter of openExporters({ elasticsearch: cluster, otlp: true }, deps)) {
    await exporter.close();
    await exporter.close();
  }
});

t.test('sending before opening can be retried', async (t) => {
  for (const exporter of openExporters({ elasticsearch: cluster, otlp: true }, deps)) {
    await t.rejects(exporter.send([], AbortSignal.timeout(1_000)), { name: 'DeliveryError', retryable: true });
  }
});
