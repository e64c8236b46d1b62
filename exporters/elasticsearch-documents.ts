/**
 * Events as Elasticsearch documents: ECS names where ECS has one, `driftline.*` for what it has not.
 *
 * Column names are data, not keys that get a mapping: inputs and outputs go into one `flattened` field each, and a drift
 * document names its signal in `driftline.feature.name`. So the number of fields does not grow with the models watched.
 */
import { createHash } from 'node:crypto';
import type { Alert, Decision } from '../contracts/alert.ts';
import type { Event, EventKind } from '../contracts/event.ts';
import type { Finding } from '../contracts/finding.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { DriftlineRecord, UnreadBody } from '../contracts/record.ts';
import { parseTraceparent } from '../contracts/trace-context.ts';

/** What every document says of its sender. */
export interface Sender {
  /** Service that Driftline stands in front of. */
  readonly service: string;
  readonly host: string;
  /** Driftline's own version. */
  readonly version: string;
}

/** A document with the data stream and `_id` that make sending it twice harmless. */
export interface StreamDocument {
  readonly stream: string;
  readonly id: string;
  readonly body: JsonObject;
}

/** Type and dataset of the data stream that takes a kind of event. Decisions stand beside the alerts they answer. */
export const STREAMS: { readonly [kind in EventKind]: readonly [type: 'logs' | 'metrics', dataset: string] } = {
  inference: ['logs', 'driftline.inference'],
  feedback: ['logs', 'driftline.feedback'],
  window: ['metrics', 'driftline.drift'],
  alert: ['logs', 'driftline.alert'],
  action: ['logs', 'driftline.alert'],
};

const SEVERITY = { info: 1, warning: 2, critical: 3 } as const;

/**
 * The document of an event.
 * @throws RangeError when one of its instants is no date.
 */
export function toDocument(event: Event, namespace: string, sender: Sender): StreamDocument {
  const [type, dataset] = STREAMS[event.kind];
  const { event: eventFields, ...fields } = specific(event);
  return {
    stream: `${type}-${dataset}-${namespace}`,
    id: documentId(event),
    body: {
      '@timestamp': iso(event.at),
      data_stream: { type, dataset, namespace },
      event: { dataset, module: 'driftline', id: event.id, ...eventFields },
      service: { name: sender.service },
      host: { name: sender.host },
      observer: { type: 'model-monitor', version: sender.version },
      ...fields,
    },
  };
}

/** SHA-256 of kind and id, so that the same event has the same `_id` from every replica and at every attempt; 43 characters. */
export function documentId(event: Pick<Event, 'kind' | 'id'>): string {
  return createHash('sha256').update(`${event.kind}\0${event.id}`).digest('base64url');
}

function specific(event: Event): { readonly event: JsonObject; readonly [field: string]: JsonObject | string } {
  switch (event.kind) {
    case 'inference':
      return inference(event.record);
    case 'feedback': {
      const { feedback, fate, error } = event;
      return {
        event: { kind: 'event', action: 'feedback' },
        driftline: {
          id: feedback.id,
          feedback: {
            kind: feedback.kind,
            fate,
            row: feedback.row,
            error,
            // One field would take the type of its first value; text and number stand apart.
            value: typeof feedback.value === 'string' ? feedback.value : JSON.stringify(feedback.value),
            number: typeof feedback.value === 'number' ? feedback.value : null,
            received_at: iso(feedback.receivedAt),
          },
        },
      };
    }
    case 'window':
      return window(event.finding, event.model, event.modelVersion);
    case 'alert':
      return alert(event.alert, event.text);
    case 'action':
      return action(event.decision);
  }
}

function inference(record: DriftlineRecord): { readonly event: JsonObject; readonly [field: string]: JsonObject } {
  const trace = parseTraceparent(record.traceparent);
  const failed = record.outcome !== 'answered' || record.status >= 400;
  return {
    event: {
      kind: 'event',
      action: record.violations.length > 0 ? 'schema-violation' : 'inference',
      outcome: failed ? 'failure' : 'success',
      // ECS counts durations in nanoseconds.
      duration: Math.round(record.latencyMs * 1e6),
      ...(record.reason === null ? {} : { reason: record.reason }),
    },
    http: {
      request: { method: record.method, id: record.id, ...body(record.unreadRequest) },
      ...(record.status === 0 ? {} : { response: { status_code: record.status, ...body(record.unreadResponse) } }),
    },
    url: { path: withoutQuery(record.path) },
    ...(trace === null ? {} : { trace: { id: trace.traceId }, span: { id: trace.spanId } }),
    ...(record.undecoded === null ? {} : { error: { type: record.undecoded } }),
    driftline: {
      id: record.id,
      request_id: record.requestId,
      outcome: record.outcome,
      model: { name: record.model, version: record.version, route: record.servedBy, protocol: record.protocol },
      rows: record.rows,
      first_row: record.firstRow,
      undecoded: record.undecoded,
      input: record.inputs,
      output: record.outputs,
      output_number: soleNumber(record),
      violations: record.violations.map(({ signal, kind, rows, message }) => ({ signal, kind, rows, message })),
      sampling: { probability: record.samplingProbability, kept_for: record.keptFor },
      ...(record.unreadRequest === undefined ? {} : { request: { body: { fingerprint: record.unreadRequest.fingerprint } } }),
      ...(record.unreadResponse === undefined ? {} : { response: { body: { fingerprint: record.unreadResponse.fingerprint } } }),
    },
  };
}

