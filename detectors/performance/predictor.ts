/**
 * The performance predictor at work: how accurate is the model on this batch, judged by its answers alone?
 *
 * A regression forest was trained on deliberately corrupted batches whose labels were known; it maps percentiles of the class
 * probabilities to accuracy. It sees data errors, not concept drift: when labels change for the same inputs the answers stay as they were.
 * And it knows errors only: a harmless shift of the population or of the classes' shares looks to it like damage, outside its interval too.
 *
 * Source: Schelter, Rukat, Biessmann. Learning to Validate the Predictions of Black Box Classifiers on Unseen Data. SIGMOD 2020.
 */
import { SnapshotError } from '../../contracts/errors.ts';
import type { Estimate } from '../../contracts/finding.ts';
import { answeredRows, batchFeatures, featureCount } from './features.ts';
import { type Forest, type PackedForest, unpackForest } from './forest.ts';
import { type Calibration, halfWidth } from './interval.ts';

export const PREDICTOR_FORMAT = 'driftline-predictor';
export const PREDICTOR_VERSION = 1;

/** A trained predictor as it lies on disk; plain JSON. */
export interface PredictorModel {
  readonly format: typeof PREDICTOR_FORMAT;
  readonly version: typeof PREDICTOR_VERSION;
  /** Which features the forest looks at: `paper` = percentiles of the outputs. */
  readonly features: 'paper';
  readonly metric: 'accuracy';
  /** Name of the model whose answers it judges. */
  readonly model: string;
  /** In the order of the probabilities. */
  readonly classes: readonly string[];
  /** Input columns that were corrupted in training. */
  readonly columns: readonly string[];
  readonly seed: number;
  /** Accuracy on all labelled rows as they were. */
  readonly reference: number;
  readonly training: {
    /** Labelled rows in all, and those of them that trained the forest. */
    readonly labelledRows: number;
    readonly rows: number;
    readonly batches: number;
    readonly batchRows: number;
    /** Corrupted batches that the scorer refused, or answered no row of, training and calibration together. */
    readonly refused: number;
  };
  /** Errors on batches of rows that the forest never saw, freshly corrupted. */
  readonly holdout: {
    readonly rows: number;
    readonly batches: number;
    readonly meanAbsoluteError: number;
    readonly medianAbsoluteError: number;
    /** The same of always answering `reference`. */
    readonly constantMeanAbsoluteError: number;
    /** Clean accuracy of the training rows less that of the hold-out rows: a constant error that sampling put there. */
    readonly accuracyGap: number;
  };
  readonly calibration: Calibration & {
    readonly nominalCoverage: number;
    /** Share of one half's batches inside intervals calibrated on the other half, both ways. */
    readonly seenCoverage: number;
    /** The same for a forest that was not trained on the batch's sort of error; null when none could be left out. */
    readonly unknownErrorCoverage: number | null;
  };
  readonly forest: PackedForest;
}

export interface Predictor {
  readonly model: PredictorModel;
  /** @param probabilities `[rows, classes]`, row-major; rows that are not finite count as unanswered */
  estimate(probabilities: Float64Array): Estimate;
  /** For two classes where only the second's probability is known. @param p one a row */
  estimateBinary(p: ArrayLike<number>): Estimate;
}

/**
 * A predictor from its file's content.
 *
 * @throws SnapshotError when it is no predictor, is of a foreign version, or is damaged
 */
export function loadPredictor(json: unknown): Predictor {
  const model = checkedModel(json);
  const forest = unpackForest(model.forest);
  if (forest.features !== featureCount(model.classes.length)) throw refused('predictor-damaged', 'its forest does not fit its classes');
  return new TrainedPredictor(model, forest);
}

class TrainedPredictor implements Predictor {
  readonly model: PredictorModel;
  readonly #forest: Forest;

  constructor(model: PredictorModel, forest: Forest) {
    this.model = model;
    this.#forest = forest;
  }

  estimate(probabilities: Float64Array): Estimate {
    const { metric, reference, calibration, classes } = this.model;
    const rows = answeredRows(probabilities, classes.length).length;
    // Nothing came: nothing is known, and the interval says so.
    if (rows === 0) return { metric, method: 'estimated', reference, value: reference, low: 0, high: 1 };
    const { mean, spread } = this.#forest.predict(batchFeatures(probabilities, classes.length));
    const value = Math.min(1, Math.max(0, mean));
    const half = halfWidth(value, spread, rows, calibration);
    return { metric, method: 'estimated', reference, value, low: Math.max(0, value - half), high: Math.min(1, value + half) };
  }

  estimateBinary(p: ArrayLike<number>): Estimate {
    if (this.model.classes.length !== 2) {
      throw new RangeError(`predictor: one probability a row says nothing about ${this.model.classes.length} classes; hand in all of them`);
    }
    const probabilities = new Float64Array(2 * p.length);
    for (let row = 0; row < p.length; row++) {
      probabilities[2 * row] = 1 - p[row]!;
      probabilities[2 * row + 1] = p[row]!;
    }
    return this.estimate(probabilities);
  }
}

function checkedModel(json: unknown): PredictorModel {
  if (!isObject(json) || json.format !== PREDICTOR_FORMAT) {
    throw refused('predictor-foreign', 'the file is not a predictor; write one with `driftline train-predictor`');
  }
  if (json.version !== PREDICTOR_VERSION || json.features !== 'paper' || json.metric !== 'accuracy') {
    const found = `version ${String(json.version)}, features ${String(json.features)}, metric ${String(json.metric)}`;
    throw refused('predictor-version', `the file is of another version (${found}); train it again with \`driftline train-predictor\``);
  }
  const { classes, calibration, forest, reference } = json;
  const sound =
    Array.isArray(classes) &&
    classes.length >= 2 &&
    classes.every((name) => typeof name === 'string') &&
    isRate(reference) &&
    isObject(calibration) &&
    isAtLeast(0, calibration.quantile) &&
    isAtLeast(0, calibration.spreadFloor) &&
    isAtLeast(1, calibration.batchRows) &&
    isAtLeast(1, calibration.trainingRows) &&
    isObject(forest) &&
    Number.isInteger(forest.features);
  if (!sound)
    throw refused('predictor-damaged', 'a part of the file is missing or damaged; train it again with `driftline train-predictor`');
  // Everything that is computed with was checked above; the rest is told to people.
  return json as unknown as PredictorModel;
}

function refused(code: string, what: string): SnapshotError {
  return new SnapshotError(code, `predictor: ${what}`);
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRate(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function isAtLeast(least: number, value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= least;
}
