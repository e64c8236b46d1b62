/**
 * One window against a prepared reference, 10,000 values each: `node bench/single-tests.ts`, in a process of its own.
 *
 * Prints {ks, wasserstein, "chi-squared"} as JSON, one number a run: nanoseconds of CPU, the window's own sorting or counting included.
 */
import type { DetectorDefinition } from '../contracts/detector.ts';
import { chiSquared } from '../detectors/chi-squared.ts';
import { ks } from '../detectors/ks.ts';
import { wasserstein } from '../detectors/wasserstein.ts';
import { categories, cpuNs, numbers, prepared } from './measure.ts';

/** The first runs warm the compiler and count for nothing. */
const WARM = 10;
const RUNS = 30;

const costs = [ks, wasserstein, chiSquared].map((test) => {
  const definition = test as unknown as DetectorDefinition;
  const sample = definition.type === 'chi-squared' ? categories : numbers;
  const against = prepared(definition, sample(1));
  const window = sample(2);
  const runs = Array.from({ length: WARM + RUNS }, () => cpuNs(() => against.test(window)));
  return [definition.type, runs.slice(WARM)];
});
process.stdout.write(JSON.stringify(Object.fromEntries(costs)));
