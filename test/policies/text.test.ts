import fc from 'fast-check';
import t from 'tap';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { alertText } from '../../policies/text.ts';
import { alertWith, findingWith, policyWith } from '../support/alerting.ts';

const policy = policyWith({
  annotations: { runbook_url: 'https://runbooks.example/credit', note: 'not a link' },
  owner: { team: 'credit-ml', contact: '#credit-ml-oncall' },
});
const schemaFinding = findingWith({
  kind: 'schema',
  detector: 'schema',
  signal: 'inputs.age',
  statistic: 0.998,
  threshold: 0.005,
  pValue: null,
  adjustedP: null,
  note: 'expected 0 to 1, got 54.2',
  n: 200,
  referenceN: null,
});
const schemaAlert = alertWith({ id: 'beef-1', fingerprint: 'beef', severity: 'critical', signal: 'inputs.age', latest: schemaFinding });
const loss = { metric: 'accuracy', method: 'estimated', reference: 0.77, value: 0.641, low: 0.6, high: 0.68 } as const;

function decision(over: Partial<Decision>): Decision {
  return {
    id: 'a7f3a7f3a7f3a7f3-1-1-retrain',
    alertId: 'a7f3a7f3a7f3a7f3-1',
    alertState: 'firing',
    signal: 'inputs.income',
    action: 'retrain',
    type: 'webhook',
    state: 'queued',
    reason: null,
    decidedAt: 1,
    finishedAt: null,
    attempts: 0,
    nextAttemptAt: 1,
    payload: null,
    result: null,
    hash: '',
    previousHash: '',
    ...over,
  };
}

t.test('drift while the schema of another column is broken', (t) => {
  const withheld = decision({ state: 'withheld', reason: 'schema_violation' });
  t.equal(
    alertText(alertWith(), { policy, open: [alertWith(), schemaAlert], decisions: [withheld] }),
    `[WARNING] credit v7: drift of inputs.income, KS D 0.21 (alert at 0.1), since about 2026-03-01 13:18:25 UTC

What changed   inputs.income: shifted up: median 52,100 (reference 41,000); KS D 0.21 (alert at 0.1); n = 1,000 against 5,000 of reference
               also firing: inputs.age
Since          about 2026-03-01 13:18:25 UTC; row 2,000; detected 2026-03-01 13:20:05 UTC at row 3,000
How sure       q < 0.001 after correction for 14 tests; n = 1,000 against 5,000 of reference
Impact         not estimated
What happened  retrain NOT started: schema_violation, a schema alert is firing, and new data would teach the fault
Do next        1. look at inputs.income on the page: a change of the feed, or of the world?
               2. if the change is real and harmless, renew the reference or raise the effect floor, then driftline check policy.yaml
Links          runbook https://runbooks.example/credit  policy credit-risk@9c1e0d2f  alert a7f3a7f3a7f3a7f3-1
Owner          credit-ml (#credit-ml-oncall)`,
  );
  t.end();
});

t.test('a schema breach', (t) => {
  t.equal(
    alertText(schemaAlert, { policy: policyWith(), open: [schemaAlert], decisions: [] }),
    `[CRITICAL] credit v7: schema breach of inputs.age, 99.8 % of rows (alert at 0.5 %), since about 2026-03-01 13:18:25 UTC

What changed   inputs.age: expected 0 to 1, got 54.2; 99.8 % of rows (alert at 0.5 %); n = 200
Since          about 2026-03-01 13:18:25 UTC; row 2,000; detected 2026-03-01 13:20:05 UTC at row 3,000
How sure       counted, not tested: n = 200 rows of the block
Impact         not estimated
What happened  no action was started
Do next        1. ask whoever feeds inputs.age what changed, and mend the feed; retrain on nothing until it is mended
               2. if the new values are right, correct the schema, then driftline check policy.yaml
Links          policy credit-risk@9c1e0d2f  alert beef-1`,
  );
  t.end();
});

