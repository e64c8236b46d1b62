import path from 'node:path';
import t, { type Test } from 'tap';
import { type AlarmReport, reportAlarms } from '../../../agent/calibration/report.ts';
import { Random } from '../../../detectors/performance/random.ts';
import { policyOf } from '../../support/policies.ts';

t.setTimeout(60_000);

/** Of a test by 199 splits at q 0.05 on one column, with a slice for each of ten regions. */
function reportFor(t: Test, family: string): Promise<AlarmReport> {
  const random = new Random(3);
  const rows = Array.from({ length: 1_000 }, (_, row) => `${random.normal()},${row % 10}`);
  const file = path.join(t.testdir({ 'reference.csv': `x,region\n${rows.join('\n')}\n` }), 'reference.csv');
  return reportAlarms(
    policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}, {name: region, type: categorical}]}
  reference: {source: file, path: ${file}}
  window: {rows: 100}
  slices: [{name: region, by: [region], minSamples: 5}]
  monitors:
    - name: drift
      features: [x]
      detectors: {numeric: {type: wasserstein, permutations: 199}}
      correction: {family: ${family}, q: 0.05}
`),
  );
}

t.test('where each slice is corrected by itself, slices do not make the tests of all rows too coarse', async (t) => {
  const { coarse, power, remarks } = await reportFor(t, 'slice');
  t.same(coarse, []);
  t.match(remarks, [/^what 10 more tests of slices can see is left out/], 'tests by random splits take long');
  t.ok(power.length === 1 && power[0]!.smallest! < 1, JSON.stringify(power));
});

t.test('where all are corrected together, they do', async (t) => {
  const { coarse, power } = await reportFor(t, 'window');
  t.match(coarse, [/^drift: wasserstein on inputs.x: .* raise permutations to /]);
  t.equal(power[0]?.smallest, null);
});

t.test('what a test sees of whole numbers is a change of them, and not the fractions of a shift', async (t) => {
  const random = new Random(5);
  // 25 values or so: a shift of all by any fraction would pass each of them by.
  const rows = Array.from({ length: 4_000 }, () => `${Math.round(4 * random.normal())}`);
  const file = path.join(t.testdir({ 'reference.csv': `x\n${rows.join('\n')}\n` }), 'reference.csv');
  const { power } = await reportAlarms(
    policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: integer}]}
  reference: {source: file, path: ${file}}
  window: {rows: 1000}
  monitors: [{name: drift, detectors: {numeric: {type: ks}}}]
`),
  );
  t.equal(power[0]!.unit, 'sd');
  // A shift that KS sees in 1,000 normal values against 4,000.
  t.ok(power[0]!.smallest! > 0.08 && power[0]!.smallest! < 0.25, `${power[0]!.smallest}`);
});

t.test('points of a flag are those by which its share rises', async (t) => {
  const rows = Array.from({ length: 4_000 }, (_, row) => `${row % 2 === 0 ? 'u' : 'v'}`);
  const random = new Random(5);
  const file = path.join(t.testdir({ 'reference.csv': `x\n${Array.from(rows, () => random.pick(rows)).join('\n')}\n` }), 'reference.csv');
  const { power } = await reportAlarms(
    policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: categorical}]}
  reference: {source: file, path: ${file}}
  window: {rows: 1000}
  monitors: [{name: drift, detectors: {categorical: {type: total-variation, effect: {stat: total_variation, atLeast: 0.2}}}}]
`),
  );
  // The floor itself, and what four windows of five need beyond it.
  t.ok(power[0]!.smallest! > 0.2 && power[0]!.smallest! < 0.25, `${power[0]!.smallest}`);
});

/** Power of KS on x in windows of 200 rows. */
async function powerOfKs(t: Test, rows: readonly string[], more: string): Promise<AlarmReport['power']> {
  const file = path.join(t.testdir({ 'reference.csv': `x,region\n${rows.join('\n')}\n` }), 'reference.csv');
  const report = await reportAlarms(
    policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}, {name: region, type: categorical}]}
  reference: {source: file, path: ${file}}
  window: {rows: 200}
  minSamples: 20
${more}  monitors: [{name: drift, features: [x], detectors: {numeric: {type: ks}}}]
`),
  );
  return report.power;
}

t.test('a test that alarms in healthy windows anyway finds nothing by that', async (t) => {
  const random = new Random(8);
  let level = 0;
  const wandering = Array.from({ length: 8_000 }, () => {
    level = 0.99 * level + random.normal();
    return `${level},N`;
  });
  const [power] = await powerOfKs(t, wandering, '');
  t.match(power, { smallest: null });
  t.ok(power!.healthyAlarms > 0.8, `${power!.healthyAlarms}`);
  const [independent] = await powerOfKs(
    t,
    Array.from(wandering, () => `${random.normal()},N`),
    '',
  );
  t.ok(independent!.healthyAlarms < 0.2 && independent!.smallest! < 0.5, JSON.stringify(independent));
});

t.test('each slice has its own power, by its rows in a window', async (t) => {
  const random = new Random(9);
  const rows = Array.from({ length: 4_000 }, () => `${random.normal()},${random.uniform() < 0.8 ? 'N' : 'S'}`);
  const power = await powerOfKs(t, rows, '  slices: [{name: region, by: [region], minSamples: 20}]\n');
  t.same(
    power.map(({ slice }) => slice),
    [null, 'region=N', 'region=S'],
  );
  const [all, north, south] = power.map(({ smallest }) => smallest!);
  t.ok(all! < south! && north! < south! && south! < 1.5, `${all}, ${north}, ${south}`);
});
