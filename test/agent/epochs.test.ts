/** Model versions on the analysis line: another version is no drift, and each is judged by itself. */
import t from 'tap';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { exchangeOf, labelOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const spec = `  model: {name: m, version: "header:x-version", prediction: p}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number}]
    outputs: [{name: p, type: number, tensor: predictions}]
  reference: {source: traffic, learn: {rows: 200}}
  window: {rows: 100}
  minSamples: 50
  monitors:
    - {name: tests, features: [x, p], detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.2}}}, correction: {q: 0.001}}
    - {name: mean, features: [outputs.p], detectors: {numeric: {type: adwin, delta: 0.0001}}}
    - {name: latency, features: [request.latency], detectors: {numeric: {type: adwin, delta: 0.0001}}}
    - {name: errors, needs: feedback, detectors: {error: {type: ddm, minErrors: 5}}}
  actions: [{name: console, type: console}]
`;
const policy = policyOf(spec);

/** What a version answers: each has its own level and its own latency. */
const MODELS: { readonly [version: string]: { readonly level: number; readonly latencyMs: number } } = {
  '7': { level: 0, latencyMs: 2 },
  '8': { level: 5, latencyMs: 40 },
};

interface Sent {
  readonly shifted?: number;
  readonly wrong?: boolean;
}

/** A number in [0, 1) that looks drawn. */
function drawn(i: number): number {
  return ((i * 2654435761) % 1000) / 1000;
}

function send(line: Line, i: number, version: string, { shifted = 0, wrong = false }: Sent = {}): void {
  const { level, latencyMs } = MODELS[version]!;
  const p = level + drawn(i) + shifted;
  line.analysis.observe(
    exchangeOf(`id-${i}`, 1_000 + i, [{ x: drawn(i + 7) }], [p], {
      responseHeaders: [['x-version', version]],
      latencyMs: latencyMs + drawn(i),
    }),
  );
  line.analysis.feedback(labelOf(`id-${i}`, wrong ? -1 : p, { receivedAt: 1_000 + i }));
  if (i % 30 === 29) line.commit();
}

function alertsOf(line: Line): Alert[] {
  return line.reader.page<Alert>('alerts', 0, 1_000).items as Alert[];
}

function windowsOf(line: Line, signal: string, version: string): Finding[] {
  return line.reader.page<Finding>('windows', 0, 10_000).items.filter((one) => one.signal === signal && one.modelVersion === version);
}

t.test('a new version that answers otherwise is no drift; a change of its own is', async (t) => {
  const line = await openLine(policy, t.testdir());
  for (let i = 0; i < 800; i++) send(line, i, '7');
  for (let i = 800; i < 2_000; i++) send(line, i, '8');
  t.same(alertsOf(line), [], 'neither outputs nor latency nor labels alarm');
  t.equal(line.reader.state('modelVersion'), '8');
  t.same(
    windowsOf(line, 'outputs.p', '8')
      .slice(0, 3)
      .map(({ level, note }) => [level, note]),
    [
      ['insufficient', 'the reference is still being learned'],
      // The second hundred completes the reference, and is judged against it.
      ['stable', windowsOf(line, 'outputs.p', '8')[1]!.note],
      ['stable', windowsOf(line, 'outputs.p', '8')[2]!.note],
    ],
    'outputs are learned anew',
  );
  t.match(windowsOf(line, 'inputs.x', '8')[0], { level: 'stable', reference: 'traffic' }, 'inputs are not');
  for (let i = 2_000; i < 2_400; i++) send(line, i, '8', { shifted: 0.6, wrong: i % 2 === 0 });
  t.same(
    new Set(alertsOf(line).map(({ monitor, signal, modelVersion }) => `${monitor} ${signal} ${modelVersion}`)),
    new Set(['tests outputs.p 8', 'mean outputs.p 8', 'errors feedback.error 8']),
  );
  line.crash();
});

t.test('two versions that take turns call by call are each judged by themselves, and neither alarms', async (t) => {
  const line = await openLine(policy, t.testdir());
  const turn = (i: number) => (i % 3 === 0 ? '8' : '7');
  for (let i = 0; i < 2_400; i++) send(line, i, turn(i));
  t.same(alertsOf(line), []);
  t.equal(windowsOf(line, 'outputs.p', '7').length, 16);
  t.equal(windowsOf(line, 'outputs.p', '8').length, 8);
  t.equal(line.reader.state('modelVersion'), '7');
  const kept = line.reader.monitors().map(({ key }) => key);
  t.ok(kept.includes('mean/outputs.p/adwin@7') && kept.includes('mean/outputs.p/adwin@8'), 'each has its own detectors');
  for (let i = 2_400; i < 3_000; i++) send(line, i, turn(i), { shifted: turn(i) === '8' ? 0.6 : 0 });
  t.same([...new Set(alertsOf(line).map(({ modelVersion }) => modelVersion))], ['8'], 'only the one that changed');
  line.crash();
});

t.test('alerts of a version that no longer answers resolve and say why, and its detectors are forgotten', async (t) => {
  const line = await openLine(policy, t.testdir());
  for (let i = 0; i < 600; i++) send(line, i, '7');
  for (let i = 600; i < 900; i++) send(line, i, '7', { shifted: 0.6 });
  const firing = alertsOf(line).filter(({ state }) => state === 'firing');
  t.ok(firing.length > 0 && firing.every(({ modelVersion }) => modelVersion === '7'));
  for (let i = 900; i < 1_380; i++) send(line, i, '8');
  t.ok(
    alertsOf(line).some(({ state }) => state === 'firing'),
    'not while it may yet answer',
  );
  for (let i = 1_380; i < 1_500; i++) send(line, i, '8');
  const after = alertsOf(line);
  t.same([...new Set(after.map(({ state }) => state))], ['resolved']);
  t.match(
    after.filter(({ monitor }) => monitor === 'tests'),
    [{ because: 'model version 7 no longer answers' }],
  );
  t.notOk(line.reader.monitors().some(({ key }) => key.endsWith('@7')));
  line.crash();
});

t.test('after a switch back, outputs meet what the version had learned, and detectors begin anew', async (t) => {
  const line = await openLine(policy, t.testdir());
  for (let i = 0; i < 450; i++) send(line, i, '7');
  for (let i = 450; i < 1_250; i++) send(line, i, '8');
  const before = windowsOf(line, 'outputs.p', '7').length;
  for (let i = 1_250; i < 1_470; i++) send(line, i, '7');
  t.same(
    windowsOf(line, 'outputs.p', '7')
      .slice(before)
      .map(({ level, window }) => [level, window!.fromRow]),
    [
      ['stable', 1_250],
      ['stable', 1_350],
    ],
    'judged at once, on new rows only',
  );
  t.same(alertsOf(line), []);
  const [row] = line.reader.monitors().filter(({ key }) => key === 'mean/outputs.p/adwin@7');
  t.match(row!.shown, { observed: 220 });
  line.crash();
});

t.test('labels of a version that no longer answers are counted and judge nobody', async (t) => {
  const line = await openLine(policy, t.testdir());
  const unlabelled = (i: number, version: string) =>
    line.analysis.observe(exchangeOf(`id-${i}`, i, [{ x: drawn(i) }], [0], { responseHeaders: [['x-version', version]] }));
  for (let i = 0; i < 300; i++) unlabelled(i, '7');
  for (let i = 300; i < 900; i++) unlabelled(i, '8');
  for (let i = 0; i < 300; i++) t.equal(line.analysis.feedback(labelOf(`id-${i}`, 1, { receivedAt: 1_000 })), 'joined');
  line.commit();
  t.same(alertsOf(line), []);
  t.match(line.reader.state('accounting'), { skippedValues: { 'feedback.error': 300 } });
  line.crash();
});

t.test('restored equals uninterrupted, with versions that take turns, follow and return', async (t) => {
  const at = (i: number) => (i < 300 || i > 1_700 ? '7' : i < 900 ? (i % 4 === 0 ? '8' : '7') : '8');
  const play = (line: Line, from: number, to: number) => {
    for (let i = from; i < to; i++) send(line, i, at(i), { shifted: i > 1_400 ? 0.5 : 0, wrong: i > 1_500 && i % 2 === 0 });
  };
  const outcome = (line: Line) => ({
    alerts: alertsOf(line),
    windows: line.reader.page('windows', 0, 10_000).items,
    monitors: line.reader.monitors(),
    state: ['progress', 'alerts', 'accounting', 'reference', 'modelVersion'].map((key) => line.reader.state(key)),
  });
  const ROWS = 2_400;
  const whole = await openLine(policy, t.testdir());
  play(whole, 0, ROWS);
  const expected = outcome(whole);
  t.ok(expected.alerts.length > 2);
  whole.crash();
  for (const cut of [330, 990, 1_380, 1_800]) {
    const folder = t.testdir({ [`cut-${cut}`]: {} });
    let line = await openLine(policy, folder);
    play(line, 0, cut);
    line.crash();
    line = await openLine(policy, folder);
    play(line, cut, ROWS);
    t.same(outcome(line), expected, `killed after row ${cut}`);
    line.crash();
  }
});
