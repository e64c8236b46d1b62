import t from 'tap';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Policy, Span } from '../../contracts/policy.ts';
import { type AlertsState, noAlerts, openAlerts, readAlertsState, withClockSet } from '../../policies/alerts-state.ts';
import { evaluate, type Moment } from '../../policies/evaluate.ts';
import { findingWith, monitorWith, policyWith } from '../support/alerting.ts';

const MINUTE = 60_000;
const WINDOW_ROWS = 1000;

/** Moment `k`: k minutes, windows and thousand rows after the begin. */
function moment(k: number, findings: readonly Finding[] = [], over: Partial<Moment> = {}): Moment {
  return { at: k * MINUTE, observedRows: k * WINDOW_ROWS, windows: k, modelVersion: '7', findings, ...over };
}

function windowed(k: number, level: Finding['level'], over: Partial<Finding> = {}): Finding {
  const window = { fromRow: (k - 1) * WINDOW_ROWS, toRow: k * WINDOW_ROWS - 1, fromAt: (k - 1) * MINUTE, toAt: k * MINUTE };
  return findingWith({ level, window, at: k * MINUTE, observedRows: k * WINDOW_ROWS, effect: level === 'drift' ? 0.2 : 0.01, ...over });
}

function streaming(k: number, level: Finding['level'], over: Partial<Finding> = {}): Finding {
  return findingWith({ level, window: null, detector: 'adwin', at: k * MINUTE, observedRows: k * WINDOW_ROWS, effect: null, ...over });
}

function breach(k: number, level: Finding['level'], over: Partial<Finding> = {}): Finding {
  return windowed(k, level, { monitor: 'schema', kind: 'schema', detector: 'schema', n: WINDOW_ROWS, ...over });
}

/** Plays moments; each change reads `state` or, of other alerts than drift, `kind state`, with the moment's place before it. */
function play(policy: Policy, moments: readonly Moment[]): { trace: string[]; changes: Alert[]; retriggered: Alert[]; state: AlertsState } {
  let state = noAlerts;
  const trace: string[] = [];
  const changes: Alert[] = [];
  const retriggered: Alert[] = [];
  for (const each of moments) {
    const result = evaluate(policy, state, each);
    state = result.state;
    changes.push(...result.changes);
    retriggered.push(...result.retriggered);
    for (const alert of result.changes) trace.push(`${each.at / MINUTE} ${alert.kind === 'drift' ? '' : `${alert.kind} `}${alert.state}`);
    for (const alert of result.retriggered) trace.push(`${each.at / MINUTE} again ${alert.state}`);
  }
  return { trace, changes, retriggered, state };
}

/**
 * Letters, one a moment: d drift, s stable, w warning, m stable with an effect between clear and floor, i insufficient, `.` no finding.
 */
function letters(text: string, make: (k: number, level: Finding['level'], over?: Partial<Finding>) => Finding): Moment[] {
  const levels: { readonly [letter: string]: Finding['level'] } = { d: 'drift', s: 'stable', w: 'warning', m: 'stable', i: 'insufficient' };
  return [...text].map((letter, index) => {
    const level = levels[letter];
    if (level === undefined) return moment(index + 1);
    return moment(index + 1, [make(index + 1, level, letter === 'm' ? { effect: 0.08 } : {})]);
  });
}

const windows = (count: number): Span => ({ unit: 'windows', count });
const minutes = (count: number): Span => ({ unit: 'ms', count: count * MINUTE });

function policyFor(held: Span, clear: Span, effectBelow: number | null = null): Policy {
  return policyWith({ monitors: [monitorWith({ for: held, clear: { effectBelow, for: clear } })] });
}

