/**
 * Bodies of webhooks: CloudEvents 1.0 (structured mode) and Alertmanager's webhook version 4.
 *
 * Everything is settled when the decision is made: the text returned here is stored, signed and sent byte for byte, however often.
 */
import type { ActionContext } from '../../contracts/action.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { decisionId } from '../identity.ts';
import { alertText, lossOf } from '../text.ts';

export const CLOUDEVENTS_TYPE = 'application/cloudevents+json; charset=utf-8';
export const JSON_TYPE = 'application/json';

/** Alertmanager's word for an alert that has not ended. */
const NEVER = '0001-01-01T00:00:00Z';

/** What the pipeline or the receiver of notices learns. */
export interface BodyRequest {
  readonly action: string;
  readonly purpose: 'alert' | 'retrain';
  readonly alert: Alert;
  readonly context: ActionContext;
}

/** CloudEvents 1.0 §2, JSON format §3; `id` equals the `webhook-id`. */
export function cloudEvent(request: BodyRequest): string {
  const { alert, purpose } = request;
  const type = purpose === 'retrain' ? 'retrain.requested' : `alert.${alert.state === 'resolved' ? 'resolved' : 'firing'}`;
  const event: JsonObject = {
    specversion: '1.0',
    id: decisionId(alert, request.action),
    source: `/driftline/policies/${encodeURIComponent(alert.policy)}`,
    type: `io.driftline.${type}`,
    subject: alert.signal,
    time: rfc3339(alert.changedAt),
    datacontenttype: 'application/json',
    data: purpose === 'retrain' ? retrainData(request) : alertData(request),
  };
  return JSON.stringify(event);
}

/** The keys that Alertmanager sends (webhook `version: "4"`), with our labels; a retraining call is one more annotation, as JSON text. */
export function alertmanager(request: BodyRequest): string {
  const { alert, context } = request;
  const status = alert.state === 'resolved' ? 'resolved' : 'firing';
  const labels: { [name: string]: string } = {
    // The policy's own first: a name of ours is never another's.
    ...context.policy.labels,
    alertname: alert.monitor,
    severity: alert.severity,
    kind: alert.kind,
    feature: alert.signal,
    ...(alert.slice === null ? {} : { slice: alert.slice }),
    detector: alert.detector,
    model_name: alert.model,
    ...(alert.modelVersion === null ? {} : { model_version: alert.modelVersion }),
    policy: alert.policy,
  };
  const description = textOf(request);
  const annotations: { [name: string]: string } = {
    summary: description.slice(0, description.indexOf('\n')),
    description,
    ...context.policy.annotations,
    ...(request.purpose === 'retrain' ? { retrain: JSON.stringify(retrainData(request)) } : {}),
  };
  return JSON.stringify({
    receiver: request.action,
    status,
    alerts: [
      {
        status,
        labels,
        annotations,
        startsAt: rfc3339(alert.startsAt),
        endsAt: alert.endsAt === null ? NEVER : rfc3339(alert.endsAt),
        generatorURL: '',
        fingerprint: alert.fingerprint,
      },
    ],
    groupLabels: { alertname: alert.monitor },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: '',
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(alert.monitor)}}`,
    truncatedAlerts: 0,
  });
}

/**
 * What a pipeline needs to train: instants are milliseconds since the Unix epoch, both ends of the window belong to it, and `export` is
 * a path of the admin API.
 */
function retrainData({ alert, context }: BodyRequest): JsonObject {
  const { retraining } = context;
  const atFault = context.open.filter(
    (other) =>
      (other.kind === 'drift' || other.kind === 'quality' || other.kind === 'schema') &&
      (other.state === 'firing' || other.state === 'inhibited') &&
      other.signal !== '*',
  );
  const own = alert.signal === '*' ? [] : [alert.signal];
  return {
    model: { name: alert.model, version: alert.modelVersion },
    alert: { id: alert.id, signal: alert.signal, slice: alert.slice, kind: alert.kind, severity: alert.severity, startsAt: alert.startsAt },
    changePoint: { row: alert.latest.changeRow ?? alert.since.row, at: alert.latest.changeAt ?? alert.since.at },
    window: { ...retraining },
    features: [...new Set([...own, ...atFault.map((other) => other.signal)])].sort(),
    rows: retraining.rows,
    labels: retraining.labels,
    loss: lossJson(alert, context),
    policy: { name: alert.policy, hash: alert.policyHash },
    export: `/v1/records?fromRow=${retraining.fromRow}`,
  };
}

function alertData(request: BodyRequest): JsonObject {
  const { alert, context } = request;
  const { statistic, threshold, pValue, adjustedP, tests, effect, effectAtLeast, n, referenceN, note, window } = alert.latest;
  return {
    model: { name: alert.model, version: alert.modelVersion },
    alert: {
      id: alert.id,
      fingerprint: alert.fingerprint,
      episode: alert.episode,
      state: alert.state,
      monitor: alert.monitor,
      signal: alert.signal,
      slice: alert.slice,
      kind: alert.kind,
      detector: alert.detector,
      severity: alert.severity,
      startsAt: alert.startsAt,
      endsAt: alert.endsAt,
    },
    since: { ...alert.since },
    finding: {
      statistic,
      threshold,
      pValue,
      adjustedP,
      tests,
      effect,
      effectAtLeast,
      n,
      referenceN,
      note,
      window: window === null ? null : { ...window },
    },
    loss: lossJson(alert, context),
    policy: { name: alert.policy, hash: alert.policyHash },
    text: textOf(request),
  };
}

/** Quality before and now with bounds in [0, 1], and whether it was `measured` or `estimated`; null when nobody knows. */
function lossJson(alert: Alert, context: ActionContext): Json {
  const estimate = lossOf(alert, context.open);
  return estimate === null ? null : { ...estimate };
}

function textOf({ alert, context }: BodyRequest): string {
  return alertText(alert, { policy: context.policy, open: context.open, decisions: context.decisions ?? [] });
}

function rfc3339(at: number): string {
  return new Date(at).toISOString();
}
