import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { checkCommand } from '../../../agent/commands/check.ts';
import { packageFile } from '../../../agent/package-file.ts';
import { detectors } from '../../../detectors/catalogue.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { parsePolicy } from '../../../policies/load.ts';
import { runCommand } from '../../support/run-command.ts';

t.setTimeout(180_000);

function check(t: Test, ...options: string[]) {
  return runCommand(t, checkCommand(), options);
}

const sound = `apiVersion: driftline/v1
kind: Policy
metadata: {name: credit-risk}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:8081"}}}
  schema: {inputs: [{name: a, type: number}, {name: b, type: categorical}, {name: c, type: integer}]}
  monitors:
    - name: drift
      detectors: {numeric: {type: ks}, categorical: {type: chi-squared}}
    - name: a-mean
      features: [a]
      detectors: {numeric: {type: adwin}}
  alerts: {routes: [{actions: [back]}]}
  actions:
    - {name: back, type: rollback, steps: [{do: route, to: primary}]}
`;

t.test('a sound policy: exit 0, what will be watched on stdout, warnings on stderr', async (t) => {
  const file = path.join(t.testdir({ 'p.yaml': sound }), 'p.yaml');
  const { status, stdout, stderr } = await check(t, file);
  t.equal(status, 0);
  t.match(stdout, /^credit-risk: no mistakes\n/);
  t.match(stdout, '500 rows, judged from 100 values; 3 tests a window\n');
  t.match(stdout, 'a-mean: adwin on a; warning after 1 window');
  t.equal(stderr, `${file}:16:7 spec.actions.0 this rollback has no guard — add \`guard: {maxPerDay: 1}\` (warning)\n`);
});

t.test('with slices the tests of all rows are said to be those', async (t) => {
  const sliced = sound.replace('  monitors:', '  slices: [{name: b, by: [b], minSamples: 100}]\n  monitors:');
  const { stdout } = await check(t, path.join(t.testdir({ 'p.yaml': sliced }), 'p.yaml'));
  t.match(stdout, '3 tests a window on all rows, and again in each slice\n');
});

t.test('mistakes: exit 1, each on a line of stderr with its place, nothing on stdout', async (t) => {
  const file = path.join(t.testdir({ 'p.yaml': sound.replace('features', 'fetures').replace('to: primary', 'to: primry') }), 'p.yaml');
  const { status, stdout, stderr } = await check(t, file);
  t.equal(status, 1);
  t.equal(stdout, '');
  t.same(
    stderr.split('\n').map((line) => line.replace(file, 'p.yaml')),
    [
      'p.yaml:12:7 spec.monitors.1.fetures unknown key `fetures` — did you mean features?',
      'p.yaml:16:60 spec.actions.0.steps.0.to there is no upstream `primry` — did you mean primary?',
      'p.yaml:16:7 spec.actions.0 this rollback has no guard — add `guard: {maxPerDay: 1}` (warning)',
      'driftline: p.yaml has 2 mistakes',
      '',
    ],
  );
});

t.test('--json is one object and nothing else', async (t) => {
  const folder = t.testdir({ 'good.yaml': sound, 'bad.yaml': 'spec: [' });
  const good = await check(t, path.join(folder, 'good.yaml'), '--json');
  t.equal(good.status, 0);
  t.equal(good.stderr, '');
  t.match(JSON.parse(good.stdout), {
    ok: true,
    mistakes: [],
    warnings: [{ line: 16 }],
    policy: { name: 'credit-risk', testsPerWindow: 3 },
  });
  const bad = await check(t, path.join(folder, 'bad.yaml'), '--json');
  t.equal(bad.status, 1);
  t.equal(bad.stderr, '');
  t.match(JSON.parse(bad.stdout), { ok: false, mistakes: [{ line: 1, column: 8 }], policy: null });
});

t.test('a file that is not there, or no file at all, is a matter of usage', async (t) => {
  t.match((await check(t, path.join(t.testdir({}), 'none.yaml'))).thrown, { code: 'policy-unreadable' });
  t.match((await check(t)).thrown, { code: 'usage' });
});

t.test('an upstream on the port that --listen names is a loop', async (t) => {
  const file = path.join(t.testdir({ 'p.yaml': sound }), 'p.yaml');
  const { status, stderr } = await check(t, file, '--listen', '0.0.0.0:8081');
  t.equal(status, 1);
  t.match(stderr, /:6:40 spec\.traffic\.upstreams\.primary\.url .* own address/);
});

t.test('--schema prints the JSON Schema', async (t) => {
  const { status, stdout } = await check(t, '--schema');
  t.equal(status, 0);
  t.match(JSON.parse(stdout), { $schema: /draft-07/, required: ['apiVersion', 'kind', 'metadata', 'spec'] });
});

