import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Backtest, backtest } from '../../../agent/backtest/backtest.ts';
import { injectedChanges } from '../../../agent/backtest/changes.ts';
import { summaryOf } from '../../../agent/calibration/cell-changes.ts';
import { reportOf } from '../../../agent/backtest/report.ts';
import { readRows } from '../../../agent/backtest/rows.ts';
import { linesOf } from '../../../agent/backtest/words.ts';
import { backtestCommand } from '../../../agent/commands/backtest.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';
import { runCommand } from '../../support/run-command.ts';

t.setTimeout(180_000);

const policyText = (extra = '') => `apiVersion: driftline/v1
kind: Policy
metadata: {name: small}
spec:
  model: {name: m, prediction: answer}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  falseAlarms: {atMost: 1, per: 100 windows}
  schema:
    inputs: [{name: a, type: number}, {name: b, type: categorical}]
    outputs: [{name: answer, type: integer}]
  reference: {source: file, path: reference.csv}
  window: {rows: 100}
  monitors:
    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}, categorical: {type: chi-squared}}}
${extra}`;

/** Rows whose column a moves at a row, and whose answer is wrong from another one on. */
function csv(seed: number, rows: number, movesAt = Infinity, wrongFrom = Infinity): string {
  const random = new Random(seed);
  const lines = Array.from({ length: rows }, (_, row) => {
    const truth = Number(random.uniform() < 0.5);
    const a = random.normal() + (row >= movesAt ? 3 : 0);
    return `${a},${random.pick(['u', 'v', 'v'])},${row >= wrongFrom ? 1 - truth : truth},${truth}`;
  });
  return `a,b,answer,truth\n${lines.join('\n')}\n`;
}

function run(t: Test, ...options: string[]) {
  return runCommand(t, backtestCommand(), options);
}

