import t from 'tap';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { ActionPolicy, Guard, Route } from '../../contracts/policy.ts';
import { CHAIN_START, canonical, verifyChain } from '../../policies/chain.ts';
import { type Circumstances, decide, routed } from '../../policies/decide.ts';
import { decisionId } from '../../policies/identity.ts';
import { alertWith, findingWith, guardWith, policyWith, webhookWith } from '../support/alerting.ts';

const AT = 1_772_371_300_000;
const HOUR = 3_600_000;
const terminal: ActionPolicy = { name: 'terminal', type: 'console', guard: guardWith() };
const ticket = webhookWith({ name: 'ticket', purpose: 'alert' });
const back: ActionPolicy = { name: 'back', type: 'rollback', to: 'stable', verifyWithinMs: 1000, guard: guardWith() };
const schemaAlert = alertWith({ id: 'beef-1', fingerprint: 'beef', kind: 'schema', monitor: 'schema', signal: 'inputs.age' });

function route(actions: readonly string[], over: Partial<Route> = {}): Route {
  return { monitor: null, severity: null, kind: null, actions, ...over };
}

function retrainWith(guard: Partial<Guard> = {}): ActionPolicy {
  return webhookWith({ guard: guardWith(guard) });
}

function circumstances(actions: readonly ActionPolicy[], over: Partial<Circumstances> = {}): Circumstances {
  const alert = alertWith();
  return {
    policy: policyWith({ actions, alerts: { routes: [route(actions.map((action) => action.name))], maxActive: 20 } }),
    changes: [alert],
    retriggered: [],
    open: [alert],
    recent: [],
    retraining: () => ({ fromRow: 2000, toRow: 2999, fromAt: 1, toAt: 2, rows: 1000, labels: 640 }),
    previousHash: CHAIN_START,
    at: AT,
    ...over,
  };
}

function brief(decisions: readonly Decision[]): string[] {
  return decisions.map(({ action, state, reason }) => `${action} ${state}${reason === null ? '' : ` ${reason}`}`);
}

t.test('a firing alert queues its actions: acts first, then the notices that tell of them', (t) => {
  const decisions = decide(circumstances([terminal, retrainWith(), back]));
  t.same(brief(decisions), ['retrain queued', 'back queued', 'terminal queued']);
  t.match(String(decisions[2]!.payload), /What happened {2}retrain queued\n {15}back queued/);
  t.match(decisions[0], { decidedAt: AT, nextAttemptAt: AT, finishedAt: null, attempts: 0, result: null });
  t.end();
});

t.test('without routes every console action hears of every alert, and nothing else acts', (t) => {
  const policy = policyWith({ actions: [terminal, retrainWith()] });
  t.same(brief(decide(circumstances([], { policy }))), ['terminal queued']);
  t.end();
});

t.test('routes match by monitor, severity and kind; several that match add up, and an action acts once', (t) => {
  const routes = [
    route(['a'], { severity: 'critical' }),
    route(['b'], { monitor: 'input-drift' }),
    route(['b', 'c'], { kind: 'drift', severity: 'warning' }),
    route(['d'], { kind: 'schema' }),
  ];
  t.same([...routed(policyWith({ alerts: { routes, maxActive: 1 } }), alertWith())], ['b', 'c']);
  t.end();
});

t.test('states other than firing and resolved decide nothing', (t) => {
  for (const state of ['pending', 'insufficient', 'inhibited', 'inactive', 'silenced'] as const) {
    t.same(decide(circumstances([terminal, back], { changes: [alertWith({ state })] })), []);
  }
  t.end();
});

t.test('the end of an alert is told by notices only, and only when it had fired', (t) => {
  const ended = alertWith({ state: 'resolved', revision: 2, endsAt: AT });
  const actions = [terminal, ticket, retrainWith(), back];
  t.same(brief(decide(circumstances(actions, { changes: [ended], open: [] }))), ['terminal queued', 'ticket queued']);
  t.same(decide(circumstances(actions, { changes: [{ ...ended, fired: false }], open: [] })), []);
  t.end();
});

