/**
 * Holds the predictor against reference fixtures and real models that must not be copied: `node test/support/predictor-fixtures.ts DIR`.
 *
 * DIR has `predictor_fixtures.json.gz` (percentiles, KS statistics, accuracies of five batches), and per data set `NAME_parts.csv.gz`
 * (`part` is `test` or `serve`, `label` 0 or 1) beside `NAME_MODEL_columns.onnx`. Each predictor is trained on the `test` part alone and judged
 * on fresh batches of the `serve` part: a tenth clean, half one corruption, the rest mixtures, all of the kinds it was trained on.
 * Errors are |estimate - accuracy| in thousandths: median / mean. Ends with 1 when a building block differs, or a predictor is no
 * better than its constant.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { labelledData } from '../../agent/labelled-data.ts';
import { withDefaults } from '../../contracts/options.ts';
import { accuracyOf, makeBatches } from '../../detectors/performance/batches.ts';
import { ks } from '../../detectors/ks.ts';
import { batchFeatures } from '../../detectors/performance/features.ts';
import { loadPredictor } from '../../detectors/performance/predictor.ts';
import { Random } from '../../detectors/performance/random.ts';
import { takeRows } from '../../detectors/performance/table.ts';
import { trainPredictor } from '../../detectors/performance/train.ts';
import { openModel } from '../../scorer/onnx.ts';
import { readJson } from './golden-file.ts';

const BATCH_ROWS = 1000;
const TRAINING_BATCHES = 600;
const JUDGED_BATCHES = 300;
/** Percentiles go through two formulas of one interpolation. */
const TOLERANCE = 1e-12;
/** Relative; the smallest of the fixtures' p-values is 7e-17. */
const P_TOLERANCE = 1e-6;

interface Fixtures {
  readonly reference: { readonly p: readonly number[] };
  readonly batches: readonly {
    readonly name: string;
    readonly p: readonly number[];
    readonly label: readonly number[];
    readonly accuracy: number;
    readonly percentiles_0_5_100: readonly number[];
    readonly ks_D: number;
    readonly ks_p_exact: number;
  }[];
}

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node test/support/predictor-fixtures.ts DIR [SEED]\n');
  process.exit(2);
}
const seed = Number(process.argv[3] ?? 1);
let failures = checkBlocks(folder);
const columns = ['clean', 'single', 'mixture', 'all', 'constant'] as const;
process.stdout.write(`\n${'model'.padEnd(14)}${columns.map((name) => name.padStart(15)).join('')}  covered  half-width  stated\n`);
const means = new Map<string, number[]>();
for (const file of readdirSync(folder).toSorted()) {
  const [, set, name] = /^([a-z0-9]+)_([a-z]+)_columns\.onnx$/.exec(file) ?? [];
  if (set !== undefined && name !== undefined) failures += await judge(folder, set, name);
}
const total = (column: string, part: number) => average((means.get(column) ?? []).filter((_, place) => place % 2 === part));
process.stdout.write(`${'mean'.padEnd(14)}${columns.map((name) => pair(total(name, 0), total(name, 1))).join('')}\n`);
process.exit(failures === 0 ? 0 : 1);

function checkBlocks(from: string): number {
  // The file's makers describe it in the README beside it.
  const { batches, reference } = readJson(path.join(from, 'predictor_fixtures.json')) as Fixtures;
  const drift = ks.prepare(withDefaults(ks.options, { method: 'exact' }), reference.p);
  let wrong = 0;
  for (const { name, p, label, accuracy, percentiles_0_5_100, ks_D, ks_p_exact } of batches) {
    const probabilities = Float64Array.from(p.flatMap((value) => [1 - value, value]));
    const features = batchFeatures(probabilities, 2);
    const rows = Int32Array.from(p, (_, row) => row);
    const { statistic, pValue } = drift.test(p)!;
    const sound =
      Math.abs(statistic - ks_D) < TOLERANCE &&
      Math.abs(pValue / ks_p_exact - 1) < P_TOLERANCE &&
      percentiles_0_5_100.every((value, place) => Math.abs(value - features[place]!) < TOLERANCE) &&
      accuracyOf(probabilities, 2, rows, Int32Array.from(label)) === accuracy;
    if (!sound) wrong++;
    process.stdout.write(`${sound ? 'same' : 'DIFFERENT'}: percentiles, KS and accuracy of batch ${name}\n`);
  }
  return wrong;
}

async function judge(from: string, set: string, name: string): Promise<number> {
  const file = path.join(from, `${set}_parts.csv.gz`);
  const [header, ...rows] = parse(gunzipSync(readFileSync(file))) as string[][];
  const model = await openModel(path.join(from, `${set}_${name}_columns.onnx`));
  try {
    const text = { columns: header!, rows };
    const known = labelledData(model, text, { file, label: 'label', features: null, classes: null });
    const partAt = header!.indexOf('part');
    const rowsOf = (part: string) => Int32Array.from(rows, (_, row) => row).filter((row) => rows[row]![partAt] === part);
    const test = rowsOf('test');
    const trained = await trainPredictor({
      ...known,
      model: name,
      table: takeRows(known.table, test),
      labels: test.map((row) => known.labels[row]!),
      metric: 'accuracy',
      batchRows: BATCH_ROWS,
      batches: TRAINING_BATCHES,
      seed,
    });
    const predictor = loadPredictor(JSON.parse(JSON.stringify(trained)));
    const answers: Float64Array[] = [];
    const score: typeof known.score = async (table) => {
      const probabilities = await known.score(table);
      answers.push(probabilities);
      return probabilities;
    };
    const labelled = { table: known.table, labels: known.labels, classes: 2, score };
    const { batches } = await makeBatches(labelled, rowsOf('serve'), JUDGED_BATCHES, BATCH_ROWS, new Random(seed + 1000), () => {});
    const errors = new Map<string, number[]>(columns.map((column) => [column, []]));
    let covered = 0;
    let widths = 0;
    for (const [place, batch] of batches.entries()) {
      const { value, low, high } = predictor.estimate(answers[place]!);
      const kind = batch.kinds.length === 0 ? 'clean' : batch.kinds.length === 1 ? 'single' : 'mixture';
      for (const column of [kind, 'all']) errors.get(column)!.push(Math.abs(value - batch.accuracy));
      errors.get('constant')!.push(Math.abs(trained.reference - batch.accuracy));
      if (low <= batch.accuracy && batch.accuracy <= high) covered++;
      widths += (high - low) / 2;
    }
    const told = columns.map((column) => {
      const values = errors.get(column)!;
      const figures = [median(values), average(values)] as const;
      means.set(column, [...(means.get(column) ?? []), ...figures]);
      return pair(...figures);
    });
    const { seenCoverage, unknownErrorCoverage } = trained.calibration;
    process.stdout.write(
      `${`${set} ${name}`.padEnd(14)}${told.join('')}${(covered / batches.length).toFixed(3).padStart(9)}` +
        `${thousandths(widths / batches.length).padStart(12)}  seen ${seenCoverage.toFixed(3)}, unknown ${unknownErrorCoverage?.toFixed(3)}\n`,
    );
    return average(errors.get('all')!) < average(errors.get('constant')!) / 2 ? 0 : 1;
  } finally {
    await model.close();
  }
}

function pair(one: number, other: number): string {
  return `${thousandths(one)} / ${thousandths(other)}`.padStart(15);
}

function thousandths(value: number): string {
  return (1000 * value).toFixed(1);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const ascending = values.toSorted((one, other) => one - other);
  return (ascending[(values.length - 1) >> 1]! + ascending[values.length >> 1]!) / 2;
}
