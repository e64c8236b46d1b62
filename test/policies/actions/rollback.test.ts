import t from 'tap';
import type { ActionTools } from '../../../contracts/action.ts';
import type { Decision } from '../../../contracts/alert.ts';
import type { ActionPolicy } from '../../../contracts/policy.ts';
import { consoleAction } from '../../../policies/actions/console.ts';
import { rollback } from '../../../policies/actions/rollback.ts';
import { alertWith, guardWith, policyWith } from '../../support/alerting.ts';

const action: Extract<ActionPolicy, { type: 'rollback' }> = {
  name: 'back',
  type: 'rollback',
  to: 'stable',
  verifyWithinMs: 50,
  guard: guardWith(),
};
const context = { policy: policyWith(), open: [], retraining: { fromRow: 0, toRow: 0, fromAt: 0, toAt: 0, rows: 0, labels: 0 } };
const decision = {
  id: 'a-1-1-back',
  alertId: 'a-1',
  alertState: 'firing',
  signal: 'feedback.error',
  action: 'back',
  type: 'rollback',
  state: 'queued',
  reason: null,
  decidedAt: 1,
  finishedAt: null,
  attempts: 0,
  nextAttemptAt: 1,
  payload: rollback.prepare(action, alertWith(), context),
  result: null,
  hash: '',
  previousHash: '',
} satisfies Decision;

function toolsWith(over: Partial<ActionTools>): ActionTools {
  return {
    now: () => 0,
    secret: () => null,
    print: () => {},
    route: async (to) => ({ before: 'canary', after: to }),
    signal: new AbortController().signal,
    ...over,
  };
}

t.test('a rollback that reads back right is done and says from where to where', async (t) => {
  const asked: string[] = [];
  const route = async (to: string): Promise<{ before: string; after: string }> => {
    asked.push(to);
    return { before: 'canary', after: to };
  };
  t.same(await rollback.perform(action, decision, toolsWith({ route })), { kind: 'done', result: 'canary → stable' });
  t.same(asked, ['stable']);
});

t.test('a rollback repeated after a restart changes nothing and is done', async (t) => {
  const route = async (): Promise<{ before: string; after: string }> => ({ before: 'stable', after: 'stable' });
  t.same(await rollback.perform(action, decision, toolsWith({ route })), { kind: 'done', result: 'stable already' });
});

t.test('a route that reads back wrong, is unknown, or does not answer in time is a failure', async (t) => {
  const wrong = async (): Promise<{ before: string; after: string }> => ({ before: 'canary', after: 'canary' });
  t.match(await rollback.perform(action, decision, toolsWith({ route: wrong })), {
    kind: 'failed',
    reason: 'the route reads back canary, not stable',
  });
  const unknown = async (): Promise<never> => {
    throw new Error('no upstream named stable');
  };
  t.match(await rollback.perform(action, decision, toolsWith({ route: unknown })), { kind: 'failed', reason: 'no upstream named stable' });
  const silent = (): Promise<never> => new Promise(() => {});
  t.match(await rollback.perform(action, decision, toolsWith({ route: silent })), { kind: 'failed', reason: 'not verified within 50 ms' });
  t.match(await rollback.perform(action, decision, toolsWith({ route: silent, signal: AbortSignal.abort() })), {
    kind: 'failed',
    reason: /stopped/,
  });
});

t.test('the console prints the text that was settled when the decision was made', async (t) => {
  const terminal: Extract<ActionPolicy, { type: 'console' }> = { name: 'terminal', type: 'console', guard: guardWith() };
  const payload = consoleAction.prepare(terminal, alertWith(), context);
  const printed: string[] = [];
  const result = await consoleAction.perform(terminal, { ...decision, payload }, toolsWith({ print: (text) => printed.push(text) }));
  t.match(result, { kind: 'done' });
  t.same(printed, [payload]);
  t.match(printed[0], /^\[WARNING\] credit v7/);
});