t.test('the program exits 1 on mistakes and 2 on a file that is not there', async (t) => {
  const folder = t.testdir({ 'bad.yaml': 'spec: [' });
  const launcher = path.join(import.meta.dirname, '../../../bin/driftline.js');
  const run = (file: string) => spawnSync(process.execPath, [launcher, 'check', path.join(folder, file)], { encoding: 'utf8' });
  const bad = run('bad.yaml');
  t.equal(bad.status, 1);
  t.match(bad.stderr, /bad\.yaml:1:8 not valid YAML/);
  const missing = run('none.yaml');
  t.equal(missing.status, 2);
  t.match(missing.stderr, /there is no such file/);
});

/** A policy with a reference of independent rows, and levels as given. */
function budgeted(monitors: string): string {
  return `apiVersion: driftline/v1
kind: Policy
metadata: {name: budgeted}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:8081"}}, expectedRows: {count: 4800, per: 1d}}
  falseAlarms: {atMost: 3, per: 30d}
  schema: {inputs: [{name: a, type: number}, {name: b, type: number}]}
  reference: {source: file, path: reference.csv}
  window: {rows: 100}
  monitors:
${monitors}`;
}

const random = new Random(3);
const reference = `a,b\n${Array.from({ length: 1_000 }, () => `${random.normal()},${random.normal()}`).join('\n')}\n`;

