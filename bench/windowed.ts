/**
 * What one window costs the tests that compare it with a prepared reference: one test at a time, and a whole table.
 */
import type { DetectorDefinition, WindowedTest } from '../contracts/detector.ts';
import { withDefaults } from '../contracts/options.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import { SlidingKs } from '../detectors/sliding-ks.ts';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';

const RUNS = 15;
const ROWS = 10_000;
const COLUMNS = 20;

/** Takes some seconds. */
export async function benchWindowed(): Promise<Report> {
  const numbers = (seed: number, rows = ROWS) => Array.from(uniforms(rows, seed), (u) => -Math.log(1 - u));
  const categories = (seed: number) => Array.from(uniforms(ROWS, seed), (u) => `category ${Math.floor(u * u * 10)}`);
  const one = (type: string, values: (seed: number) => (number | string)[]): Figure => {
    const test = prepared(type, values(1));
    const window = values(2);
    return measured(`${type}, 10,000 ${typeof window[0] === 'number' ? 'numbers' : 'categories'} against 10,000 prepared`, 'µs', () =>
      microseconds(() => test.test(window)),
    );
  };
  // Half of the columns hold numbers, half categories; every column is tested by both tests that fit it.
  const table = Array.from({ length: COLUMNS }, (_, column) => {
    const values = column % 2 === 0 ? numbers : categories;
    const types = column % 2 === 0 ? ['ks', 'wasserstein'] : ['chi-squared', 'jensen-shannon'];
    const reference = values(column + 100);
    return { tests: types.map((type) => prepared(type, reference)), window: values(column + 200) };
  });
  const testAll = () => {
    for (const { tests, window } of table) for (const test of tests) test.test(window);
  };
  const figures = [
    measured(
      '10,000 × 20 table: KS and Wasserstein on ten columns, chi-squared and Jensen–Shannon on ten',
      'ms',
      () => microseconds(testAll) / 1_000,
    ),
    // Before the single tests, so that it is what the table takes.
    measured('the process with table and references, at most', 'MB', () => (process.resourceUsage().maxRSS * 1_024) / 1e6),
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
    return (1_000 * microseconds(() => stream.forEach((value) => void sliding.update(value)))) / stream.length;
  });
}

function prepared(type: string, reference: (number | string)[]): WindowedTest {
  const definition: DetectorDefinition | null = detectorOf(type);
  if (definition?.kind !== 'windowed') throw new Error(`${type} is no windowed test`);
  return definition.prepare(withDefaults(definition.options, {}), reference);
}

/** The first runs warm the compiler and count for nothing. */
function measured(figure: string, unit: string, run: () => number): Figure {
  for (let k = 0; k < 5; k++) run();
  return figureOf(figure, unit, Array.from({ length: RUNS }, run));
}

/** CPU time of this process: other programs on the machine do not count. */
function microseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function uniforms(length: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}
