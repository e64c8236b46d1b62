/**
 * Alerts and what is done about them.
 */
import type { Finding, FindingKind, RowRange } from './finding.ts';
import type { Json } from './json.ts';

export type Severity = 'info' | 'warning' | 'critical';

/** `silenced` and `inhibited` are firing alerts that act on nothing. */
export type AlertState = 'inactive' | 'pending' | 'firing' | 'resolved' | 'insufficient' | 'silenced' | 'inhibited';

/** One episode of one monitor on one signal. A new document is written at each change of state. */
export interface Alert {
  /** Deterministic: policy, monitor, signal, slice, model version and episode; the same from every replica. */
  readonly id: string;
  /** The same for all episodes of policy, monitor, signal, slice and model version. */
  readonly fingerprint: string;
  /** Counts the episodes of a fingerprint from 1. */
  readonly episode: number;
  /** Counts the changes of this alert from 1; `id` and `revision` name one document. */
  readonly revision: number;
  readonly state: AlertState;
  readonly policy: string;
  readonly policyHash: string;
  readonly monitor: string;
  readonly signal: string;
  /** The part of the rows it is about (`region=north`, or a slice's name); null = all. */
  readonly slice: string | null;
  readonly kind: FindingKind;
  readonly detector: string;
  readonly severity: Severity;
  readonly model: string;
  readonly modelVersion: string | null;
  /** Estimated begin of the change. */
  readonly since: { readonly at: number | null; readonly row: number | null };
  /** When it began to fire (or, still pending, when the first finding came). */
  readonly startsAt: number;
  readonly endsAt: number | null;
  /** Rows observed when it opened (began to fire or was inhibited); null while pending. */
  readonly openedAtRow: number | null;
  readonly changedAt: number;
  /** The finding that opened it, and the newest one. */
  readonly opening: Finding;
  readonly latest: Finding;
  /** Why it is inhibited or silenced, in words; null otherwise. */
  readonly because: string | null;
  /** Whether this episode has fired at any time; only then is its end worth a notice. */
  readonly fired?: boolean;
}

export type DecisionState = 'queued' | 'done' | 'failed' | 'withheld';

/** What was decided about an action for an alert, and how it went. Each is an audit record, hash-linked to the one before. */
export interface Decision {
  /** Deterministic: alert id, revision and action. Also the `webhook-id`. */
  readonly id: string;
  readonly alertId: string;
  readonly alertState: AlertState;
  readonly signal: string;
  readonly action: string;
  /** `console`, `webhook`, `rollback`. */
  readonly type: string;
  readonly state: DecisionState;
  /** Why it was withheld or failed (`schema_violation`, `maxPerDay`, `cooldown`, `dryRun`, `HTTP 500` …); null otherwise. */
  readonly reason: string | null;
  readonly decidedAt: number;
  readonly finishedAt: number | null;
  readonly attempts: number;
  /** Earliest next attempt while queued. */
  readonly nextAttemptAt: number | null;
  /** What the action needs to act: for a webhook the exact body to sign and send. */
  readonly payload: Json;
  /** What the other side said, shortened. */
  readonly result: string | null;
  /** SHA-256 over the record before and this one's fixed parts; hex. */
  readonly hash: string;
  readonly previousHash: string;
}

/** What an event body tells a retraining pipeline to train on. */
export interface RetrainingWindow extends RowRange {
  readonly rows: number;
  readonly labels: number;
}
