/**
 * Trains a performance predictor from labelled rows and the model's own scoring.
 *
 * Half of the rows make the training batches. The other half is cut in two; each part's batches measure the error, and calibrate the
 * interval: the residual of a batch with a single corruption comes from a forest that never saw that kind of corruption, so that the bound
 * holds for errors nobody thought of, as far as these four stand for them.
 *
 * Source: Schelter, Rukat, Biessmann, SIGMOD 2020: random forest on absolute error; 5, 10 or 15 trees by five-fold cross-validation.
 * Deviations: one example is a batch of `batchRows` rows, not the whole set, since that is what is judged live; one forest learns all kinds.
 */
import { ConfigError } from '../../contracts/errors.ts';
import { middleOf } from '../middle-of.ts';
import { type Answers, type Batch, countAnswers, type LabelledRows, makeBatches, type Score, scored, unanswered } from './batches.ts';
import { CORRUPTION_KINDS } from './corruptions.ts';
import { featureCount, PERCENTILE_RANKS } from './features.ts';
import { type Forest, MOST_FEATURES } from './forest.ts';
import { growForest } from './grow.ts';
import { type Calibration, conformalQuantile, halfWidth, NOMINAL_COVERAGE } from './interval.ts';
import { PREDICTOR_FORMAT, PREDICTOR_VERSION, type PredictorModel } from './predictor.ts';
import { Random, upTo } from './random.ts';
import { type Table, takeRows } from './table.ts';

/** Fewer labelled rows than this cannot train and calibrate anything. */
const LEAST_LABELLED_ROWS = 300;
/** Added to the median spread of the training batches: no interval narrower than this says. */
const LEAST_SPREAD = 0.003;
const TREE_CHOICES = [5, 10, 15];
const FOLDS = 5;
/** Fewer training batches than this teach nothing, with or without a generator left out. */
const LEAST_BATCHES = 20;

