/**
 * Events as telemetry: which span, log event and metric points each kind becomes.
 *
 * Attributes are flat scalars. Log events and spans use the names that our Elasticsearch documents use, so that a query
 * finds both. Metric attributes are short, since Prometheus turns them into labels (`model.name` → `model_name`).
 */
import type { Attributes, Counter, Gauge, LogRecord, Meter } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api';
import type { Alert, Decision } from '../contracts/alert.ts';
import type { Event } from '../contracts/event.ts';
import type { Finding } from '../contracts/finding.ts';
import type { DriftlineRecord } from '../contracts/record.ts';

type FeedbackEvent = Extract<Event, { kind: 'feedback' }>;

/** Attributes of a record's span, after the HTTP conventions (`http.*`, `url.path`, `error.type`). */
export function spanAttributes(record: DriftlineRecord): Attributes {
  return present({
    'driftline.id': record.id,
    'driftline.request_id': record.requestId,
    'driftline.model.name': record.model,
    'driftline.model.version': record.version,
    'driftline.model.route': record.servedBy,
    'driftline.model.protocol': record.protocol,
    'driftline.outcome': record.outcome,
    'driftline.reason': record.reason,
    'driftline.rows': record.rows,
    'driftline.undecoded': record.undecoded,
    'driftline.violations': record.violations.length,
    'driftline.sampling.probability': record.samplingProbability,
    'driftline.sampling.kept_for': record.keptFor,
    'driftline.request.body.fingerprint': record.unreadRequest?.fingerprint ?? null,
    'driftline.response.body.fingerprint': record.unreadResponse?.fingerprint ?? null,
    'http.request.body.size': record.unreadRequest?.totalBytes ?? null,
    'http.response.body.size': record.unreadResponse?.totalBytes ?? null,
    'http.request.method': record.method,
    'http.response.status_code': record.status === 0 ? null : record.status,
    // Without its query, which may carry secrets.
    'url.path': record.path.split('?', 1)[0] ?? '',
    'error.type': isFailure(record) ? (record.reason ?? String(record.status || record.outcome)) : null,
  });
}

/** Whether a span of this record is in error. */
export function isFailure(record: DriftlineRecord): boolean {
  return record.outcome !== 'answered' || record.status >= 500;
}

/** The log event of an event; null for kinds that are a span or metrics alone. */
export function toLogRecord(event: Event): LogRecord | null {
  switch (event.kind) {
    case 'feedback':
      return log(event, 'driftline.feedback', SeverityNumber.INFO, null, feedbackAttributes(event));
    case 'alert':
      return log(event, 'driftline.alert', alertSeverity(event.alert), event.text, alertAttributes(event.alert));
    case 'action':
      return log(event, 'driftline.action', actionSeverity(event.decision), null, actionAttributes(event.decision));
    case 'inference':
    case 'window':
      return null;
  }
}

function log(event: Event, eventName: string, severityNumber: SeverityNumber, body: string | null, attributes: Attributes): LogRecord {
  return {
    eventName,
    timestamp: event.at,
    severityNumber,
    ...(body === null ? {} : { body }),
    // Older backends know an event by this attribute only.
    attributes: { 'event.name': eventName, 'event.id': event.id, ...attributes },
  };
}

function feedbackAttributes({ feedback, fate, error }: FeedbackEvent): Attributes {
  return present({
    'driftline.id': feedback.id,
    'driftline.feedback.kind': feedback.kind,
    'driftline.feedback.fate': fate,
    'driftline.feedback.row': feedback.row,
    'driftline.feedback.error': error,
    'driftline.feedback.value': typeof feedback.value === 'string' ? feedback.value : JSON.stringify(feedback.value),
  });
}

function alertAttributes(alert: Alert): Attributes {
  return present({
    'driftline.alert.id': alert.id,
    'driftline.alert.fingerprint': alert.fingerprint,
    'driftline.alert.episode': alert.episode,
    'driftline.alert.revision': alert.revision,
    'driftline.alert.state': alert.state,
    'driftline.alert.monitor': alert.monitor,
    'driftline.alert.signal': alert.signal,
    'driftline.alert.slice': alert.slice,
    'driftline.alert.kind': alert.kind,
    'driftline.alert.detector': alert.detector,
    'driftline.alert.severity': alert.severity,
    'driftline.alert.because': alert.because,
    'driftline.alert.opened_at_row': alert.openedAtRow,
    'driftline.model.name': alert.model,
    'driftline.model.version': alert.modelVersion,
    'driftline.detector.score': alert.latest.statistic,
    'driftline.detector.threshold': alert.latest.threshold,
    'driftline.detector.effect': alert.latest.effect,
    'driftline.detector.n': alert.latest.n,
    'rule.ruleset': alert.policy,
    'rule.version': alert.policyHash,
  });
}

