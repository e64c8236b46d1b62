/** Streams of known laws from a seed, and what a detector says of them. */
import type { StreamingDetector } from '../../contracts/detector.ts';

/** Numbers in [0, 1). */
export function uniforms(length: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Numbers of mean 0 and deviation 1 (Box and Muller). */
export function normals(length: number, seed: number): number[] {
  const drawn = uniforms(2 * length, seed);
  return Array.from({ length }, (_, k) => Math.sqrt(-2 * Math.log(1 - drawn[2 * k]!)) * Math.cos(2 * Math.PI * drawn[2 * k + 1]!));
}

/** 1 with the given probability, else 0. */
export function bits(share: number, length: number, seed: number): number[] {
  return uniforms(length, seed).map((value) => (value < share ? 1 : 0));
}

/** The 0-based indices at which the detector says drift. */
export function driftsOf(detector: StreamingDetector, values: readonly number[]): number[] {
  return values.flatMap((value, index) => (detector.update(value) === 'drift' ? [index] : []));
}