const WINDOWED: readonly [name: string, held: Span, clear: Span, effectBelow: number | null, text: string, trace: readonly string[]][] = [
  ['stable windows open nothing', windows(1), windows(3), null, 'sswi.', []],
  ['for: 1 window fires at once', windows(1), windows(3), null, 'sd', ['2 firing']],
  ['for: 2 windows waits for the second in a row', windows(2), windows(3), null, 'dd', ['1 pending', '2 firing']],
  ['a stable window takes a pending alert back', windows(2), windows(3), null, 'dsd', ['1 pending', '2 inactive', '3 pending']],
  ['windows in a row are not counted across a gap', windows(3), windows(3), null, 'ddsdd', ['1 pending', '3 inactive', '4 pending']],
  ['thin data makes a pending alert insufficient', windows(2), windows(3), null, 'di', ['1 pending', '2 insufficient']],
  ['thin windows neither count for nor against', windows(2), windows(3), null, 'did', ['1 pending', '2 insufficient', '3 firing']],
  ['thin data alone opens nothing', windows(1), windows(3), null, 'iii', []],
  ['thin data never clears', windows(1), windows(2), null, 'diiiii', ['1 firing']],
  ['a thin window between quiet ones does not reset them', windows(1), windows(2), null, 'dsis', ['1 firing', '4 resolved']],
  ['clear: 3 windows resolves at the third', windows(1), windows(3), null, 'dsss', ['1 firing', '4 resolved']],
  ['drift begins the count of quiet windows anew', windows(1), windows(3), null, 'dssdsss', ['1 firing', '7 resolved']],
  ['a warning is not drift', windows(1), windows(2), null, 'dww', ['1 firing', '3 resolved']],
  ['an effect between floor and effectBelow keeps it firing', windows(1), windows(2), 0.07, 'dmmmms', ['1 firing']],
  ['hysteresis: only windows below effectBelow clear', windows(1), windows(2), 0.07, 'dsmss', ['1 firing', '5 resolved']],
  ['the next episode opens after the first resolved', windows(1), windows(1), null, 'dsd', ['1 firing', '2 resolved', '3 firing']],
  ['for: 3 minutes fires on a tick', minutes(3), windows(3), null, 'd...', ['1 pending', '4 firing']],
  ['for: 3 minutes is called off by a stable window', minutes(3), windows(3), null, 'd.s.', ['1 pending', '3 inactive']],
  ['clear: 2 minutes resolves on a tick', windows(1), minutes(2), null, 'ds..', ['1 firing', '4 resolved']],
  ['clear by time needs a quiet finding, not silence', windows(1), minutes(2), null, 'd.....', ['1 firing']],
];

for (const [name, held, clear, effectBelow, text, expected] of WINDOWED) {
  t.test(`windowed: ${name}`, (t) => {
    t.same(play(policyFor(held, clear, effectBelow), letters(text, windowed)).trace, expected);
    t.end();
  });
}

const STREAMING: readonly [name: string, held: Span, clear: Span, text: string, trace: readonly string[]][] = [
  ['drift fires, and stable right after it does not clear', windows(1), windows(3), 'ds', ['1 firing']],
  ['it resolves after three windows without drift', windows(1), windows(3), 'ds...', ['1 firing', '4 resolved']],
  ['drift while firing extends the episode', windows(1), windows(3), 'd.d...', ['1 firing', '3 again firing', '6 resolved']],
  ['a warning opens nothing', windows(1), windows(3), 'www', []],
  ['for: 2 windows holds the alarm for one window more', windows(2), windows(3), 'd..', ['1 pending', '2 firing']],
  ['for longer than clear needs a second alarm', windows(4), windows(3), 'd....', ['1 pending', '4 inactive']],
  ['for longer than clear fires with a second alarm', windows(4), windows(3), 'd.d.', ['1 pending', '4 firing']],
  ['clear by time', windows(1), minutes(2), 'd..', ['1 firing', '3 resolved']],
  ['a stable level does not take a pending alarm back', windows(3), windows(4), 'ds.', ['1 pending', '3 firing']],
];

for (const [name, held, clear, text, expected] of STREAMING) {
  t.test(`streaming: ${name}`, (t) => {
    t.same(play(policyFor(held, clear), letters(text, streaming)).trace, expected);
    t.end();
  });
}

