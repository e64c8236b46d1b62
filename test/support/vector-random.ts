/** The checks of `tests/python_random.json`: our copy of CPython's generator, and of its samples of a range. */
import { MersenneTwister, RangeSampler } from '../../detectors/mersenne-twister.ts';
import type { TestCheck } from './vector-tests.ts';

/** Population and size of each sample; every one is drawn twice in a row by a generator that begins anew with the case's seed. */
const SAMPLES = [
  [70, 30],
  [150, 50],
  [40, 20],
  [110, 40],
  [200, 100],
  [1000, 30],
  [22, 5],
] as const;

/** For each answer its check. */
export const RANDOM_TESTS: { readonly [method: string]: TestCheck } = {
  getrandbits32: ({ seed, getrandbits32 }) => {
    const random = new MersenneTwister(seed as number);
    return sameAs(getrandbits32, () => random.bits(32));
  },
  // 53 bits of two outputs, as CPython puts them together.
  random: (one) => {
    const generator = new MersenneTwister(one.seed as number);
    return sameAs(one.random, () => (generator.bits(27) * 2 ** 26 + generator.bits(26)) / 2 ** 53);
  },
  ...Object.fromEntries(
    SAMPLES.flatMap(([population, size]): [string, TestCheck][] => {
      const name = `sample_${population}_${size}`;
      return [name, `${name}_second`].map((method, earlier) => [
        method,
        (one) => {
          const sampler = new RangeSampler(new MersenneTwister(one.seed as number), population, size);
          const drawn = new Int32Array(size);
          for (let draw = 0; draw <= earlier; draw++) sampler.draw(drawn);
          let next = 0;
          return sameAs(one[method], () => drawn[next++]!);
        },
      ]);
    }),
  ),
};

function sameAs(answers: unknown, next: () => number): string | null {
  for (const [index, expected] of (answers as number[]).entries()) {
    const ours = next();
    if (ours !== expected) return `number ${index} is ${ours}, not ${expected}`;
  }
  return null;
}