t.test('what would have fired, at its row, false alarms with bounds, and what is missed; exit 1', async (t) => {
  const folder = t.testdir({ 'p.yaml': policyText(), 'reference.csv': csv(1, 1_000), 'live.csv': csv(2, 600, 400) });
  const file = (name: string) => path.join(folder, name);
  const first = await run(t, file('p.yaml'), file('live.csv'), '--runs', '2', '--json', '--html', file('report.html'));
  t.equal(first.thrown, null);
  t.equal(first.status, 1);
  t.equal(first.stderr, '');
  const result = JSON.parse(first.stdout);
  t.match(result.fired, [{ monitor: 'drift', signal: 'inputs.a', detector: 'ks', row: 499, sinceRow: 400 }]);
  t.equal(result.windows.length, 12);
  t.match(result.falseAlarms, { of: 100 });
  t.ok(result.falseAlarms.low <= result.falseAlarms.share && result.falseAlarms.share <= result.falseAlarms.high);
  t.equal(result.allowed, 0.01);
  const of = (kind: string, size: string) =>
    result.injected.find((one: { kind: string; size: string }) => one.kind === kind && one.size === size);
  t.match(of('mean', '+2 sd'), { missed: { count: 0, of: 2 }, delayWindows: { median: 1 }, delayRows: { median: 100, most: 100 } });
  t.match(of('missing', '5 %'), { missed: { count: 2 }, delayWindows: null });
  t.same(
    [...new Set(result.injected.map(({ kind }: { kind: string }) => kind))],
    ['mean', 'spread', 'category mix', 'missing', 'unit', 'relation'],
  );
  t.match(
    result.smallest.map(({ kind }: { kind: string }) => kind),
    ['mean', 'spread', 'category mix', 'missing'],
  );

  const page = readFileSync(file('report.html'), 'utf8');
  t.match(page, /<h1 class="drift">1 alert fired on the data/);
  t.match(page, /<svg [^>]*aria-label="Share of changes missed/);
  t.notMatch(page, /<script|https?:|src=|NaN|undefined/);

  const second = await run(t, file('p.yaml'), file('live.csv'), '--runs', '2', '--json');
  t.equal(second.stdout, first.stdout, 'the same seed gives the same figures');
  const other = await run(t, file('p.yaml'), file('live.csv'), '--runs', '2', '--json', '--seed', '2');
  t.same(JSON.parse(other.stdout).fired, result.fired, 'what fires on the data does not depend on the seed');
});

t.test('healthy data: nothing fires, exit 0, a table', async (t) => {
  const folder = t.testdir({ 'p.yaml': policyText(), 'reference.csv': csv(1, 1_000), 'live.csv': csv(4, 300) });
  const { status, stdout, stderr } = await run(t, path.join(folder, 'p.yaml'), path.join(folder, 'live.csv'), '--runs', '1');
  t.equal(status, 0);
  t.match(stdout, /^on the data: nothing would have fired in 300 rows\n/);
  t.match(stdout, /false alarms on replays of the reference: \d+ of 50 windows/);
  t.match(stdout, / {2}mean {10}\+2 sd /);
  t.match(stderr, /^small: nothing fired on the data; /);
});

t.test('who finds nothing at all is sent to the remarks only where there are some', (t) => {
  const none = { count: 0, of: 50, share: 0, low: 0, high: 0.07 };
  const missed = { count: 2, of: 2, share: 1, low: 0.3, high: 1 };
  const result: Backtest = {
    policy: 'p',
    seed: 1,
    runs: 2,
    rows: 10,
    windowRows: 5,
    fired: [],
    windows: [],
    falseAlarms: none,
    allowed: null,
    blockRows: 1,
    referenceRows: 10,
    injected: [{ kind: 'mean', size: '+1 sd', missed, alreadyFiring: 0, delayWindows: null, delayRows: null }],
    smallest: [],
    leftOut: [],
    remarks: [],
  };
  t.match(linesOf(result).join('\n'), 'nothing was found either: see `driftline check`');
  t.match(linesOf({ ...result, remarks: ['so'] }).join('\n'), 'nothing was found either: see the remarks, or `driftline check`');
  t.end();
});

t.test('labels are told as feedback, row by row', async (t) => {
  const errors = '    - {name: errors, needs: feedback, detectors: {error: {type: ddm, minErrors: 5}}}\n';
  const folder = t.testdir({ 'p.yaml': policyText(errors), 'reference.csv': csv(1, 1_000), 'live.csv': csv(2, 500, Infinity, 300) });
  const { stdout, thrown } = await run(
    t,
    path.join(folder, 'p.yaml'),
    path.join(folder, 'live.csv'),
    '--runs',
    '1',
    '--json',
    '--label',
    'truth',
  );
  t.equal(thrown, null);
  const [alert] = JSON.parse(stdout).fired;
  t.match(alert, { monitor: 'errors', signal: 'feedback.error' });
  t.ok(alert.row >= 300 && alert.row < 330, `${alert.row}`);
});

t.test('labels beside the reference: false alarms of errors are counted, and errors are added', async (t) => {
  const errors = '    - {name: errors, needs: feedback, detectors: {error: {type: hddm-a}}}\n';
  // One answer in ten of the reference is wrong; replays draw its rows singly.
  const files = { 'p.yaml': policyText(errors), 'reference.csv': csv(1, 1_000, Infinity, 900), 'live.csv': csv(2, 300) };
  const folder = t.testdir({ ...files, 'none.csv': files['reference.csv'].replace('truth', 'other') });
  const file = (name: string) => path.join(folder, name);
  const result = async (policy: string) => {
    const { stdout, thrown } = await run(t, policy, file('live.csv'), '--runs', '2', '--json', '--label', 'truth');
    t.equal(thrown, null);
    return JSON.parse(stdout);
  };
  const { injected, leftOut } = await result(file('p.yaml'));
  const found = injected.filter(({ kind }: { kind: string }) => kind === 'error rate');
  t.match(found, [{ size: '+5 points' }, { size: '+10 points' }, { size: '+25 points', missed: { count: 0 } }]);
  t.ok(found[2].delayRows.median < 100, `${found[2].delayRows.median} rows`);
  t.same(leftOut, []);
  writeFileSync(file('q.yaml'), policyText(errors).replace('reference.csv', 'none.csv'));
  t.notOk(
    (await result(file('q.yaml'))).injected.some(({ kind }: { kind: string }) => kind === 'error rate'),
    'no labels there',
  );
});

t.test('gaps in a column count as found where its missing values are watched', async (t) => {
  const watch = '    - {name: gaps, features: [a.missing], detectors: {numeric: {type: two-proportion}}}\n';
  const folder = t.testdir({ 'p.yaml': policyText(watch), 'reference.csv': csv(1, 1_000), 'live.csv': csv(2, 300) });
  const { stdout, thrown } = await run(t, path.join(folder, 'p.yaml'), path.join(folder, 'live.csv'), '--runs', '2', '--json');
  t.equal(thrown, null);
  const { injected } = JSON.parse(stdout);
  const half = injected.find(({ kind, size }: { kind: string; size: string }) => kind === 'missing' && size === '50 %');
  t.equal(half.missed.count, 1, 'found in a, whose turn is first, and missed in b');
});

t.test('what cannot serve is said: no label, no columns, no outputs to learn from', async (t) => {
  const folder = t.testdir({ 'p.yaml': policyText(), 'reference.csv': csv(1, 300), 'live.csv': csv(2, 300), 'odd.csv': 'x\n1\n' });
  const file = (name: string) => path.join(folder, name);
  t.match((await run(t, file('p.yaml'), file('live.csv'), '--label', 'none')).thrown, { code: 'unknown-column' });
  t.match((await run(t, file('p.yaml'), file('odd.csv'))).thrown, { message: /none of the policy’s columns \(a, b, answer\)/ });
  t.match((await run(t, file('p.yaml'), file('none.csv'))).thrown, { code: 'no-file' });
  const learning = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: a, type: number}]}
  reference: {source: traffic, learn: {rows: 100}}
