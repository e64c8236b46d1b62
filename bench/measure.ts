/**
 * What the benchmarks of the detectors measure with.
 */

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
