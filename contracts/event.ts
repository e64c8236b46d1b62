/**
 * Everything that is exported.
 */
import type { Alert, Decision } from './alert.ts';
import type { Finding } from './finding.ts';
import type { DriftlineRecord, Feedback, FeedbackFate } from './record.ts';

/** One document for the outside. `id` is deterministic, so that sending twice stores once. */
export type Event =
  | { readonly kind: 'inference'; readonly id: string; readonly at: number; readonly record: DriftlineRecord }
  | {
      readonly kind: 'feedback';
      readonly id: string;
      readonly at: number;
      readonly feedback: Feedback;
      readonly fate: FeedbackFate;
      readonly error: boolean | null;
    }
  | {
      readonly kind: 'window';
      readonly id: string;
      readonly at: number;
      readonly finding: Finding;
      readonly model: string;
      readonly modelVersion: string | null;
    }
  | { readonly kind: 'alert'; readonly id: string; readonly at: number; readonly alert: Alert; readonly text: string }
  | { readonly kind: 'action'; readonly id: string; readonly at: number; readonly decision: Decision };

export type EventKind = Event['kind'];

/** An event with its place in the log; places rise by at least one. */
export interface LoggedEvent {
  readonly seq: number;
  readonly event: Event;
}

/** Where an exporter stands in the log. `accepted = delivered + dropped + queued`, by event. */
export interface Ledger {
  /** Everything up to this place is settled. */
  readonly cursor: number;
  readonly delivered: number;
  readonly dropped: { readonly [reason: string]: number };
}

/** The durable log that exporters read; the store implements it. */
export interface EventLog {
  /** Events after `cursor`, in order. `skipped` counts those that retention removed before they were read. */
  read(cursor: number, limit: number): { readonly events: readonly LoggedEvent[]; readonly skipped: number };
  /** Events after `cursor`, those that retention removed included. */
  queued(cursor: number): number;
  loadLedger(exporter: string): Ledger;
  saveLedger(exporter: string, ledger: Ledger): void;
}
