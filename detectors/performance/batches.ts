/**
 * Makes the batches that a predictor learns from and is judged on: rows drawn, damaged, scored, and compared with their labels.
 *
 * Rows that the model does not answer (with a probability that is not finite) count neither here nor live: what is estimated is how good its
 * answers are. A batch without any answer counts as refused. Of ten batches one stays clean, five suffer one corruption (the kinds take turns), four a mixture of two to four in sequence.
 */
import { ConfigError, ScorerError } from '../../contracts/errors.ts';
import { type Corruption, type CorruptionKind, corrupt, drawCorruption, drawMixture, possibleKinds } from './corruptions.ts';
import { answeredRows, batchFeatures } from './features.ts';
import type { Random } from './random.ts';
import { type Table, takeRows } from './table.ts';

/** The model under observation: `[rows, classes]` probabilities, row-major. Rejects with ScorerError where it refuses the rows. */
export type Score = (table: Table) => Promise<Float64Array>;

/** Rows whose truth is known. */
export interface LabelledRows {
  readonly table: Table;
  /** Class of each row, as its place among the classes. */
  readonly labels: Int32Array;
  readonly classes: number;
  readonly score: Score;
}

/** One batch, after scoring. */
export interface Batch {
  readonly features: Float64Array;
  /** What the model really reached on the rows that it answered, in [0, 1]. */
  readonly accuracy: number;
  /** Corruptions applied; none for a clean batch. */
  readonly kinds: readonly CorruptionKind[];
}

export interface MadeBatches {
  readonly batches: Batch[];
  /** Corrupted batches that the scorer refused, or answered no row of. */
  readonly refused: number;
}

/**
 * @param rows places in the table that may be drawn; each batch takes `batchRows` of them (all, if there are fewer), without replacement
 * @throws ScorerError when the scorer refuses a clean batch
 * @throws ConfigError when it answers no row of one
 */
export async function makeBatches(
  labelled: LabelledRows,
  rows: Int32Array,
  count: number,
  batchRows: number,
  random: Random,
  afterEach: () => void,
): Promise<MadeBatches> {
  const kinds = possibleKinds(labelled.table);
  const batches: Batch[] = [];
  let singles = 0;
  let refused = 0;
  for (let made = 0; made < count; made++) {
    const drawn = random.shuffle(rows.slice(), batchRows).subarray(0, Math.min(batchRows, rows.length));
    const clean = takeRows(labelled.table, drawn);
    let corruptions: Corruption[] = [];
    if (made % 10 >= 6) corruptions = drawMixture(clean, random);
    else if (made % 10 >= 1) corruptions = [drawCorruption(kinds[singles++ % kinds.length]!, clean, random)!];
    const sent = corruptions.reduce((table, corruption) => corrupt(table, corruption, random), clean);
    try {
      const probabilities = await scored(labelled, sent);
      const accuracy = accuracyOf(probabilities, labelled.classes, drawn, labelled.labels);
      if (accuracy === null && corruptions.length === 0) throw unanswered();
      if (accuracy === null) refused++;
      else {
        const features = batchFeatures(probabilities, labelled.classes);
        batches.push({ features, accuracy, kinds: corruptions.map((corruption) => corruption.kind) });
      }
    } catch (error) {
      // Damaged rows may be more than a model can take; refused is an outcome of its own. Clean ones it must take.
      if (!(error instanceof ScorerError) || corruptions.length === 0) throw error;
      refused++;
    }
    afterEach();
  }
  return { batches, refused };
}

/** Probabilities of a table. @throws ConfigError when their number does not fit the classes */
export async function scored({ score, classes }: LabelledRows, table: Table): Promise<Float64Array> {
  const probabilities = await score(table);
  if (probabilities.length === table.rows * classes) return probabilities;
  const found = probabilities.length / table.rows;
  throw new ConfigError('predictor-classes', `predictor: the labels have ${classes} classes, the model gives ${found} probabilities a row`);
}

/** That the model gives no probabilities where it must. */
export function unanswered(): ConfigError {
  return new ConfigError(
    'predictor-unanswered',
    'predictor: the model gives no finite probabilities for the labelled rows; give rows that it answers',
  );
}

/** Rows that were answered, and those of them whose most probable class is the label's. */
export interface Answers {
  readonly right: number;
  readonly answered: number;
}

/**
 * Counts answers; of equal probabilities the first class wins.
 *
 * @param rows place of each scored row among the labels
 */
export function countAnswers(probabilities: Float64Array, classes: number, rows: Int32Array, labels: Int32Array): Answers {
  const answered = answeredRows(probabilities, classes);
  let right = 0;
  for (const place of answered) {
    let best = 0;
    for (let index = 1; index < classes; index++)
      if (probabilities[place * classes + index]! > probabilities[place * classes + best]!) best = index;
    if (best === labels[rows[place]!]!) right++;
  }
  return { right, answered: answered.length };
}

/** Share of the answered rows whose most probable class is the label's; null where none was answered. */
export function accuracyOf(probabilities: Float64Array, classes: number, rows: Int32Array, labels: Int32Array): number | null {
  const { right, answered } = countAnswers(probabilities, classes, rows, labels);
  return answered === 0 ? null : right / answered;
}