t.test('the headline tells an estimated loss from a measured one', (t) => {
  const latest = findingWith({ kind: 'performance', detector: 'performance', signal: 'outputs', estimate: loss });
  const headline = (finding: Finding): string =>
    alertText(alertWith({ latest: finding }), { policy, open: [], decisions: [] }).split('\n')[0]!;
  t.match(headline(latest), 'accuracy of the model probably down 12.9 points (estimated), since');
  t.match(headline({ ...latest, estimate: { ...loss, method: 'measured' } }), 'accuracy of the model down 12.9 points (measured), since');
  t.match(headline({ ...latest, estimate: { ...loss, value: 0.8 } }), 'probably up 3 points');
  t.end();
});

t.test('a drift alert shows the loss that another open alert knows, a measured one before an estimated', (t) => {
  const knows = (method: 'measured' | 'estimated'): Alert =>
    alertWith({ fingerprint: method, latest: findingWith({ estimate: { ...loss, method } }) });
  const impact = (open: Alert[]): string => /^Impact +(.*)$/m.exec(alertText(alertWith(), { policy, open, decisions: [] }))![1]!;
  t.equal(impact([knows('estimated')]), 'estimated accuracy 0.77 -> 0.641 (bounds 0.6 to 0.68)');
  t.match(impact([knows('estimated'), knows('measured')]), /^measured accuracy/);
  t.equal(impact([{ ...knows('estimated'), modelVersion: '6' }]), 'not estimated');
  t.end();
});

t.test('an alert that is over says how long it lasted, how many predictions that were, and what stands now', (t) => {
  const opening = findingWith();
  const latest = findingWith({ level: 'stable', effect: 0.02, observedRows: 9000 });
  const text = alertText(alertWith({ state: 'resolved', opening, latest, openedAtRow: 3000, endsAt: opening.at + 3_725_000 }), {
    policy,
    open: [],
    decisions: [],
  });
  t.match(text, /^\[RESOLVED\] credit v7: drift of inputs\.income is over after 1 h 2 min\n/);
  t.match(text, 'KS D 0.21 (alert at 0.1); n = 1,000 against 5,000 of reference; now KS D 0.02');
  t.match(text, 'over since 2026-03-01 14:22:10 UTC, lasted 1 h 2 min, about 6,000 predictions meanwhile');
  t.notMatch(text, 'Do next');
  t.end();
});

t.test('an alert whose finding had to last first says at which row it fired, beside where it was first seen', (t) => {
  const since = (openedAtRow: number): string =>
    /^Since +(.*)$/m.exec(alertText(alertWith({ openedAtRow }), { policy, open: [], decisions: [] }))![1]!;
  t.match(since(4000), /; detected 2026-03-01 13:20:05 UTC at row 3,000; firing from row 4,000 on$/);
  t.match(since(3000), /at row 3,000$/);
  t.end();
});

t.test('an inhibited alert says why nothing is done', (t) => {
  const text = alertText(alertWith({ state: 'inhibited', because: 'inputs.income breaches its schema (alert beef-1)' }), {
    policy,
    open: [],
    decisions: [],
  });
  t.match(text, 'What happened  inhibited: inputs.income breaches its schema (alert beef-1); nothing is done about it');
  t.end();
});

t.test('what was done is told with its outcome', (t) => {
  const decisions = [
    decision({ state: 'done', result: 'HTTP 202: run 17' }),
    decision({ action: 'back', type: 'rollback', state: 'failed', reason: 'the route reads back canary, not stable' }),
    decision({ action: 'ticket', reason: 'HTTP 503', attempts: 2 }),
    decision({ action: 'terminal', type: 'console' }),
  ];
  t.match(
    alertText(alertWith(), { policy, open: [], decisions }),
    `What happened  retrain done: HTTP 202: run 17
               back FAILED: the route reads back canary, not stable
               ticket queued again after 2 attempts: HTTP 503
Do next`,
  );
  t.end();
});