`);
  const rows = await readRows(learning, [file('live.csv')]);
  const options = { policy: learning, referenceFile: new Map(), referenceLabels: null, rows, seed: 1, runs: 1, progress: () => {} };
  await t.rejects(backtest(options), { code: 'no-outputs' });
});

t.test('an alert that fires through healthy windows is an alarm in each, and no change is tried while it fires', async (t) => {
  // A wandering level: at a plain q of 5 % nearly every window of 100 rows differs from the reference.
  const random = new Random(8);
  let level = 0;
  const rows = Array.from({ length: 4_000 }, () => {
    level = 0.995 * level + random.normal();
    return `${level},u,0,0`;
  });
  const written = policyText()
    .replace('atMost: 1', 'atMost: 10')
    .replace('type: chi-squared}}', 'type: chi-squared}}, correction: {q: 0.05}')
    .replace('{name: drift,', '{name: drift, features: [a],');
  const folder = t.testdir({ 'p.yaml': written, 'reference.csv': `a,b,answer,truth\n${rows.join('\n')}\n`, 'live.csv': csv(2, 100) });
  const file = (name: string) => path.join(folder, name);
  const { stdout } = await run(t, file('p.yaml'), file('live.csv'), '--runs', '3', '--json', '--html', file('report.html'));
  const { falseAlarms, allowed, injected, smallest } = JSON.parse(stdout);
  t.ok(falseAlarms.share > 0.5, `${falseAlarms.share} of healthy windows`);
  t.ok(falseAlarms.low > allowed);
  const means = injected.filter(({ kind }: { kind: string }) => kind === 'mean');
  for (const { size, alreadyFiring, missed } of means) {
    t.ok(alreadyFiring > 0, size);
    t.equal(missed?.of ?? 0, 3 - alreadyFiring, size);
  }
  t.ok(
    injected.some(({ alreadyFiring, missed }: { alreadyFiring: number; missed: unknown }) => alreadyFiring === 3 && missed === null),
    'where all began so, nothing was missed and nothing found',
  );
  t.notOk(smallest.some(({ kind, size }: { kind: string; size: string }) => kind === 'mean' && size === '+0.25 sd'));
  const page = readFileSync(file('report.html'), 'utf8');
  t.match(page, '<p>Left out: an alert on the column fired before the change was made');
  t.notMatch(page, /NaN|undefined|null/);
  const { stdout: lines, stderr } = await run(t, file('p.yaml'), file('live.csv'), '--runs', '3');
  t.match(lines, /mean +\+2 sd +– +– +– +–; 3 of 3 left out|mean .*; [123] of 3 left out/);
  t.match(lines, /^left out: an alert on the column fired before/m);
  t.match(stderr, /more false alarms than allowed/);
});

t.test('values that are text in every way stay text in the report', async (t) => {
  const folder = t.testdir({ 'reference.csv': csv(1, 300), 'live.csv': csv(2, 300) });
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: a, type: number}]}
  reference: {source: file, path: ${path.join(folder, 'reference.csv')}}
  window: {rows: 100}
`);
  const rows = await readRows(policy, [path.join(folder, 'live.csv')]);
  const result = await backtest({
    policy,
    referenceFile: new Map([['inputs.a', rows.columns.get('inputs.a')!]]),
    referenceLabels: null,
    rows,
    seed: 1,
    runs: 1,
    progress: () => {},
  });
  const page = reportOf({ ...result, policy: '<b>"&', remarks: ['<i>'] });
  t.notMatch(page, /<b>"&|<i>/);
});