t.test('an episode that is extended keeps its id, takes the newest finding and counts a revision', (t) => {
  const { changes, retriggered } = play(policyFor(windows(1), windows(3)), letters('d.d', streaming));
  t.equal(retriggered.length, 1);
  t.equal(retriggered[0]!.id, changes[0]!.id);
  t.equal(retriggered[0]!.revision, 2);
  t.equal(retriggered[0]!.latest.at, 3 * MINUTE);
  t.equal(retriggered[0]!.opening.at, MINUTE);
  t.end();
});

t.test('an alert carries when and at which row it opened and ended', (t) => {
  const { changes } = play(policyFor(windows(2), windows(1)), letters('dds', windowed));
  t.match(changes, [
    { state: 'pending', revision: 1, startsAt: MINUTE, openedAtRow: null, endsAt: null, fired: false },
    { state: 'firing', revision: 2, startsAt: 2 * MINUTE, openedAtRow: 2000, endsAt: null, fired: true },
    { state: 'resolved', revision: 3, startsAt: 2 * MINUTE, openedAtRow: 2000, endsAt: 3 * MINUTE, fired: true },
  ]);
  t.end();
});

t.test('episodes of one alert share its fingerprint and count up; another version of the model is another alert', (t) => {
  const policy = policyFor(windows(1), windows(1));
  const { changes } = play(policy, letters('dsd', windowed));
  t.equal(changes[0]!.fingerprint, changes[2]!.fingerprint);
  t.same([changes[0]!.id, changes[2]!.id], [`${changes[0]!.fingerprint}-1`, `${changes[0]!.fingerprint}-2`]);
  const other = evaluate(policy, noAlerts, moment(1, [windowed(1, 'drift')], { modelVersion: '8' })).changes[0]!;
  t.not(other.fingerprint, changes[0]!.fingerprint);
  t.end();
});

t.test('an alert of a version that no longer answers resolves, and says so', (t) => {
  const newer = [3, 4].map((k) => moment(k, [windowed(k, 'stable')], { modelVersion: '8' }));
  const { trace, changes } = play(policyFor(windows(1), windows(3)), [moment(1, [windowed(1, 'drift')]), ...newer]);
  t.same(trace, ['1 firing', '3 resolved']);
  t.match(changes.at(-1), { because: 'model version 7 no longer answers', endsAt: moment(3).at });
  t.end();
});

t.test('of two versions that answer side by side each keeps its alerts', (t) => {
  const beside = (k: number, modelVersion: string) => moment(k, [windowed(k, 'drift')], { modelVersion, live: ['7', '8'] });
  const { trace, changes } = play(policyFor(windows(1), windows(3)), [beside(1, '7'), beside(2, '8'), beside(3, '7'), beside(4, '8')]);
  t.same(trace, ['1 firing', '2 firing']);
  t.same(
    changes.map(({ modelVersion }) => modelVersion),
    ['7', '8'],
  );
  t.end();
});

t.test('when the clock is set, an alert has lasted no longer and no shorter', (t) => {
  const policy = policyFor(minutes(10), minutes(10));
  for (const step of [-86_400_000, -3_600_000, 3_600_000, 86_400_000]) {
    const at = (k: number) => ({ at: moment(k).at + (k > 5 ? step : 0) });
    let { state } = evaluate(policy, noAlerts, moment(1, [windowed(1, 'drift')]));
    const seen: string[] = [];
    for (let k = 2; k <= 14; k++) {
      if (k === 6) state = withClockSet(state, step);
      const result = evaluate(policy, state, moment(k, [], at(k)));
      state = result.state;
      seen.push(...result.changes.map((alert) => `${k} ${alert.state}`));
    }
    t.same(seen, ['11 firing'], `set by ${step} ms`);
  }
  t.end();
});

