/** Tests of several columns together, from the policy to the alert, `check` and `backtest`. */
import path from 'node:path';
import t from 'tap';
import { calibrate } from '../../agent/calibration/calibrate.ts';
import { powerOf } from '../../agent/calibration/power.ts';
import { backtestCommand } from '../../agent/commands/backtest.ts';
import { checkCommand } from '../../agent/commands/check.ts';
import { cellsOf } from '../../agent/watched-cells.ts';
import { watchList } from '../../agent/watch-list.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Cell } from '../../contracts/record.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';
import { runCommand } from '../support/run-command.ts';

t.setTimeout(240_000);

const spec = (monitors: string, more = '') => `  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
${more}  schema:
    inputs: [{name: x, type: number}, {name: y, type: number}, {name: c, type: categorical}, {name: id, type: text}]
    outputs: [{name: predictions, type: integer}]
  window: {rows: 200}
  monitors:
${monitors}`;

const TOGETHER = (type: string, more = '') =>
  `    - {name: ${type}, detectors: {multivariate: {type: ${type}${more}}}, correction: {q: 0.001}}\n`;

/** Normal x and y; where they are tied, y follows x and each alone stays as it is. */
function row(random: Random, tied: boolean): { x: number; y: number; c: string; id: string } {
  const x = random.normal();
  const y = tied ? 0.95 * x + Math.sqrt(1 - 0.95 ** 2) * random.normal() : random.normal();
  return { x, y, c: random.pick(['a', 'b', 'b']), id: `r${random.bits()}` };
}

t.test('what changes between columns is found on `inputs`, with the columns it is in; tests of single columns stay silent', async (t) => {
  const policy = policyOf(
    spec(
      `${TOGETHER('mmd')}${TOGETHER('domain-classifier', ', effect: {stat: auc, atLeast: 0.6}')}    - {name: single, detectors: {numeric: {type: ks}, categorical: {type: chi-squared}}, correction: {q: 0.001}}\n`,
      '  reference: {source: traffic, learn: {rows: 1000}}\n',
    ),
  );
  const line = await openLine(policy, t.testdir());
  const random = new Random(1);
  for (let call = 0; call < 9; call++) {
    line.analysis.observe(
      exchangeOf(
        `id-${call}`,
        1_000 + call,
        Array.from({ length: 200 }, () => row(random, call >= 8)),
      ),
    );
    line.commit();
    if (call === 7) t.same(line.reader.page('alerts', 0, 100).items, []);
  }
  const alerts = line.reader.page<Alert>('alerts', 0, 100).items;
  t.same(alerts.map(({ monitor }) => monitor).sort(), ['domain-classifier', 'mmd']);
  for (const { monitor, signal, state, latest } of alerts) {
    t.match({ signal, state }, { signal: 'inputs', state: 'firing' });
    t.match(latest, { detector: monitor, n: 200, referenceN: 1_000, tests: 1, note: /^mostly in (x, y|y, x)$/ });
  }
  line.crash();
});

t.test('a column that is missing from a window is missing in its rows; thin windows are insufficient', async (t) => {
  const policy = policyOf(spec(TOGETHER('domain-classifier'), '  reference: {source: traffic, learn: {rows: 1000}}\n'));
  const line = await openLine(policy, t.testdir());
  const random = new Random(1);
  for (let call = 0; call < 6; call++) {
    const rows = Array.from({ length: 200 }, () => row(random, false));
    line.analysis.observe(exchangeOf(`id-${call}`, 1_000 + call, call < 5 ? rows : rows.map(({ x, c }) => ({ x, c }))));
    line.commit();
  }
  t.match(line.reader.page<Alert>('alerts', 0, 100).items, [{ signal: 'inputs', latest: { note: 'mostly in y' } }]);
  line.crash();
});

t.test('columns whose references stand in different rows are not paired', (t) => {
  const members = [
    { signal: 'inputs.x', isNumber: true },
    { signal: 'inputs.y', isNumber: true },
  ];
  const columns = new Map<string, readonly Cell[]>([
    ['inputs.x', [1, 2]],
    ['inputs.y', [3, 4]],
    ['inputs.z', [5]],
  ]);
  const of = (signals: readonly string[]) =>
    cellsOf({ signal: 'inputs', members: signals.map((signal) => ({ signal, isNumber: true })) }, (signal) => columns.get(signal));
  t.same(
    cellsOf({ signal: 'inputs', members }, (signal) => columns.get(signal)),
    [
      [1, 3],
      [2, 4],
    ],
  );
  t.same([of(['inputs.x', 'inputs.z']), of(['inputs.x', 'inputs.missing'])], [null, null]);
  t.end();
});

