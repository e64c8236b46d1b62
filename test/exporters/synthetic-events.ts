/**
 * Events of every kind, the same for the same numbers.
 */
import type { Alert, AlertState, Decision } from '../../contracts/alert.ts';
import type { Event } from '../../contracts/event.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';

/** A record whose ids, columns and outcome follow from its number. */
export function aRecord(n: number, at: number): DriftlineRecord {
  const failed = n % 17 === 0;
  const hex = n.toString(16);
  return {
    id: `record-${n}`,
    requestId: n % 3 === 0 ? `request-${n}` : null,
    at,
    model: 'credit-risk',
    version: '7',
    servedBy: n % 5 === 0 ? 'fallback' : 'primary',
    status: failed ? 502 : 200,
    outcome: failed ? 'failed' : 'answered',
    reason: failed ? 'connect-refused' : null,
    protocol: 'kserve-v2',
    undecoded: null,
    latencyMs: 12.5 + (n % 7),
    method: 'POST',
    path: '/v2/models/credit-risk/infer?token=secret',
    traceparent: `00-${hex.padStart(32, 'a')}-${hex.padStart(16, 'b')}-01`,
    rows: 1,
    firstRow: n,
    inputs: { income: [1_000 + n], 'home.owner': [n % 2 === 0], region: ['west'], odd: ['NaN'] },
    outputs: { p_default: [(n % 100) / 100] },
    violations: n % 11 === 0 ? [{ signal: 'inputs.income', kind: 'range', rows: 1, message: 'expected at most 1,000' }] : [],
    ...(n % 13 === 0 ? { unreadRequest: { totalBytes: 1_000_000 + n, fingerprint: hex.padStart(8, '0') } } : {}),
    samplingProbability: failed ? 1 : 0.25,
    keptFor: failed ? 'upstream_error' : 'sampled',
  };
}

/** A judgement of one window. */
export function aFinding(n: number, at: number): Finding {
  return {
    monitor: 'inputs',
    signal: n % 2 === 0 ? 'inputs.income' : 'inputs.region',
    slice: null,
    kind: 'drift',
    detector: n % 2 === 0 ? 'ks' : 'chi-squared',
    level: n % 4 === 0 ? 'drift' : 'stable',
    at,
    observedRows: 100 * n,
    window: { fromRow: 100 * n, toRow: 100 * n + 99, fromAt: at - 60_000, toAt: at },
    statistic: 0.21 + n / 10_000,
    threshold: 0.1,
    pValue: 0.0001,
    adjustedP: 0.0004,
    tests: 4,
    effect: 0.21,
    effectAtLeast: 0.1,
    n: 100,
    referenceN: 5_000,
    changeRow: 100 * n,
    changeAt: at - 60_000,
    note: 'shifted up',
    estimate: n % 3 === 0 ? { metric: 'accuracy', method: 'estimated', reference: 0.8, value: 0.7, low: 0.65, high: 0.75 } : null,
  };
}

/** One revision of an alert. */
export function anAlert(n: number, at: number, state: AlertState = 'firing'): Alert {
  return {
    id: `alert-${n}`,
    fingerprint: 'fingerprint',
    episode: n,
    revision: 1,
    state,
    policy: 'credit-risk',
    policyHash: 'abc123',
    monitor: 'inputs',
    signal: 'inputs.income',
    slice: n % 2 === 0 ? 'region=west' : null,
    kind: n % 2 === 0 ? 'drift' : 'schema',
    detector: 'ks',
    severity: n % 3 === 0 ? 'critical' : 'warning',
    model: 'credit-risk',
    modelVersion: '7',
    since: { at: at - 60_000, row: n },
    startsAt: at,
    endsAt: null,
    openedAtRow: n,
    changedAt: at,
    opening: aFinding(n, at),
    latest: aFinding(n, at),
    because: null,
  };
}

/** A decision about an alert's action. */
export function aDecision(n: number, at: number): Decision {
  return {
    id: `decision-${n}`,
    alertId: `alert-${n}`,
    alertState: 'firing',
    signal: 'inputs.income',
    action: 'retrain',
    type: 'webhook',
    state: n % 4 === 0 ? 'withheld' : 'done',
    reason: n % 4 === 0 ? 'schema_violation' : null,
    decidedAt: at,
    finishedAt: n % 4 === 0 ? null : at + 20,
    attempts: n % 4 === 0 ? 0 : 1,
    nextAttemptAt: null,
    payload: { secret: 'for the receiver alone' },
    result: n % 4 === 0 ? null : 'HTTP 202',
    hash: 'ff'.repeat(32),
    previousHash: '00'.repeat(32),
  };
}

/** The n-th of a stream in which every tenth event is not a record: feedback, window, alert and action in turn. */
export function anEventOfAnyKind(n: number, at: number): Event {
  switch (n % 10) {
    case 6: {
      const id = `record-${n - 1}`;
      const value = n % 20 === 6 ? 'yes' : n;
      const feedback = { id, kind: 'label' as const, value, row: 0, at: null, receivedAt: at };
      return { kind: 'feedback', id: `feedback-${n}`, at, feedback, fate: n % 20 === 6 ? 'joined' : 'late', error: n % 20 === 6 };
    }
    case 7:
      return { kind: 'window', id: `window-${n}`, at, finding: aFinding(n, at), model: 'credit-risk', modelVersion: '7' };
    case 8:
      return { kind: 'alert', id: `alert-${n}-1`, at, alert: anAlert(n, at), text: `[WARNING] credit-risk: alert ${n}` };
    case 9:
      return { kind: 'action', id: `decision-${n}-done`, at, decision: aDecision(n, at) };
    default:
      return { kind: 'inference', id: `record-${n}`, at, record: aRecord(n, at) };
  }
}
