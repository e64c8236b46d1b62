import t from 'tap';
import { calibrate } from '../../../agent/calibration/calibrate.ts';
import type { Calibration, CalibrationTask } from '../../../agent/calibration/calibration.ts';
import { Levels, withLevels } from '../../../agent/calibration/levels.ts';
import type { Finding } from '../../../contracts/finding.ts';
import { watchList } from '../../../agent/watch-list.ts';
import { detectorOf } from '../../../detectors/catalogue.ts';
import type { ClosedWindow } from '../../../agent/windows.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { exchangeOf, type Line, openLine } from '../../support/line.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(180_000);

function policyWith(falseAlarms: string, traffic = '') {
  return policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}${traffic}}
  schema: {inputs: [{name: x, type: number}], outputs: [{name: predictions, type: number}]}
${falseAlarms}  reference: {source: traffic, learn: {rows: 500}}
  window: {rows: 100}
  monitors:
    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}}}
    - {name: mean, features: [x], detectors: {numeric: {type: cusum}}}
`);
}

const BUDGET = '  falseAlarms: {atMost: 1, per: 100 windows}\n';

/** Feeds a normal column, 50 rows a call, and commits after each. */
function feed(line: Line, random: Random, calls: number, shift = 0, from = 0): void {
  for (let call = from; call < from + calls; call++) {
    const rows = Array.from({ length: 50 }, () => ({ x: random.normal() + shift }));
    line.analysis.observe(exchangeOf(`call-${call}`, 1_000 * call, rows));
    line.commit();
  }
}

function findings(line: Line): readonly Finding[] {
  return line.reader.page<Finding>('windows', 0, 1_000).items;
}

t.test('the levels come when the reference has been learned, are stored, and a shift is found at them', async (t) => {
  const folder = t.testdir();
  const line = await openLine(policyWith(BUDGET), folder);
  const random = new Random(2);
  feed(line, random, 10);
  t.same(
    findings(line).map(({ level }) => level),
    ['insufficient', 'insufficient', 'insufficient', 'insufficient', 'stable'],
  );
  feed(line, random, 10, 0, 10);
  const stored = line.reader.state('calibration') as unknown as Calibration;
  t.same(
    stored.levels.map(({ monitor, method, share }) => [monitor, method, share]),
    [
      ['drift', 'plain', 0.005],
      ['mean', 'blocks', 0.005],
    ],
  );
  const healthy = findings(line).slice(-5);
  t.same(
    healthy.map(({ level, threshold }) => [level, threshold]),
    healthy.map(() => ['stable', 0.005]),
  );
  feed(line, random, 4, 2, 20);
  t.equal(findings(line).at(-1)?.level, 'drift');
  const mean = line.reader.monitors().find(({ key }) => key === 'mean/inputs.x/cusum');
  t.ok(mean !== undefined, 'the streaming detector has begun');
  line.crash();

  // Nothing has changed: the stored levels serve.
  const again = await openLine(policyWith(BUDGET), folder);
  t.same(again.reader.state('calibration'), stored);
  feed(again, random, 2, 2, 24);
  t.equal(findings(again).at(-1)?.level, 'drift');
  again.crash();
});

t.test('where rows depend on each other a window’s p-value is read by the replays', async (t) => {
  const line = await openLine(policyWith('  falseAlarms: {atMost: 1, per: 100 windows, blocks: 20}\n'), t.testdir());
  const random = new Random(3);
  let x = 0;
  for (let call = 0; call < 20; call++) {
    const rows = Array.from({ length: 50 }, () => {
      x = 0.7 * x + random.normal();
      return { x };
    });
    line.analysis.observe(exchangeOf(`call-${call}`, 1_000 * call, rows));
    line.commit();
  }
  const { levels } = line.reader.state('calibration') as unknown as Calibration;
  t.match(levels[0], { method: 'blocks', value: 0.005 });
  const judged = findings(line).slice(-5);
  for (const { pValue, adjustedP } of judged) t.ok(adjustedP! > pValue!, `${pValue} is read as ${adjustedP}`);
  line.crash();
});

t.test('a budget in time waits for the rate of traffic, which the windows show', async (t) => {
  const line = await openLine(policyWith('  falseAlarms: {atMost: 1, per: 1d}\n'), t.testdir());
  feed(line, new Random(1), 14);
  // The reference is whole with the 500th row, and 400 rows came in windows until the seventh second.
  t.match(line.reader.state('calibration'), { rate: 'measured', windowsInPeriod: (86_400 * 400) / 7 / 100 });
  line.crash();
});

t.test('a budget in time gives levels to a learned reference too, though the rate is known before it', async (t) => {
  const folder = t.testdir();
  const policy = policyWith('  falseAlarms: {atMost: 864, per: 1d}\n');
  const line = await openLine(policy, folder);
  const random = new Random(2);
  feed(line, random, 8);
  const early = line.reader.state('calibration') as unknown as Calibration;
  t.same([early.rate, early.levels[0]?.method], ['measured', 'insufficient']);
  // A restart on the way must not lose the rate.
  line.crash();
  const again = await openLine(policy, folder);
  feed(again, random, 12, 0, 8);
  const { levels } = again.reader.state('calibration') as unknown as Calibration;
  t.same(
    levels.map(({ monitor, method }) => [monitor, method]),
    [
      ['drift', 'plain'],
      ['mean', 'blocks'],
    ],
  );
  t.equal(findings(again).at(-1)?.level, 'stable');
  feed(again, random, 4, 2, 20);
  t.equal(findings(again).at(-1)?.level, 'drift');
  again.crash();
});

t.test('stored levels of another policy are dropped at the start, and worked out anew at the rate that was measured before', async (t) => {
  const folder = t.testdir();
  const before = await openLine(policyWith('  falseAlarms: {atMost: 1, per: 1d}\n'), folder);
  feed(before, new Random(1), 14);
  before.crash();
  const after = await openLine(policyWith('  falseAlarms: {atMost: 864, per: 1d}\n'), folder);
  feed(after, new Random(2), 4, 0, 14);
  const { rate, budget } = after.reader.state('calibration') as unknown as Calibration;
  // 700 rows in 13 seconds.
  t.equal(rate, 'measured');
  t.ok(Math.abs(budget! - 864 / ((86_400 * 700) / 13 / 100)) < 1e-12, `${budget}`);
  t.equal(findings(after).at(-1)?.threshold, budget! / 2);
  after.crash();
});

t.test('without a budget nothing is calibrated and the written levels stand', async (t) => {
  const line = await openLine(policyWith(''), t.testdir());
  feed(line, new Random(1), 14);
  t.equal(line.reader.state('calibration'), undefined);
  t.equal(findings(line).at(-1)?.threshold, 0.05);
  line.crash();
});

t.test('a streaming detector waits for its level, then has it; one that is written out needs none', async (t) => {
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}]}
${BUDGET}  monitors:
    - {name: set, detectors: {numeric: {type: cusum}}}
    - {name: own, detectors: {numeric: {type: cusum, threshold: 30}}}
`);
  const watches = watchList(policy, policy.schema, detectorOf);
  const thresholds = (calibration: Calibration | null) =>
    withLevels(policy, watches, calibration).map(({ monitor, choice }) => [
      monitor.name,
      'options' in choice ? choice.options.threshold : null,
    ]);
  t.same(thresholds(null), [['own', 30]]);
  const random = new Random(1);
  const cells = new Map([['inputs.x', Array.from({ length: 1_000 }, () => random.normal())]]);
  const calibration = calibrate({ policy, columns: policy.schema, cells, slices: [], rowsPerMs: null, seed: 1 });
  const level = calibration.levels.find(({ monitor }) => monitor === 'set')!;
  t.same(thresholds(calibration), [
    ['set', level.value],
    ['own', 30],
  ]);
  const none = { ...calibration, levels: calibration.levels.map((one) => ({ ...one, value: null })) };
  t.same(thresholds(none), [['own', 30]], 'no level is to be had');
});

