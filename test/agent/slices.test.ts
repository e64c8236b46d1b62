import path from 'node:path';
import t from 'tap';
import { Slices } from '../../agent/slices.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Cell } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, labelOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

const spec = (slices: string, more = '') => `  model: {name: m, prediction: predictions}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number}, {name: region, type: categorical}, {name: channel, type: categorical}]
    outputs: [{name: predictions, type: integer}]
  reference: {source: traffic, learn: {rows: 1000}}
  window: {type: tumbling, rows: 500}
  minSamples: 50
  slices: ${slices}
  monitors:
    - name: drift
      features: [x]
      detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.1}}}
      correction: {method: benjamini-hochberg, q: 0.001}
    - {name: errors, needs: feedback, detectors: {error: {type: ddm, minErrors: 10}}}
${more}`;
t.setTimeout(120_000);

const REGIONS: { readonly [letter: string]: string } = { n: 'north', s: 'south', w: 'west', e: 'east', o: 'nowhere' };
const REGION =
  '[{name: region, by: [region], minSamples: 40, maxValues: 3}, {name: mobile, where: "channel == \'mobile\'", minSamples: 40}]';

/** Rows of three large regions and two small ones; `shift` moves x of a row. */
function feed(line: Line, from: number, count: number, shift: (row: { region: string; channel: string }) => number = () => 0): void {
  for (let i = from; i < from + count; i += 10) {
    const random = new Random(i + 1);
    const rows = Array.from({ length: 10 }, () => {
      const region = REGIONS[[...'nnnnnnsssswweo'][random.below(14)]!]!;
      const channel = random.uniform() < 0.5 ? 'mobile' : 'web';
      return { x: random.normal() + shift({ region, channel }), region, channel };
    });
    line.analysis.observe(exchangeOf(`id-${i}`, i, rows));
  }
  line.commit();
}

const alerts = (line: Line) => line.reader.page<Alert>('alerts', 0, 1_000).items;
const windows = (line: Line) => line.reader.page<Finding>('windows', 0, 10_000).items;

const columns = { inputs: policyOf(spec(REGION)).schema.inputs, outputs: [] };
const tableOf = (table: { [signal: string]: readonly Cell[] }) => (signal: string) => table[signal] ?? null;

t.test('the most frequent values of the reference are slices, the others are counted together', async (t) => {
  const reference = tableOf({ 'inputs.region': ['b', 'b', 'a', 'a', 'c', null, 'd', 'c', 'b'] });
  const slices = new Slices(policyOf(spec(REGION)), columns, () => reference);
  t.same(
    slices.slices.map(({ name, minSamples }) => [name, minSamples]),
    [
      ['region=b', 40],
      ['region=a', 40],
      ['region=c', 40],
      ['mobile', 40],
    ],
  );
  const { rows, others } = slices.cut(
    tableOf({ 'inputs.region': ['a', 'd', 'new', null, 'a'], 'inputs.channel': ['mobile', 'web', null, 'mobile', 'web'] }),
    5,
  );
  t.same(
    [...rows],
    [
      ['region=a', [0, 4]],
      ['mobile', [0, 3]],
    ],
  );
  t.same(
    [...others],
    [
      ['region', { other: 2, undecided: 0 }],
      ['mobile', { other: 0, undecided: 0 }],
    ],
  );
});

t.test('several columns make one slice of their values, and a condition that fails on a row leaves it out and is counted', async (t) => {
  const policy = policyOf(spec('[{name: both, by: [region, channel]}, {name: old, where: "x > 1.0"}]'));
  const table = tableOf({ 'inputs.region': ['a', 'a', 'b'], 'inputs.channel': ['web', 'web', null], 'inputs.x': [2, 'none', 0] });
  const slices = new Slices(policy, columns, () => table);
  t.same(
    slices.slices.map(({ name }) => name),
    ['region=a,channel=web', 'old'],
  );
  const { rows, others } = slices.cut(table, 3);
  t.same(rows.get('old'), [0]);
  t.same(others.get('old'), { other: 0, undecided: 1 });
});