t.test('an alert that fires again moves acts, not notices', (t) => {
  const again = alertWith({ revision: 2 });
  t.same(brief(decide(circumstances([terminal, retrainWith()], { changes: [], retriggered: [again] }))), ['retrain queued']);
  t.end();
});

t.test('while a schema alert fires, retraining is withheld for it before any other reason', (t) => {
  const guarded = retrainWith({ notWhen: ['schema_violation'], maxPerDay: 0, cooldownMs: HOUR, dryRun: true });
  t.same(brief(decide(circumstances([guarded], { open: [alertWith(), schemaAlert] }))), ['retrain withheld schema_violation']);
  const pending = { ...schemaAlert, state: 'pending' } as const;
  t.same(brief(decide(circumstances([guarded], { open: [alertWith(), pending] }))), ['retrain withheld maxPerDay']);
  t.end();
});

t.test('notWhen takes the other kinds of alert by their own names', (t) => {
  const guarded = retrainWith({ notWhen: ['failure'] });
  t.same(brief(decide(circumstances([guarded], { open: [alertWith({ kind: 'failure' })] }))), ['retrain withheld failure']);
  t.end();
});

/** A retraining of another alert, some time ago. */
function earlier(agoMs: number, over: Partial<Decision> = {}): Decision {
  const [made] = decide(circumstances([retrainWith()], { at: AT - agoMs, changes: [alertWith({ id: 'cafe-1' })] }));
  return { ...made!, state: 'done', ...over };
}

t.test('maxPerDay counts what was begun in the last 24 hours, failed acts too, withheld ones not', (t) => {
  const guarded = retrainWith({ maxPerDay: 1 });
  const reasonAfter = (...recent: Decision[]): string[] => brief(decide(circumstances([guarded], { recent })));
  t.same(reasonAfter(earlier(HOUR)), ['retrain withheld maxPerDay']);
  t.same(reasonAfter(earlier(HOUR, { state: 'failed' })), ['retrain withheld maxPerDay']);
  t.same(reasonAfter(earlier(HOUR, { state: 'withheld' })), ['retrain queued']);
  t.same(reasonAfter(earlier(HOUR, { action: 'other' })), ['retrain queued']);
  t.same(reasonAfter(earlier(24 * HOUR)), ['retrain queued']);
  t.same(reasonAfter(earlier(24 * HOUR - 1)), ['retrain withheld maxPerDay']);
  t.end();
});

t.test('cooldown counts from the last act', (t) => {
  const guarded = retrainWith({ cooldownMs: 2 * HOUR });
  t.same(brief(decide(circumstances([guarded], { recent: [earlier(2 * HOUR - 1)] }))), ['retrain withheld cooldown']);
  t.same(brief(decide(circumstances([guarded], { recent: [earlier(2 * HOUR)] }))), ['retrain queued']);
  t.end();
});

t.test('two alerts of one moment share the quota', (t) => {
  const two = [alertWith(), alertWith({ id: 'cafe-1', fingerprint: 'cafe', signal: 'inputs.age' })];
  const decisions = decide(circumstances([retrainWith({ maxPerDay: 1 })], { changes: two, open: two }));
  t.same(brief(decisions), ['retrain queued', 'retrain withheld maxPerDay']);
  t.end();
});

t.test('a dry run is recorded with the body it would have sent', (t) => {
  const [decision] = decide(circumstances([retrainWith({ dryRun: true })]));
  t.match(decision, { state: 'withheld', reason: 'dryRun', nextAttemptAt: null, finishedAt: AT });
  t.match(JSON.parse(String(decision!.payload)), { type: 'io.driftline.retrain.requested' });
  t.end();
});

