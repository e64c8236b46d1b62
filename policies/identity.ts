/**
 * Names of alerts and decisions: computed, never drawn, so that every replica and every restart gives the same ones.
 */
import { createHash } from 'node:crypto';
import type { FindingKind } from '../contracts/finding.ts';

/** What the episodes of one alert have in common. */
export interface AlertSubject {
  readonly policy: string;
  readonly monitor: string;
  readonly signal: string;
  /** Null = all rows. */
  readonly slice: string | null;
  readonly kind: FindingKind;
  readonly modelVersion: string | null;
}

/** Sixteen hex digits, the width of an Alertmanager fingerprint. */
export function fingerprintOf(subject: AlertSubject): string {
  const { policy, monitor, signal, slice, kind, modelVersion } = subject;
  // A JSON list keeps the borders between the parts, which joining by a character would not.
  return sha256(JSON.stringify([policy, monitor, signal, kind, modelVersion, ...(slice === null ? [] : [slice])])).slice(0, 16);
}

/** Episodes count from 1. */
export function alertId(fingerprint: string, episode: number): string {
  return `${fingerprint}-${episode}`;
}

/** Also the `webhook-id`, which goes into a header and into the signed text: letters, digits, `-` and `_` only. */
export function decisionId(alert: { readonly id: string; readonly revision: number }, action: string): string {
  const safe = /^[A-Za-z0-9_-]{1,64}$/.test(action) ? action : sha256(action).slice(0, 16);
  return `${alert.id}-${alert.revision}-${safe}`;
}

/** Lower-case hex of the UTF-8 text. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
