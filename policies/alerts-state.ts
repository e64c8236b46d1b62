/**
 * What alerting remembers: open episodes, the numbers of those before, breaches that windows still reach back to.
 */
import type { Alert } from '../contracts/alert.ts';
import { SnapshotError } from '../contracts/errors.ts';
import type { Episode, Mark } from './episode.ts';

/** Survives a JSON round trip at any cut. */
export interface AlertsState {
  readonly version: 1;
  /** Open episodes by fingerprint, oldest first. */
  readonly open: { readonly [fingerprint: string]: Episode };
  /** Firing summary alerts by kind. */
  readonly summaries: { readonly [kind: string]: Alert };
  /** Number of the last episode by fingerprint; the longest unused ones are forgotten beyond a limit. */
  readonly episodes: { readonly [fingerprint: string]: number };
  /** Last row of a breach by the signal of a firing schema alert. */
  readonly breachedTo: { readonly [signal: string]: number };
}

export const noAlerts: AlertsState = { version: 1, open: {}, summaries: {}, episodes: {}, breachedTo: {} };

/** Alerts that are open and were shown, summaries included. */
export function openAlerts(state: AlertsState): Alert[] {
  const shown = Object.values(state.open).filter((episode) => episode.alert.revision > 0);
  return [...shown.map((episode) => episode.alert), ...Object.values(state.summaries)];
}

/** The same alerts after the clock was set by so much: how long they have lasted does not change. */
export function withClockSet(state: AlertsState, byMs: number): AlertsState {
  const moved = (mark: Mark): Mark => ({ ...mark, at: mark.at + byMs });
  const open = Object.entries(state.open).map(([fingerprint, episode]): [string, Episode] => [
    fingerprint,
    {
      ...episode,
      first: moved(episode.first),
      last: moved(episode.last),
      quietFrom: episode.quietFrom === null ? null : moved(episode.quietFrom),
    },
  ]);
  return { ...state, open: Object.fromEntries(open) };
}

/** @throws SnapshotError when the stored state is not one of this version. */
export function readAlertsState(stored: unknown): AlertsState {
  const parts = stored as { [part: string]: unknown } | null;
  const sound =
    typeof parts === 'object' &&
    parts !== null &&
    parts.version === 1 &&
    ['open', 'summaries', 'episodes', 'breachedTo'].every((name) => typeof parts[name] === 'object' && parts[name] !== null);
  if (!sound) throw new SnapshotError('alerts-state', 'alerts: the stored state is of another version; alerts start afresh');
  // Version and parts were checked; what is inside was written by `evaluate`.
  return stored as AlertsState;
}