function actionAttributes(decision: Decision): Attributes {
  return present({
    'driftline.action.id': decision.id,
    'driftline.action.name': decision.action,
    'driftline.action.type': decision.type,
    'driftline.action.state': decision.state,
    'driftline.action.reason': decision.reason,
    'driftline.action.attempts': decision.attempts,
    'driftline.alert.id': decision.alertId,
    'driftline.alert.signal': decision.signal,
  });
}

function alertSeverity(alert: Alert): SeverityNumber {
  if (alert.state !== 'firing') return SeverityNumber.INFO;
  return alert.severity === 'critical' ? SeverityNumber.ERROR : SeverityNumber.WARN;
}

function actionSeverity(decision: Decision): SeverityNumber {
  return decision.state === 'failed' ? SeverityNumber.ERROR : SeverityNumber.INFO;
}

/** The instruments, and how an event moves them. */
export class Instruments {
  readonly #inferences: Counter;
  readonly #violations: Counter;
  readonly #feedback: Counter;
  readonly #actions: Counter;
  readonly #score: Gauge;
  readonly #pValue: Gauge;
  readonly #detected: Gauge;
  readonly #samples: Gauge;
  readonly #estimate: Gauge;
  readonly #estimateLow: Gauge;
  readonly #estimateHigh: Gauge;

  constructor(meter: Meter) {
    this.#inferences = meter.createCounter('driftline.inferences', { unit: '{inference}', description: 'Calls recorded.' });
    this.#violations = meter.createCounter('driftline.schema.violations', {
      unit: '{violation}',
      description: 'Breaches of the schema, by record.',
    });
    this.#feedback = meter.createCounter('driftline.feedback', {
      unit: '{feedback}',
      description: 'Lines of feedback, by what became of them.',
    });
    this.#actions = meter.createCounter('driftline.actions', { unit: '{action}', description: 'Decisions about actions, by state.' });
    // Units are annotations: unit 1 would give the Prometheus series another name (`_ratio`).
    const gauge = (name: string, unit: string, description: string): Gauge => meter.createGauge(name, { unit, description });
    this.#score = gauge('driftline.drift.score', '{score}', 'Size of the difference; the statistic where no effect is computed.');
    this.#pValue = gauge('driftline.drift.p_value', '{probability}', 'p-value, corrected where the policy corrects.');
    this.#detected = gauge('driftline.drift.detected', '{state}', '1 while the newest judgement is drift, else 0.');
    this.#samples = gauge('driftline.window.samples', '{sample}', 'Values in the newest judgement.');
    this.#estimate = gauge('driftline.performance.estimate', '{score}', 'Quality of the model, measured or estimated.');
    this.#estimateLow = gauge('driftline.performance.estimate.low', '{score}', 'Lower bound of the quality.');
    this.#estimateHigh = gauge('driftline.performance.estimate.high', '{score}', 'Upper bound of the quality.');
  }

  /** Adds an event to the totals; the caller sees to it that each is added once. */
  add(event: Event): void {
    switch (event.kind) {
      case 'inference':
        this.#addRecord(event.record);
        break;
      case 'feedback':
        this.#feedback.add(1, { kind: event.feedback.kind, fate: event.fate });
        break;
      case 'window':
        this.#recordFinding(event.finding, present({ 'model.name': event.model, 'model.version': event.modelVersion }));
        break;
      case 'action':
        this.#actions.add(1, { type: event.decision.type, result: event.decision.state });
        break;
      case 'alert':
        break;
    }
  }

  #addRecord(record: DriftlineRecord): void {
    const model = present({ 'model.name': record.model, 'model.version': record.version, route: record.servedBy });
    this.#inferences.add(1, { ...model, outcome: record.outcome });
    for (const { signal, kind } of record.violations) this.#violations.add(1, { ...model, feature: signal, kind });
  }

  #recordFinding(finding: Finding, model: Attributes): void {
    const slice = present({ slice: finding.slice ?? null });
    const attributes = { ...model, monitor: finding.monitor, feature: finding.signal, ...slice, detector: finding.detector };
    const score = finding.effect ?? finding.statistic;
    const pValue = finding.adjustedP ?? finding.pValue;
    if (score !== null) this.#score.record(score, attributes);
    if (pValue !== null) this.#pValue.record(pValue, attributes);
    this.#detected.record(finding.level === 'drift' ? 1 : 0, attributes);
    this.#samples.record(finding.n, attributes);
    if (finding.estimate === null) return;
    const { metric, method, value, low, high } = finding.estimate;
    const quality = { ...model, monitor: finding.monitor, metric, method };
    this.#estimate.record(value, quality);
    this.#estimateLow.record(low, quality);
    this.#estimateHigh.record(high, quality);
  }
}

/** Leaves out what is absent: an attribute has no null. */
function present(attributes: { readonly [name: string]: string | number | boolean | null }): Attributes {
  const entries = Object.entries(attributes).filter((entry): entry is [string, string | number | boolean] => entry[1] !== null);
  return Object.fromEntries(entries);
}
