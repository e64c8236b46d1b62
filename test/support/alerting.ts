/** Policies, findings and alerts for tests: complete ones, of which a test names only what it is about. */
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { ActionPolicy, Guard, MonitorPolicy, Policy } from '../../contracts/policy.ts';

export function monitorWith(over: Partial<MonitorPolicy> = {}): MonitorPolicy {
  return {
    name: 'input-drift',
    features: '*',
    needsFeedback: false,
    numeric: { type: 'ks', options: {}, effectAtLeast: 0.1 },
    categorical: null,
    error: null,
    predictor: null,
    quality: null,
    correction: { method: 'benjamini-hochberg', family: 'window', q: 0.05 },
    for: { unit: 'windows', count: 1 },
    clear: { effectBelow: null, for: { unit: 'windows', count: 3 } },
    severity: 'warning',
    ...over,
  };
}

export function policyWith(over: Partial<Policy> = {}): Policy {
  return {
    name: 'credit-risk',
    hash: '9c1e0d2f',
    file: 'policy.yaml',
    annotations: {},
    owner: { team: null, contact: null },
    model: { name: 'credit', version: [], prediction: null },
    traffic: {
      protocol: 'auto',
      upstreams: [],
      fallback: null,
      maxBodyBytes: 65_536,
      sampling: { rate: 1, keepAlways: [] },
      mode: 'intervene',
      parser: 'driftline',
      retry: 'all',
      limits: DEFAULT_LIMITS,
      breaker: null,
    },
    schema: { inputs: [], outputs: [], onViolation: { severity: 'critical', minFraction: 0.005, for: { unit: 'windows', count: 1 } } },
    reference: { source: 'traffic', rows: 1000 },
    window: { rows: 1000 },
    minSamples: 100,
    slices: [],
    monitors: [monitorWith()],
    feedback: { ttlMs: 86_400_000 },
    alerts: { routes: [], maxActive: 20 },
    actions: [],
    exporters: { elasticsearch: null, otlp: false },
    retention: { eventsMs: 86_400_000 },
    ...over,
  };
}

export function findingWith(over: Partial<Finding> = {}): Finding {
  return {
    monitor: 'input-drift',
    signal: 'inputs.income',
    slice: null,
    kind: 'drift',
    detector: 'ks',
    level: 'drift',
    at: 1_772_371_205_000,
    observedRows: 3000,
    window: { fromRow: 2000, toRow: 2999, fromAt: 1_772_371_105_000, toAt: 1_772_371_205_000 },
    statistic: 0.21,
    threshold: null,
    pValue: 0.00001,
    adjustedP: 0.0004,
    tests: 14,
    effect: 0.21,
    effectAtLeast: 0.1,
    n: 1000,
    referenceN: 5000,
    changeRow: 2000,
    changeAt: 1_772_371_105_000,
    note: 'shifted up: median 52,100 (reference 41,000)',
    estimate: null,
    ...over,
  };
}

export function alertWith(over: Partial<Alert> = {}): Alert {
  const finding = over.latest ?? findingWith();
  return {
    id: 'a7f3a7f3a7f3a7f3-1',
    fingerprint: 'a7f3a7f3a7f3a7f3',
    episode: 1,
    revision: 1,
    state: 'firing',
    policy: 'credit-risk',
    policyHash: '9c1e0d2fffff',
    monitor: finding.monitor,
    signal: finding.signal,
    slice: finding.slice,
    kind: finding.kind,
    detector: finding.detector,
    severity: 'warning',
    model: 'credit',
    modelVersion: '7',
    since: { at: finding.changeAt, row: finding.changeRow },
    startsAt: finding.at,
    endsAt: null,
    openedAtRow: finding.observedRows,
    changedAt: finding.at,
    opening: finding,
    latest: finding,
    because: null,
    fired: true,
    ...over,
  };
}

export function guardWith(over: Partial<Guard> = {}): Guard {
  return { maxPerDay: null, cooldownMs: null, dryRun: false, notWhen: [], ...over };
}

export function webhookWith(over: Partial<Extract<ActionPolicy, { type: 'webhook' }>> = {}): Extract<ActionPolicy, { type: 'webhook' }> {
  return {
    name: 'retrain',
    type: 'webhook',
    guard: guardWith(),
    url: 'http://127.0.0.1:9/',
    format: 'cloudevents',
    purpose: 'retrain',
    secretRef: null,
    allowPrivate: true,
    timeoutMs: 5000,
    ...over,
  };
}
