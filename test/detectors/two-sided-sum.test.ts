import t from 'tap';
import { SnapshotReader } from '../../detectors/snapshot.ts';
import { TwoSidedSum } from '../../detectors/two-sided-sum.ts';
import { normals } from '../support/random-streams.ts';

t.test('both sums and their ages are those of the formula, value for value, and a cleared one is a new one', (t) => {
  const sums = new TwoSidedSum(0.25);
  let [high, low, highFor, lowFor] = [0, 0, 0, 0];
  t.equal(sums.largest, 0);
  for (const [index, value] of normals(2_000, 4).entries()) {
    high = Math.max(0, high + value - 0.25);
    low = Math.max(0, low - value - 0.25);
    highFor = high > 0 ? highFor + 1 : 0;
    lowFor = low > 0 ? lowFor + 1 : 0;
    const added = sums.add(value);
    const larger = Math.max(high, low);
    const shown = { ...sums.snapshot(), added, largest: sums.largest, since: sums.since };
    const expected = { high, low, highFor, lowFor, added: larger, largest: larger, since: high > low ? highFor : lowFor };
    if (JSON.stringify(shown) !== JSON.stringify(expected)) t.same(shown, expected, `after ${index}`);
    if (index % 500 !== 499) continue;
    const restored = new TwoSidedSum(0.25);
    restored.restore(new SnapshotReader('sums', { detector: 'sums', ...sums.snapshot() }));
    t.same([restored.snapshot(), restored.largest, restored.since], [sums.snapshot(), sums.largest, sums.since]);
    sums.clear();
    t.same(sums.snapshot(), new TwoSidedSum(0.25).snapshot());
    [high, low, highFor, lowFor] = [0, 0, 0, 0];
  }
  t.end();
});
