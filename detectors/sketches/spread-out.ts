/** A sample that stands for sketched numbers, for tests that know nothing of weights and bins. */
import type { SketchedNumbers, WeightedValues } from '../../contracts/sketch.ts';
import { binOf } from './reference-bins.ts';

/** Ascending values, as many as there were, or `most` of them at even ranks where those are more. */
export function spreadOut(numbers: Pick<SketchedNumbers, 'bins' | 'quantiles'>, most: number): Float64Array {
  const { values, weights } = reconciled(numbers);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const length = Math.min(Math.round(total), most);
  const sample = new Float64Array(length);
  let item = 0;
  let passed = 0;
  for (let place = 0; place < length; place++) {
    const rank = ((place + 0.5) * total) / length;
    while (item < values.length - 1 && passed + weights[item]! < rank) passed += weights[item++]!;
    sample[place] = values[item]!;
  }
  return sample;
}

/** Bins say how many values lie between their edges, quantiles where inside: together they are nearer the truth than either. */
function reconciled({ bins, quantiles }: Pick<SketchedNumbers, 'bins' | 'quantiles'>): Pick<WeightedValues, 'values' | 'weights'> {
  if (bins === null) return quantiles;
  const values: number[] = [];
  const weights: number[] = [];
  let item = 0;
  for (const [bin, count] of bins.counts.entries()) {
    const first = item;
    let kept = 0;
    while (item < quantiles.values.length && binOf(bins.uppers, quantiles.values[item]!) === bin) kept += quantiles.weights[item++]!;
    for (let place = first; place < item; place++) {
      values.push(quantiles.values[place]!);
      weights.push((quantiles.weights[place]! * count) / kept);
    }
    if (count === 0 || kept > 0) continue;
    // None of its values was kept: its upper edge, or the lower one of the last bin.
    values.push(bins.uppers[bin] ?? bins.uppers.at(-1)!);
    weights.push(count);
  }
  return { values, weights };
}
