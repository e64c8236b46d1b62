import t from 'tap';
import { labelledData } from '../../agent/labelled-data.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import type { TensorSpec } from '../../scorer/inputs.ts';
import type { OnnxModel } from '../../scorer/onnx.ts';

const N = -1;
const spec = (name: string, datatype: string, shape: number[]): TensorSpec => ({ name, datatype, shape });
const probabilities = spec('probabilities', 'FP32', [N, 2]);

/** A model that notes what it is given and answers 0.25 for every row. */
function model(inputs: TensorSpec[], outputs: TensorSpec[] = [spec('label', 'INT64', [N]), probabilities]) {
  const given: (readonly Tensor[])[] = [];
  const fake: OnnxModel = {
    inputs,
    outputs,
    async run(tensors) {
      given.push(tensors);
      const rows = tensors[0]!.shape[0]!;
      return outputs.map(({ name, datatype, shape }) => {
        const width = shape.length === 2 ? shape[1]! : 1;
        const data = Array.from({ length: rows * width }, (_, place) => (width === 2 && place % 2 === 0 ? 0.75 : 0.25));
        return { name, datatype, shape: [rows, ...shape.slice(1)], data };
      });
    },
    close: async () => {},
  };
  return { fake, given };
}

const text = {
  columns: ['age', 'work', 'y'],
  rows: [
    ['31', 'State', 'yes'],
    ['', '', 'no'],
    ['40.5', 'Private', ' '],
    ['40.5', 'Private', 'NA'],
    ['N/A', ' none ', 'yes'],
  ],
};
const options = { file: 'held.csv', label: 'y', features: null, classes: null };

t.test('columns feed the inputs of their name; empty cells are missing, rows without a label are left out', async (t) => {
  const { fake, given } = model([spec('work', 'BYTES', [N, 1]), spec('age', 'FP32', [N, 1])]);
  const data = labelledData(fake, text, options);
  t.same([data.classes, [...data.labels], data.skippedRows, data.table.rows], [['no', 'yes'], [1, 0, 1], 2, 3]);
  const { classes, table } = labelledData(fake, text, { ...options, classes: ['no', 'yes', 'NA'] });
  t.same([classes, table.rows], [['no', 'yes', 'NA'], 4], 'a word for nothing may be a class');
  t.same([...(await data.score(data.table))], [0.75, 0.25, 0.75, 0.25, 0.75, 0.25]);
  t.same(given[0], [
    { name: 'work', datatype: null, shape: [3], data: ['State', null, null] },
    { name: 'age', datatype: null, shape: [3], data: [31, null, null] },
  ]);
});

t.test('a matrix takes all columns but the label in order, or those named', (t) => {
  const wide = {
    columns: ['a', 'b', 'y', 'c'],
    rows: [
      ['1', '2', '0', '3'],
      ['4', '5', '10', '6'],
      ['4', '5', '9', '6'],
    ],
  };
  const three = labelledData(model([spec('x', 'FP32', [N, 3])]).fake, wide, options);
  t.same(
    three.table.columns.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
  t.same(three.classes, ['0', '9', '10'], 'numbers are sorted as numbers');
  const two = labelledData(model([spec('x', 'FP32', [N, 2])]).fake, wide, { ...options, features: ['c', 'a'] });
  t.same(
    two.table.columns.map(({ name }) => name),
    ['c', 'a'],
  );
  t.throws(() => labelledData(model([spec('x', 'FP32', [N, 4])]).fake, wide, options), {
    code: 'feature-columns',
    message: /takes 4 values a row, here are 3 columns; name 4 in order with --features/,
  });
  t.throws(() => labelledData(model([spec('x', 'FP32', [N, 2])]).fake, wide, { ...options, features: ['a', 'd'] }), {
    code: 'unknown-column',
  });
  t.end();
});

t.test('an integer input gets whole numbers', async (t) => {
  const { fake, given } = model([spec('age', 'INT64', [N, 1])]);
  const data = labelledData(
    fake,
    {
      ...text,
      rows: [
        ['31.6', '', 'yes'],
        ['-2', '', 'no'],
      ],
    },
    options,
  );
  await data.score(data.table);
  t.same(given[0]![0]!.data, [32, -2]);
});

t.test('one figure a row is the second class’s probability', async (t) => {
  for (const shape of [[N], [N, 1]]) {
    const data = labelledData(model([spec('age', 'FP32', [N, 1])], [spec('p', 'FP32', shape)]).fake, text, options);
    t.same([...(await data.score(data.table))].slice(0, 2), [0.75, 0.25]);
  }
});

t.test('the output of probabilities is found by its name among floats', async (t) => {
  const outputs = [spec('logits', 'FP32', [N, 3]), probabilities];
  const data = labelledData(model([spec('age', 'FP32', [N, 1])], outputs).fake, text, options);
  t.equal((await data.score(data.table)).length, 6);
});

t.test('a model without readable probabilities, or with several matrices, is refused', (t) => {
  const age = spec('age', 'FP32', [N, 1]);
  t.throws(() => labelledData(model([age], [spec('label', 'INT64', [N])]).fake, text, options), {
    code: 'no-probabilities',
    message: /zipmap/,
  });
  const matrices = [spec('a', 'FP32', [N, 3]), spec('b', 'FP32', [N, 3])];
  t.throws(() => labelledData(model(matrices).fake, text, options), { code: 'model-inputs' });
  t.end();
});

t.test('labels of one class, or outside the classes given, are refused', (t) => {
  const { fake } = model([spec('age', 'FP32', [N, 1])]);
  t.throws(() => labelledData(fake, { ...text, rows: text.rows.slice(0, 1) }, options), { code: 'classes', message: /1 classes/ });
  t.throws(() => labelledData(fake, text, { ...options, classes: ['yes', 'maybe'] }), { code: 'classes', message: /1 labels outside/ });
  t.same(labelledData(fake, text, { ...options, classes: ['yes', 'no'] }).labels, Int32Array.of(0, 1, 0));
  t.end();
});