export interface TrainOptions {
  /** Name of the model judged. */
  readonly model: string;
  /** Rows that never trained the model. */
  readonly table: Table;
  /** Class of each row, as its place in `classes`. */
  readonly labels: Int32Array;
  /** In the order of the probabilities. */
  readonly classes: readonly string[];
  readonly score: Score;
  readonly metric: 'accuracy';
  /** Rows of a batch: those of a live window. */
  readonly batchRows: number;
  /** Training batches; half as many again are made to calibrate. */
  readonly batches: number;
  readonly seed: number;
  /** Batches scored so far, of so many. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * @throws ConfigError for too few labelled rows, too many classes, no columns, or probabilities that do not fit the classes or are none
 * @throws ScorerError when the model refuses rows that are not corrupted
 */
export async function trainPredictor(options: TrainOptions): Promise<PredictorModel> {
  const { table, batches, batchRows, classes, seed } = options;
  checkRows(table);
  checkClasses(classes.length);
  if (batches < LEAST_BATCHES)
    throw new ConfigError('predictor-batches', `predictor: ${batches} batches are too few; give ${LEAST_BATCHES} or more`);
  const random = new Random(seed);
  const labelled: LabelledRows = { table, labels: options.labels, classes: classes.length, score: options.score };
  const shuffled = random.shuffle(upTo(table.rows));
  const half = table.rows >> 1;
  const quarter = (table.rows - half) >> 1;
  const parts = [shuffled.subarray(half, half + quarter), shuffled.subarray(half + quarter)];
  const trainingRows = shuffled.subarray(0, half);
  const cleanTraining = await cleanAnswers(labelled, trainingRows);
  const cleanHoldout = await cleanAnswers(labelled, shuffled.subarray(half));

  const perPart = Math.max(40, Math.ceil(batches / 4));
  let done = 0;
  const afterEach = (): void => {
    options.signal?.throwIfAborted();
    options.onProgress?.(++done, batches + perPart * parts.length);
  };
  const training = await makeBatches(labelled, trainingRows, batches, batchRows, random, afterEach);
  // Equal sizes in both parts, so that one quantile speaks of one size.
  const calibrationRows = Math.min(batchRows, quarter);
  const calibration: Batch[][] = [];
  let refused = training.refused;
  for (const part of parts) {
    const made = await makeBatches(labelled, part, perPart, calibrationRows, random, afterEach);
    calibration.push(made.batches);
    refused += made.refused;
  }

  const trees = chooseTrees(training.batches, random);
  const forest = fit(training.batches, trees, random);
  const leftOut = new Map<string, Forest>();
  for (const kind of CORRUPTION_KINDS) {
    const others = training.batches.filter((batch) => !batch.kinds.includes(kind));
    if (others.length >= LEAST_BATCHES && others.length < training.batches.length) leftOut.set(kind, fit(others, trees, random));
  }
  const spreads = Float64Array.from(training.batches, (batch) => forest.predict(batch.features).spread);
  const spreadFloor = LEAST_SPREAD + middleOf(spreads.sort());
  const reference = (cleanTraining.right + cleanHoldout.right) / (cleanTraining.answered + cleanHoldout.answered);
  const judged = calibration.map((part) => part.map((batch) => judge(batch, forest, leftOut, spreadFloor)));
  const all = judged.flat();
  const errors = all.map((batch) => Math.abs(batch.asShipped.mean - batch.accuracy));
  return {
    format: PREDICTOR_FORMAT,
    version: PREDICTOR_VERSION,
    features: 'paper',
    metric: options.metric,
    model: options.model,
    classes,
    columns: table.columns.map((column) => column.name),
    seed,
    reference,
    training: {
      labelledRows: table.rows,
      rows: half,
      batches: training.batches.length,
      batchRows: Math.min(batchRows, half),
      refused,
    },
    holdout: {
      rows: table.rows - half,
      batches: all.length,
      meanAbsoluteError: mean(errors),
      medianAbsoluteError: middleOf(Float64Array.from(errors).sort()),
      constantMeanAbsoluteError: mean(all.map((batch) => Math.abs(reference - batch.accuracy))),
      accuracyGap: shareRight(cleanTraining) - shareRight(cleanHoldout),
    },
    calibration: {
      quantile: conformalQuantile(all.map((batch) => batch.score)),
      spreadFloor,
      batchRows: calibrationRows,
      trainingRows: half,
      nominalCoverage: NOMINAL_COVERAGE,
      ...crossCoverage(judged, { spreadFloor, batchRows: calibrationRows, trainingRows: half }),
    },
    forest: forest.pack(),
  };
}

interface Answer {
  readonly mean: number;
  readonly spread: number;
}

/** A calibration batch beside what the forests say of it. */
interface Judged {
  readonly accuracy: number;
  readonly asShipped: Answer;
  /** The answer of the forest that lacks the batch's one kind; null for clean and mixed batches. */
  readonly unprepared: Answer | null;
  /** |residual| / σ of the unprepared forest where there is one. */
  readonly score: number;
}

function judge(batch: Batch, forest: Forest, leftOut: ReadonlyMap<string, Forest>, spreadFloor: number): Judged {
  const asShipped = forest.predict(batch.features);
  const lacking = batch.kinds.length === 1 ? leftOut.get(batch.kinds[0]!) : undefined;
  const unprepared = lacking === undefined ? null : lacking.predict(batch.features);
  const answer = unprepared ?? asShipped;
  return { accuracy: batch.accuracy, asShipped, unprepared, score: Math.abs(answer.mean - batch.accuracy) / (answer.spread + spreadFloor) };
}

/** Coverage of each part under the other's quantile. */
function crossCoverage(
  parts: readonly (readonly Judged[])[],
  sizes: Omit<Calibration, 'quantile'>,
): { seenCoverage: number; unknownErrorCoverage: number | null } {
  const shipped: boolean[] = [];
  const unprepared: boolean[] = [];
  for (const [place, part] of parts.entries()) {
    const others = parts.filter((_, other) => other !== place).flat();
    const quantile = conformalQuantile(others.map((batch) => batch.score));
    const covers = (answer: Answer, accuracy: number): boolean =>
      Math.abs(answer.mean - accuracy) <= halfWidth(answer.mean, answer.spread, sizes.batchRows, { quantile, ...sizes });
    for (const batch of part) {
      shipped.push(covers(batch.asShipped, batch.accuracy));
      if (batch.unprepared !== null) unprepared.push(covers(batch.unprepared, batch.accuracy));
    }
  }
  return {
    seenCoverage: shareOf(shipped),
    unknownErrorCoverage: unprepared.length === 0 ? null : shareOf(unprepared),
  };
}

function checkRows(table: Table): void {
  if (table.rows < LEAST_LABELLED_ROWS) {
    const missing = LEAST_LABELLED_ROWS - table.rows;
    throw new ConfigError(
      'predictor-rows',
      `predictor: ${table.rows} labelled rows are too few; ${missing} more are needed (at least ${LEAST_LABELLED_ROWS}, better 2000)`,
    );
  }
  if (table.columns.length === 0) throw new ConfigError('predictor-columns', 'predictor: there is no input column to corrupt; name some');
}

function checkClasses(classes: number): void {
  if (featureCount(classes) <= MOST_FEATURES) return;
  const most = Math.floor(MOST_FEATURES / PERCENTILE_RANKS.length);
  throw new ConfigError(
    'predictor-classes',
    `predictor: ${classes} classes are too many; at most ${most} can be told apart, so join rare ones`,
  );
}

async function cleanAnswers(labelled: LabelledRows, rows: Int32Array): Promise<Answers> {
  let right = 0;
  let answered = 0;
  // A model's answer to everything at once may not fit the memory, and takes no less time.
  for (let from = 0; from < rows.length; from += 1000) {
    const some = rows.subarray(from, from + 1000);
    const probabilities = await scored(labelled, takeRows(labelled.table, some));
    const answers = countAnswers(probabilities, labelled.classes, some, labelled.labels);
    right += answers.right;
    answered += answers.answered;
  }
  if (answered === 0) throw unanswered();
  return { right, answered };
}

function shareRight({ right, answered }: Answers): number {
  return right / answered;
}

/** The published number of trees with the least absolute error over five folds. A forest's first trees are the smaller forest. */
function chooseTrees(batches: readonly Batch[], random: Random): number {
  const most = Math.max(...TREE_CHOICES);
  const order = random.shuffle(upTo(batches.length));
  const fold = new Int32Array(batches.length);
  for (const [turn, place] of order.entries()) fold[place] = turn % FOLDS;
  const errors = TREE_CHOICES.map(() => 0);
  for (let held = 0; held < FOLDS; held++) {
    const forest = fit(
      batches.filter((_, place) => fold[place] !== held),
      most,
      random,
    );
    for (const [place, batch] of batches.entries()) {
      if (fold[place] !== held) continue;
      for (const [choice, trees] of TREE_CHOICES.entries()) {
        errors[choice]! += Math.abs(forest.predict(batch.features, 0, trees).mean - batch.accuracy);
      }
    }
  }
  return TREE_CHOICES[errors.indexOf(Math.min(...errors))]!;
}

function fit(batches: readonly Batch[], trees: number, random: Random): Forest {
  const columns = batches[0]!.features.length;
  const data = new Float64Array(batches.length * columns);
  for (const [row, batch] of batches.entries()) data.set(batch.features, row * columns);
  return growForest(
    { rows: batches.length, columns, data },
    Float64Array.from(batches, (batch) => batch.accuracy),
    { trees, criterion: 'absolute-error', cut: 'best', minLeaf: 1, featureFraction: 1, bootstrap: true },
    random,
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shareOf(flags: readonly boolean[]): number {
  return flags.filter((flag) => flag).length / flags.length;
}
