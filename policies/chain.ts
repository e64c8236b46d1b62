/**
 * The audit chain: each decision carries the hash of the one before, so that none can be altered, dropped or slipped in unseen.
 *
 * Hashed are the parts that are fixed when the decision is made; how it went (`state`, `attempts`, `result` …) comes later.
 */
import type { Decision } from '../contracts/alert.ts';
import { sha256 } from './identity.ts';

/** What the first decision names as the one before. */
export const CHAIN_START = '0'.repeat(64);

/** A decision as it is made, before it is linked. */
export type UnlinkedDecision = Omit<Decision, 'hash' | 'previousHash'>;

/** Links a decision to the one before. */
export function link(decision: UnlinkedDecision, previousHash: string): Decision {
  return { ...decision, hash: hashOf(decision, previousHash), previousHash };
}

/**
 * Checks decisions in the order they were made; a stretch out of the middle is checked from its own first link.
 *
 * @returns the id of the first decision that does not fit, or null when all do
 */
export function verifyChain(decisions: readonly Decision[]): string | null {
  let previousHash = decisions[0]?.previousHash;
  for (const decision of decisions) {
    if (decision.previousHash !== previousHash || decision.hash !== hashOf(decision, previousHash)) return decision.id;
    previousHash = decision.hash;
  }
  return null;
}

function hashOf(decision: UnlinkedDecision, previousHash: string): string {
  const { id, alertId, alertState, signal, action, type, decidedAt, payload } = decision;
  const withheld = decision.state === 'withheld' ? decision.reason : null;
  return sha256(previousHash + canonical({ id, alertId, alertState, signal, action, type, decidedAt, payload, withheld }));
}

/** JSON with the keys of every object in code-unit order (RFC 8785 §3.2.3), so that storing and reading back changes nothing. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