/** One of the changes, in one size. */
const changeOf = (kind: string, size: string) => injectedChanges.find((change) => change.kind === kind && change.size === size)!;

t.test('each change does what it says and leaves the missing missing', async (t) => {
  const cells = [1, 2, null, 3, 4.5];
  const summary = summaryOf(cells);
  t.match(summary, { mean: 2.625, isWhole: false, frequent: [1, 2, 3, 4.5] });
  const apply = (kind: string, size: string, on = cells as (number | string | null)[], of = summary) =>
    changeOf(kind, size).apply(on, of, new Random(1));
  t.same(apply('mean', '+2 sd', [1, null], { ...summary, deviation: 3 }), [7, null]);
  t.same(apply('spread', '× 2', cells, { ...summary, mean: 2.5 }), [-0.5, 1.5, null, 3.5, 6.5]);
  t.same(apply('unit', '× 100'), [100, 200, null, 300, 450]);
  const missing = apply('missing', '50 %', new Array(1_000).fill(1)).filter((cell) => cell === null).length;
  t.ok(missing > 440 && missing < 560, `${missing}`);
});

t.test('points are those by which the share of a category rises, whatever it was', async (t) => {
  for (const share of [0.49, 0.3, 0.05]) {
    const healthy = Array.from({ length: 20_000 }, (_, row) => (row % 100 < 100 * share ? 'v' : row % 100 < 99 ? 'u' : null));
    const shareOf = (cells: readonly unknown[]) => cells.filter((cell) => cell === 'v').length / (0.99 * 20_000);
    const changed = changeOf('category mix', '25 points').apply(healthy, summaryOf(healthy), new Random(2));
    const rise = shareOf(changed) - shareOf(healthy);
    t.ok(Math.abs(rise - 0.25) < 0.01, `${rise} from ${share}`);
    t.equal(changed.filter((cell) => cell === null).length, 200);
  }
});

t.test('whole numbers stay whole, and keep the mean that the change gives them', async (t) => {
  const random = new Random(4);
  const ages = Array.from({ length: 20_000 }, () => Math.round(40 + 3 * random.normal()));
  const summary = summaryOf(ages);
  for (const [kind, size, mean] of [
    ['mean', '+0.25 sd', summary.mean + 0.25 * summary.deviation],
    ['spread', '× 1.25', summary.mean],
    ['unit', '°F for °C', 1.8 * summary.mean + 32],
  ] as const) {
    const changed = changeOf(kind, size).apply(ages, summary, random);
    t.ok(changed.every(Number.isInteger), kind);
    t.ok(Math.abs(summaryOf(changed).mean - mean) < 0.02, `${kind}: ${summaryOf(changed).mean} of ${mean}`);
  }
});

t.test('a change of an integer column is not found by fractions that it would bring', async (t) => {
  const random = new Random(6);
  const ages = (count: number) => `a\n${Array.from({ length: count }, () => Math.round(40 + 10 * random.normal())).join('\n')}\n`;
  const blind = policyText()
    .replace('{name: a, type: number}, {name: b, type: categorical}', '{name: a, type: integer}')
    .replace(
      'numeric: {type: ks, method: asymptotic}, categorical: {type: chi-squared}',
      'numeric: {type: ks, effect: {stat: D, atLeast: 0.99}}',
    );
  const folder = t.testdir({ 'p.yaml': blind, 'reference.csv': ages(1_000), 'live.csv': ages(200) });
  const { stdout } = await run(t, path.join(folder, 'p.yaml'), path.join(folder, 'live.csv'), '--runs', '2', '--json');
  const { injected } = JSON.parse(stdout);
  const moved = injected.filter(({ kind }: { kind: string }) => kind === 'mean' || kind === 'spread');
  t.equal(moved.length, 7);
  for (const { kind, size, missed } of moved) t.equal(missed.count, 2, `${kind} ${size}`);
});
