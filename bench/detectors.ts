/**
 * What one value costs a streaming detector, and one window a test, on the machine it runs on.
 */
import { withDefaults } from '../contracts/options.ts';
import { adwin } from '../detectors/adwin.ts';
import { ddm } from '../detectors/ddm.ts';
import { ks } from '../detectors/ks.ts';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';

const RUNS = 7;
const VALUES = 100_000;
const WINDOW = 10_000;

/** Takes some seconds. */
export async function benchDetectors(): Promise<Report> {
  const numbers = uniforms(VALUES, 7);
  const errors = numbers.map((value) => (value < 0.2 ? 1 : 0));
  const streaming = (figure: string, create: () => { update(value: number): unknown }, values: readonly number[]): Figure =>
    measured(figure, 'ns per update', () => {
      const detector = create();
      return perStep(values.length, () => {
        for (const value of values) detector.update(value);
      });
    });
  const reference = numbers.slice(0, WINDOW);
  const window = numbers.slice(WINDOW, 2 * WINDOW);
  const test = ks.prepare(withDefaults(ks.options, {}), reference);
  return {
    name: 'detectors',
    about: `CPU of one thread, ${VALUES.toLocaleString('en')} values a run without a drift in them: an error rate of 0.2 for DDM, uniform numbers for the others.`,
    figures: [
      streaming('ddm', () => ddm.create(withDefaults(ddm.options, {})), errors),
      streaming('adwin, clock 32', () => adwin.create(withDefaults(adwin.options, { clock: 32 })), numbers),
      streaming('adwin, clock 1', () => adwin.create(withDefaults(adwin.options, { clock: 1 })), numbers),
      measured('ks, 10,000 against 10,000 prepared', 'µs per window', () => perStep(1, () => test.test(window)) / 1_000),
    ],
    versions: {},
  };
}

/** The first run warms the compiler and counts for nothing. */
function measured(figure: string, unit: string, run: () => number): Figure {
  run();
  return figureOf(figure, unit, Array.from({ length: RUNS }, run));
}

/** CPU nanoseconds of this process per step: other programs on the machine do not count. */
function perStep(steps: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / steps;
}

function uniforms(length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}