function body(unread: UnreadBody | undefined): JsonObject {
  return unread === undefined ? {} : { body: { bytes: unread.totalBytes } };
}

function window(
  finding: Finding,
  model: string,
  version: string | null,
): { readonly event: JsonObject; readonly [field: string]: JsonObject } {
  const bounds = finding.window === null ? {} : { start: iso(finding.window.fromAt), end: iso(finding.window.toAt) };
  return {
    event: { kind: 'metric', action: finding.level === 'drift' ? 'drift-detected' : 'window-judged', ...bounds },
    rule: { name: finding.monitor },
    driftline: { model: { name: model, version }, ...findingFields(finding) },
  };
}

function alert(alert: Alert, text: string): { readonly event: JsonObject; readonly [field: string]: JsonObject | string } {
  return {
    message: text,
    event: {
      kind: 'alert',
      action: alertAction(alert),
      severity: SEVERITY[alert.severity],
      start: iso(alert.startsAt),
      ...(alert.endsAt === null ? {} : { end: iso(alert.endsAt) }),
      ...(alert.because === null ? {} : { reason: alert.because }),
    },
    rule: { id: `${alert.policy}/${alert.monitor}`, name: alert.monitor, ruleset: alert.policy, version: alert.policyHash },
    driftline: {
      model: { name: alert.model, version: alert.modelVersion },
      ...findingFields(alert.latest),
      alert: {
        id: alert.id,
        fingerprint: alert.fingerprint,
        episode: alert.episode,
        revision: alert.revision,
        state: alert.state,
        monitor: alert.monitor,
        signal: alert.signal,
        slice: alert.slice,
        kind: alert.kind,
        detector: alert.detector,
        severity: alert.severity,
        since: { at: isoOrNull(alert.since.at), row: alert.since.row },
        starts_at: iso(alert.startsAt),
        ends_at: isoOrNull(alert.endsAt),
        opened_at_row: alert.openedAtRow,
        changed_at: iso(alert.changedAt),
        because: alert.because,
      },
    },
  };
}

function action(decision: Decision): { readonly event: JsonObject; readonly [field: string]: JsonObject } {
  const outcome = { done: 'success', failed: 'failure', queued: 'unknown', withheld: 'unknown' }[decision.state];
  return {
    event: { kind: 'event', action: decision.type, outcome, ...(decision.reason === null ? {} : { reason: decision.reason }) },
    driftline: {
      feature: { name: decision.signal },
      alert: { id: decision.alertId, state: decision.alertState, signal: decision.signal },
      // Without the payload: it may hold what a webhook's receiver alone should see.
      action: {
        id: decision.id,
        name: decision.action,
        type: decision.type,
        state: decision.state,
        reason: decision.reason,
        attempts: decision.attempts,
        result: decision.result,
        decided_at: iso(decision.decidedAt),
        finished_at: isoOrNull(decision.finishedAt),
        hash: decision.hash,
        previous_hash: decision.previousHash,
      },
    },
  };
}

function findingFields(finding: Finding): JsonObject {
  const { window } = finding;
  return {
    monitor: { name: finding.monitor },
    feature: { name: finding.signal },
    slice: { name: finding.slice },
    detector: {
      name: finding.detector,
      kind: finding.kind,
      level: finding.level,
      score: finding.statistic,
      threshold: finding.threshold,
      p_value: finding.pValue,
      p_adjusted: finding.adjustedP,
      effect: finding.effect,
      effect_at_least: finding.effectAtLeast,
      tests: finding.tests,
      drifted: finding.level === 'drift',
      n: finding.n,
      reference_n: finding.referenceN,
      change_row: finding.changeRow,
      change_at: isoOrNull(finding.changeAt),
      note: finding.note,
    },
    ...(window === null
      ? {}
      : {
          window: {
            start: iso(window.fromAt),
            end: iso(window.toAt),
            count: finding.n,
            from_row: window.fromRow,
            to_row: window.toRow,
          },
        }),
    ...(finding.estimate === null ? {} : { estimate: { ...finding.estimate } }),
  };
}

function alertAction(alert: Alert): string {
  if (alert.state === 'firing') return alert.kind === 'schema' ? 'schema-violation' : `${alert.kind}-detected`;
  return `${alert.kind}-${alert.state}`;
}

/** A request target without its query, which may carry secrets. */
function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? '';
}

/** The one number that dashboards aggregate: the only output cell, when it is a number. */
function soleNumber(record: DriftlineRecord): number | null {
  const columns = Object.values(record.outputs);
  const cell = columns.length === 1 && columns[0]?.length === 1 ? columns[0][0] : null;
  return typeof cell === 'number' ? cell : null;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : iso(at);
}
