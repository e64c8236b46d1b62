import fc from 'fast-check';
import t from 'tap';
import { leafValue, SplitCosts } from '../../../detectors/performance/criterion.ts';
import { Random } from '../../../detectors/performance/random.ts';

function absolute(values: readonly number[]): number {
  const ascending = values.toSorted((one, other) => one - other);
  const median = ascending[values.length >> 1]!;
  return values.reduce((sum, value) => sum + Math.abs(value - median), 0);
}

function squared(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

for (const [criterion, brute] of [
  ['absolute-error', absolute],
  ['squared-error', squared],
] as const) {
  t.test(`${criterion}: both sides of every cut cost what counting them out says`, (t) => {
    const values = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(values, fc.nat(), (drawn, seed) => {
        const ascending = Float64Array.from(drawn).sort();
        const order = [...new Random(seed).shuffle(Int32Array.from(drawn, (_, place) => place))];
        const costs = new SplitCosts(criterion, drawn.length);
        // Twice, since room is reused: what the first left behind must not show.
        for (const ranks of [order.toReversed(), order]) costs.compute(ascending, Int32Array.from(ranks), drawn.length);
        const byFeature = order.map((rank) => ascending[rank]!);
        for (let cut = 0; cut < drawn.length - 1; cut++) {
          const close = (got: number, wanted: number) => Math.abs(got - wanted) < 1e-9;
          if (!close(costs.left[cut]!, brute(byFeature.slice(0, cut + 1)))) return false;
          if (!close(costs.right[cut]!, brute(byFeature.slice(cut + 1)))) return false;
        }
        return true;
      }),
      { seed: 11, numRuns: 300 },
    );
    t.end();
  });
}

t.test('a leaf answers the median under absolute error and the mean under squared error', (t) => {
  const ascending = Float64Array.of(1, 2, 6, 11, 99);
  t.equal(leafValue('absolute-error', ascending, 4), 4);
  t.equal(leafValue('absolute-error', ascending, 3), 2);
  t.equal(leafValue('squared-error', ascending, 4), 5);
  t.end();
});