t.test('a pending alert of a version that no longer answers does not fire any more', (t) => {
  const newer = [2, 3, 4].map((k) => moment(k, [], { modelVersion: '8' }));
  t.same(play(policyFor(minutes(1), windows(3)), [moment(1, [windowed(1, 'drift')]), ...newer]).trace, ['1 pending', '2 inactive']);
  t.end();
});

t.test('an alert whose monitor left the policy resolves', (t) => {
  const fired = evaluate(policyWith(), noAlerts, moment(1, [windowed(1, 'drift')]));
  const gone = evaluate(policyWith({ monitors: [] }), fired.state, moment(2));
  t.match(gone.changes, [{ state: 'resolved' }]);
  t.same(openAlerts(gone.state), []);
  t.same(evaluate(policyWith({ monitors: [] }), gone.state, moment(3, [windowed(3, 'drift')])).changes, []);
  t.end();
});

// ---- schema and inhibition

t.test('a schema breach takes severity from the policy and resolves after three quiet blocks', (t) => {
  const { trace, changes } = play(policyWith(), letters('dsss', breach));
  t.same(trace, ['1 schema firing', '4 schema resolved']);
  t.match(changes[0], { monitor: 'schema', severity: 'critical', signal: 'inputs.income' });
  t.end();
});

t.test('a schema breach resolves though its column, well again, sends one quiet block only', (t) => {
  t.same(play(policyWith(), letters('ds...', breach)).trace, ['1 schema firing', '4 schema resolved']);
  t.end();
});

t.test('a schema breach held by time clears by the same time', (t) => {
  const policy = policyWith({ schema: { inputs: [], outputs: [], onViolation: { severity: 'warning', minFraction: 0, for: minutes(2) } } });
  t.same(play(policy, letters('ddds..', breach)).trace, ['1 schema pending', '3 schema firing', '6 schema resolved']);
  t.end();
});

t.test('a firing schema alert inhibits firing and pending drift of its signal and says why', (t) => {
  const policy = policyFor(windows(2), windows(3));
  const firing = play(policy, [...letters('dd', windowed), moment(3, [breach(3, 'drift')])]);
  t.same(firing.trace, ['1 pending', '2 firing', '3 schema firing', '3 inhibited']);
  t.match(firing.changes.at(-1)!.because, /^inputs\.income breaches its schema/);
  const pending = play(policy, [...letters('d', windowed), moment(2, [breach(2, 'drift')])]);
  t.same(pending.trace, ['1 pending', '2 schema firing', '2 inhibited']);
  t.end();
});

t.test('drift that comes while the schema is broken opens inhibited, even in the same moment', (t) => {
  const { trace, changes } = play(policyFor(windows(2), windows(3)), [moment(1, [windowed(1, 'drift'), breach(1, 'drift')])]);
  t.same(trace, ['1 schema firing', '1 inhibited']);
  t.match(changes[1], { fired: false, openedAtRow: 1000 });
  t.end();
});

t.test('drift of another signal and quality alerts of the same one are not inhibited', (t) => {
  const policy = policyWith();
  const findings = [breach(1, 'drift'), windowed(1, 'drift', { signal: 'inputs.age' }), windowed(1, 'drift', { kind: 'performance' })];
  t.same(play(policy, [moment(1, findings)]).trace, ['1 schema firing', '1 firing', '1 performance firing']);
  t.end();
});

t.test('a breach of the structure of all inputs inhibits every column, but not a signal whose name only begins alike', (t) => {
  const findings = [breach(1, 'drift', { signal: 'inputs' }), windowed(1, 'drift'), windowed(1, 'drift', { signal: 'inputs2.age' })];
  t.same(play(policyWith(), [moment(1, findings)]).trace, ['1 schema firing', '1 inhibited', '1 firing']);
  t.end();
});

