/**
 * From changed alerts to decisions and the events that tell of both.
 */
import type { Alert, Decision, RetrainingWindow } from '../contracts/alert.ts';
import type { Event } from '../contracts/event.ts';
import type { Policy } from '../contracts/policy.ts';
import { CHAIN_START } from '../policies/chain.ts';
import { decide } from '../policies/decide.ts';
import { type AlertsState, openAlerts } from '../policies/alerts-state.ts';
import { alertText } from '../policies/text.ts';
import type { Batch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** What happened, and where to look up what went before. */
export interface Happening {
  readonly policy: Policy;
  readonly state: AlertsState;
  readonly changes: readonly Alert[];
  readonly retriggered: readonly Alert[];
  readonly at: number;
  /** The newest decision so far, committed or not. */
  readonly previous: Decision | null;
  readonly reader: StoreReader;
  /** What is not committed yet. */
  readonly batch: Batch;
  readonly observedRows: number;
}

/** Decisions in the order of their chain, the events to log, and the newest decision. */
export function decideAndTell(happening: Happening): { decisions: Decision[]; events: Event[]; last: Decision | null } {
  const { policy, state, changes, retriggered, at, previous, reader, batch } = happening;
  const open = openAlerts(state);
  const cooldowns = policy.actions.map((action) => action.guard.cooldownMs ?? 0);
  const since = at - Math.max(DAY_MS, ...cooldowns);
  const recent = new Map(
    [...reader.decisionsSince(since), ...open.flatMap((alert) => reader.decisionsOf(alert.id))].map((decision) => [decision.id, decision]),
  );
  for (const decision of batch.decisions) recent.set(decision.id, decision);
  const decisions = decide({
    policy,
    changes,
    retriggered,
    open,
    recent: [...recent.values()],
    retraining: (alert) => retrainingWindow(alert, happening),
    previousHash: previous?.hash ?? CHAIN_START,
    at,
  });
  const events: Event[] = changes.map((alert) => ({
    kind: 'alert',
    id: `${alert.id}:${alert.revision}`,
    at,
    alert,
    text: alertText(alert, {
      policy,
      open,
      decisions: [...recent.values(), ...decisions].filter((decision) => decision.alertId === alert.id),
    }),
  }));
  for (const decision of decisions) events.push({ kind: 'action', id: `${decision.id}:${decision.state}`, at, decision });
  return { decisions, events, last: decisions.at(-1) ?? previous };
}

/** From the change point to the newest row. */
function retrainingWindow(alert: Alert, { reader, batch, observedRows, at }: Happening): RetrainingWindow {
  const fromRow = alert.since.row ?? alert.opening.window?.fromRow ?? 0;
  const toRow = Math.max(fromRow, observedRows - 1);
  const open = batch.joined.filter(({ feedback, dataRow }) => feedback.kind === 'label' && dataRow !== null && dataRow >= fromRow);
  return {
    fromRow,
    toRow,
    fromAt: alert.since.at ?? reader.atOfRow(fromRow) ?? alert.startsAt,
    toAt: at,
    rows: toRow - fromRow + 1,
    labels: reader.labels(fromRow, toRow) + open.length,
  };
}
