import path from 'node:path';
import t from 'tap';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import { Random } from '../../detectors/performance/random.ts';
import { exchangeOf, type Line, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';

t.setTimeout(120_000);

const spec = (detectors: string, more = '', features = '"*"') => `  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: x, type: number}, {name: n, type: integer, min: 0, max: 100}, {name: c, type: categorical}, {name: id, type: text}]
    outputs: [{name: predictions, type: integer}]
    onViolation: {minFraction: 0.5}
  reference: {source: traffic, learn: {rows: 1000}}
  window: {type: tumbling, rows: 500}
  minSamples: 50
  monitors:
    - name: quality
      features: ${features}
      detectors: ${detectors}
      correction: {q: 0.001}
${more}`;
const ALL = '{quality: {type: data-quality}}';

type Row = { [column: string]: unknown };

function rowOf(random: Random, i: number): Row {
  const x = random.normal();
  return { x: random.uniform() < 0.02 ? null : x, n: random.below(100), c: ['a', 'b', 'c'][random.below(3)], id: `u${i}` };
}

/** Healthy rows, each passed through `fault`. */
function feed(line: Line, from: number, count: number, fault: (row: Row, random: Random) => Row = (row) => row): void {
  for (let i = from; i < from + count; i += 50) {
    const random = new Random(i + 1);
    line.analysis.observe(
      exchangeOf(
        `id-${i}`,
        i,
        Array.from({ length: 50 }, (_, k) => fault(rowOf(random, i + k), random)),
      ),
    );
  }
  line.commit();
}

const alerts = (line: Line) => line.reader.page<Alert>('alerts', 0, 10_000).items;
const windows = (line: Line) => line.reader.page<Finding>('windows', 0, 100_000).items;
const found = (line: Line) => [...new Set(alerts(line).map(({ signal }) => signal))].sort();

const some = (share: number, column: string, value: unknown) => (row: Row, random: Random) =>
  random.uniform() < share ? { ...row, [column]: value } : row;

const faults: { [signal: string]: { fault: (row: Row, random: Random) => Row; note: RegExp } } = {
  'inputs.x.missing': { fault: some(0.1, 'x', null), note: /in 1\d\.\d % of rows \(reference \d\.\d %\)/ },
  'inputs.n.type': { fault: some(0.1, 'n', 'many'), note: /% of rows \(reference 0\.0 %\)/ },
  'inputs.n.range': { fault: some(0.1, 'n', 200), note: /% of rows \(reference 0\.0 %\)/ },
  // Without limits in the schema, the reference's own stand in.
  'inputs.x.range': { fault: some(0.1, 'x', 50), note: /% of rows \(reference 0\.\d % ?\)/ },
  'inputs.c.unseen': { fault: some(0.1, 'c', 'new'), note: /% of rows \(reference 0\.0 %\)/ },
  'inputs.n.constant': { fault: (row) => ({ ...row, n: 7 }), note: /one value in all 500 rows \(reference \d+ values\)/ },
  'rows.duplicates': { fault: some(0.3, 'id', 'same'), note: /./ },
};

for (const [signal, { fault, note }] of Object.entries(faults)) {
  t.test(`${signal} is found in a window of the fault, with what is normal beside it`, async (t) => {
    const line = await openLine(policyOf(spec(ALL)), t.testdir());
    feed(line, 0, 3_000);
    t.same(alerts(line), [], 'nothing before the fault');
    const whole =
      signal === 'rows.duplicates' ? (row: Row, random: Random) => (random.uniform() < 0.3 ? { x: 1, n: 1, c: 'a', id: 'u' } : row) : fault;
    feed(line, 3_000, 500, whole);
    t.ok(found(line).includes(signal), found(line).join());
    const alert = alerts(line).find((one) => one.signal === signal)!;
    t.match(alert, { kind: 'quality', detector: 'data-quality', slice: null, state: 'firing', latest: { note } });
    t.ok(alert.latest.effect! >= 0.01);
    line.crash();
  });
}

t.test('a share below the schema’s own limit is no schema alert, and found all the same', async (t) => {
  const line = await openLine(policyOf(spec('{quality: {type: data-quality, checks: [violations]}}')), t.testdir());
  feed(line, 0, 2_000);
  feed(line, 2_000, 500, some(0.1, 'n', -5));
  t.match(alerts(line), [{ signal: 'schema.violations', kind: 'quality' }]);
  line.crash();
});

t.test('what the schema’s own alert tells is not told again by the shares of the same column', async (t) => {
  const strict = spec(ALL).replace('minFraction: 0.5', 'minFraction: 0.05');
  const line = await openLine(policyOf(strict), t.testdir());
  feed(line, 0, 2_000);
  feed(line, 2_000, 1_000, some(0.4, 'n', 500));
  const firing = alerts(line).filter(({ state }) => state === 'firing');
  t.same(
    firing.map(({ signal, kind }) => [signal, kind]),
    [['inputs.n', 'schema']],
  );
  t.ok(alerts(line).some(({ signal, state }) => signal === 'inputs.n.range' && state === 'inhibited'));
  line.crash();
});

t.test('a column that no longer comes at all is missing in every row', async (t) => {
  const line = await openLine(policyOf(spec(ALL)), t.testdir());
  feed(line, 0, 2_000);
  feed(line, 2_000, 500, ({ c: _, ...row }) => row);
  t.match(
    alerts(line).find(({ signal }) => signal === 'inputs.c.missing'),
    { latest: { statistic: 1 } },
  );
  line.crash();
});

t.test('clean data: no alarm beyond the budget in 240 windows over fresh references', async (t) => {
  const policy = policyOf(`${spec(ALL).replace('      correction: {q: 0.001}\n', '')}  falseAlarms: {atMost: 1, per: 100 windows}\n`);
  let judged = 0;
  let drifted = 0;
  const folder = t.testdir();
  for (let seed = 0; seed < 6; seed++) {
    const line = await openLine(policy, path.join(folder, String(seed)));
    feed(line, 1_000_000 * seed, 21_000);
    const byWindow = Map.groupBy(windows(line), ({ window }) => window?.fromRow ?? -1);
    for (const findings of byWindow.values()) {
      if (findings.every(({ level }) => level === 'insufficient')) continue;
      judged++;
      if (findings.some(({ level }) => level === 'drift')) drifted++;
    }
    line.crash();
  }
  t.ok(judged >= 230, `${judged} windows judged`);
  // 2.4 are allowed on average; more than 7 have a chance below 0.3 %.
  t.ok(drifted <= 7, `${drifted} of ${judged} windows`);
});

t.test('a column of a new value in each row is judged with bounded memory, and is not unseen for being new', async (t) => {
  const categories = policyOf(spec(ALL).replace('{name: id, type: text}', '{name: id, type: categorical}'));
  const line = await openLine(categories, t.testdir());
  feed(line, 0, 3_000);
  t.same(alerts(line), []);
  const unseen = windows(line).findLast(({ signal }) => signal === 'inputs.id.unseen');
  t.match(unseen, { level: 'stable', statistic: 1, pValue: 1 });
  line.crash();
});

t.test('a signal of quality may be watched by a streaming detector, row by row, and by a windowed test of one’s own', async (t) => {
  const streaming = spec('{numeric: {type: cusum}}', '', '[inputs.x.missing, schema.violations]');
  const line = await openLine(policyOf(streaming), t.testdir({ a: {}, b: {} }));
  feed(line, 0, 3_000);
  t.same(alerts(line), []);
  feed(line, 3_000, 500, some(0.3, 'x', null));
  t.match(alerts(line), [{ signal: 'inputs.x.missing', kind: 'quality', detector: 'cusum' }]);
  line.crash();
  const windowed = spec('{numeric: {type: two-proportion, alternative: greater}}', '', '[c.missing, rows.duplicates]');
  const other = await openLine(policyOf(windowed), path.join(t.testdirName, 'b'));
  feed(other, 0, 2_000);
  feed(other, 2_000, 500, some(0.2, 'c', null));
  t.same(found(other), ['inputs.c.missing']);
  other.crash();
});

t.test('a real column of such a name wins', async (t) => {
  const policy = policyOf(
    spec('{numeric: {type: ks}}', '', '[x.missing]').replace(
      '{name: c, type: categorical}',
      '{name: c, type: categorical}, {name: x.missing, type: number}',
    ),
  );
  const line = await openLine(policy, t.testdir());
  feed(line, 0, 2_000, (row, random) => ({ ...row, 'x.missing': random.normal() }));
  const [finding] = windows(line).filter(({ level }) => level !== 'insufficient');
  t.match(finding, { signal: 'inputs.x.missing', kind: 'drift', note: /median/ });
  line.crash();
});

t.test('quality is judged in slices as well', async (t) => {
  const policy = policyOf(`${spec(ALL)}  slices: [{name: c, by: [c], minSamples: 40}]\n`);
  const line = await openLine(policy, t.testdir());
  feed(line, 0, 2_000);
  t.same(alerts(line), []);
  feed(line, 2_000, 500, (row, random) => (row.c === 'b' && random.uniform() < 0.12 ? { ...row, n: 'many' } : row));
  const type = alerts(line).filter(({ signal }) => signal === 'inputs.n.type');
  t.ok(type.some(({ slice }) => slice === 'c=b'));
  t.notOk(type.some(({ slice }) => slice === 'c=a' || slice === 'c=c'));
  t.notOk(
    windows(line).some(({ slice, signal }) => slice !== null && signal.startsWith('inputs.c.')),
    'not of the column that cuts them',
  );
  line.crash();
});

t.test('restored equals uninterrupted', async (t) => {
  const policy = policyOf(
    spec('{quality: {type: data-quality}, numeric: {type: adwin}}', '', '["x", "n", "c", "schema.violations", "x.missing"]'),
  );
  const outcome = (line: Line) => ({ alerts: alerts(line), windows: windows(line), monitors: line.reader.monitors() });
  const folder = t.testdir();
  const fault = some(0.2, 'x', null);
  const whole = await openLine(policy, path.join(folder, 'whole'));
  feed(whole, 0, 1_750);
  feed(whole, 1_750, 1_250, fault);
  const expected = outcome(whole);
  t.ok(expected.alerts.length > 0);
  whole.crash();
  for (const cut of [600, 1_000, 1_250, 2_300]) {
    let line = await openLine(policy, path.join(folder, `cut-${cut}`));
    feed(line, 0, Math.min(cut, 1_750));
    feed(line, 1_750, Math.max(0, cut - 1_750), fault);
    line.crash();
    line = await openLine(policy, path.join(folder, `cut-${cut}`));
    feed(line, cut, Math.max(0, 1_750 - cut));
    feed(line, Math.max(cut, 1_750), 3_000 - Math.max(cut, 1_750), fault);
    t.same(outcome(line), expected, `killed after row ${cut}`);
    line.crash();
  }
});
