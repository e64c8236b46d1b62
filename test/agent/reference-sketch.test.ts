/** A reference without rows, from `init --sketch` to the verdict of a window. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { backtestCommand } from '../../agent/commands/backtest.ts';
import { checkCommand } from '../../agent/commands/check.ts';
import { initCommand } from '../../agent/commands/init.ts';
import { readSketchFile, sketchText } from '../../agent/reference-sketch.ts';
import { Random } from '../../detectors/performance/random.ts';
import { ColumnSketch } from '../../detectors/sketches/column-sketch.ts';
import { ReferenceBins } from '../../detectors/sketches/reference-bins.ts';
import { TableSketch } from '../../detectors/sketches/table-sketch.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';
import { runCommand } from '../support/run-command.ts';

t.setTimeout(180_000);

const random = new Random(7);
const row = () => ({ x: random.normal(), zeros: random.uniform() < 0.4 ? 0 : random.uniform(), c: ['a', 'b', 'c'][random.below(3)]! });
const ROWS = Array.from({ length: 4_000 }, row);
const CSV = `x,zeros,c\n${ROWS.map(({ x, zeros, c }, k) => (k % 50 === 0 ? `,${zeros},${c}` : `${x},${zeros},${c}`)).join('\n')}\n`;

async function made(t: Test): Promise<string> {
  const folder = t.testdir({ 'training.csv': CSV });
  const { thrown, stdout } = await runCommand(t, initCommand(), [
    '--from',
    path.join(folder, 'training.csv'),
    '--output',
    folder,
    '--sketch',
  ]);
  t.equal(thrown, null);
  t.match(stdout, /wrote .*reference\.sketch\.json \(4,000 rows counted and none kept; /);
  return folder;
}

const spec = (file: string, monitors: string, more = '') => `  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}, expectedRows: {count: 4800, per: 1d}}
  schema:
    inputs: [{name: x, type: number}, {name: zeros, type: number}, {name: c, type: categorical, maxUnseen: 0.01}]
    outputs: [{name: predictions, type: number}]
  reference: {source: file, path: ${JSON.stringify(file)}}
  window: {type: tumbling, rows: 200}
${more}  monitors:
${monitors}`;

t.test('init --sketch keeps counts and no row, names the file in the policy, and check has nothing to say', async (t) => {
  const folder = await made(t);
  t.match(
    readFileSync(path.join(folder, 'policy.yaml'), 'utf8'),
    'reference: { source: file, path: reference.sketch.json, kind: training }',
  );
  const sketch = await readSketchFile(path.join(folder, 'reference.sketch.json'));
  t.equal(sketch.rows, 4_000);
  const x = sketch.columns.get('x')!.reference();
  t.match({ n: x.n, missing: x.missing }, { n: 3_920, missing: 80 });
  const present = ROWS.filter((_, k) => k % 50 !== 0).map((one) => one.x);
  t.ok(Math.abs(x.numbers!.mean - present.reduce((sum, value) => sum + value, 0) / 3_920) < 1e-12);
  t.ok(x.numbers!.bins!.counts.every((count) => count <= 3_920 / 200 + 1));
  t.equal(sketch.columns.get('c')!.reference().categories!.counts.get('a'), ROWS.filter(({ c }) => c === 'a').length);
  const { status, stderr } = await runCommand(t, checkCommand(), [path.join(folder, 'policy.yaml')]);
  t.same([status, stderr], [0, '']);
});

t.test('tests on the line: a healthy window is stable, a changed one drifts, with the reference in words', async (t) => {
  const folder = await made(t);
  const policy = policyOf(
    spec(
      path.join(folder, 'reference.sketch.json'),
      `    - {name: numbers, features: [x, zeros], detectors: {numeric: {type: ks, effect: {atLeast: 0.1}}}, correction: {q: 0.001}}
    - {name: far, features: [x], detectors: {numeric: {type: wasserstein, effect: {atLeast: 0.1}}}, correction: {q: 0.001}}
    - {name: zeros, features: [zeros], detectors: {numeric: {type: two-proportion}}, correction: {q: 0.001}}
    - {name: shares, features: [x, c], detectors: {numeric: {type: psi}, categorical: {type: chi-squared}}, correction: {q: 0.001}}
`,
    ),
  );
  const line = await openLine(policy, t.testdirName);
  const levels = (rows: readonly object[], id: string) => {
    line.analysis.observe(
      exchangeOf(
        id,
        1,
        rows.map((one) => ({ ...one })),
      ),
    );
    const batch = line.analysis.take()!;
    line.analysis.committed();
    return new Map(batch.windows.map(({ monitor, signal, level, note }) => [`${monitor} ${signal}`, { level, note }]));
  };
  const healthy = levels(Array.from({ length: 200 }, row), 'healthy');
  t.equal(healthy.size, 6);
  for (const [name, { level }] of healthy) t.equal(level, 'stable', name);
  t.match(healthy.get('shares inputs.c')!.note, /\(reference [abc] in 3[2-5]\.\d %\)/);
  t.match(healthy.get('numbers inputs.x')!.note, /\(reference median -?0\.0\d+\).*missing 0\.0 % \(reference 2\.0 %\)/);
  const changed = levels(
    Array.from({ length: 200 }, () => ({ x: random.normal() + 1, zeros: random.uniform(), c: random.below(3) === 0 ? 'a' : 'new' })),
    'changed',
  );
  for (const [name, { level }] of changed) t.equal(level, 'drift', name);
  t.match(changed.get('shares inputs.c')!.note, 'unseen: new');
  line.crash();
});

t.test('between what the sketch shows for certain and what it cannot rule out there is no verdict', async (t) => {
  // All of the reference lies in two bins, whose insides nothing is known of.
  const folder = t.testdir({});
  const file = path.join(folder, 'coarse.sketch.json');
  const column = ColumnSketch.ofNumbers(new ReferenceBins([0.5]));
  const table = new TableSketch(new Map([['x', column]]));
  for (let k = 0; k < 1_000; k++) table.update(() => k / 1_000);
  writeFileSync(file, sketchText(table));
  const policy = policyOf(
    spec(file, '    - {name: d, features: [x], detectors: {numeric: {type: ks, effect: {atLeast: 0.1}}}, correction: {q: 0.001}}\n'),
  );
  const line = await openLine(policy, t.testdirName);
  line.analysis.observe(
    exchangeOf(
      'r',
      1,
      Array.from({ length: 200 }, (_, k) => ({ x: k / 200, zeros: 0, c: 'a' })),
    ),
  );
  const [finding] = line.analysis.take()!.windows;
  t.equal(finding?.level, 'insufficient');
  t.match(finding?.note, /D lies between 0\.004 and 0\.505, and the sketch of the reference cannot tell where/);
  line.crash();
});

t.test('a column that the sketch lacks is learned from traffic, and unseen categories are held against the sketch', async (t) => {
  const folder = await made(t);
  const policy = policyOf(
    spec(
      path.join(folder, 'reference.sketch.json'),
      '    - {name: p, features: [predictions], detectors: {numeric: {type: wasserstein}}}\n',
    ),
  );
  const line = await openLine(policy, t.testdirName);
  line.analysis.observe(
    exchangeOf(
      'r',
      1,
      Array.from({ length: 50 }, (_, k) => ({ x: 1, zeros: 0, c: k < 10 ? 'unheard-of' : 'a' })),
    ),
  );
  const [record] = line.analysis.take()!.records;
  t.match(String(record!.body), 'unseen');
  line.crash();
});

t.test('check refuses tests and options that need rows, each with its place and what to use', async (t) => {
  const folder = await made(t);
  const file = path.join(folder, 'p.yaml');
  const monitors = `    - {name: e, features: [x], detectors: {numeric: {type: energy}}}
    - {name: k, features: [x], detectors: {numeric: {type: ks, method: exact}}}
    - {name: v, features: [x], detectors: {numeric: {type: psi, bins: evidently}}}
    - {name: s, features: [x], detectors: {numeric: {type: adwin}}}
`;
  writeFileSync(file, `apiVersion: driftline/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n${spec('reference.sketch.json', monitors)}`);
  const { status, stderr } = await runCommand(t, checkCommand(), [file]);
  t.equal(status, 1);
  t.match(
    stderr,
    /p\.yaml:13:\d+ spec\.monitors\.0\.detectors\.numeric\.type `energy` compares rows, and the reference is a sketch without any — use ks, /,
  );
  t.match(
    stderr,
    /p\.yaml:14:\d+ .* the reference is a sketch without rows, and `method: exact` needs every value of the reference: use `auto`, or a CSV/,
  );
  t.match(stderr, /p\.yaml:15:\d+ .* `bins: evidently` needs the values/);
  t.match(stderr, 'p.yaml has 3 mistakes');
});

t.test('a budget of false alarms: the plain level, and check says that it rests on independent rows', async (t) => {
  const folder = await made(t);
  const file = path.join(folder, 'p.yaml');
  const monitors = `    - {name: d, detectors: {numeric: {type: ks}, categorical: {type: chi-squared}}}
    - {name: w, features: [x], detectors: {numeric: {type: ks}}, correction: {q: 0.01}}
    - {name: n, features: [x, zeros], detectors: {numeric: {type: ks}}, correction: {method: none}}
    - {name: s, features: [x], detectors: {numeric: {type: adwin}}}
`;
  const budget = '  falseAlarms: {atMost: 3, per: 100 windows}\n';
  writeFileSync(
    file,
    `apiVersion: driftline/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n${spec('reference.sketch.json', monitors, budget)}`,
  );
  const { status, stdout, stderr } = await runCommand(t, checkCommand(), [file]);
  t.same([status, stderr], [0, '']);
  // A third of the budget's 0.03 a window; of that half for each test without a correction.
  t.match(stdout, /level {6}d \(ks, chi-squared\): q 0\.01 \[plain\]; the reference is a sketch, without rows to replay in blocks/);
  t.match(stdout, /level {6}w \(ks\): q 0\.01 \[written\]; written out; the reference is a sketch/);
  t.match(stdout, /level {6}n \(ks\): q 0\.005 \[plain\]/);
  t.match(stdout, /level {6}s: adwin on inputs\.x: .* \[unknown\]; only a sketch is left of the reference/);
  t.match(stdout, /unknown number of false alarms expected in 100 windows/);
});

t.test('a backtest needs rows, and says so', async (t) => {
  const folder = await made(t);
  const { thrown } = await runCommand(t, backtestCommand(), [path.join(folder, 'policy.yaml'), path.join(folder, 'training.csv')]);
  t.match(thrown, { message: /reference\.sketch\.json: is a sketch, and a backtest replays rows; name a reference with rows/ });
});

t.test('a file that is none, is cut off, damaged or keeps another type is refused with its name', async (t) => {
  const folder = await made(t);
  const file = path.join(folder, 'reference.sketch.json');
  const text = readFileSync(file, 'utf8');
  const policy = (type: string) =>
    spec(file, `    - {name: d, features: [x], detectors: {numeric: {type: ks}}}\n`).replace(
      '{name: c, type: categorical, maxUnseen: 0.01}',
      `{name: c, type: ${type}}`,
    );
  const fails = async (content: string, message: RegExp, type = 'categorical') => {
    writeFileSync(file, content);
    await t.rejects(openLine(policyOf(policy(type)), t.testdirName), { message, name: 'ConfigError' });
  };
  for (const length of [1, 30, 500, text.length - 3]) await fails(text.slice(0, length), /sketch\.json:1: is not JSON, or cut off/);
  await fails('', /sketch\.json:\d: is not JSON/);
  await fails('[]', /is no reference sketch of this version/);
  await fails('null', /is no reference sketch/);
  await fails(text.replace('/v1', '/v9'), /is no reference sketch of this version/);
  await fails(text.replace('"rows":4000', '"rows":4001'), /is damaged \(table-sketch: field rows/);
  await fails(text.replace('"edgesId":"', '"edgesId":"0'), /is damaged \(reference-bins: field edgesId/);
  await fails('{"format":"driftline/reference-sketch/v1"}', /is damaged/);
  await fails(text, /keeps c as categories, and the schema has it as number/, 'number');
  writeFileSync(file, `\ufeff${text}`);
  const line = await openLine(policyOf(policy('categorical')), path.join(t.testdirName, 'bom'));
  t.ok(line.analysis);
  line.crash();
  await t.rejects(readSketchFile(path.join(folder, 'none.sketch.json')), { message: /there is no such file/ });
  await t.rejects(readSketchFile(folder), { message: /is a folder/ });
});

t.test('a model has no rows to sketch', async (t) => {
  const { thrown } = await runCommand(t, initCommand(), ['--from', 'model.onnx', '--sketch']);
  t.match(thrown, { message: /--sketch: a model has no rows/ });
});