t.test('both sides together are watched on `columns`, and text and calls not at all', (t) => {
  const policy = policyOf(
    spec(
      '    - {name: all, features: [x, c, outputs.predictions], detectors: {multivariate: {type: mmd}}}\n    - {name: in, detectors: {multivariate: {type: mmd}}}\n',
    ),
  );
  t.match(watchList(policy, policy.schema, detectorOf), [
    { signal: 'columns', members: [{ signal: 'inputs.x' }, { signal: 'inputs.c', isNumber: false }, { signal: 'outputs.predictions' }] },
    { signal: 'inputs', members: { length: 3 } },
  ]);
  t.end();
});

function csv(seed: number, rows: number, tiedFrom = Infinity): string {
  const random = new Random(seed);
  const lines = Array.from({ length: rows }, (_, index) => row(random, index >= tiedFrom)).map(
    ({ x, y, c, id }) => `${x},${y},${c},${id},0`,
  );
  return `x,y,c,id,predictions\n${lines.join('\n')}\n`;
}

const FILE = '  falseAlarms: {atMost: 2, per: 100 windows}\n  reference: {source: file, path: reference.csv}\n';
const OPEN = '    - {name: together, detectors: {multivariate: {type: mmd, mostRows: 100, permutations: 499}}}\n';
const document = (text: string) => `apiVersion: driftline/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n${text}`;

t.test('the budget sets their level, `check` tells what they see, and warns where p cannot get as small', async (t) => {
  const folder = t.testdir({
    'reference.csv': csv(1, 1_200),
    'p.yaml': document(spec(OPEN, FILE)),
    'rare.yaml': document(spec(OPEN, FILE.replace('100 windows', '2000 windows'))),
  });
  const { status, stdout } = await runCommand(t, checkCommand(), [path.join(folder, 'p.yaml')]);
  t.equal(status, 0);
  t.match(stdout, /together \(mmd\): q 0.02 \[plain\], 2 in 100 windows; rows are independent/);
  t.match(stdout, /together: finds in 4 windows of 5 0\.\d+ sd on inputs/);
  const rare = await runCommand(t, checkCommand(), [path.join(folder, 'rare.yaml')]);
  t.match(rare.stdout, /mmd on inputs: with 499 permutations p is never below 0.002, and 0.001 is needed; raise permutations to 999/);
});

t.test('`backtest` fires on the change between columns at its row, and counts a change of one column as found', async (t) => {
  const folder = t.testdir({ 'reference.csv': csv(1, 1_000), 'p.yaml': document(spec(OPEN, FILE)), 'live.csv': csv(2, 600, 400) });
  const file = (name: string) => path.join(folder, name);
  const { stdout, status } = await runCommand(t, backtestCommand(), [file('p.yaml'), file('live.csv'), '--runs', '1', '--json']);
  t.equal(status, 1);
  const result = JSON.parse(stdout);
  t.match(result.fired, [{ monitor: 'together', signal: 'inputs', detector: 'mmd', row: 599, sinceRow: 400, note: /x, y|y, x/ }]);
  const found = result.injected.find(({ kind, size }: { kind: string; size: string }) => kind === 'mean' && size === '+2 sd');
  t.match(found, { missed: { count: 0, of: 1 } });
});

t.test('rows that depend on each other are calibrated in blocks, whole rows at a time', (t) => {
  const random = new Random(4);
  let x = 0;
  const rows = Array.from({ length: 2_400 }, () => {
    x = 0.7 * x + random.normal();
    return { x, y: x + random.normal() };
  });
  const policy = policyOf(
    spec(
      '    - {name: together, features: [x, y], detectors: {multivariate: {type: mmd, mostRows: 60, permutations: 99}}}\n',
      '  falseAlarms: {atMost: 10, per: 100 windows}\n',
    ),
  );
  const cells = new Map([
    ['inputs.x', rows.map((one) => one.x)],
    ['inputs.y', rows.map((one) => one.y)],
  ]);
  const task = { policy, columns: policy.schema, cells, rowsPerMs: null, seed: 1 };
  const [level] = calibrate(task).levels;
  t.match(level, { method: 'blocks', detector: 'mmd' });
  t.ok(level!.blockRows! > 1 && level!.laws.inputs !== undefined);
  const [watch] = watchList(policy, policy.schema, detectorOf);
  if (watch?.kind !== 'windowed') throw new Error('a windowed watch');
  const power = powerOf(task, level!, { watch, cells: cellsOf(watch, (signal) => cells.get(signal))! }, 1);
  t.match(power, { signal: 'inputs', unit: 'sd' });
  t.ok(power!.smallest === null || power!.smallest > 0.1);
  t.end();
});