t.test('when the schema alert resolves, drift that clean windows still show fires', (t) => {
  const moments = [
    moment(1, [windowed(1, 'drift'), breach(1, 'drift')]),
    ...[2, 3, 4].map((k) => moment(k, [windowed(k, 'drift'), breach(k, 'stable')])),
  ];
  t.same(play(policyWith(), moments).trace, ['1 schema firing', '1 inhibited', '4 schema resolved', '4 firing']);
  t.end();
});

t.test('when the schema alert resolves, drift that is over resolves', (t) => {
  const moments = [
    moment(1, [windowed(1, 'drift'), breach(1, 'drift')]),
    ...[2, 3].map((k) => moment(k, [breach(k, 'stable')])),
    moment(4, [windowed(4, 'stable'), breach(4, 'stable')]),
  ];
  t.same(play(policyWith(), moments).trace, ['1 schema firing', '1 inhibited', '4 schema resolved', '4 resolved']);
  t.end();
});

t.test('a window that reaches back into the breach cannot fire after it', (t) => {
  const long = (k: number, fromRow: number): Finding =>
    windowed(k, 'drift', { window: { fromRow, toRow: k * WINDOW_ROWS - 1, fromAt: 0, toAt: k * MINUTE } });
  const moments = [
    moment(1, [breach(1, 'drift')]),
    ...[2, 3, 4].map((k) => moment(k, [breach(k, 'stable')])),
    moment(5, [long(5, 500)]),
    moment(6, [long(6, 1000)]),
  ];
  t.same(play(policyWith(), moments).trace, ['1 schema firing', '4 schema resolved', '6 firing']);
  t.end();
});

t.test('windows that show the breach do not count toward the drift that may follow it', (t) => {
  const long = (k: number): Finding =>
    windowed(k, 'drift', { window: { fromRow: 0, toRow: k * WINDOW_ROWS - 1, fromAt: 0, toAt: k * MINUTE } });
  const moments = [
    moment(1, [windowed(1, 'drift'), breach(1, 'drift')]),
    moment(2, [long(2), breach(2, 'stable')]),
    moment(3, [long(3), breach(3, 'stable')]),
    moment(4, [windowed(4, 'drift'), breach(4, 'stable')]),
    moment(5, [windowed(5, 'drift')]),
  ];
  const trace = ['1 schema firing', '1 inhibited', '4 schema resolved', '4 pending', '5 firing'];
  t.same(play(policyFor(windows(2), windows(3)), moments).trace, trace);
  t.end();
});

t.test('a streaming alarm raised during a breach does not fire when the breach ends; a later one does', (t) => {
  const moments = [
    moment(1, [streaming(1, 'drift'), breach(1, 'drift')]),
    moment(2, [breach(2, 'stable')]),
    moment(3, [streaming(3, 'drift'), breach(3, 'stable')]),
    moment(4, [breach(4, 'stable')]),
    moment(5, [streaming(5, 'drift')]),
  ];
  t.same(play(policyWith(), moments).trace, ['1 schema firing', '1 inhibited', '4 schema resolved', '5 firing']);
  t.end();
});

// ---- floods

t.test('beyond maxActive new alerts fold into one summary, which resolves with the last of them', (t) => {
  const policy = policyWith({
    alerts: { routes: [], maxActive: 2 },
    monitors: [monitorWith({ clear: { effectBelow: null, for: windows(1) } })],
  });
  const all = (k: number, level: Finding['level'], names: string): Finding[] =>
    [...names].map((name) => windowed(k, level, { signal: `inputs.${name}` }));
  const { changes, state } = play(policy, [
    moment(1, all(1, 'drift', 'abcde')),
    moment(2, all(2, 'drift', 'f')),
    moment(3, all(3, 'stable', 'cde')),
  ]);
  t.match(
    changes.map((alert) => [alert.signal, alert.state, alert.latest.note]),
    [
      ['inputs.a', 'firing', String],
      ['inputs.b', 'firing', String],
      ['*', 'firing', '3 further alerts: inputs.c, inputs.d, inputs.e'],
    ],
  );
  t.same(
    openAlerts(state).map((alert) => alert.signal),
    ['inputs.a', 'inputs.b', '*'],
  );
  t.equal(openAlerts(state).at(-1)!.latest.note, '1 further alert: inputs.f');
  t.same(
    evaluate(policy, state, moment(4, all(4, 'stable', 'f'))).changes.map((alert) => `${alert.signal} ${alert.state}`),
    ['* resolved'],
  );
  t.end();
});