t.test('values without end make no slices without end, and long ones short names that differ', async (t) => {
  const many = Array.from({ length: 5_000 }, (_, i) => `v${i % 2_500}`);
  const entries = '[{name: a, by: [region], maxValues: 80}, {name: b, by: [channel], maxValues: 80}]';
  const slices = new Slices(policyOf(spec(entries)), columns, () => tableOf({ 'inputs.region': many, 'inputs.channel': many }));
  t.equal(slices.slices.length, 100);
  const long = ['x'.repeat(100), `${'x'.repeat(99)}y`];
  const two = new Slices(policyOf(spec('[{name: a, by: [region]}]')), columns, () => tableOf({ 'inputs.region': long }));
  t.equal(new Set(two.slices.map(({ name }) => name)).size, 2);
  t.ok(two.slices.every(({ name }) => name.length < 80));
});

t.test('a fault in one region is found there, where the whole hides it, and its alert names the slice', async (t) => {
  const line = await openLine(policyOf(spec(REGION)), t.testdir());
  feed(line, 0, 3_000);
  t.same(alerts(line), [], 'nothing before the fault');
  feed(line, 3_000, 1_000, ({ region }) => (region === 'west' ? 1.5 : 0));
  t.match(alerts(line), [{ signal: 'inputs.x', slice: 'region=west', kind: 'drift', state: 'firing' }]);
  t.equal(alerts(line).length, 1);
  const judged = windows(line)
    .filter(({ slice }) => slice === 'region=west')
    .at(-1);
  t.ok(judged!.n > 30 && judged!.n < 110, 'judged on its own rows');
  const shown = line.reader.monitors().map(({ shown }) => shown as { name: string; slice: string | null });
  t.ok(shown.some(({ name, slice }) => name === 'inputs.x' && slice === 'mobile'));
  t.match(line.reader.state('slices'), {
    slices: ['region=north', 'region=south', 'region=west', 'mobile'],
    others: { region: { other: Number } },
  });
  line.crash();
});

t.test('two shifts that cancel out in the whole are found in both slices (Simpson)', async (t) => {
  const line = await openLine(policyOf(spec('[{name: channel, by: [channel]}]')), t.testdir());
  // Symmetric: as many rows move from the middle up as down, and the mixture of both channels is as before.
  const mixed = ({ channel }: { channel: string }, up: string) => (channel === up ? 0.8 : -0.8);
  feed(line, 0, 1_000, (row) => mixed(row, 'mobile'));
  feed(line, 1_000, 1_000, (row) => mixed(row, 'mobile'));
  t.same(alerts(line), []);
  feed(line, 2_000, 1_000, (row) => mixed(row, 'web'));
  t.same(
    alerts(line)
      .map(({ slice }) => slice)
      .sort(),
    ['channel=mobile', 'channel=web'],
  );
  t.ok(
    windows(line)
      .filter(({ slice }) => slice === null)
      .every(({ level }) => level !== 'drift'),
  );
  line.crash();
});

t.test('a fault of all rows is one alert: those of the slices are inhibited by it', async (t) => {
  const line = await openLine(policyOf(spec(REGION)), t.testdir());
  feed(line, 0, 2_000);
  feed(line, 2_000, 500, () => 1.5);
  const firing = alerts(line).filter(({ state }) => state === 'firing');
  t.match(firing, [{ signal: 'inputs.x', slice: null }]);
  const inhibited = alerts(line).filter(({ state }) => state === 'inhibited');
  t.ok(inhibited.length >= 3);
  for (const alert of inhibited) t.equal(alert.because, `all rows show it, not this slice alone (alert ${firing[0]!.id})`);
  t.equal(new Set(alerts(line).map(({ fingerprint }) => fingerprint)).size, alerts(line).length, 'each has an identity of its own');
  line.crash();
});

