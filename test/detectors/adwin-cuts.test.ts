import t from 'tap';
import { AdwinCuts } from '../../detectors/adwin-cuts.ts';
import { AdwinWindow } from '../../detectors/adwin-window.ts';
import { normals } from '../support/random-streams.ts';

/** What a full search says: the cut nearest to its bound is beyond it. */
function isCut(cuts: AdwinCuts): boolean {
  const nearest = cuts.nearest();
  return nearest !== null && nearest.difference > nearest.bound;
}

t.test('the quick search hides no cut, however hardly it is beyond its bound', (t) => {
  let found = 0;
  let searched = 0;
  for (const [seed, delta, maxBuckets, shortest, unit] of [
    [1, 1, 5, 5, 1e6],
    [2, 0.5, 5, 5, 1e6],
    [3, 1, 2, 1, 1e6],
    [4, 1, 5, 7, 1],
    [5, 1, 8, 5, 1e-3],
    [6, 0.9, 5, 5, 1e9],
    [7, 1, 8, 5, 1e6],
  ] as const) {
    const window = new AdwinWindow(maxBuckets);
    const cuts = new AdwinCuts(window, delta, Math.min(5, shortest), shortest);
    const wrong: number[] = [];
    for (const [index, value] of normals(12_000, seed).entries()) {
      window.insert(unit * value);
      searched++;
      const isThere = isCut(cuts);
      if (cuts.find() !== isThere) wrong.push(index);
      if (!isThere) continue;
      found++;
      // A part is dropped now and then, so that windows of all lengths come to their first cut.
      while (isCut(cuts) && window.rows > 1) window.dropOldest();
      cuts.forget();
    }
    t.same(wrong, [], `delta ${delta}, ${maxBuckets} a row, unit ${unit}`);
  }
  t.ok(found > 500, `${found} cuts in ${searched} searches`);
  t.end();
});