t.test('values from traffic cannot steer the terminal or add lines', (t) => {
  const text = alertText(alertWith({ latest: findingWith({ note: 'unseen: \u001b[2J\r\nOwner  evil\u202e' }) }), {
    policy,
    open: [],
    decisions: [],
  });
  t.match(text, 'unseen: ?[2J?Owner  evil?;');
  t.end();
});

t.test('no gap in what is known is ever printed', (t) => {
  const number = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: null });
  const finding = fc.record({
    level: fc.constantFrom('drift', 'stable', 'insufficient', 'warning', 'warming-up'),
    kind: fc.constantFrom('drift', 'schema', 'performance', 'failure'),
    detector: fc.constantFrom('ks', 'ddm', 'schema', 'summary', 'made-up'),
    signal: fc.constantFrom('inputs.a', '*', 'feedback.error', 'outputs'),
    statistic: number,
    threshold: number,
    pValue: number,
    adjustedP: number,
    tests: fc.option(fc.nat(), { nil: null }),
    effect: number,
    effectAtLeast: number,
    referenceN: fc.option(fc.nat(), { nil: null }),
    changeRow: fc.option(fc.nat(), { nil: null }),
    changeAt: fc.option(fc.nat(), { nil: null }),
    note: fc.option(fc.constant('a note'), { nil: null }),
    estimate: fc.option(fc.constant(loss), { nil: null }),
  });
  const state = fc.constantFrom('inactive', 'pending', 'firing', 'resolved', 'insufficient', 'silenced', 'inhibited');
  const alert = fc.record({
    latest: finding.map((over) => findingWith(over as Partial<Finding>)),
    state,
    modelVersion: fc.option(fc.constant('v8'), { nil: null }),
    endsAt: fc.option(fc.nat(), { nil: null }),
    openedAtRow: fc.option(fc.nat(), { nil: null }),
    because: fc.option(fc.constant('a reason'), { nil: null }),
  });
  const done = fc.record({
    state: fc.constantFrom('queued', 'done', 'failed', 'withheld'),
    reason: fc.constantFrom(null, 'cooldown', 'HTTP 500'),
    result: fc.constantFrom(null, 'HTTP 200'),
  });
  fc.assert(
    fc.property(
      alert,
      fc.array(alert, { maxLength: 4 }),
      fc.array(done, { maxLength: 3 }),
      fc.boolean(),
      (over, open, decisions, filed) => {
        const text = alertText(alertWith(over as Partial<Alert>), {
          policy: policyWith({ file: filed ? 'policy.yaml' : null, owner: { team: null, contact: filed ? 'x' : null } }),
          open: open.map((other, index) => alertWith({ ...(other as Partial<Alert>), fingerprint: String(index) })),
          decisions: decisions.map((made) => decision(made as Partial<Decision>)),
        });
        return !/undefined|null|NaN|Infinity|\[object|: ;|; ;|, ,|\(\)| $/m.test(text);
      },
    ),
    { seed: 7, numRuns: 500 },
  );
  t.end();
});

t.test('an alert about a slice names it in its first line, and one about data quality its shares', (t) => {
  const latest = findingWith({
    kind: 'quality',
    signal: 'inputs.income.missing',
    slice: 'region=west',
    detector: 'data-quality',
    statistic: 0.18,
    effect: 0.177,
    effectAtLeast: 0.01,
    note: 'in 18.4 % of rows (reference 0.3 %)',
  });
  const text = alertText(alertWith({ kind: 'quality', latest, opening: latest }), { policy: policyWith(), open: [], decisions: [] });
  t.match(
    text,
    /^\[WARNING\] credit v7: data quality of inputs\.income\.missing in region=west, 17\.7 % more of the rows \(alert at 1 %\)/,
  );
  t.match(text, /What changed +inputs\.income\.missing in region=west: in 18\.4 % of rows \(reference 0\.3 %\)/);
  t.match(text, /Do next +1\. ask whoever feeds inputs\.income\.missing in region=west/);
  t.end();
});
