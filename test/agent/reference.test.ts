import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { reportAlarms } from '../../agent/calibration/report.ts';
import { readRows } from '../../agent/backtest/rows.ts';
import { References, readReferences, remarksOnFiles } from '../../agent/reference.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';
import { openLine } from '../support/line.ts';
import { parquet } from '../support/parquet.ts';
import { policyOf } from '../support/policies.ts';
import { referenceColumns } from '../support/reference-columns.ts';

t.setTimeout(120_000);

const spec = (reference: string) => `  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: age, type: integer}, {name: paid, type: boolean}, {name: region, type: categorical}]
    outputs: [{name: p, type: number}]
  reference: ${reference}
`;
const record = (rows: number, over: Partial<DriftlineRecord> = {}) =>
  ({ rows, undecoded: null, inputs: { age: Array(rows).fill(1) }, outputs: { p: Array(rows).fill(0.5) }, ...over }) as DriftlineRecord;

t.test('a file gives each column in its own type, and what is empty is missing', async (t) => {
  const folder = t.testdir({ 'training.csv': 'region,age,paid\nnorth,30,true\n,,FALSE\nsouth,41,0\n' });
  const policy = policyOf(spec(`{source: file, path: "${path.join(folder, 'training.csv')}"}`));
  const columns = await referenceColumns(policy);
  t.same(columns.get('inputs.age'), [30, null, 41]);
  t.same(columns.get('inputs.paid'), [true, false, false]);
  t.same(columns.get('inputs.region'), ['north', null, 'south']);
  t.notOk(columns.has('outputs.p'), 'what the file lacks is learned from traffic');
});

t.test('a reference is learned row by row, frozen when it is whole, and the same after a restart', (t) => {
  const policy: Policy = { ...policyOf(spec('{source: traffic, learn: {rows: 50}}')), reference: { source: 'traffic', rows: 5 } };
  const references = new References(policy, { main: null, versions: new Map() });
  const reference = references.of(null);
  t.notOk(references.learn(null, record(3)));
  t.equal(reference.cells('inputs.age'), null, 'not before it is whole');
  t.notOk(reference.learn(record(0)), 'a call without rows teaches nothing');
  t.notOk(reference.learn(record(1, { undecoded: 'not-json' })));
  t.ok(references.learn(null, record(4, { inputs: { age: [2, 2, 2, 2], region: ['a', 'a', 'a', 'a'] } })), 'the record that completes it');
  t.same(reference.cells('inputs.age'), [1, 1, 1, 2, 2]);
  t.same(reference.cells('inputs.region'), [null, null, null, 'a', 'a'], 'a column that came later was missing before');
  t.notOk(reference.learn(record(9)), 'frozen');
  const again = new References(policy, { main: null, versions: new Map() }, JSON.parse(JSON.stringify(references.snapshot()))).of(null);
  t.ok(again.frozen);
  t.equal(again.hash('inputs.age'), reference.hash('inputs.age'));
  t.equal(again.hash('inputs.none'), 'none');
  t.end();
});

t.test('a file may be CSV, JSON lines or Parquet, zipped or not, and gives the same columns', async (t) => {
  const rows = [
    { age: 30, paid: true, region: 'north' },
    { age: null, paid: false, region: null },
    { age: 41, paid: false, region: 'south' },
  ];
  const csv = 'region,age,paid\nnorth,30,true\n,,false\nsouth,41,false\n';
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const folder = t.testdir({
    'r.csv': csv,
    'r.csv.gz': gzipSync(csv),
    'r.ndjson': lines,
    'r.jsonl.gz': gzipSync(lines),
    'r.parquet': parquet([
      { name: 'age', type: 'int64', cells: [30n, null, 41n] },
      { name: 'paid', type: 'boolean', cells: [true, false, false] },
      { name: 'region', type: 'text', cells: ['north', null, 'south'] },
    ]),
  });
  for (const name of ['r.csv', 'r.csv.gz', 'r.ndjson', 'r.jsonl.gz', 'r.parquet']) {
    const file = path.join(folder, name);
    const { main } = await readReferences(policyOf(spec(`{source: file, path: "${file}"}`)));
    t.same(main!.columns.get('inputs.age'), [30, null, 41], name);
    t.same(main!.columns.get('inputs.paid'), [true, false, false], name);
    t.same(main!.columns.get('inputs.region'), ['north', null, 'south'], name);
    t.equal(main!.sha256, createHash('sha256').update(readFileSync(file)).digest('hex'));
  }
});

t.test('a file without any of the columns is refused', async (t) => {
  const folder = t.testdir({ 'r.csv': 'x,y\n1,2\n' });
  await t.rejects(readReferences(policyOf(spec(`{source: file, path: "${path.join(folder, 'r.csv')}"}`))), {
    code: 'reference-columns',
    message: /has none of the policy’s columns \(age, paid, region, p\); name its columns as the schema does/,
  });
  const other = path.join(t.testdir({ 'r.csv': 'age^paid\n1^true\n' }), 'r.csv');
  const policy = policyOf(spec(`{source: file, path: "${other}"}`));
  const hint = /; it was read as one column, age\^paid; if \^ parts its cells, write it with commas/;
  await t.rejects(readReferences(policy), { message: hint });
  await t.rejects(readRows(policy, [other]), { message: hint });
});

