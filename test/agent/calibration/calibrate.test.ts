import t from 'tap';
import { proportionInterval } from '../../../agent/calibration/intervals.ts';
import { calibrate, expectedShare } from '../../../agent/calibration/calibrate.ts';
import type { Calibration, CalibrationTask } from '../../../agent/calibration/calibration.ts';
import { withDefaults } from '../../../contracts/options.ts';
import type { Cell } from '../../../contracts/record.ts';
import { ks } from '../../../detectors/ks.ts';
import { calibratedP } from '../../../detectors/null-law.ts';
import { wasserstein } from '../../../detectors/wasserstein.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(180_000);

const WINDOW = 100;

function policyFor(monitors: string, more = '', columns = '[{name: x, type: number}, {name: y, type: number}]') {
  return policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: ${columns}}
  window: {rows: ${WINDOW}}
${more}  monitors:
${monitors}`);
}

const BUDGET = '  falseAlarms: {atMost: 5, per: 100 windows}\n';
const OPEN = '    - {name: drift, detectors: {numeric: {type: ks, method: asymptotic}}}\n';

/** x' = rho · x + e, from its stationary law. */
function chain(random: Random, rho: number, count: number): number[] {
  let x = random.normal() / Math.sqrt(1 - rho * rho);
  return Array.from({ length: count }, () => {
    const value = x;
    x = rho * x + random.normal();
    return value;
  });
}

function run(
  policy: CalibrationTask['policy'],
  cells: { [signal: string]: readonly Cell[] },
  rowsPerMs: number | null = null,
): Calibration {
  return calibrate({ policy, columns: policy.schema, cells: new Map(Object.entries(cells)), slices: [], rowsPerMs, seed: 1 });
}

/** Share of fresh windows, drawn from the process and not from the reference, that alarm over several references. */
function measured(rho: number, references: number, windows: number): { rate: number; plain: number; method: string } {
  const policy = policyFor(OPEN, BUDGET, '[{name: x, type: number}]');
  let alarms = 0;
  let plain = 0;
  let method = '';
  for (let seed = 0; seed < references; seed++) {
    const random = new Random(100 + seed);
    const reference = chain(random, rho, 2_500);
    const level = run(policy, { 'inputs.x': reference }).levels[0]!;
    method = level.method;
    const test = ks.prepare({ method: 'asymptotic', alternative: 'two-sided' }, reference);
    const law = level.laws['inputs.x'];
    for (let window = 0; window < windows; window++) {
      const pValue = test.test(chain(random, rho, WINDOW))!.pValue;
      if ((law === undefined ? pValue : calibratedP(law, pValue)) <= level.value!) alarms++;
      if (pValue <= 0.05) plain++;
    }
  }
  return { rate: alarms / (references * windows), plain: plain / (references * windows), method };
}

t.test('independent rows: the plain level keeps the budget', async (t) => {
  const { rate, method } = measured(0, 4, 400);
  t.equal(method, 'plain');
  t.ok(rate > 0.03 && rate < 0.07, `${rate} of 0.05`);
});

t.test('dependent rows: the plain level breaks the budget manifold, the calibrated one keeps it', async (t) => {
  const { rate, plain, method } = measured(0.7, 4, 250);
  t.equal(method, 'blocks');
  t.ok(plain > 0.2, `${plain} at the plain level`);
  t.ok(rate > 0.02 && rate < 0.09, `${rate} of 0.05`);
});

t.test('dependent rows: a test by random splits, whose p-value has a smallest one, keeps the budget and still sees', async (t) => {
  const policy = policyFor(
    '    - {name: drift, detectors: {numeric: {type: wasserstein, permutations: 199}}}\n',
    BUDGET,
    '[{name: x, type: number}]',
  );
  const random = new Random(9);
  const reference = chain(random, 0.9, 4_000);
  const level = run(policy, { 'inputs.x': reference }).levels[0]!;
  t.equal(level.method, 'blocks');
  const test = wasserstein.prepare(withDefaults(wasserstein.options, { permutations: 199 }) as never, reference);
  const found = (shift: number) => {
    const results = Array.from({ length: 100 }, () => test.test(chain(random, 0.9, WINDOW).map((value) => value + shift))!);
    return results.filter(({ pValue, score }) => calibratedP(level.laws['inputs.x']!, pValue, score) <= level.value!).length;
  };
  // A shift of three and a half standard deviations.
  const [healthy, shifted] = [found(0), found(8)];
  t.ok(healthy <= 12, `${healthy} of 100 healthy windows, 5 allowed`);
  t.ok(shifted >= 80, `${shifted} of 100 shifted ones`);
});

t.test('the same task gives the same levels, another reference another fingerprint', async (t) => {
  const policy = policyFor(OPEN, BUDGET);
  const cells = { 'inputs.x': chain(new Random(1), 0.5, 1_500), 'inputs.y': chain(new Random(2), 0, 1_500) };
  const first = run(policy, cells);
  t.same(run(policy, cells), first);
  t.same(JSON.parse(JSON.stringify(first)), first);
  t.not(run(policy, { ...cells, 'inputs.y': chain(new Random(3), 0, 1_500) }).fingerprint, first.fingerprint);
});

t.test('q that is written out stays, and its share is counted; the rest goes to what is not', async (t) => {
  const policy = policyFor(
    `${OPEN}    - {name: old, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.02}}\n`,
    BUDGET,
  );
  const random = new Random(4);
  const { levels, budget } = run(policy, { 'inputs.x': chain(random, 0, 3_000), 'inputs.y': chain(random, 0, 3_000) });
  const old = levels.find(({ monitor }) => monitor === 'old')!;
  const drift = levels.find(({ monitor }) => monitor === 'drift')!;
  t.match(old, { method: 'written', value: 0.02 });
  t.ok(old.share! > 0.005 && old.share! < 0.04, `${old.share}`);
  t.equal(budget, 0.05);
  t.equal(drift.share, 0.05 - old.share!);
  t.equal(drift.value, drift.share);
});

t.test('the bound of a counted share takes windows that share a reference as fewer', async (t) => {
  const policy = policyFor('    - {name: old, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.1}}\n', BUDGET);
  // As long as a window, so that half of the difference is the reference's.
  const cells = { 'inputs.x': chain(new Random(4), 0, WINDOW), 'inputs.y': chain(new Random(5), 0, WINDOW) };
  const { share, shareAtMost } = run(policy, cells).levels[0]!;
  const [, wilson] = proportionInterval(share! * 1_200, 1_200);
  t.ok(shareAtMost! - share! > 1.15 * (wilson - share!), `${share}: at most ${shareAtMost}, not ${wilson}`);
});

t.test('`for` counts for a level that is written out: two windows in a row are rarer', async (t) => {
  const policy = policyFor(
    `    - {name: once, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.2}}\n    - {name: twice, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.2}, for: 2 windows}\n`,
  );
  const random = new Random(4);
  const { levels } = run(policy, { 'inputs.x': chain(random, 0, 2_000), 'inputs.y': chain(random, 0, 2_000) });
  t.ok(levels[1]!.share! < 0.4 * levels[0]!.share!, `${levels.map(({ share }) => share)}`);
});

t.test('the effect floor counts for a level that is written out', async (t) => {
  const policy = policyFor(
    '    - {name: old, detectors: {numeric: {type: ks, method: asymptotic, effect: {atLeast: 0.3}}}, correction: {q: 0.3}}\n',
  );
  t.match(run(policy, { 'inputs.x': chain(new Random(4), 0, 2_000) }).levels[0], { share: 0, method: 'written' });
});

t.test('levels that are written out and use the budget up leave nothing to the others', async (t) => {
  const policy = policyFor(
    `${OPEN}    - {name: old, detectors: {numeric: {type: ks, method: asymptotic}}, correction: {q: 0.3}}\n`,
    BUDGET,
  );
  const random = new Random(4);
  const calibration = run(policy, { 'inputs.x': chain(random, 0, 1_500), 'inputs.y': chain(random, 0, 1_500) });
  t.ok(expectedShare(calibration) > 0.05);
  t.match(calibration.levels.at(-1), { monitor: 'drift', method: 'insufficient', value: null });
});

t.test('a reference that is too short, or changes throughout, gives no level', async (t) => {
  const level = (cells: readonly Cell[], more = BUDGET) =>
    run(policyFor(OPEN, more, '[{name: x, type: number}]'), { 'inputs.x': cells }).levels[0];
  const trend = Array.from({ length: 2_000 }, (_, row) => row / 200);
  t.match(level(trend), {
    method: 'insufficient',
    why: /^rows depend on each other \(Ljung–Box p < 0\.0001\) and no block up to 100 rows keeps that/,
  });
  const random = new Random(1);
  t.match(level(chain(random, 0, 900), '  falseAlarms: {atMost: 5, per: 100 windows, blocks: 48}\n'), {
    method: 'insufficient',
    why: /has 18 blocks of 48 rows, and 20 are needed/,
  });
});

t.test('a budget in time needs the rate of traffic, stated or measured', async (t) => {
  const cells = { 'inputs.x': chain(new Random(1), 0, 1_000) };
  const timed = '  falseAlarms: {atMost: 3, per: 30d}\n';
  t.match(run(policyFor(OPEN, timed), cells), { rate: 'unknown', budget: null, levels: [{ method: 'insufficient' }] });
  // 100 rows, a window, an hour: 720 windows in 30 days.
  t.match(run(policyFor(OPEN, timed), cells, 100 / 3_600_000), { rate: 'measured', windowsInPeriod: 720, budget: 3 / 720 });
});

t.test('a streaming detector’s level is found on replays; what is written out is left alone', async (t) => {
  const policy = policyFor(
    `    - {name: mean, features: [x], detectors: {numeric: {type: cusum}}}\n    - {name: own, features: [x], detectors: {numeric: {type: cusum, threshold: 6}}}\n`,
    '  falseAlarms: {atMost: 20, per: 100 windows}\n',
  );
  const reference = chain(new Random(7), 0, 3_000);
  const { levels } = run(policy, { 'inputs.x': reference });
  const own = levels.find(({ monitor }) => monitor === 'own')!;
  const mean = levels.find(({ monitor }) => monitor === 'mean')!;
  t.match(own, { method: 'written', value: 6, option: 'threshold' });
  t.match(mean, { method: 'blocks', option: 'threshold' });
  t.ok(mean.value! > 2 && mean.value! < 50, `${mean.value}`);
});

t.test('a signal without a reference keeps its detector’s default, and its share is not known', async (t) => {
  const policy = policyFor('    - {name: failed, features: [request.failed], detectors: {numeric: {type: adwin}}}\n', BUDGET);
  t.match(run(policy, {}).levels, [{ method: 'unknown', option: 'delta', value: 0.002, share: null }]);
});

/** The rows of a reference whose last half is another slice than its first, over and over. */
function slicesOf(rows: number, minSamples: number): CalibrationTask['slices'] {
  return ['even', 'odd'].map((name, parity) => ({
    slice: { name, of: 'parity', minSamples, by: [] },
    rows: new Map([['inputs.x', Array.from({ length: rows }, (_, row) => row).filter((row) => row % 2 === parity)]]),
  }));
}

t.test('tests of slices share the level of the whole: each has a law of its own where rows depend on each other', async (t) => {
  const random = new Random(5);
  const policy = policyFor(OPEN, BUDGET, '[{name: x, type: number}]');
  const cells = new Map([['inputs.x', chain(random, 0.8, 4_000)]]);
  const task = { policy, columns: policy.schema, cells, slices: slicesOf(4_000, 30), rowsPerMs: null, seed: 1 };
  const [level] = calibrate(task).levels;
  t.match(level, { method: 'blocks', value: 0.05, why: /; 3 tests a window, those of 2 slices among them$/ });
  t.same(Object.keys(level!.laws), ['inputs.x', 'inputs.x in even', 'inputs.x in odd']);
  // A slice's rows are fewer, and so no more alike than those of the whole.
  t.ok(level!.laws['inputs.x in even']!.tails[0]!.scale < level!.laws['inputs.x']!.tails[0]!.scale * 1.5);
  const [few] = calibrate({ ...task, slices: slicesOf(4_000, 2_500) }).levels;
  t.same(Object.keys(few!.laws), ['inputs.x'], 'a slice with too few reference rows is not judged');
});

t.test('where each slice is corrected by itself, each gets its part of the budget', async (t) => {
  const random = new Random(6);
  const monitors = '    - {name: drift, detectors: {numeric: {type: ks}}, correction: {family: slice}}\n';
  const policy = policyFor(monitors, BUDGET, '[{name: x, type: number}]');
  const cells = new Map([['inputs.x', Array.from({ length: 4_000 }, () => random.normal())]]);
  const calibration = calibrate({ policy, columns: policy.schema, cells, slices: slicesOf(4_000, 30), rowsPerMs: null, seed: 1 });
  t.match(calibration.levels, [{ method: 'plain', value: 0.05 / 3, share: 0.05 }]);
});

t.test('a q that was written out is counted with the tests of slices', async (t) => {
  const random = new Random(7);
  const monitors = '    - {name: drift, detectors: {numeric: {type: ks}}, correction: {method: none, q: 0.05}}\n';
  const policy = policyFor(monitors, BUDGET, '[{name: x, type: number}]');
  const cells = new Map([['inputs.x', Array.from({ length: 4_000 }, () => random.normal())]]);
  const share = (slices: CalibrationTask['slices']) =>
    calibrate({ policy, columns: policy.schema, cells, slices, rowsPerMs: null, seed: 1 }).levels[0]!.share!;
  t.ok(share(slicesOf(4_000, 30)) > share([]) * 1.5, 'three tests alarm more often than one');
});

t.test('a detector with a guarantee of its own needs no replays, unless the reference contradicts it', async (t) => {
  const policy = policyFor(
    `    - {name: failed, features: [request.failed], detectors: {numeric: {type: e-detector, mean: 0.01, low: 0, high: 1}}}
    - {name: mean, features: [x], detectors: {numeric: {type: confidence-sequence, epoch: 2000}}}
    - {name: own, features: [x], detectors: {numeric: {type: e-detector, alpha: 0.00001}}}
