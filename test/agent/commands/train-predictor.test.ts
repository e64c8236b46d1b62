import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { trainPredictorCommand } from '../../../agent/commands/train-predictor.ts';
import { loadPredictor } from '../../../detectors/performance/predictor.ts';
import { runCommand } from '../../support/run-command.ts';

const demo = fileURLToPath(new URL('../../../agent/demo/', import.meta.url));
const model = path.join(demo, 'elec2.onnx');
const [header, ...lines] = gunzipSync(readFileSync(path.join(demo, 'elec2.csv.gz')))
  .toString()
  .trim()
  .split('\n');
// The rows that the demo's training kept from its model.
const held = lines.slice(0, 9062).filter((_, row) => row % 4 === 3);

function train(t: Test, ...options: string[]) {
  return runCommand(t, trainPredictorCommand(), options);
}

function files(t: Test, rows: readonly string[] = held, first = header) {
  const dir = t.testdir({ 'held.csv': [first, ...rows].join('\n'), 'held.csv.gz': gzipSync([first, ...rows].join('\n')) });
  return { data: path.join(dir, 'held.csv'), zipped: path.join(dir, 'held.csv.gz'), output: path.join(dir, 'predictor.json') };
}

t.test('labelled rows and a model become a predictor file, told in one JSON object', async (t) => {
  const { data, output } = files(t, [...held, held[0]!.replace(/[^,]*$/, '')]);
  const { stdout, thrown } = await train(
    t,
    ...['--model', model, '--data', data, '--label', 'class', '--output', output, '--batches', '100', '--batch-rows', '500', '--json'],
  );
  t.equal(thrown, null);
  const told = JSON.parse(stdout);
  t.match(told, { output, model: 'elec2.onnx', metric: 'accuracy', classes: ['0', '1'], seed: 1, skippedRows: 1, trees: Number });
  t.match(told.training, { labelledRows: held.length, batches: 100, batchRows: 500, refused: 0 });
  t.ok(told.holdout.meanAbsoluteError < told.holdout.constantMeanAbsoluteError / 2);
  t.equal(told.calibration.nominalCoverage, 0.9);
  const predictor = loadPredictor(JSON.parse(readFileSync(output, 'utf8')));
  t.equal(predictor.model.reference, told.reference);
  t.same(predictor.model.columns, ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer']);
});

t.test('people are told the hold-out error and how often the interval held; a gzipped file does as well', async (t) => {
  const { zipped, output } = files(t);
  const { stdout } = await train(t, '--model', model, '--data', zipped, '--label', 'class', '--output', output, '--batches', '40');
  t.match(stdout, /reference accuracy +0\.8\d\d on 2265 labelled rows/);
  t.match(stdout, /hold-out error +median 0\.0\d\d, mean 0\.0\d\d/);
  t.match(stdout, /the 0\.900 interval held the truth in [01]\.\d{3} of them/);
  t.match(stdout, /too few labelled rows for batches of 1000: the hold-out's have 566/);
  t.match(stdout, /40 training batches are few/);
});

t.test('what cannot be used is refused with its name, and no file is written', async (t) => {
  const cases: readonly (readonly [string, string, string[], object])[] = [
    ['an unknown label column', header!, [], { code: 'unknown-column', message: /has no column klass/ }],
    ['a missing input', header!.replace('transfer', 'moved'), [], { code: 'feature-columns', message: /input transfer/ }],
    ['a wrong number', header!, ['--batches', 'many'], { code: 'argument', message: /--batches is a whole number/ }],
    ['too few batches', header!, ['--batches', '3'], { code: 'predictor-batches' }],
    ['other classes', header!, ['--classes', 'up,down'], { code: 'classes' }],
  ];
  for (const [name, first, options, error] of cases) {
    const { data, output } = files(t, held, first);
    const label = name === 'an unknown label column' ? 'klass' : 'class';
    const { thrown } = await train(t, '--model', model, '--data', data, '--label', label, '--output', output, ...options);
    t.match(thrown, { name: 'ConfigError', ...error }, name);
    t.throws(() => readFileSync(output), name);
  }
});

t.test('a cell that is no number is named by column and line', async (t) => {
  const rows = held.slice(0, 400);
  rows[2] = rows[2]!.replace(/^[^,]*/, 'noon');
  const { data, output } = files(t, rows);
  const { thrown } = await train(t, '--model', model, '--data', data, '--label', 'class', '--output', output);
  t.match(thrown, { code: 'not-a-number', message: /held\.csv:4: column period is not a number/, mistakes: [{ line: 4, path: 'period' }] });
});

t.test('too few labelled rows, no model, and a place that cannot be written are refused', async (t) => {
  const { data, output } = files(t, held.slice(0, 200));
  const few = await train(t, '--model', model, '--data', data, '--label', 'class', '--output', output);
  t.match(few.thrown, { code: 'predictor-rows', message: /100 more are needed/ });
  const none = await train(t, '--model', `${model}.not`, '--data', data, '--label', 'class', '--output', output);
  t.match(none.thrown, { name: 'ScorerError', code: 'model-missing' });
  const more = files(t, held.slice(0, 400));
  const nowhere = path.join(path.dirname(data), 'no', 'predictor.json');
  const lost = await train(
    t,
    ...['--model', model, '--data', more.data, '--label', 'class', '--output', nowhere, '--batches', '20', '--batch-rows', '50'],
  );
  t.match(lost.thrown, { code: 'output', message: /choose another place with --output/ });
});
