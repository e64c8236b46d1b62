/**
 * What a predictor sees of a batch: percentiles of the model's class probabilities, and nothing of the inputs.
 *
 * Source: Schelter, Rukat, Biessmann. Learning to Validate the Predictions of Black Box Classifiers on Unseen Data. SIGMOD 2020.
 * Deviation: with two classes only the second class's percentiles are kept. The first's are their mirror image, 1 - percentile(100 - k).
 */

/** Percentiles that are taken of each class: 0, 5 … 100. */
export const PERCENTILE_RANKS: readonly number[] = Array.from({ length: 21 }, (_, step) => 5 * step);

/** How many numbers `batchFeatures` gives for so many classes. */
export function featureCount(classes: number): number {
  return (classes === 2 ? 1 : classes) * PERCENTILE_RANKS.length;
}

/**
 * Percentiles by linear interpolation between the order statistics, bit for bit as numpy computes its default (Hyndman and Fan 1996, type 7).
 *
 * @param ascending sorted, finite; empty gives zeros
 * @param ranks in [0, 100]
 */
export function percentiles(ascending: Float64Array, ranks: readonly number[]): Float64Array {
  const last = ascending.length - 1;
  return Float64Array.from(ranks, (rank) => {
    if (last < 0) return 0;
    const place = (rank / 100) * last;
    const below = Math.min(Math.floor(place), last);
    const from = ascending[below]!;
    const to = ascending[Math.min(below + 1, last)]!;
    const weight = place - below;
    // Interpolating from the nearer end keeps the result monotone under rounding.
    return weight < 0.5 ? from + (to - from) * weight : to - (to - from) * (1 - weight);
  });
}

/**
 * Places of the rows that the model answered: with finite values throughout.
 *
 * @param probabilities `[rows, classes]`, row-major
 */
export function answeredRows(probabilities: Float64Array, classes: number): Int32Array {
  const rows = Math.floor(probabilities.length / classes);
  const places = new Int32Array(rows);
  let answered = 0;
  for (let row = 0; row < rows; row++) {
    let index = 0;
    while (index < classes && Number.isFinite(probabilities[row * classes + index]!)) index++;
    if (index === classes) places[answered++] = row;
  }
  return places.subarray(0, answered);
}

/**
 * Features of one batch, from the rows that were answered.
 *
 * @param probabilities `[rows, classes]`, row-major
 * @returns `featureCount(classes)` numbers, class by class, percentiles ascending
 */
export function batchFeatures(probabilities: Float64Array, classes: number): Float64Array {
  const features = new Float64Array(featureCount(classes));
  const rows = answeredRows(probabilities, classes);
  const firstClass = classes === 2 ? 1 : 0;
  for (let index = firstClass; index < classes; index++) {
    const ascending = Float64Array.from(rows, (row) => probabilities[row * classes + index]!).sort();
    features.set(percentiles(ascending, PERCENTILE_RANKS), (index - firstClass) * PERCENTILE_RANKS.length);
  }
  return features;
}
