import t from 'tap';
import { SchemaBlocks } from '../../agent/schema-blocks.ts';
import { SchemaCheck } from '../../agent/schema-check.ts';
import type { Cell } from '../../contracts/record.ts';
import { policyOf } from '../support/policies.ts';

const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v2, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs:
      - {name: age, type: integer, required: true, min: 18, max: 110}
      - {name: region, type: categorical, values: [north, south]}
      - {name: channel, type: categorical, maxUnseen: 0.01}
    onViolation: {severity: warning, minFraction: 0.05, for: 1 window}
`);
const check = new SchemaCheck(policy, (signal) => (signal === 'inputs.channel' ? ['web', 'app', null] : null));
const answered = { status: 200, outcome: 'answered', undecoded: null } as const;
const inputs = (columns: { [name: string]: Cell[] }) =>
  check.check({
    ...answered,
    rows: 3,
    inputs: { age: [20, 30, 40], region: ['north', 'north', 'north'], channel: ['web', 'web', 'app'], ...columns },
    outputs: {},
  });

t.test('a sound record breaches nothing', (t) => {
  t.same(inputs({}), []);
  t.end();
});

t.test('each breach names its column, its kind and how many rows it took', (t) => {
  const kinds = (columns: { [name: string]: Cell[] }) => inputs(columns).map(({ signal, kind, rows }) => [signal, kind, rows]);
  t.same(kinds({ age: [17, 120, 40] }), [['inputs.age', 'range', 2]]);
  t.same(kinds({ age: [null, 'NaN', 40] }), [['inputs.age', 'missing', 2]]);
  t.same(kinds({ age: [20.5, 'x', 40] }), [['inputs.age', 'type', 2]]);
  t.same(kinds({ region: ['west', 'north', null] }), [['inputs.region', 'unseen', 1]]);
  t.same(
    kinds({ channel: ['fax', 'web', 'web'] }),
    [['inputs.channel', 'unseen', 1]],
    'against the reference, where the schema lists no values',
  );
  t.end();
});

t.test('a required column that is not in the body at all is a breach of its structure', (t) => {
  const violations = check.check({ ...answered, rows: 3, inputs: { region: ['north', 'north', 'north'] }, outputs: {} });
  t.match(violations, [{ signal: 'inputs.age', kind: 'structure', rows: 3 }]);
  t.end();
});

t.test('text of a person is not repeated in the message, a number is', (t) => {
  t.match(inputs({ age: ['Alice Example', 20, 20] })[0]?.message, /text of 13 characters/);
  t.notMatch(inputs({ age: ['Alice Example', 20, 20] })[0]?.message, /Alice/);
  t.match(inputs({ age: [17, 20, 20] })[0]?.message, /18 … 110, came 17/);
  t.end();
});

t.test('a block speaks when it is full: drift at the share that the policy names, stable below it', (t) => {
  const blocks = new SchemaBlocks(policy);
  const send = (rows: number, breaching: number, from: number) => {
    const findings = [];
    for (let row = 0; row < rows; row++) {
      const violations = row < breaching ? [{ signal: 'inputs.age', kind: 'range' as const, rows: 1, message: 'm' }] : [];
      findings.push(...blocks.observe(from + row, { rows: 1, at: from + row, violations }));
    }
    return findings.map(({ signal, level, statistic, changeRow }) => ({ signal, level, statistic, changeRow }));
  };
  t.same(send(99, 50, 0), [], 'the block is not full');
  t.same(send(1, 0, 99), [{ signal: 'inputs.age', level: 'drift', statistic: 0.5, changeRow: 0 }]);
  t.same(send(100, 4, 100), [{ signal: 'inputs.age', level: 'stable', statistic: 0.04, changeRow: 100 }]);
  t.same(send(100, 0, 200), [{ signal: 'inputs.age', level: 'stable', statistic: 0, changeRow: null }]);
  t.end();
});

t.test('a column without trouble is not reported on, and one that recovered is for a while', (t) => {
  const blocks = new SchemaBlocks(policy, ['inputs.age']);
  let reported = 0;
  for (let block = 0; block < 30; block++) reported += blocks.observe(block * 100, { rows: 100, at: block, violations: [] }).length;
  t.equal(reported, 11);
  t.end();
});

t.test('a body that has none of the columns breaches all that are required, one that was not decoded breaches nothing', (t) => {
  const record = { ...answered, rows: 3, inputs: {}, outputs: {} };
  t.match(check.check(record), [{ signal: 'inputs.age', kind: 'structure', rows: 3 }]);
  t.same(check.check({ ...record, undecoded: 'not-json' }), []);
  t.end();
});

t.test('digits of a card are not told where no number is expected', (t) => {
  t.match(inputs({ region: ['4111111111111111', 'north', 'north'] })[0]?.message, /came text of 16 characters/);
  t.end();
});

t.test('what may be missing does not excuse what is out of range', (t) => {
  const lenient = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v2, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema:
    inputs: [{name: age, type: number, min: 0, max: 1, maxMissing: 0.3}]
    onViolation: {severity: warning, minFraction: 0.01}
`);
  const level = (kind: 'range' | 'missing', breaching: number) => {
    const blocks = new SchemaBlocks(lenient);
    const violations = [{ signal: 'inputs.age', kind, rows: breaching, message: 'm' }];
    return blocks.observe(0, { rows: 500, at: 0, violations })[0]?.level;
  };
  t.equal(level('range', 125), 'drift', '25 % out of range, 1 % allowed');
  t.equal(level('missing', 125), 'stable', '25 % missing, 30 % allowed');
  t.equal(level('missing', 160), 'drift');
  t.end();
});