t.test('a pending alert that was shown does not vanish when it is folded', (t) => {
  const policy = policyWith({ alerts: { routes: [], maxActive: 1 }, monitors: [monitorWith({ for: windows(2) })] });
  const two = (k: number): Finding[] => ['a', 'b'].map((name) => windowed(k, 'drift', { signal: `inputs.${name}` }));
  const { trace, changes } = play(policy, [moment(1, two(1)), moment(2, two(2))]);
  t.same(trace, ['1 pending', '1 pending', '2 firing', '2 inhibited', '2 firing']);
  t.match(changes[3], { signal: 'inputs.b', because: /summary/, fired: false });
  t.end();
});

// ---- determinism and state

/** A long mixed stream: every way in and out of each state, from a fixed linear congruential generator. */
function mixed(): Moment[] {
  let seed = 12_345;
  const pick = (n: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * n);
  };
  const levels = ['drift', 'stable', 'insufficient', 'warning', 'drift'] as const;
  return Array.from({ length: 150 }, (_, index) => {
    const k = index + 1;
    const findings: Finding[] = [];
    for (const signal of ['inputs.a', 'inputs.b', 'inputs.c']) {
      if (pick(4) > 0) findings.push(windowed(k, levels[pick(5)]!, { signal }));
      if (pick(5) === 0) findings.push(streaming(k, levels[pick(5)]!, { signal, monitor: 'stream' }));
      if (pick(3) === 0) findings.push(breach(k, pick(4) === 0 ? 'drift' : 'stable', { signal }));
    }
    return moment(k, findings, { modelVersion: k < 100 ? '7' : '8' });
  });
}

const mixedPolicy = policyWith({
  monitors: [
    monitorWith({ for: windows(2), clear: { effectBelow: 0.07, for: windows(2) } }),
    monitorWith({ name: 'stream', for: minutes(1) }),
  ],
  alerts: { routes: [], maxActive: 2 },
});

t.test('the same findings give the same alerts with the same ids', (t) => {
  const once = play(mixedPolicy, mixed());
  t.same(play(mixedPolicy, mixed()).changes, once.changes);
  const states = new Set(once.changes.map((alert) => alert.state));
  t.same([...states].sort(), ['firing', 'inactive', 'inhibited', 'insufficient', 'pending', 'resolved']);
  t.equal(new Set(once.changes.map((alert) => `${alert.id} ${alert.revision}`)).size, once.changes.length);
  t.end();
});

t.test('restored from JSON at any cut, the state gives the same changes as one that was never interrupted', (t) => {
  const moments = mixed();
  const whole = play(mixedPolicy, moments);
  let state = noAlerts;
  const trace: Alert[] = [];
  for (const each of moments) {
    const result = evaluate(mixedPolicy, readAlertsState(JSON.parse(JSON.stringify(state))), each);
    state = result.state;
    trace.push(...result.changes);
  }
  t.same(trace, whole.changes);
  t.same(state, whole.state);
  t.end();
});

t.test('evaluating leaves the state it was given alone', (t) => {
  const before = evaluate(policyWith(), noAlerts, moment(1, [windowed(1, 'drift'), breach(1, 'drift')])).state;
  const copy = structuredClone(before);
  evaluate(policyWith(), before, moment(2, [windowed(2, 'stable'), breach(2, 'drift')]));
  t.same(before, copy);
  t.end();
});

