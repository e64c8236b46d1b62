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
  const { coarse, power } = await reportFor(t, 'slice');
  t.same(coarse, []);
  t.ok(power.length === 1 && power[0]!.smallest! < 1, JSON.stringify(power));
});

t.test('where all are corrected together, they do', async (t) => {
  const { coarse, power } = await reportFor(t, 'window');
  t.match(coarse, [/^drift: wasserstein on inputs.x: .* raise permutations to /]);
  t.equal(power[0]?.smallest, null);
});