const task = { columns: { inputs: [], outputs: [] }, cells: new Map(), slices: [] };

/** A window of 100 rows that came up to this moment. */
function windowUntil(toAt: number, fromAt = toAt): ClosedWindow {
  const range = { fromRow: 0, toRow: 99, fromAt, toAt };
  return { range, columns: new Map(), times: new Array(100).fill(toAt), freshFrom: 0, rows: 100, note: null, control: null };
}

/** Levels that answer at once, and the rates that they were asked for. */
function levelsOf(falseAlarms: string): { levels: Levels; rates: (number | null)[] } {
  const rates: (number | null)[] = [];
  const given = (wanted: CalibrationTask) => {
    rates.push(wanted.rowsPerMs);
    return calibrate(wanted);
  };
  const options = { stored: undefined, changed: () => {}, log: () => {} };
  return { levels: new Levels({ ...options, policy: policyWith(falseAlarms), calibrate: given }), rates };
}

t.test('another reference is asked for at the rate that was measured before it', async (t) => {
  const { levels, rates } = levelsOf('  falseAlarms: {atMost: 1, per: 1d}\n');
  levels.ask(task);
  t.same(rates, [], 'no rate yet');
  t.equal(levels.measure(windowUntil(1_000, 0)), true);
  levels.ask(task);
  levels.ask({ ...task, cells: new Map([['inputs.x', [1, 2, 3]]]) });
  t.same(rates, [0.1, 0.1]);
});