`,
    BUDGET,
  );
  const { levels, budget } = run(policy, { 'inputs.x': chain(new Random(7), 0, 3_000) });
  const of = (name: string) => levels.find(({ monitor }) => monitor === name)!;
  t.match(of('own'), { method: 'written', value: 1e-5, share: 1e-5 * WINDOW, why: /guarantee/ });
  // The rest in two equal parts, spread over the values of a window; an epoch has 2,000 of them.
  const part = (budget! - 1e-5 * WINDOW) / 2;
  t.match(of('failed'), { method: 'guarantee', share: part, why: /which no reference shows/ });
  t.ok(Math.abs(of('failed').value! / (part / WINDOW) - 1) < 1e-9);
  t.ok(Math.abs(of('mean').value! / ((part / WINDOW) * 2_000) - 1) < 1e-9);
  t.match(of('mean'), { method: 'guarantee', why: /values are independent/ });

  const dependent = run(policy, { 'inputs.x': chain(new Random(7), 0.7, 3_000) }).levels;
  t.match(
    dependent.find(({ monitor }) => monitor === 'mean'),
    { method: 'blocks', why: /does not cover them/ },
  );
  const wandering = run(policy, { 'inputs.x': Array.from({ length: 3_000 }, (_, k) => Math.floor(k / 500)) }).levels;
  for (const { monitor, method } of wandering) if (monitor !== 'failed') t.not(method, 'guarantee', monitor);
});
