import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { parseDocument } from 'yaml';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { defaultPolicy, loadPolicy, parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';
import { DEFAULT_BREAKER, DEFAULT_TRAFFIC_LIMITS } from '../../proxy/limits.ts';

const known = new Map(detectors.map((detector) => [detector.type, detector]));

const full = `apiVersion: driftline/v1
kind: Policy
metadata:
  name: credit-risk
  labels: {team: credit-ml, tier: "1"}
  annotations: {runbook_url: https://runbooks.example/ml/credit-risk}
spec:
  owner: {team: credit-ml, contact: "#credit-ml-oncall"}
  model: {name: credit-risk, version: "header:x-model-version|path|config:7", prediction: label}
  traffic:
    protocol: kserve-v2
    upstreams:
      older: {url: "http://[::1]", version: v6}
      primary: {url: http://model:8081, timeout: 2s}
      fallback: {onnx: models/small.onnx, provider: cuda}
    failOpen: true
    sampling: {rate: 0.5, keepAlways: [upstream_error], maxBodyBytes: 64KiB}
    expectedRows: {count: 50000, per: 12h}
  falseAlarms: {atMost: 2, per: 30d, blocks: 48}
  schema:
    onViolation: {severity: critical, minFraction: 0.005, for: 5m}
    inputs:
      - {name: income, type: number, tensor: x, index: 0, required: true, min: 0, max: 5000000, maxMissing: 0.01}
      - {name: zone, type: categorical, values: [1, 2, north], maxUnseen: 0.001}
    outputs:
      - {name: label, type: integer}
  reference: {source: file, path: reference.csv.gz, kind: training}
  window: {type: tumbling, rows: 5000}
  minSamples: 1000
  slices:
    - {name: zone, by: [zone, inputs.income], minSamples: 300, maxValues: 7}
    - {name: rich, where: "income > 100000.0 && zone != 'north'"}
  monitors:
    - name: input-drift
      features: "*"
      detectors:
        numeric: {type: ks, effect: {stat: D, atLeast: 0.10}}
        categorical: {type: chi-squared, effect: {stat: cramers_v, atLeast: 0.15}, minExpected: 8}
      correction: {method: bonferroni, family: slice, q: 0.01}
      for: 2 windows
      clear: {effectBelow: 0.07, for: 90m}
      severity: info
    - name: calls
      features: [request.failed, income]
      detectors: {numeric: {type: adwin, delta: 0.001}}
    - name: errors
      needs: feedback
      detectors: {error: {type: ddm, driftThreshold: 4}}
      severity: critical
    - name: quality
      detectors:
        quality:
          type: data-quality
          checks: [missing, freshness, rows]
          effect: {stat: share, atLeast: 0.02}
          freshness: {within: 20m}
          rows: {per: 30m, atLeast: 10, atMost: 5000, factor: 4}
    - name: estimate
      detectors: {predictor: {type: performance, model: predictor.json, dropAtLeast: 0.03, require: suspect}}
  feedback: {join: {by: request_id, ttl: 45d, via: [http]}}
  alerts:
    maxActive: 5
    routes:
      - {match: {monitor: errors, severity: critical, kind: drift}, actions: [retrain, back]}
      - {actions: [print]}
  actions:
    - {name: print, type: console}
    - name: retrain
      type: webhook
      url: \${HOOK}/retrain
      purpose: retrain
      signing: {secretRef: hook-signing}
      timeout: 30s
      allowPrivate: true
      guard: {maxPerDay: 1, cooldown: 6h, dryRun: true, requireApproval: false, notWhen: [schema_violation]}
    - {name: back, type: rollback, steps: [{do: route, to: fallback, verifyWithin: 7s}], guard: {maxPerDay: 2}}
  exporters:
    elasticsearch: {nodes: ["\${ES_URL}", "https://two.example:9200"], apiKeyRef: es-key, namespace: prod}
    otlp: {fromEnv: true}
  retention: {events: 30d}
`;
const files = { 'policy.yaml': full, models: { 'small.onnx': '' }, 'reference.csv.gz': '', 'predictor.json': '' };
const env = { HOOK: 'http://10.0.0.7:9000', ES_URL: 'https://one.example:9200' };

t.test('every key of a full policy arrives in the compiled one', async (t) => {
  const home = t.testdir(files);
  const file = path.join(home, 'policy.yaml');
  const noGuard = { maxPerDay: null, cooldownMs: null, dryRun: false, notWhen: [] };
  const column = {
    tensor: null,
    index: null,
    path: null,
    required: false,
    min: null,
    max: null,
    values: null,
    maxMissing: null,
    maxUnseen: null,
  };
  const monitor = {
    features: '*',
    needsFeedback: false,
    numeric: null,
    categorical: null,
    multivariate: null,
    error: null,
    predictor: null,
    quality: null,
    correction: { method: 'benjamini-hochberg', family: 'window', q: 0.05, written: false },
    for: { unit: 'windows', count: 1 },
    clear: { effectBelow: null, for: { unit: 'windows', count: 1 } },
    severity: 'warning',
  };
  t.same(loadPolicy(file, { detectors: known, env }), {
    name: 'credit-risk',
    hash: createHash('sha256').update(full).digest('hex'),
    file,
    annotations: { runbook_url: 'https://runbooks.example/ml/credit-risk' },
    labels: { team: 'credit-ml', tier: '1' },
    owner: { team: 'credit-ml', contact: '#credit-ml-oncall' },
    model: { name: 'credit-risk', version: ['header:x-model-version', 'path', 'config:7'], prediction: 'label' },
    traffic: {
      mode: 'intervene',
      protocol: 'kserve-v2',
      upstreams: [
        { name: 'primary', host: 'model', port: 8081, timeoutMs: 2000, version: null },
        { name: 'older', host: '::1', port: 80, timeoutMs: 30_000, version: 'v6' },
      ],
      fallback: { onnx: path.join(home, 'models/small.onnx'), provider: 'cuda' },
      maxBodyBytes: 65_536,
      sampling: { rate: 0.5, keepAlways: ['upstream_error'] },
      parser: 'driftline',
      retry: 'all',
      limits: DEFAULT_TRAFFIC_LIMITS,
      breaker: DEFAULT_BREAKER,
      expectedRows: { count: 50_000, perMs: 43_200_000 },
    },
    schema: {
      inputs: [
        { ...column, name: 'income', type: 'number', tensor: 'x', index: 0, required: true, min: 0, max: 5_000_000, maxMissing: 0.01 },
        { ...column, name: 'zone', type: 'categorical', values: ['1', '2', 'north'], maxUnseen: 0.001 },
      ],
      outputs: [{ ...column, name: 'label', type: 'integer' }],
      onViolation: { severity: 'critical', minFraction: 0.005, for: { unit: 'ms', count: 300_000 } },
    },
    reference: { source: 'file', path: path.join(home, 'reference.csv.gz'), versions: {}, kind: 'training' },
    window: { rows: 5000, spanMs: null, maxAgeMs: null, stepRows: null, stepMs: null },
    seasonality: null,
    minSamples: 1000,
    slices: [
      { name: 'zone', by: ['zone', 'inputs.income'], where: null, minSamples: 300, maxValues: 7 },
      { name: 'rich', by: [], where: "income > 100000.0 && zone != 'north'", minSamples: 100, maxValues: 20 },
    ],
    falseAlarms: { atMost: 2, per: { unit: 'ms', count: 2_592_000_000 }, blockRows: 48 },
    monitors: [
      {
        ...monitor,
        name: 'input-drift',
        numeric: { type: 'ks', options: { method: 'auto', alternative: 'two-sided' }, effectAtLeast: 0.1, written: [] },
        categorical: {
          type: 'chi-squared',
          options: { minExpected: 8, yates: true, form: 'homogeneity' },
          effectAtLeast: 0.15,
          written: ['minExpected'],
        },
        correction: { method: 'bonferroni', family: 'slice', q: 0.01, written: true },
        for: { unit: 'windows', count: 2 },
        clear: { effectBelow: 0.07, for: { unit: 'ms', count: 5_400_000 } },
        severity: 'info',
      },
      {
        ...monitor,
        name: 'calls',
        features: ['request.failed', 'income'],
        numeric: {
          type: 'adwin',
          options: {
            delta: 0.001,
            clock: 32,
            maxBuckets: 5,
            minWindowLength: 5,
            gracePeriod: 10,
            keepWindow: false,
            warmUp: 100,
            semantics: 'safe',
          },
          effectAtLeast: null,
          written: ['delta'],
        },
      },
      {
        ...monitor,
        name: 'errors',
        needsFeedback: true,
        error: {
          type: 'ddm',
          options: { driftThreshold: 4, warmStart: 30, warningThreshold: 2, minErrors: 30, semantics: 'safe' },
          effectAtLeast: null,
          written: ['driftThreshold'],
        },
        severity: 'critical',
      },
      {
        ...monitor,
        name: 'quality',
        quality: {
          type: 'data-quality',
          checks: ['missing', 'freshness', 'rows'],
          effectAtLeast: 0.02,
          freshnessWithinMs: 1_200_000,
          rows: { perMs: 1_800_000, atLeast: 10, atMost: 5000, factor: 4 },
        },
      },
      {
        ...monitor,
        name: 'estimate',
        predictor: { type: 'performance', model: path.join(home, 'predictor.json'), dropAtLeast: 0.03, require: 'suspect' },
      },
    ],
    feedback: { ttlMs: 45 * 86_400_000 },
    alerts: {
      routes: [
        { monitor: 'errors', severity: 'critical', kind: 'drift', actions: ['retrain', 'back'] },
        { monitor: null, severity: null, kind: null, actions: ['print'] },
      ],
      maxActive: 5,
    },
    actions: [
      { type: 'console', name: 'print', guard: noGuard },
      {
        type: 'webhook',
        name: 'retrain',
        guard: { maxPerDay: 1, cooldownMs: 21_600_000, dryRun: true, notWhen: ['schema_violation'] },
        url: 'http://10.0.0.7:9000/retrain',
        format: 'cloudevents',
        purpose: 'retrain',
        secretRef: 'hook-signing',
        allowPrivate: true,
        timeoutMs: 30_000,
      },
      { type: 'rollback', name: 'back', guard: { ...noGuard, maxPerDay: 2 }, to: 'fallback', verifyWithinMs: 7000 },
    ],
    exporters: {
      elasticsearch: { nodes: ['https://one.example:9200', 'https://two.example:9200'], apiKeyRef: 'es-key', namespace: 'prod' },
      otlp: true,
    },
    retention: { eventsMs: 30 * 86_400_000 },
  });
});

t.test('a policy with mistakes throws one error that carries them all', async (t) => {
  const file = path.join(
    t.testdir({ 'p.yaml': 'apiVersion: driftline/v2\nkind: Policy\nmetadata: {name: a}\nspec: {model: {name: m}}\n' }),
    'p.yaml',
  );
  t.throws(() => loadPolicy(file, { detectors: known }), ConfigError);
  try {
    loadPolicy(file, { detectors: known });
  } catch (error) {
    t.ok(error instanceof ConfigError);
    const { code, message, mistakes } = error as ConfigError;
    t.equal(code, 'policy-invalid');
    t.equal(
      message,
      `policy: ${file} has 2 mistakes, the first: ${file}:1:13 apiVersion is \`driftline/v2\` and must be driftline/v1 — did you mean driftline/v1?`,
    );
    t.same(
      mistakes.map((mistake) => `${mistake.line}:${mistake.column} ${mistake.path} ${mistake.message}`)[1],
      '4:7 spec needs the key `traffic` — add it',
    );
  }
});

t.test('a file that cannot be read says why', async (t) => {
  const home = t.testdir({});
  t.throws(() => loadPolicy(path.join(home, 'none.yaml'), { detectors: known }), {
    code: 'policy-unreadable',
    message: /there is no such file; name a policy file/,
  });
  t.throws(() => loadPolicy(home, { detectors: known }), { code: 'policy-unreadable', message: /it is a folder/ });
});

t.test('the default policy learns everything and only prints', async (t) => {
  const policy = defaultPolicy({ detectors: known, env: {}, upstream: 'http://localhost:9000', own: [{ host: '127.0.0.1', port: 8080 }] });
  t.match(policy, {
    hash: 'default',
    file: null,
    reference: { source: 'traffic', rows: 1000 },
    window: { rows: 500 },
    schema: { inputs: [], outputs: [] },
  });
  t.match(policy.traffic.upstreams, [{ name: 'primary', host: 'localhost', port: 9000 }]);
  t.same(
    policy.actions.map((action) => action.type),
    ['console'],
  );
  for (const monitor of policy.monitors)
    for (const choice of [monitor.numeric, monitor.categorical])
      if (choice?.type !== 'adwin') t.ok(choice === null || choice.effectAtLeast !== null);
});

t.test('an upstream on the command line is checked as one in the file', async (t) => {
  const own = [{ host: '127.0.0.1', port: 8080 }];
  t.throws(() => defaultPolicy({ detectors: known, upstream: 'http://localhost:8080', own }), {
    code: 'upstream-invalid',
    message: /own address/,
  });
  t.throws(() => defaultPolicy({ detectors: known, upstream: 'localhost:9000', own }), {
    code: 'upstream-invalid',
    message: /is not http/,
  });
});

t.test('an upstream on the command line replaces the primary one only', async (t) => {
  const home = t.testdir(files);
  const { traffic } = loadPolicy(path.join(home, 'policy.yaml'), { detectors: known, env, upstream: 'http://other:1234' });
  t.same(
    traffic.upstreams.map(({ host, port }) => `${host}:${port}`),
    ['other:1234', '::1:80'],
  );
});

t.test('every preset is sound', async (t) => {
  const folder = path.join(import.meta.dirname, '../../policies/presets');
  const text = readFileSync(path.join(folder, 'default.yaml'));
  const { mistakes, warnings } = parsePolicy(text, path.join(folder, 'default.yaml'), {
    detectors: known,
    env: { UPSTREAM: 'http://127.0.0.1:8081' },
  });
  t.same([...mistakes, ...warnings].map(formatMistake), []);
});

t.test('a policy mangled anywhere is told, never thrown at', async (t) => {
  const home = t.testdir(files);
  const file = path.join(home, 'policy.yaml');
  const document = parseDocument(full).toJS();
  const places = pathsOf(document);
  const junk = fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.boolean(),
    fc.string(),
    fc.constantFrom([], {}, [null], [[]], { name: 1 }, '${', '*', 'fallback'),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...places), fc.option(junk, { nil: undefined })), { minLength: 1, maxLength: 3 }),
      (changes) => {
        const mangled = structuredClone(document);
        for (const [place, value] of changes) change(mangled, place, value);
        const { policy, mistakes } = parsePolicy(JSON.stringify(mangled), file, { detectors: known, env });
        return (
          (policy === null) === mistakes.length > 0 &&
          mistakes.every(({ line, column, message }) => line >= 1 && column >= 1 && message !== '')
        );
      },
    ),
    { seed: 3, numRuns: 200 },
  );
  t.pass('200 policies');
});

function pathsOf(value: unknown, here: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [here];
  return [...(here.length === 0 ? [] : [here]), ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...here, key]))];
}

/** Replaces a part, or removes it; a part that is gone already is left alone. */
function change(root: unknown, place: readonly string[], value: unknown): void {
  let around = root;
  for (const key of place.slice(0, -1)) {
    if (typeof around !== 'object' || around === null) return;
    around = Reflect.get(around, key);
  }
  if (typeof around !== 'object' || around === null) return;
  if (value === undefined) Reflect.deleteProperty(around, place.at(-1)!);
  else Reflect.set(around, place.at(-1)!, value);
}
