/**
 * The demo's model and the first rows of its stream that it has not seen, with what the runtime itself says of them.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Tensor } from '../../contracts/tensor.ts';
import { openModel } from '../../scorer/onnx.ts';

const demo = path.join(import.meta.dirname, '../../agent/demo');
export const COLUMNS = ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'];

export const rows = gunzipSync(readFileSync(path.join(demo, 'elec2.csv.gz')))
  .toString()
  .split('\n')
  .slice(1 + 9062, 1 + 9062 + 40)
  .map((line) => line.split(',').slice(0, 6).map(Number));
export const column = (index: number) => rows.map((row) => row[index]!);

export const model = await openModel(path.join(demo, 'elec2.onnx'));

const direct = await model.run(COLUMNS.map((name, index) => ({ name, datatype: 'FP32', shape: [rows.length, 1], data: column(index) })));
export const labels = (direct[0] as Tensor).data;
export const probabilities = labels.map((_, row) => (direct[1] as Tensor).data.slice(2 * row, 2 * row + 2));