t.test('the same refusal is recorded once an episode, another reason or another episode again', (t) => {
  const open = [alertWith(), schemaAlert];
  const guarded = retrainWith({ notWhen: ['schema_violation'], dryRun: true });
  const again = (recent: readonly Decision[], over: Partial<Alert>, shown: readonly Alert[]): string[] =>
    brief(decide(circumstances([guarded], { changes: [], retriggered: [alertWith(over)], recent, open: shown })));
  const first = decide(circumstances([guarded], { open }));
  t.same(again(first, { revision: 2 }, open), []);
  t.same(again(first, { revision: 2 }, []), ['retrain withheld dryRun']);
  t.same(again(first, { id: 'a7f3a7f3a7f3a7f3-2' }, open), ['retrain withheld schema_violation']);
  t.end();
});

t.test('who was told of the begin hears of the end in spite of cooldown; who was not does not', (t) => {
  const guarded = { ...ticket, guard: guardWith({ cooldownMs: HOUR }) };
  const ended = alertWith({ state: 'resolved', revision: 2, endsAt: AT });
  const told = decide(circumstances([guarded]));
  t.same(brief(decide(circumstances([guarded], { changes: [ended], open: [], recent: told }))), ['ticket queued']);
  const untold = told.map((decision): Decision => ({ ...decision, state: 'withheld', reason: 'cooldown' }));
  t.same(decide(circumstances([guarded], { changes: [ended], open: [], recent: untold })), []);
  t.end();
});

t.test('ids are computed from alert, revision and action, and fit into a header', (t) => {
  t.equal(decide(circumstances([retrainWith()]))[0]!.id, 'a7f3a7f3a7f3a7f3-1-1-retrain');
  t.match(decisionId({ id: 'a', revision: 3 }, 'rückruf. jetzt'), /^a-3-[0-9a-f]{16}$/);
  t.end();
});

t.test('decisions are linked: any change, loss or exchange breaks the chain where it happened', (t) => {
  const actions = [terminal, retrainWith(), back, ticket];
  const chain = decide(circumstances(actions));
  t.equal(chain[0]!.previousHash, CHAIN_START);
  const more = decide(circumstances(actions, { previousHash: chain.at(-1)!.hash, changes: [schemaAlert] }));
  const all = [...chain, ...more];
  t.equal(verifyChain([]), null);
  t.equal(verifyChain(all), null);
  t.equal(verifyChain(all.slice(3)), null);
  t.equal(verifyChain(all.toSpliced(2, 1)), all[3]!.id);
  t.equal(verifyChain([all[0]!, all[2]!, all[1]!, ...all.slice(3)]), all[2]!.id);
  for (const forged of [
    { payload: 'x' },
    { decidedAt: 1 },
    { action: 'x' },
    { state: 'withheld', reason: 'dryRun' },
  ] as Partial<Decision>[]) {
    t.equal(verifyChain(all.with(1, { ...all[1]!, ...forged })), all[1]!.id);
  }
  t.end();
});

t.test('how a decision went does not break the chain, nor does a round trip that reorders keys', (t) => {
  const chain = decide(circumstances([back, retrainWith()]));
  const done = chain.map(
    (decision): Decision => ({ ...decision, state: 'done', attempts: 2, result: 'ok', finishedAt: 5, nextAttemptAt: null }),
  );
  t.equal(verifyChain(done), null);
  t.equal(canonical({ b: [{ z: 1, y: 2 }], a: null }), '{"a":null,"b":[{"y":2,"z":1}]}');
  t.end();
});

