/**
 * What one value costs a streaming detector, and one window a test, on the machine it runs on.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { withDefaults } from '../contracts/options.ts';
import { ks } from '../detectors/ks.ts';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';

const RUNS = 7;
const WINDOW = 10_000;

/** Type, options and stream of each. */
const STREAMING: readonly (readonly [string, { readonly [option: string]: unknown }, 'bits' | 'numbers'])[] = [
  ['ddm', {}, 'bits'],
  ['eddm', {}, 'bits'],
  ['hddm-a', {}, 'bits'],
  ['hddm-w', {}, 'bits'],
  ['page-hinkley', {}, 'bits'],
  ['page-hinkley', { semantics: 'river' }, 'numbers'],
  ['page-hinkley', {}, 'numbers'],
  ['cusum', {}, 'numbers'],
  ['variance', {}, 'numbers'],
  ['adwin', { clock: 32 }, 'bits'],
  ['adwin', { clock: 32, semantics: 'river' }, 'numbers'],
  ['adwin', { clock: 1, semantics: 'river' }, 'numbers'],
  ['adwin', { clock: 32 }, 'numbers'],
  ['kswin', {}, 'numbers'],
];

/** Takes some seconds. */
export async function benchDetectors(): Promise<Report> {
  const numbers = uniforms(2 * WINDOW, 7);
  const reference = numbers.slice(0, WINDOW);
  const window = numbers.slice(WINDOW, 2 * WINDOW);
  const test = ks.prepare(withDefaults(ks.options, {}), reference);
  return {
    name: 'detectors',
    about:
      'CPU of one thread. Streaming: 30,000 values without a drift in them, each detector in a process of its own; an error rate of 0.2 ' +
      'for those that observe errors, uniform numbers for the others. Snapshots go through JSON and back into a detector.',
    figures: [
      ...STREAMING.flatMap(([type, options, stream]) => streaming(type, options, stream)),
      measured('ks, 10,000 against 10,000 prepared', 'µs per window', () => perStep(1, () => test.test(window)) / 1_000),
    ],
    versions: {},
  };
}

/** Two figures of one detector: its updates, and its snapshots. */
function streaming(type: string, options: { readonly [option: string]: unknown }, stream: 'bits' | 'numbers'): Figure[] {
  const program = fileURLToPath(new URL('streaming.ts', import.meta.url));
  const printed = execFileSync(process.execPath, [program, type, JSON.stringify(options), stream], { encoding: 'utf8' });
  const { updateNs, snapshotUs } = JSON.parse(printed) as { updateNs: number[]; snapshotUs: number[] };
  const name = [type, ...Object.entries(options).map(([option, value]) => `${option} ${value}`), stream].join(', ');
  return [figureOf(name, 'ns per update', updateNs), figureOf(`${name}: snapshot and restore`, 'µs', snapshotUs)];
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
