/**
 * Guards: whether an action may run now. Checked in order, the first reason counts.
 *
 * `notWhen` stands first: while the schema is broken, fresh data would teach the fault, and no quota excuses that.
 */
import type { Alert, Decision } from '../contracts/alert.ts';
import type { ActionPolicy } from '../contracts/policy.ts';

const DAY_MS = 86_400_000;

/** Words of `notWhen` that are not themselves a kind of alert. */
const KINDS: { readonly [word: string]: Alert['kind'] } = { schema_violation: 'schema' };

/**
 * Why the action is withheld (`schema_violation` or another word of `notWhen`, `maxPerDay`, `cooldown`, `dryRun`), or null.
 *
 * @param open all alerts now open
 * @param recent decisions about any action, in any order, reaching back a day and the cooldown
 */
export function withheldBy(action: ActionPolicy, open: readonly Alert[], recent: readonly Decision[], at: number): string | null {
  const { guard } = action;
  for (const word of guard.notWhen) {
    const kind = KINDS[word] ?? word;
    if (open.some((alert) => alert.state === 'firing' && alert.kind === kind)) return word;
  }
  // Failed ones count: what went wrong half-way may still have started something.
  const begun = recent.filter((decision) => decision.action === action.name && decision.state !== 'withheld');
  if (guard.maxPerDay !== null && begun.filter((decision) => decision.decidedAt > at - DAY_MS).length >= guard.maxPerDay)
    return 'maxPerDay';
  const { cooldownMs } = guard;
  if (cooldownMs !== null && begun.some((decision) => decision.decidedAt > at - cooldownMs)) return 'cooldown';
  return guard.dryRun ? 'dryRun' : null;
}
