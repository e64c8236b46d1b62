/**
 * A whole table against its reference, in a process of its own: `node bench/table.ts`.
 *
 * 10,000 × 20, half of the columns numbers and half categories, each column tested by both tests that fit it: KS and Wasserstein, chi-squared
 * and Jensen–Shannon. Prints {milliseconds, startMb, dataMb, peakMb} as JSON: CPU of each run, and the most memory that was resident (10⁶
 * bytes) when the code was loaded, when table and reference were there, and at the end.
 */
import type { DetectorDefinition } from '../contracts/detector.ts';
import { chiSquared } from '../detectors/chi-squared.ts';
import { jensenShannon } from '../detectors/jensen-shannon.ts';
import { ks } from '../detectors/ks.ts';
import { wasserstein } from '../detectors/wasserstein.ts';
import { categories, cpuNs, numbers, prepared } from './measure.ts';

const COLUMNS = 20;
const RUNS = 15;

const startMb = residentMb();
const table = Array.from({ length: COLUMNS }, (_, column) => {
  const sample = column % 2 === 0 ? numbers : categories;
  const definitions = (column % 2 === 0 ? [ks, wasserstein] : [chiSquared, jensenShannon]) as unknown as DetectorDefinition[];
  const reference = sample(column + 100);
  return { tests: definitions.map((definition) => prepared(definition, reference)), window: sample(column + 200) };
});
const dataMb = residentMb();
const milliseconds = Array.from(
  { length: RUNS },
  () =>
    cpuNs(() => {
      for (const { tests, window } of table) for (const test of tests) test.test(window);
    }) / 1e6,
);
process.stdout.write(JSON.stringify({ milliseconds, startMb: [startMb], dataMb: [dataMb], peakMb: [residentMb()] }));

function residentMb(): number {
  return (process.resourceUsage().maxRSS * 1_024) / 1e6;
}