t.test('a slice with too few rows, in the window or in the reference, is neither fine nor drifting', async (t) => {
  const folder = t.testdir();
  const line = await openLine(policyOf(spec('[{name: region, by: [region], minSamples: 100, maxValues: 5}]')), path.join(folder, 'window'));
  feed(line, 0, 2_000);
  const of = (slice: string) => windows(line).filter((finding) => finding.slice === slice && finding.level !== 'stable');
  t.match(of('region=west')[0], { level: 'insufficient', note: /\d+ values, 100 are needed/ });
  t.ok(windows(line).some(({ slice, level }) => slice === 'region=north' && level === 'stable'));
  line.crash();
  const few = await openLine(policyOf(spec('[{name: region, by: [region], minSamples: 180, maxValues: 5}]')), path.join(folder, 'few'));
  feed(few, 0, 1_500);
  const west = windows(few).find(({ slice, window }) => slice === 'region=west' && (window?.fromRow ?? 0) >= 1_000);
  t.match(west, { level: 'insufficient', note: /\d+ values in the reference, 180 are needed/ });
  few.crash();
});

t.test('tests are corrected over columns and slices together, or slice by slice', async (t) => {
  const folder = t.testdir();
  for (const [family, tests] of [
    ['window', 5],
    ['slice', 1],
  ] as const) {
    const policy = policyOf(spec(REGION).replace('method: benjamini-hochberg', `method: benjamini-hochberg, family: ${family}`));
    const line = await openLine(policy, path.join(folder, family));
    feed(line, 0, 1_500);
    const whole = windows(line).find(({ slice, window }) => slice === null && (window?.fromRow ?? 0) >= 1_000);
    const north = windows(line).find(({ slice, window }) => slice === 'region=north' && (window?.fromRow ?? 0) >= 1_000);
    t.equal(whole!.tests, tests);
    t.equal(north!.tests, whole!.tests);
    line.crash();
  }
});

t.test('errors that rise in one slice only are found there: a label joins the slices of its row', async (t) => {
  const line = await openLine(policyOf(spec('[{name: region, by: [region], maxValues: 3}]')), t.testdir());
  feed(line, 0, 1_000);
  const random = new Random(7);
  for (let i = 1_000; i < 4_000; i++) {
    const region = ['north', 'north', 'north', 'north', 'south', 'west'][random.below(6)]!;
    line.analysis.observe(exchangeOf(`one-${i}`, i, [{ x: random.normal(), region, channel: 'web' }]));
    const wrong = random.uniform() < (region === 'south' && i > 2_500 ? 0.6 : 0.1);
    line.analysis.feedback(labelOf(`one-${i}`, Number(wrong), { receivedAt: i }));
  }
  line.commit();
  const found = alerts(line).filter(({ signal }) => signal === 'feedback.error');
  t.ok(found.some(({ slice }) => slice === 'region=south'));
  t.notOk(found.some(({ slice }) => slice === 'region=north' || slice === 'region=west'));
  line.crash();
});

t.test('restored equals uninterrupted, slices and all', async (t) => {
  const policy = policyOf(spec(REGION));
  const outcome = (line: Line) => ({
    alerts: alerts(line),
    windows: windows(line),
    monitors: line.reader.monitors(),
    slices: line.reader.state('slices'),
  });
  const shift = ({ region }: { region: string }) => (region === 'west' ? 1.5 : 0);
  const root = t.testdir();
  const whole = await openLine(policy, path.join(root, 'whole'));
  feed(whole, 0, 2_200);
  feed(whole, 2_200, 1_300, shift);
  const expected = outcome(whole);
  t.ok(expected.alerts.length > 0);
  whole.crash();
  for (const cut of [700, 1_000, 1_510, 2_600]) {
    const folder = path.join(root, `cut-${cut}`);
    let line = await openLine(policy, folder);
    feed(line, 0, Math.min(cut, 2_200));
    if (cut > 2_200) feed(line, 2_200, cut - 2_200, shift);
    line.crash();
    line = await openLine(policy, folder);
    if (cut < 2_200) feed(line, cut, 2_200 - cut);
    feed(line, Math.max(cut, 2_200), 3_500 - Math.max(cut, 2_200), shift);
    t.same(outcome(line), expected, `killed after row ${cut}`);
    line.crash();
  }
});
