/**
 * Alerts in, decisions out: which actions follow, and whether their guards let them.
 *
 * Acting actions (a retraining call, a rollback) follow when an alert begins to fire and when it fires again. Notices (console, a
 * webhook that tells of the alert) follow when it begins to fire and when one that fired resolves; they are prepared after the acts,
 * to tell of them. Pure: the outbox carries the decisions out.
 */
import type { ActionContext } from '../contracts/action.ts';
import type { Alert, Decision, RetrainingWindow } from '../contracts/alert.ts';
import type { ActionPolicy, Policy } from '../contracts/policy.ts';
import { actionOf } from './catalogue.ts';
import { link } from './chain.ts';
import { withheldBy } from './guard.ts';
import { decisionId } from './identity.ts';

/** What decisions are made from. */
export interface Circumstances {
  readonly policy: Policy;
  /** As `evaluate` returned them. */
  readonly changes: readonly Alert[];
  readonly retriggered: readonly Alert[];
  /** All alerts open after the moment. */
  readonly open: readonly Alert[];
  /** Earlier decisions: those of the last day and the longest cooldown, and all of the alerts still open. */
  readonly recent: readonly Decision[];
  /** Rows and labels since the change that the alert is about. */
  readonly retraining: (alert: Alert) => RetrainingWindow;
  /** Hash of the newest decision, or `CHAIN_START`. */
  readonly previousHash: string;
  readonly at: number;
}

/** New decisions, `queued` or `withheld`, linked in this order. */
export function decide(circumstances: Circumstances): Decision[] {
  const made: Decision[] = [];
  const { changes, retriggered } = circumstances;
  const begun = changes.filter((alert) => alert.state === 'firing');
  const ended = changes.filter((alert) => alert.state === 'resolved' && alert.fired === true);
  for (const alert of [...begun, ...retriggered]) consider(alert, isActing, circumstances, made);
  for (const alert of [...begun, ...ended]) consider(alert, isNotice, circumstances, made);
  return made;
}

/** Names of the actions that the policy's routes give an alert; without any route every console action. */
export function routed(policy: Policy, alert: Alert): ReadonlySet<string> {
  const { routes } = policy.alerts;
  if (routes.length === 0) return new Set(policy.actions.filter((action) => action.type === 'console').map((action) => action.name));
  const matching = routes.filter(
    (route) =>
      (route.monitor === null || route.monitor === alert.monitor) &&
      (route.severity === null || route.severity === alert.severity) &&
      (route.kind === null || route.kind === alert.kind),
  );
  return new Set(matching.flatMap((route) => route.actions));
}

function consider(alert: Alert, concerned: (action: ActionPolicy) => boolean, circumstances: Circumstances, made: Decision[]): void {
  const { policy, open, at } = circumstances;
  const names = routed(policy, alert);
  for (const action of policy.actions) {
    if (!names.has(action.name) || !concerned(action)) continue;
    const known = [...circumstances.recent, ...made];
    const reason = alert.state === 'resolved' ? endWithheldBy(action, alert, known) : withheldBy(action, open, known, at);
    if (reason !== null && wasWithheld(known, alert, action, reason)) continue;
    const decisions = known.filter((decision) => decision.alertId === alert.id);
    const context: ActionContext = { policy, open, retraining: circumstances.retraining(alert), decisions };
    made.push(
      link(
        {
          id: decisionId(alert, action.name),
          alertId: alert.id,
          alertState: alert.state,
          signal: alert.signal,
          action: action.name,
          type: action.type,
          state: reason === null ? 'queued' : 'withheld',
          reason,
          decidedAt: at,
          finishedAt: reason === null ? null : at,
          attempts: 0,
          nextAttemptAt: reason === null ? at : null,
          payload: actionOf(action.type).prepare(action, alert, context),
          result: null,
        },
        made.at(-1)?.hash ?? circumstances.previousHash,
      ),
    );
  }
}

/** Whoever was told of the begin is told of the end, whatever the guards; whoever was not, is not. */
function endWithheldBy(action: ActionPolicy, alert: Alert, known: readonly Decision[]): string | null {
  const earlier = known.filter((decision) => decision.alertId === alert.id && decision.action === action.name);
  const untold = earlier.length > 0 && earlier.every((decision) => decision.state === 'withheld');
  return untold ? earlier.at(-1)!.reason : action.guard.dryRun ? 'dryRun' : null;
}

/** The same refusal is recorded once an episode. */
function wasWithheld(known: readonly Decision[], alert: Alert, action: ActionPolicy, reason: string): boolean {
  return known.some(
    (decision) =>
      decision.alertId === alert.id && decision.action === action.name && decision.state === 'withheld' && decision.reason === reason,
  );
}

function isActing(action: ActionPolicy): boolean {
  return action.type === 'rollback' || (action.type === 'webhook' && action.purpose === 'retrain');
}

function isNotice(action: ActionPolicy): boolean {
  return !isActing(action);
}
