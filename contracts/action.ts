/**
 * What can be done about an alert: `prepare` writes what is needed, `perform` does it later, perhaps after a restart.
 */
import type { Alert, Decision, RetrainingWindow } from './alert.ts';
import type { Json } from './json.ts';
import type { ActionPolicy, Policy } from './policy.ts';

/** What `prepare` may know of the moment of decision. */
export interface ActionContext {
  readonly policy: Policy;
  /** All alerts now open, this one included. */
  readonly open: readonly Alert[];
  /** Rows and labels to train on, from the change point to now. */
  readonly retraining: RetrainingWindow;
  /** What was decided for this alert so far, oldest first; notices are prepared last, so they can tell of it. */
  readonly decisions?: readonly Decision[];
}

/** What `perform` may use. */
export interface ActionTools {
  readonly now: () => number;
  /** Secret by reference; null = not configured. */
  readonly secret: (reference: string) => string | null;
  /** Prints for a person. */
  readonly print: (text: string) => void;
  /** Sends all traffic to one upstream (by name, or `fallback`) and reads the route back. @throws Error when there is none of that name. */
  readonly route: (to: string) => Promise<{ readonly before: string; readonly after: string }>;
  readonly signal: AbortSignal;
}

/** How an attempt went. */
export type ActionResult =
  | { readonly kind: 'done'; readonly result: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | null }
  | { readonly kind: 'failed'; readonly reason: string; readonly disable?: boolean };

export interface ActionDefinition<T extends ActionPolicy['type'] = ActionPolicy['type']> {
  readonly type: T;
  readonly summary: string;
  /** The payload that is stored with the decision. Must depend on nothing but its arguments. */
  prepare(action: Extract<ActionPolicy, { type: T }>, alert: Alert, context: ActionContext): Json;
  perform(action: Extract<ActionPolicy, { type: T }>, decision: Decision, tools: ActionTools): Promise<ActionResult>;
}

/** Ties an action's policy to its code. */
export function defineAction<T extends ActionPolicy['type']>(definition: ActionDefinition<T>): ActionDefinition<T> {
  return definition;
}
