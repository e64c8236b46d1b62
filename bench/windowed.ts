/**
 * What one window costs each of the tests that compare it with a prepared reference.
 */
import { detectorOf } from '../detectors/catalogue.ts';
import { SlidingKs } from '../detectors/sliding-ks.ts';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';
import { categories, cpuNs, numbers, prepared } from './measure.ts';

const RUNS = 15;

/** Takes some seconds. */
export async function benchWindowed(): Promise<Report> {
  const one = (type: string, values: (seed: number) => (number | string)[]): Figure => {
    const test = prepared(detectorOf(type)!, values(1));
    const window = values(2);
    return measured(
      `${type}, 10,000 ${typeof window[0] === 'number' ? 'numbers' : 'categories'} against 10,000 prepared`,
      'µs',
      () => cpuNs(() => test.test(window)) / 1_000,
    );
  };
  const figures = [
    ...['ks', 'wasserstein', 'energy', 'jensen-shannon', 'psi', 'hellinger'].map((type) => one(type, numbers)),
    ...['chi-squared', 'g-test', 'jensen-shannon', 'psi'].map((type) => one(type, categories)),
    slidingKs(numbers(3), numbers(4, 100_000)),
  ];
  return {
    name: 'windowed tests',
    about: 'CPU of one thread, without a drift in the data: exponential numbers, ten categories as text.',
    figures,
    versions: {},
  };
}

function slidingKs(reference: readonly number[], stream: readonly number[]): Figure {
  return measured('sliding KS, window 1,000 against 10,000', 'ns per value', () => {
    const sliding = new SlidingKs(reference, 1_000);
    return cpuNs(() => stream.forEach((value) => void sliding.update(value))) / stream.length;
  });
}

/** The first runs warm the compiler and count for nothing. */
function measured(figure: string, unit: string, run: () => number): Figure {
  for (let k = 0; k < 5; k++) run();
  return figureOf(figure, unit, Array.from({ length: RUNS }, run));
}
