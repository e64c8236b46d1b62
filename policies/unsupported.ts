/**
 * What the example policies say and the program cannot do yet. Refused wherever it appears, never accepted and ignored.
 *
 * A key that starts to work leaves this list; a test holds the list against the examples and counts it.
 */

/** A position in the schema: `[]` stands for a list's items, `*` for names that the user chooses. */
export interface Unsupported {
  readonly position: string;
  /** The value that is not supported where the key as such is; `*.x` = any text ending in `.x`. Absent = the key. */
  readonly value?: string | number;
  /** What to do meanwhile. */
  readonly instead: string;
}

const remove = 'remove it';

/** Everything that is refused as `not supported yet`. */
export const unsupported: readonly Unsupported[] = [
  { position: 'spec.owner.escalation', instead: remove },
  { position: 'spec.shadow', instead: remove },
  { position: 'spec.privacy', instead: 'remove it, and leave columns that must not be stored out of `schema`' },

  { position: 'spec.traffic.split', instead: 'remove it; `primary` gets all traffic' },

  { position: 'spec.schema.file', instead: 'write the columns under `inputs` and `outputs`' },
  { position: 'spec.schema.feedback', instead: remove },

  { position: 'spec.reference.learn.freezeAfter', instead: 'remove it; the reference freezes when its rows are learned' },

  { position: 'spec.slices[].by[]', value: 'header:x-camera-id', instead: 'remove the slice; request headers are not kept with the rows' },

  { position: 'spec.monitors[].on', instead: remove },
  { position: 'spec.monitors[].compare', instead: remove },
  { position: 'spec.monitors[].weights', instead: remove },
  {
    position: 'spec.monitors[].detectors.absence',
    instead: 'use `quality: {type: data-quality, checks: [freshness], freshness: {within: …}}`',
  },
  { position: 'spec.monitors[].detectors.chi-squared', instead: 'remove the monitor' },
  { position: 'spec.monitors[].detectors.sequential', instead: 'remove the monitor' },
  { position: 'spec.monitors[].detectors.threshold', instead: 'remove the monitor' },
  { position: 'spec.monitors[].detectors.categorical.pool', instead: remove },
  { position: 'spec.monitors[].detectors.predictor.target', instead: 'remove it; the predictor file states its metric' },
  { position: 'spec.monitors[].detectors.predictor.confidence', instead: 'remove it; the predictor file states its interval' },

  { position: 'spec.feedback.join.via[]', value: 'elasticsearch', instead: 'use http' },
  { position: 'spec.feedback.attribution', instead: remove },
  { position: 'spec.feedback.dedupe', instead: 'remove it; the first label counts' },
  { position: 'spec.feedback.expectedDelay', instead: remove },

  { position: 'spec.alerts.groupBy', instead: remove },
  { position: 'spec.alerts.groupWait', instead: remove },
  { position: 'spec.alerts.repeatInterval', instead: remove },
  { position: 'spec.alerts.cooldown', instead: 'use `guard.cooldown` of the action' },
  { position: 'spec.alerts.inhibit', instead: 'remove it; a breach of the schema inhibits drift of the same column' },

  { position: 'spec.actions[].type', value: 'airflow', instead: 'use a webhook with `purpose: retrain`' },
  { position: 'spec.actions[].type', value: 'pagerduty', instead: 'use a webhook' },
  { position: 'spec.actions[].type', value: 'slack', instead: 'use a webhook' },
  { position: 'spec.actions[].auth', instead: 'use `signing`' },
  { position: 'spec.actions[].conf', instead: remove },
  { position: 'spec.actions[].dagId', instead: remove },
  { position: 'spec.actions[].routingKeyRef', instead: remove },
  { position: 'spec.actions[].urlRef', instead: 'use `url`' },
  { position: 'spec.actions[].undo', instead: 'remove it; a rollback is undone by a person' },
  { position: 'spec.actions[].steps[].do', value: 'argo-rollouts', instead: 'use route' },
  { position: 'spec.actions[].steps[].name', instead: remove },
  { position: 'spec.actions[].steps[].namespace', instead: remove },
  { position: 'spec.actions[].steps[].op', instead: remove },
  { position: 'spec.actions[].steps[].set', instead: 'use `to`' },
  { position: 'spec.actions[].guard.lockoutAfter', instead: 'use `cooldown`' },
  { position: 'spec.actions[].guard.minEvidence', instead: 'use the monitor’s `for`' },
  { position: 'spec.actions[].guard.mode', instead: 'remove it; actions act by themselves within their guard' },
  { position: 'spec.actions[].guard.onlyWhen', instead: remove },
  { position: 'spec.actions[].guard.quorum', instead: remove },

  { position: 'spec.exporters.elasticsearch.mode', instead: 'remove it; documents follow ECS' },
  { position: 'spec.exporters.prometheus', instead: 'remove it; `/metrics` is always there' },
  { position: 'spec.retention.alerts', instead: 'remove it; alerts are kept' },
  { position: 'spec.retention.metrics', instead: remove },
  { position: 'spec.retention.spool', instead: remove },
];

/** Maps whose keys the user chooses. */
const FREE_MAPS = new Set(['metadata.labels', 'metadata.annotations', 'spec.traffic.upstreams']);

/** The schema position of a part of a document. */
export function positionOf(path: readonly (string | number)[]): string {
  let position = '';
  for (const step of path) {
    if (typeof step === 'number') position += '[]';
    // The fallback has keys of its own, other upstreams share theirs.
    else if (FREE_MAPS.has(position) && step !== 'fallback') position += '.*';
    else position += position === '' ? step : `.${step}`;
  }
  return position;
}

/** The entry for a key, or for a key's value; undefined when it is none of those. */
export function findUnsupported(path: readonly (string | number)[], value?: unknown): Unsupported | undefined {
  const position = positionOf(path);
  return unsupported.find((entry) => {
    if (entry.position !== position) return false;
    if (entry.value === undefined) return value === undefined;
    if (typeof entry.value === 'string' && entry.value.startsWith('*'))
      return typeof value === 'string' && value.endsWith(entry.value.slice(1));
    return entry.value === value;
  });
}
