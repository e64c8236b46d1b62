/**
 * Which firing alert stands above another, so that one fault is one page: a breach of the schema above what is found of its column, an
 * alert of all rows above the same in a slice.
 */
import type { Alert, AlertState } from '../contracts/alert.ts';
import type { FindingKind } from '../contracts/finding.ts';
import { ROW_SIGNALS } from '../contracts/quality.ts';
import type { Episode } from './episode.ts';
import { fingerprintOf } from './identity.ts';

/** Open episodes by fingerprint. */
type Open = ReadonlyMap<string, Episode>;

/** The firing schema alert that stands above what is found of this signal. */
export function breachOf(open: Open, signal: string): Alert | null {
  for (const { alert, state } of open.values()) {
    if (alert.kind === 'schema' && state === 'firing' && covers(alert.signal, signal)) return alert;
  }
  return null;
}

/** The firing alert of all rows that stands above this one of a slice. */
export function wholeOf(open: Open, { policy, monitor, signal, slice, kind, modelVersion }: Alert): Alert | null {
  if (isOfAll(slice)) return null;
  const whole = open.get(fingerprintOf({ policy, monitor, signal, slice: null, kind, modelVersion }));
  return whole?.state === 'firing' ? whole.alert : null;
}

/** Whether an alert on one signal stands above another signal. */
export function covers(above: string, signal: string): boolean {
  // The share of rows that breach the schema anywhere tells the same once more.
  return above === signal || signal.startsWith(`${above}.`) || signal === ROW_SIGNALS.violations;
}

/** State that an earlier version wrote has no slices. */
export function isOfAll(slice: string | null | undefined): boolean {
  return (slice ?? null) === null;
}

/** Whether it is about values, which a breach of the schema puts in doubt. */
export function isOfData(kind: FindingKind): boolean {
  return kind === 'drift' || kind === 'quality';
}

/** Why an alert is inhibited, in words; null in other states. */
export function becauseOf(state: AlertState, inhibitor: Alert | null): string | null {
  if (state !== 'inhibited' || inhibitor === null) return null;
  const what = inhibitor.kind === 'schema' ? `${inhibitor.signal} breaches its schema` : 'all rows show it, not this slice alone';
  return `${what} (alert ${inhibitor.id})`;
}
