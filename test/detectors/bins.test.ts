import t from 'tap';
import { Bins } from '../../detectors/bins.ts';

const countsOf = (uppers: readonly number[], counts: readonly number[]) => new Bins('quantile', { uppers, counts }).pair([]).reference;

t.test('counted bins are merged at the edges next to the deciles', (t) => {
  const hundred = Array.from({ length: 100 }, (_, k) => k + 1);
  t.same(countsOf(hundred, [...new Array(100).fill(1), 0]), [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
  // 20 values: 8, 12, 13 and 20 lie up to the edges; deciles 14 and 16 are nearer to 13, decile 10 is as near to 12 as to 8.
  t.same(countsOf([1, 2, 3, 4], [8, 4, 1, 7, 0]), [8, 4, 1, 7, 0]);
  // All deciles lie in the first bin: one cut, and the rest together.
  t.same(countsOf([1, 2, 3], [100, 1, 1, 2]), [100, 4]);
  t.end();
});
