import t from 'tap';
import { extractColumns, toCell } from '../../agent/columns.ts';
import { policyOf } from '../support/policies.ts';

const base = `  model: {name: m}
  traffic: {protocol: kserve-v2, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
`;

t.test('a schema picks columns by name, by tensor and by position, and leaves out what is absent', (t) => {
  const policy = policyOf(`${base}  schema:
    inputs:
      - {name: age, type: integer}
      - {name: second, type: number, tensor: matrix, index: 1}
      - {name: gone, type: number}
`);
  const tensors = [
    { name: 'age', datatype: 'INT64', shape: [2, 1], data: [30, 40] },
    { name: 'matrix', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
    { name: 'other', datatype: 'FP32', shape: [2], data: [0, 0] },
  ];
  t.same(extractColumns(tensors, policy.schema.inputs), { rows: 2, columns: { age: [30, 40], second: [2, 5] } });
  t.end();
});

t.test('without a schema a narrow matrix becomes numbered columns and an image is left alone', (t) => {
  const tensors = [
    { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] },
    { name: 'image', datatype: 'FP32', shape: [2, 3, 32, 32], data: new Array(2 * 3 * 32 * 32).fill(0) },
  ];
  t.same(extractColumns(tensors, []), { rows: 2, columns: { 'x[0]': [1, 3], 'x[1]': [2, 4] } });
  t.end();
});

t.test('what JSON cannot carry becomes text', (t) => {
  t.equal(toCell(Number.NaN), 'NaN');
  t.equal(toCell(Number.NEGATIVE_INFINITY), '-Infinity');
  t.equal(toCell(9007199254740993n), '9007199254740993');
  t.equal(toCell(1.5), 1.5);
  t.equal(toCell(null), null);
  t.end();
});

t.test('a column named like a member of every object is a column like any other', (t) => {
  const tensors = [{ name: '__proto__', datatype: null, shape: [1], data: [7] }];
  t.same(Object.entries(extractColumns(tensors, []).columns), [['__proto__', [7]]]);
  t.end();
});

t.test('a tensor that the schema does not name makes no rows', (t) => {
  const policy = policyOf(`${base}  schema:
    inputs: [{name: age, type: integer}]
`);
  const tensors = [
    { name: 'age', datatype: 'INT64', shape: [1], data: [30] },
    { name: 'temperature', datatype: 'FP32', shape: [100], data: new Array(100).fill(0) },
  ];
  t.same(extractColumns(tensors, policy.schema.inputs), { rows: 1, columns: { age: [30] } });
  t.same(extractColumns([{ name: 'x', datatype: 'FP32', shape: [65536, 0], data: [] }], []), { rows: 0, columns: {} });
  t.end();
});
