import path from 'node:path';
import t from 'tap';
import { References, readReference } from '../../agent/reference.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { policyOf } from '../support/policies.ts';

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
  const columns = await readReference(policy);
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