t.test('a budget: what is expected, the level of each monitor and why, and what its tests can see', async (t) => {
  const folder = t.testdir({
    'p.yaml': budgeted('    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}}}\n'),
    'reference.csv': reference,
  });
  const { status, stdout, stderr } = await check(t, path.join(folder, 'p.yaml'));
  t.equal(status, 0);
  t.equal(stderr, '');
  // 4,800 rows a day in windows of 100 are 1,440 windows in 30 days.
  t.match(stdout, /^ {2}alarms {5}3 false alarms expected in 30 d, of the 3 allowed$/m);
  t.match(stdout, /^ {2}level {6}drift \(ks\): q 0\.00208 \[plain\], 3 in 30 d; rows are independent in the reference’s order \(.*p /m);
  const [, sd] = /power {6}drift: finds in 4 windows of 5 ([\d.]+) sd on a, [\d.]+ sd on b$/m.exec(stdout) ?? [];
  // KS at 0.00104 and 100 against 1,000: D of about 0.2, which a shift of 0.52 sd gives in expectation, and a bit more four times in five.
  t.ok(Number(sd) > 0.45 && Number(sd) < 0.9, `${sd}`);
});

t.test('what streaming detectors can see stands there too', async (t) => {
  const folder = t.testdir({
    'p.yaml': budgeted(
      '    - {name: mean, detectors: {numeric: {type: cusum}}}\n    - {name: spread, detectors: {numeric: {type: variance}}}\n',
    ),
    'reference.csv': reference,
  });
  const { stdout } = await check(t, path.join(folder, 'p.yaml'));
  const of4 = 'finds within a window’s rows in 4 streams of 5';
  t.match(stdout, new RegExp(`^ {2}power {6}mean \\(cusum\\): ${of4} [\\d.]+ sd on a, [\\d.]+ sd on b$`, 'm'));
  t.match(stdout, new RegExp(`^ {2}power {6}spread \\(variance\\): ${of4} spread × [\\d.]+ on a, spread × [\\d.]+ on b$`, 'm'));
});

t.test('a budget in time without a rate of traffic: a warning, and no level yet', async (t) => {
  const text = budgeted('    - {name: drift, detectors: {numeric: {type: ks}}}\n').replace(', expectedRows: {count: 4800, per: 1d}', '');
  const folder = t.testdir({ 'p.yaml': text, 'reference.csv': reference });
  const { status, stdout, stderr } = await check(t, path.join(folder, 'p.yaml'));
  t.equal(status, 0);
  t.match(stderr, /p\.yaml:7:\d+ spec\.falseAlarms\.per the rate of traffic is not known.* \(warning\)$/m);
  t.match(stdout, /^ {2}alarms {5}an unknown number of false alarms expected in 100 windows; 3 allowed in 30 d: how many windows that is/m);
  t.match(stdout, /^ {2}level {6}drift \(ks\): no level \[insufficient\]; the rate of traffic is not known yet/m);
});

t.test('what is expected in a month is told beside another period, where the rate is known', async (t) => {
  const drift = '    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}}}\n';
  const alarms = async (text: string) => {
    const folder = t.testdir({ 'p.yaml': text, 'reference.csv': reference });
    const { stdout } = await check(t, path.join(folder, 'p.yaml'), '--json');
    const { falseAlarms } = JSON.parse(stdout);
    const lines = (await check(t, path.join(folder, 'p.yaml'))).stdout;
    return { ...falseAlarms, line: /^ {2}alarms {5}(.*)$/m.exec(lines)?.[1] };
  };
  const inWindows = budgeted(drift).replace('per: 30d', 'per: 100 windows');
  // 1,440 windows in 30 days.
  t.match(await alarms(inWindows), {
    expected: 3,
    period: '100 windows',
    allowedPer: '100 windows',
    expectedInMonth: Number,
    line: '3 false alarms expected in 100 windows, of the 3 allowed; 43.2 in 30 d',
  });
  const rateless = (text: string) => text.replace(', expectedRows: {count: 4800, per: 1d}', '');
  t.match(await alarms(rateless(inWindows)), { expectedInMonth: null, line: '3 false alarms expected in 100 windows, of the 3 allowed' });
  t.match(await alarms(rateless(budgeted(drift))), { period: '100 windows', allowed: 3, allowedPer: '30 d' });
  t.match(await alarms(budgeted(drift)), { period: '30 d', allowedPer: '30 d', expectedInMonth: 3 });
});

t.test('a monitor that will judge nothing is a warning, and one whose level is still to come is none', async (t) => {
  const trend = `a,b\n${Array.from({ length: 1_000 }, (_, row) => `${row},${row}`).join('\n')}\n`;
  const text = budgeted('    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}}}\n');
  const folder = t.testdir({ 'p.yaml': text, 'reference.csv': trend });
  const file = path.join(folder, 'p.yaml');
  const { status, stderr } = await check(t, file);
  t.equal(status, 0);
  t.match(stderr, `${file} drift: ks judges nothing: rows depend on each other`);
  t.match(stderr, /give a longer reference, or set falseAlarms\.blocks \(warning\)\n$/);
  const json = JSON.parse((await check(t, file, '--json')).stdout);
  t.match(json, { ok: true, falseAlarms: { silent: [/^drift: ks judges nothing/] } });
  const later = t.testdir({ later: { 'p.yaml': text.replace(', expectedRows: {count: 4800, per: 1d}', ''), 'reference.csv': reference } });
  t.notMatch((await check(t, path.join(later, 'later/p.yaml'))).stderr, 'judges nothing');
});

t.test('levels written out beyond the budget: exit 1 with the number', async (t) => {
  const folder = t.testdir({
    'p.yaml': budgeted('    - {name: old, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.05}}\n'),
    'reference.csv': reference,
  });
  const { status, stdout, stderr } = await check(t, path.join(folder, 'p.yaml'));
  t.equal(status, 1);
  const [, expected] = /the levels written out cost ([\d.]+) false alarms in 30 d, and falseAlarms allows 3 /.exec(stderr) ?? [];
  // q of the 1,440 windows: 72, as far as 1,200 replays tell.
  t.ok(Number(expected) > 35 && Number(expected) < 115, `${expected}`);
  t.match(stdout, /^ {2}level {6}old \(ks\): q 0\.05 \[written\], .* in 30 d \(at most /m);
  const json = await check(t, path.join(folder, 'p.yaml'), '--json');
  t.equal(json.status, 1);
  t.match(JSON.parse(json.stdout), {
    ok: false,
    falseAlarms: {
      exceeded: true,
      allowed: 3,
      period: '30 d',
      written: Number,
      levels: [{ monitor: 'old', method: 'written', value: 0.05 }],
    },
  });
});

t.test('a q whose alert never leaves firing costs an alarm in each window, not one in all', async (t) => {
  // A level that wanders for longer than a window has rows.
  let level = 0;
  const wandering = Array.from({ length: 8_000 }, () => {
    level = 0.99 * level + random.normal();
    return `${level},0`;
  });
  const text = budgeted('    - {name: old, features: [a], detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.05}}\n');
  const folder = t.testdir({
    'p.yaml': text.replace('atMost: 3, per: 30d', 'atMost: 10, per: 100 windows'),
    'reference.csv': `a,b\n${wandering.join('\n')}\n`,
  });
  const { status, stderr } = await check(t, path.join(folder, 'p.yaml'));
  t.equal(status, 1);
  const [, expected] = /the levels written out cost ([\d.]+) false alarms in 100 windows, and falseAlarms allows 10 /.exec(stderr) ?? [];
  t.ok(Number(expected) > 80, `${expected}`);
});

t.test('the demo’s levels are written out: no budget sets any of them', async (t) => {
  const text = readFileSync(packageFile('agent/demo/policy.yaml'), 'utf8');
  const folder = t.testdir({ 'policy.yaml': text, 'reference.csv': '', 'elec2.onnx': '', 'predictor.json': '{}' });
  const { policy } = parsePolicy(text, path.join(folder, 'policy.yaml'), {
    detectors: new Map(detectors.map((detector) => [detector.type, detector])),
    env: { DEMO_UPSTREAM: 'http://127.0.0.1:1', DEMO_RECEIVER: 'http://127.0.0.1:2' },
  });
  t.equal(policy?.falseAlarms, null);
  t.same(
    policy?.monitors.map(({ name, correction, numeric, error }) => [name, correction.written, (numeric ?? error)?.written]),
    [
      ['input-drift', true, []],
      ['error-rate', false, ['warmStart', 'minErrors', 'warningThreshold', 'driftThreshold']],
      ['accuracy-estimate', false, undefined],
      ['failed-calls', false, ['delta']],
    ],
  );
});

t.test('windows, references and seasons are told in words, with what the figures do not cover', async (t) => {
  const random = new Random(2);
  const rows = Array.from({ length: 2_000 }, () => `${random.uniform()},x,1\n`).join('');
  const files = { 'r.csv': `a,b,c\n${rows}`, '8.csv': `a,b,c\n${rows}` };
  const more = `  reference: {source: file, path: r.csv, versions: {"8": 8.csv}}
  window: {type: sliding, span: 1h, step: 10m}
  seasonality: {when: historyWeeks >= 4}
  falseAlarms: {atMost: 1, per: 30d}
`;
  const told = async (name: string, text: string) =>
    (await check(t, path.join(t.testdir({ [name]: { 'p.yaml': text, ...files } }), name, 'p.yaml'))).stdout;
  const counted = await told('counted', `${sound.replace('upstreams:', 'expectedRows: {count: 1200, per: 1h}, upstreams:')}${more}`);
  t.match(counted, /reference {2}.*r\.csv, with files of their own for version 8, then the same hour of the week from 4 weeks of it on/);
  t.match(counted, /window {5}1 h, every 10 min, judged from 100 values/);
  t.match(counted, /note {7}windows overlap: each step counts as a window of its own/);
  t.match(counted, /note {7}levels come from replays of the reference; how far one week is like another is not in them/);
  t.match(counted, /power {6}drift: finds in 4 windows of 5/);
  const uncounted = await told('uncounted', `${sound}${more}`);
  t.match(uncounted, /note {7}how many rows a window has is not known before there is traffic/);
  t.notMatch(uncounted, 'false alarms expected');
});

t.test('check says what is kept, and what a rate means for windows and power', async (t) => {
  const kept = async (sampling: string, more = '', window = '') => {
    const traffic = `traffic: {upstreams: {primary: {url: "http://127.0.0.1:8081"}}, sampling: {${sampling}}${more}}`;
    const text = sound.replace(/traffic: .*/, traffic).replace('  monitors:', `${window}  monitors:`);
    const { stdout, stderr } = await check(t, path.join(t.testdir({ 'p.yaml': text }), 'p.yaml'));
    return { kept: /^ {2}kept {7}(.*)$/m.exec(stdout)?.[1], stderr };
  };
  t.equal((await kept('rate: 1')).kept, 'every call');
  t.equal(
    (await kept('rate: 0.25')).kept,
    '25 % of the calls, and always breaches of the schema, upstream errors, what gets feedback; all are watched, so windows and power are those of rate 1; the others are held 7 d for feedback',
  );
  t.match((await kept('rate: 0.25, keepAlways: [upstream_error]')).kept, /always upstream errors; .*held until their window has ended$/);
  t.equal(
    (await kept('rate: 0.25, keepAlways: []')).kept,
    '25 % of the calls, and only these are watched: a window of 500 rows takes 2,000',
  );
  const expected = ', expectedRows: {count: 24000, per: 1d}';
  t.equal(
    (await kept('rate: 0.25, keepAlways: []', expected)).kept,
    '25 % of the calls, and only these are watched: a window of 500 rows takes 2,000, 2 h of them as expected',
  );
  t.equal(
    (await kept('rate: 0.05, keepAlways: []', expected, '  window: {span: 1h}\n  minSamples: 100\n')).kept,
    '5 % of the calls, and only these are watched: a window of 1 h has 50 rows of the 1,000 expected, fewer than the 100 of minSamples: it is never judged',
  );
  const nothing = await kept('rate: 0, keepAlways: []');
  t.equal(nothing.kept, 'no call, and none is watched');
  t.match(nothing.stderr, /spec\.traffic\.sampling\.rate no call is recorded, so nothing is watched — .*\(warning\)/);
});
