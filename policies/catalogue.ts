/** Everything that can be done about an alert. */
import type { ActionDefinition } from '../contracts/action.ts';
import type { ActionPolicy } from '../contracts/policy.ts';
import { consoleAction } from './actions/console.ts';
import { rollback } from './actions/rollback.ts';
import { webhook } from './actions/webhook.ts';

type ActionType = ActionPolicy['type'];

export const actions: readonly { [T in ActionType]: ActionDefinition<T> }[ActionType][] = [consoleAction, webhook, rollback];

/** The code of an action; every type of the policy has one. To be handed policies of that type only. */
export function actionOf(type: ActionType): ActionDefinition {
  const found = actions.find((action) => action.type === type);
  if (found === undefined) throw new Error(`actions: no code for type ${type}`);
  // Wider than the code is, which takes one type only: the type it was looked up by.
  return found as ActionDefinition;
}
