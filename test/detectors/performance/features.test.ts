import t from 'tap';
import { answeredRows, batchFeatures, featureCount, PERCENTILE_RANKS, percentiles } from '../../../detectors/performance/features.ts';
import { readJson } from '../../support/golden-file.ts';

interface Golden {
  readonly samples: readonly { readonly ascending: number[]; readonly percentiles: number[] }[];
}

t.test('percentiles are those of numpy, to the bit', (t) => {
  const path = new URL('../../golden/predictor/percentiles.json', import.meta.url).pathname;
  // Written by percentiles.py beside it.
  const { samples } = readJson(path) as Golden;
  t.equal(samples.length, 10);
  for (const sample of samples) {
    t.same(
      [...percentiles(Float64Array.from(sample.ascending), PERCENTILE_RANKS)],
      sample.percentiles,
      `${sample.ascending.length} values`,
    );
  }
  t.end();
});

t.test('no values have zeros for percentiles, one value has itself', (t) => {
  t.same([...percentiles(new Float64Array(0), [0, 50, 100])], [0, 0, 0]);
  t.same([...percentiles(Float64Array.of(0.3), [0, 50, 100])], [0.3, 0.3, 0.3]);
  t.end();
});

t.test('two classes give the second one’s percentiles, more classes those of each in order', (t) => {
  const two = batchFeatures(Float64Array.of(0.9, 0.1, 0.2, 0.8), 2);
  t.equal(two.length, featureCount(2));
  t.same([two[0], two.at(-1)], [0.1, 0.8]);
  const three = batchFeatures(Float64Array.of(0.5, 0.3, 0.2, 0.1, 0.2, 0.7), 3);
  t.equal(three.length, 63);
  t.same([three[0], three[20], three[21], three[41], three[42], three[62]], [0.1, 0.5, 0.2, 0.3, 0.2, 0.7]);
  t.end();
});

t.test('the order of the rows does not matter, nor do rows without an answer', (t) => {
  const plain = batchFeatures(Float64Array.of(0.9, 0.1, 0.2, 0.8, 0.6, 0.4), 2);
  const turned = batchFeatures(Float64Array.of(0.6, 0.4, Number.NaN, Number.NaN, 0.2, 0.8, 0.9, 0.1), 2);
  t.same(turned, plain);
  const half = Float64Array.of(0.9, 0.1, Number.NaN, 0.7, 0.2, 0.8, 0.3, Infinity, 0.6, 0.4);
  t.same(batchFeatures(half, 2), plain, 'a row with part of an answer is one without');
  t.same([...answeredRows(half, 2)], [0, 2, 4]);
  t.end();
});
