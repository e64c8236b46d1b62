/**
 * What the benchmarks of the detectors measure with.
 */

import type { DetectorDefinition, WindowedTest } from '../contracts/detector.ts';
import { withDefaults } from '../contracts/options.ts';

/** CPU nanoseconds of this process: other programs on the machine count only by what they take from caches and shared cores. */
export function cpuNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}

/** Uniform numbers in [0, 1) from a seed. */
export function uniforms(length: number, seed: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Rows of a sample. */
export const ROWS = 10_000;
const CATEGORIES = Array.from({ length: 10 }, (_, k) => `category ${k}`);

/** Exponential numbers. */
export function numbers(seed: number, rows = ROWS): number[] {
  return Array.from(uniforms(rows, seed), (u) => -Math.log(1 - u));
}

/** Ten categories of different shares. */
export function categories(seed: number, rows = ROWS): string[] {
  return Array.from(uniforms(rows, seed), (u) => CATEGORIES[Math.floor(u * u * 10)]!);
}

/** A windowed test with its default options. */
export function prepared(definition: DetectorDefinition, reference: (number | string)[]): WindowedTest {
  if (definition.kind !== 'windowed') throw new Error(`${definition.type} is no windowed test`);
  return definition.prepare(withDefaults(definition.options, {}), reference);
}