t.test('every alert ends: after quiet windows nothing is open', (t) => {
  const quiet = (k: number): Moment =>
    moment(
      k,
      ['a', 'b', 'c'].map((name) => windowed(k, 'stable', { signal: `inputs.${name}` })),
      { modelVersion: '8' },
    );
  const { state, changes } = play(mixedPolicy, [...mixed(), ...Array.from({ length: 8 }, (_, index) => quiet(151 + index))]);
  t.same(openAlerts(state), []);
  t.same(state.open, {});
  const last = new Map(changes.map((alert) => [alert.id, alert.state]));
  t.same([...new Set(last.values())].sort(), ['inactive', 'resolved']);
  t.end();
});

t.test('a stored state of another version is refused', (t) => {
  for (const wrong of [null, 4, {}, { ...noAlerts, version: 2 }, { ...noAlerts, open: null }]) {
    t.throws(() => readAlertsState(wrong), { name: 'SnapshotError', code: 'alerts-state' });
  }
  t.end();
});

// ---- slices and data quality

const west = { slice: 'region=west' } as const;

t.test('a firing alert of all rows inhibits those of slices, in the same moment and later, and says why', (t) => {
  const { trace, changes } = play(policyWith(), [
    moment(1, [windowed(1, 'drift', west), windowed(1, 'drift')]),
    moment(2, [windowed(2, 'drift', { slice: 'region=east' }), windowed(2, 'drift')]),
  ]);
  t.same(trace, ['1 firing', '1 inhibited', '2 inhibited']);
  t.match(changes[1], { slice: 'region=west', fired: false, because: `all rows show it, not this slice alone (alert ${changes[0]!.id})` });
  t.not(changes[1]!.fingerprint, changes[2]!.fingerprint);
  t.end();
});

t.test('a slice that fired first is inhibited once all rows drift, and fires again when they no longer do', (t) => {
  const policy = policyFor(windows(1), windows(1));
  const { trace } = play(policy, [
    moment(1, [windowed(1, 'drift', west), windowed(1, 'stable')]),
    moment(2, [windowed(2, 'drift', west), windowed(2, 'drift')]),
    moment(3, [windowed(3, 'drift', west), windowed(3, 'stable')]),
  ]);
  t.same(trace, ['1 firing', '2 firing', '2 inhibited', '3 resolved', '3 firing']);
  t.end();
});

t.test('neither another signal, another monitor nor another slice inhibits a slice', (t) => {
  const policy = policyWith({ monitors: [monitorWith(), monitorWith({ name: 'other' })] });
  const findings = [
    windowed(1, 'drift', { signal: 'inputs.age' }),
    windowed(1, 'drift', { monitor: 'other' }),
    windowed(1, 'drift', { slice: 'region=east' }),
    windowed(1, 'drift', west),
  ];
  t.same(play(policy, [moment(1, findings)]).trace, ['1 firing', '1 firing', '1 firing', '1 firing']);
  t.end();
});

t.test('a schema breach inhibits drift of its column in slices, its shares of bad rows, and the share of rows that breach', (t) => {
  const findings = [
    breach(1, 'drift'),
    windowed(1, 'drift', west),
    windowed(1, 'drift', { kind: 'quality', signal: 'inputs.income.missing' }),
    windowed(1, 'drift', { kind: 'quality', signal: 'schema.violations' }),
    windowed(1, 'drift', { kind: 'quality', signal: 'inputs.age.missing' }),
  ];
  t.same(play(policyWith(), [moment(1, findings)]).trace, [
    '1 schema firing',
    '1 quality inhibited',
    '1 quality inhibited',
    '1 quality firing',
    '1 inhibited',
  ]);
  t.end();
});

t.test('an alert that an earlier version stored, without a slice, goes on', (t) => {
  const before = play(policyWith(), letters('d', windowed)).state;
  const stored = JSON.parse(JSON.stringify(before), (key, value) => (key === 'slice' ? undefined : value));
  const { changes } = evaluate(policyWith(), readAlertsState(stored), moment(2, [windowed(2, 'drift')]));
  t.same(changes, [], 'the same episode, still firing');
  t.end();
});
