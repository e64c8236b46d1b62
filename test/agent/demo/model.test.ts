import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import type { Tensor } from '../../../contracts/tensor.ts';
import { openModel } from '../../../scorer/onnx.ts';

const demo = path.join(import.meta.dirname, '../../../agent/demo');
const TRAINING_ROWS = 9062;
const [header, ...lines] = gunzipSync(readFileSync(path.join(demo, 'elec2.csv.gz')))
  .toString()
  .trim()
  .split('\n');
const names = header!.split(',').slice(0, -1);
const stream = lines.slice(TRAINING_ROWS).map((line) => line.split(',').map(Number));

const model = await openModel(path.join(demo, 'elec2.onnx'));
t.teardown(() => model.close());

/** Share of right labels from one third of the stream to the end of another. */
async function accuracy(from: number, to: number, priceFactor = 1): Promise<number> {
  const rows = stream.slice(Math.round((from / 3) * stream.length), Math.round((to / 3) * stream.length));
  const tensors = names.map((name, index): Tensor => {
    const factor = name === 'nswprice' ? priceFactor : 1;
    return { name, datatype: 'FP32', shape: [rows.length], data: rows.map((row) => row[index]! * factor) };
  });
  const [label] = await model.run(tensors);
  return rows.filter((row, index) => row.at(-1) === label!.data[index]).length / rows.length;
}

t.test('the data is the whole Elec2 stream', async (t) => {
  t.equal(lines.length, 45_312);
  t.same(names, ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer']);
});

t.test('the model takes each column by its name', async (t) => {
  t.same(
    model.inputs.map(({ name }) => name),
    names,
  );
});

t.test('the model loses its accuracy in the second third of the stream, as the market changes', async (t) => {
  const [first, second] = [await accuracy(0, 1), await accuracy(1, 2)];
  t.ok(Math.abs(first - 0.777) < 0.005, `first third ${first}`);
  t.ok(Math.abs(second - 0.646) < 0.005, `second third ${second}`);
});

t.test('prices a hundred times too high cost at least 0.3 of accuracy', async (t) => {
  const [clean, faulty] = [await accuracy(2, 3), await accuracy(2, 3, 100)];
  t.ok(clean - faulty > 0.3, `clean ${clean}, faulty ${faulty}`);
});