t.test('a version may have a file of its own; the others have the main one, but never the other’s outputs', async (t) => {
  const folder = t.testdir({ 'main.csv': 'age,p\n30,0.1\n', '8.csv': 'age\n40\n', '9.csv': 'age,p\n50,0.9\n' });
  const file = (name: string) => `"${path.join(folder, name)}"`;
  const policy = policyOf(spec(`{source: file, path: ${file('main.csv')}, versions: {"8": ${file('8.csv')}, "9": ${file('9.csv')}}}`));
  const references = new References(policy, await readReferences(policy));
  const cells = (version: string) => ['inputs.age', 'outputs.p'].map((signal) => references.of(version).cells(signal));
  t.same(cells('7'), [[30], [0.1]]);
  t.same(cells('8'), [[40], null], 'what version 8 answers is learned from its traffic');
  t.same(cells('9'), [[50], [0.9]]);
  t.match(references.of('9').source('inputs.age'), /^file [0-9a-f]{16}$/);
  t.not(references.of('9').source('inputs.age'), references.of('7').source('inputs.age'));
});

t.test('with an age to reach, what is learned is spread over it and never more than asked for', (t) => {
  const HOUR = 3_600_000;
  const policy: Policy = {
    ...policyOf(spec('{source: traffic, learn: {rows: 50, minAge: 10h}}')),
    reference: { source: 'traffic', rows: 50, minAgeMs: 10 * HOUR },
  };
  const references = new References(policy, { main: null, versions: new Map() });
  let ended = 0;
  for (let call = 0; call <= 100 && ended === 0; call++) {
    const at = (call * HOUR) / 8;
    if (references.learn(null, record(10, { at, inputs: { age: Array(10).fill(call) } }))) ended = call;
  }
  t.equal(ended, 80, 'after ten hours');
  const cells = references.of(null).cells('inputs.age')!.map(Number);
  t.ok(cells.length > 20 && cells.length <= 50, `${cells.length} rows`);
  t.ok(cells.some((call) => call < 20) && cells.some((call) => call > 60), 'from begin to end');
  t.end();
});

t.test('of many versions the outputs learned last are remembered, and the inputs of the first always', (t) => {
  const policy: Policy = { ...policyOf(spec('{source: traffic, learn: {rows: 50}}')), reference: { source: 'traffic', rows: 5 } };
  const references = new References(policy, { main: null, versions: new Map() });
  for (let version = 0; version < 20; version++) {
    const outputs = { p: Array(5).fill(version) };
    references.learn(String(version), record(5, { outputs, inputs: { age: Array(5).fill(version) } }));
    references.keepOnly([String(version)]);
  }
  const { versions } = references.snapshot() as { versions: { version: string }[] };
  t.same(
    versions.map(({ version }) => version),
    ['0', '13', '14', '15', '16', '17', '18', '19'],
  );
  const again = new References(policy, { main: null, versions: new Map() }, JSON.parse(JSON.stringify(references.snapshot())));
  t.same(again.of('19').cells('inputs.age'), [0, 0, 0, 0, 0]);
  t.same(again.of('19').cells('outputs.p'), [19, 19, 19, 19, 19]);
  t.equal(again.of('5').cells('outputs.p'), null, 'learned anew');
  t.end();
});

t.test('a long file keeps its neighbours and whatever alternates in it, and is said to have been thinned', async (t) => {
  // A slow autoregression, of which every other row comes from another machine.
  const random = new Random(1);
  let level = 0;
  const lines = Array.from({ length: 104_000 }, (_, row) => {
    level = 0.95 * level + random.normal();
    return `${(level + (row % 2) * 100).toFixed(4)},${'AB'[row % 2]}`;
  });
  const folder = t.testdir({ 'r.csv': `age,region\n${lines.join('\n')}\n`, state: {} });
  const file = path.join(folder, 'r.csv');
  const policy = policyOf(`  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: age, type: number}, {name: region, type: categorical}]}
  reference: {source: file, path: "${file}"}
  monitors: [{name: failed, features: [request.failed], detectors: {numeric: {type: adwin}}}]
`);
  const files = await readReferences(policy);
  const [ages, regions] = ['inputs.age', 'inputs.region'].map((signal) => files.main!.columns.get(signal)!);
  t.equal(ages!.length, regions!.length);
  t.ok(ages!.length >= 50_000 && ages!.length <= 100_000, `${ages!.length} rows`);
  t.equal(regions!.filter((region) => region === 'B').length, ages!.length / 2);
  t.notOk(
    regions!.some((region, row) => row > 0 && region === regions![row - 1]),
    'rows alternate as they did',
  );
  const levels = ages!.map((age, row) => Number(age) - (regions![row] === 'B' ? 100 : 0));
  let [products, squares] = [0, 0];
  for (let row = 1; row < levels.length; row++) {
    products += levels[row]! * levels[row - 1]!;
    squares += levels[row]! ** 2;
  }
  // 0.95, with a deviation of √((1 − 0.95²)/50,000) = 0.0014; of every second row it would be 0.90.
  t.ok(Math.abs(products / squares - 0.95) < 0.006, `autocorrelation ${products / squares}`);

  const said = `${file}: has 104,000 rows, of which ${ages!.length.toLocaleString('en-US')} are the reference: stretches of 2,000 neighbours, drawn at random all over the file`;
  t.same(remarksOnFiles(policy, files), [said]);
  t.match((await reportAlarms(policy)).remarks, [said], 'check');
  const line = await openLine(policy, path.join(folder, 'state'));
  t.match(line.log, [said], 'the log');
  line.crash();
});
