import fc from 'fast-check';
import t from 'tap';
import { ksGaps } from '../../detectors/ks.ts';
import { Random } from '../../detectors/performance/random.ts';
import { ReferenceGaps } from '../../detectors/reference-gaps.ts';
import { ascending } from '../../detectors/sort-numbers.ts';

/** By one sweep over both samples, sorted. */
function swept(window: readonly number[], reference: readonly number[]) {
  const sorted = ascending(window);
  return { ...ksGaps(sorted, ascending(reference)), n: sorted.length };
}

const SHAPES: { readonly [name: string]: (u: number) => number } = {
  even: (u) => u,
  exponential: (u) => -Math.log(1 - u),
  'with values far out': (u) => Math.exp(12 * u),
  'of a large offset': (u) => 1e9 + u,
  'of whole numbers': (u) => Math.floor(8 * u),
  'half of it zeros': (u) => Math.max(0, u - 0.5),
  'of both zeros': (u) => (u < 0.3 ? -0 : u < 0.6 ? 0 : u),
  'all alike': () => 3,
  'of infinities mostly': (u) => (u < 0.6 ? -Infinity : u < 0.8 ? Infinity : u),
  'of the largest numbers': (u) => (2 * u - 1) * Number.MAX_VALUE,
  'of the smallest numbers': (u) => Math.round(4 * u) * 5e-324,
};

/** How a window may differ from its reference. */
const CHANGES: { readonly [name: string]: (value: number) => number } = {
  'as the reference': (value) => value,
  'a little higher': (value) => value + 0.03 * Math.abs(value),
  'wider apart': (value) => 1.3 * value,
  'far above': (value) => value + 1e12,
  'far below': (value) => value - 1e12,
  rounded: (value) => Math.round(value),
};

t.test('the gaps are those of a sweep over both samples, whatever their shape', (t) => {
  const random = new Random(11);
  const drawn = (n: number, value: (u: number) => number) => Array.from({ length: n }, () => value(random.uniform()));
  for (const [shape, value] of Object.entries(SHAPES)) {
    for (const [change, changed] of Object.entries(CHANGES)) {
      for (const [m, n] of [
        [1_000, 1_000],
        [3_000, 40],
        [50, 2_000],
        [2, 5],
      ] as const) {
        const reference = drawn(m, value);
        const window = drawn(n, value)
          .map(changed)
          .filter((one) => !Number.isNaN(one));
        t.same(new ReferenceGaps(ascending(reference)).of(window), swept(window, reference), `${shape}, ${change}, ${n} against ${m}`);
      }
    }
  }
  t.end();
});

t.test('so they are for any numbers, and what is no number is left out', (t) => {
  const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }), fc.double({ min: -1, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 80 }), fc.array(value, { maxLength: 80 }), (given, window) => {
      const reference = given.filter((one) => !Number.isNaN(one));
      t.strictSame(new ReferenceGaps(ascending(reference)).of(window), swept(window, reference));
    }),
    { seed: 5, numRuns: 500 },
  );
  t.end();
});

t.test('a reference serves window after window', (t) => {
  const random = new Random(12);
  const reference = Array.from({ length: 500 }, () => random.uniform());
  const gaps = new ReferenceGaps(ascending(reference));
  for (const n of [300, 1, 0, 700]) {
    const window = Array.from({ length: n }, () => random.uniform() ** 1.2);
    t.same(gaps.of(window), swept(window, reference));
  }
  t.end();
});

t.test('a window like its reference has no gaps, not even a negative zero', (t) => {
  const gaps = new ReferenceGaps(ascending([1, 2, 2, 5])).of([2, 5, 1, 2]);
  t.ok(Object.is(gaps.above, 0) && Object.is(gaps.below, 0));
  t.end();
});
