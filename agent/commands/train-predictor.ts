/**
 * `driftline train-predictor`: learns from labelled rows how good a model is when only its answers are seen.
 */
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import type { PredictorModel } from '../../detectors/performance/predictor.ts';
import { trainPredictor } from '../../detectors/performance/train.ts';
import { openModel } from '../../scorer/onnx.ts';
import { labelledData } from '../labelled-data.ts';
import { readTable } from '../table.ts';

interface TrainPredictorOptions {
  readonly model: string;
  readonly data: string;
  readonly label: string;
  readonly features?: string;
  readonly classes?: string;
  readonly output: string;
  readonly batches: string;
  readonly batchRows: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** Fewer training batches than this cost accuracy that can be seen. */
const ENOUGH_BATCHES = 300;

/** The command. @throws ConfigError or ScorerError for a wrong argument, file or model */
export function trainPredictorCommand(): Command {
  return new Command('train-predictor')
    .summary('a performance predictor from labelled rows and the model as ONNX')
    .description(
      'Trains a performance predictor, which estimates accuracy before labels come, from the model as ONNX and labelled rows that never trained it.',
    )
    .requiredOption('--model <file>', 'the model judged, as .onnx with probabilities')
    .requiredOption('--data <file>', 'labelled rows, .csv or .csv.gz with a header')
    .requiredOption('--label <column>', 'column of the true class')
    .option('--features <columns>', 'columns of a matrix input, in order, separated by commas (default: all but the label)')
    .option('--classes <names>', "classes in the order of the model's probabilities, separated by commas (default: the labels, sorted)")
    .option('--output <file>', 'where the predictor is written', 'predictor.json')
    .option('--batches <n>', 'training batches', '600')
    .option('--batch-rows <n>', 'rows of a batch: those of a live window', '1000')
    .option('--seed <n>', 'same seed, same predictor', '1')
    .option('--json', 'print one JSON object and nothing else')
    .action(train);
}

async function train(options: TrainPredictorOptions): Promise<void> {
  const batches = whole('--batches', options.batches, 1, 100_000);
  const batchRows = whole('--batch-rows', options.batchRows, 10, 1_000_000);
  const seed = whole('--seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  const text = await readTable(options.data);
  const onnx = await openModel(options.model);
  const bar = new SingleBar({
    format: 'training {bar} {percentage} % | batch {value} of {total} | {eta_formatted} left',
    // Draws nothing where this is no terminal.
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    // Training computes on this very thread: the bar is drawn when a batch is done, not by a timer.
    synchronousUpdate: true,
  });
  let started = false;
  try {
    const data = labelledData(onnx, text, {
      file: options.data,
      label: options.label,
      features: list(options.features),
      classes: list(options.classes),
    });
    const model = await trainPredictor({
      ...data,
      model: path.basename(options.model),
      metric: 'accuracy',
      batches,
      batchRows,
      seed,
      onProgress: (done, total) => {
        if (!started) bar.start(total, 0);
        started = true;
        bar.update(done);
      },
    });
    bar.stop();
    await write(options.output, model);
    const { output, json } = options;
    process.stdout.write(
      json === true
        ? `${JSON.stringify(summaryOf(output, model, data.skippedRows))}\n`
        : describe(output, model, data.skippedRows, batchRows),
    );
  } finally {
    // A bar left standing would keep the cursor hidden.
    if (started) bar.stop();
    await onnx.close();
  }
}

/** Beside and renamed: a sidecar that reads the file meets the old predictor or the new one. */
async function write(file: string, model: PredictorModel): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(beside, `${JSON.stringify(model)}\n`);
    await rename(beside, file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError('output', `cannot write ${file} (${why}); choose another place with --output`, [], cause);
  }
}

function summaryOf(output: string, model: PredictorModel, skippedRows: number) {
  const { forest, format, version, calibration, ...told } = model;
  const { nominalCoverage, seenCoverage, unknownErrorCoverage } = calibration;
  return { output, ...told, skippedRows, trees: forest.trees, calibration: { nominalCoverage, seenCoverage, unknownErrorCoverage } };
}

function describe(output: string, model: PredictorModel, skippedRows: number, wantedRows: number): string {
  const { training, holdout, calibration, reference } = model;
  const unknown = calibration.unknownErrorCoverage;
  const lines = [
    `${output}: judges ${model.model} by ${training.batchRows} answers at a time`,
    `  reference accuracy  ${points(reference)} on ${training.labelledRows} labelled rows, ${training.rows} of which trained the predictor`,
    `  hold-out error      median ${points(holdout.medianAbsoluteError)}, mean ${points(holdout.meanAbsoluteError)} on ${holdout.batches} ` +
      `freshly corrupted batches of the other rows (mean ${points(holdout.constantMeanAbsoluteError)} for always saying ${points(reference)})`,
    `  calibration         the ${points(calibration.nominalCoverage)} interval held the truth in ${points(calibration.seenCoverage)} of them` +
      (unknown === null ? '' : `, in ${points(unknown)} where the kind of error had been kept from the predictor`),
  ];
  if (training.refused > 0) lines.push(`  refused             ${training.refused} corrupted batches by the model; they taught nothing`);
  if (skippedRows > 0)
    lines.push(`  skipped             ${skippedRows} rows without a label (empty, NA, none …; --classes keeps one that is called so)`);
  if (calibration.batchRows < wantedRows) {
    lines.push(`  note                too few labelled rows for batches of ${wantedRows}: the hold-out's have ${calibration.batchRows}`);
  }
  if (training.batches < ENOUGH_BATCHES)
    lines.push(`  note                ${training.batches} training batches are few; 600 or more do better`);
  return `${lines.join('\n')}\n`;
}

function points(rate: number): string {
  return rate.toFixed(3);
}

function list(text: string | undefined): string[] | null {
  return text === undefined ? null : text.split(',').map((name) => name.trim());
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ConfigError('argument', `${option} is a whole number from ${least} to ${most}`);
}