t.test('the retraining body names change point, window, columns at fault, counts, loss and where the rows are', (t) => {
  const estimate = { metric: 'accuracy', method: 'measured', reference: 0.77, value: 0.64, low: 0.6, high: 0.68 } as const;
  const alert = alertWith({
    signal: 'feedback.error',
    latest: findingWith({ signal: 'feedback.error', window: null, changeRow: 1990, changeAt: 77, estimate }),
  });
  const open = [alert, schemaAlert, alertWith({ state: 'inhibited' }), alertWith({ signal: 'inputs.zip', state: 'pending' })];
  const body = JSON.parse(String(decide(circumstances([retrainWith()], { changes: [alert], open }))[0]!.payload));
  t.match(body, {
    specversion: '1.0',
    id: 'a7f3a7f3a7f3a7f3-1-1-retrain',
    source: '/driftline/policies/credit-risk',
    type: 'io.driftline.retrain.requested',
    subject: 'feedback.error',
    datacontenttype: 'application/json',
  });
  t.same(body.data, {
    model: { name: 'credit', version: '7' },
    alert: { id: alert.id, signal: 'feedback.error', slice: null, kind: 'drift', severity: 'warning', startsAt: alert.startsAt },
    changePoint: { row: 1990, at: 77 },
    window: { fromRow: 2000, toRow: 2999, fromAt: 1, toAt: 2, rows: 1000, labels: 640 },
    features: ['feedback.error', 'inputs.age', 'inputs.income'],
    rows: 1000,
    labels: 640,
    loss: estimate,
    policy: { name: 'credit-risk', hash: '9c1e0d2fffff' },
    export: '/v1/records?fromRow=2000',
  });
  t.end();
});

t.test('the notice as a CloudEvent says firing or resolved and carries the text', (t) => {
  const send = (alert: Alert): { type: string; data: { text: string; alert: object } } =>
    JSON.parse(String(decide(circumstances([ticket], { changes: [alert] }))[0]!.payload));
  const firing = send(alertWith());
  t.equal(firing.type, 'io.driftline.alert.firing');
  t.match(firing.data.text, /^\[WARNING\] credit v7: drift of inputs\.income/);
  t.equal(send(alertWith({ state: 'resolved', endsAt: AT })).type, 'io.driftline.alert.resolved');
  t.end();
});

t.test('the Alertmanager body has exactly the keys that Alertmanager sends', (t) => {
  const action = webhookWith({ name: 'ticket', purpose: 'alert', format: 'alertmanager-v4' });
  const send = (alert: Alert): { [key: string]: unknown; alerts: { [key: string]: unknown }[] } =>
    JSON.parse(String(decide(circumstances([action], { changes: [alert] }))[0]!.payload));
  const body = send(alertWith());
  t.same(Object.keys(body).sort(), [
    'alerts',
    'commonAnnotations',
    'commonLabels',
    'externalURL',
    'groupKey',
    'groupLabels',
    'receiver',
    'status',
    'truncatedAlerts',
    'version',
  ]);
  t.same(Object.keys(body.alerts[0]!).sort(), ['annotations', 'endsAt', 'fingerprint', 'generatorURL', 'labels', 'startsAt', 'status']);
  t.match(body, { version: '4', status: 'firing', receiver: 'ticket' });
  t.match(body.alerts[0], {
    endsAt: '0001-01-01T00:00:00Z',
    labels: { alertname: 'input-drift', feature: 'inputs.income', model_version: '7' },
  });
  t.match(send(alertWith({ state: 'resolved', endsAt: AT })).alerts[0], { status: 'resolved', endsAt: new Date(AT).toISOString() });
  t.end();
});

t.test('the policy’s labels go along with Alertmanager’s, and take no name of ours', (t) => {
  const action = webhookWith({ name: 'ticket', purpose: 'alert', format: 'alertmanager-v4' });
  const given = circumstances([action], { changes: [alertWith()] });
  const policy = { ...given.policy, labels: { team: 'credit-ml', alertname: 'not this' } };
  const { commonLabels } = JSON.parse(String(decide({ ...given, policy })[0]!.payload)) as { commonLabels: object };
  t.match(commonLabels, { team: 'credit-ml', alertname: 'input-drift' });
  t.end();
});