t.test('levels are asked for again when traffic has doubled or halved, and not before', async (t) => {
  const { levels, rates } = levelsOf('  falseAlarms: {atMost: 1, per: 1d}\n');
  const asks: number[] = [];
  let at = 0;
  const windows = (count: number, everyMs: number) => {
    for (let window = 0; window < count; window++) {
      at += everyMs;
      if (!levels.measure(windowUntil(at, at - everyMs))) continue;
      asks.push(at);
      levels.ask(task);
    }
  };
  windows(50, 10_000);
  t.same(asks, [10_000]);
  windows(500, 6_000);
  t.same(asks.length, 1, 'a rate that is five thirds of the one before');
  windows(2_000, 1_000);
  // 2,550 windows in 5,500 seconds by now: 0.046 rows a millisecond, past two doublings.
  t.ok(asks.length === 3 && Math.abs(rates[1]! - 0.02) < 1e-4 && Math.abs(rates[2]! - 0.04) < 1e-4, `${asks} ${rates}`);
  windows(2_000, 1_000_000);
  t.ok(asks.length >= 10 && rates.at(-1)! < 3.2e-4, `${asks.length} ${rates}`);
});

t.test('a budget in windows, or without one, has no use for a rate', async (t) => {
  for (const falseAlarms of [BUDGET, '']) {
    const { levels } = levelsOf(falseAlarms);
    t.equal(levels.measure(windowUntil(1_000, 0)), false);
    t.equal(levels.rate, null);
  }
});

t.test('an answer to an older question comes too late, also when what is in force was asked for last', async (t) => {
  const answers: (() => void)[] = [];
  const levels = new Levels({
    policy: policyWith(BUDGET),
    stored: undefined,
    calibrate: (wanted) => new Promise((resolve) => answers.push(() => resolve(calibrate(wanted)))),
    changed: () => {},
    log: () => {},
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const other = { ...task, cells: new Map([['inputs.x', [1, 2, 3]]]) };
  levels.ask(task);
  answers[0]!();
  await settled();
  const inForce = levels.current;
  t.ok(inForce !== null);
  levels.ask(other);
  levels.ask(task);
  answers[1]!();
  await settled();
  t.equal(levels.current, inForce);
});

t.test('levels that are worked out elsewhere come later; until then there are none', async (t) => {
  const policy = policyWith(BUDGET);
  let changes = 0;
  let answer: (calibration: Calibration) => void = () => {};
  let asked: CalibrationTask | null = null;
  const levels = new Levels({
    policy,
    stored: undefined,
    calibrate: (wanted) => {
      asked = wanted;
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    changed: () => changes++,
    log: () => {},
  });
  levels.ask(task);
  t.equal(levels.current, null);
  levels.ask(task);
  answer(calibrate(asked!));
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(changes, 1);
  t.ok(levels.current !== null);
  levels.ask(task);
  t.equal(changes, 1, 'the same task is not asked for twice');
});

t.test('a calibration that fails is said, and leaves the monitors silent', async (t) => {
  const said: string[] = [];
  const levels = new Levels({
    policy: policyWith(BUDGET),
    stored: undefined,
    calibrate: () => Promise.reject(new Error('out of memory')),
    changed: () => t.fail('nothing changed'),
    log: (line) => said.push(line),
  });
  levels.ask(task);
  await new Promise((resolve) => setImmediate(resolve));
  t.match(said, [/calibration: failed \(out of memory\)/]);
  t.equal(levels.current, null);
});
