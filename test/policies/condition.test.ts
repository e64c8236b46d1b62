import t from 'tap';
import { type ConditionColumn, futility, readCondition } from '../../policies/condition.ts';

const columns: ConditionColumn[] = [
  { name: 'age', side: 'inputs', type: 'number' },
  { name: 'channel', side: 'inputs', type: 'string' },
  { name: 'first-name', side: 'inputs', type: 'string' },
  { name: 'isNew', side: 'inputs', type: 'bool' },
];
const row = { age: 40, channel: 'mobile', isNew: true, inputs: { 'first-name': 'Ada', age: 40 }, outputs: {} };

t.test('a condition is true, false, or fails on a row, and never throws', async (t) => {
  const holds = (expression: string, on: object = row) => readCondition(expression, columns, true)({ ...on });
  t.equal(holds("channel == 'mobile' && age > 39"), true);
  t.equal(holds('age == 41 || !isNew'), false);
  t.equal(holds('channel in ["web", "mobile"]'), true);
  t.equal(holds('inputs["first-name"].startsWith("A")'), true);
  t.equal(holds('age > 39', { ...row, age: null }), null, 'a missing value');
  t.equal(holds('age == null', { ...row, age: null }), true);
  t.equal(holds('inputs["other"] == 1'), null, 'a column that is not there');
  t.equal(holds('age + 1.0 > 40.0 && age / 0.0 > 1.0'), true);
});

for (const [expression, message] of [
  ['agee > 3', /names `agee` at character 1, and there is no such column — did you mean age\?/],
  ['age > 3 &&', /is no CEL expression \(Unexpected token: EOF at character 11\)/],
  ['size(channel)', /is a int and must be true or false/],
] as const) {
  t.test(`${expression}: says what is wrong`, async (t) => {
    t.throws(() => readCondition(expression, columns, true), { name: 'SyntaxError', message });
  });
}

t.test('a comparison that can never hold is told, one with null is left alone', async (t) => {
  t.match(futility('channel > 3', columns, true), /no such overload/);
  t.match(futility('channel + "x"', columns, true), /it is a string/);
  t.throws(() => readCondition('channel + "x"', columns, true), /is a string and must be true or false/);
  t.equal(futility('channel == null', columns, true), null);
  t.equal(futility("channel == 'a'", columns, true), null);
});

t.test('while columns are still to be learned any name may be one', async (t) => {
  t.equal(readCondition('zone == 1', columns, false)({ ...row, zone: 1 }), true);
  t.equal(readCondition('zone == 1', columns, false)({ ...row }), null);
});
