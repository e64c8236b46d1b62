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

/** The search of every cut in the order of operations that decides where rounding does. */
function fullSearch(window: AdwinWindow, delta: number, minWindow: number): boolean {
  const { totals } = window.buckets();
  const logTerm = Math.log((2 * Math.log(window.width)) / delta);
  let [older, newer] = [0, window.width];
  let [olderTotal, newerTotal] = [0, window.total];
  for (const [row, total] of totals.flatMap((buckets, row) => buckets.toReversed().map((bucket) => [row, bucket] as const)).toReversed()) {
    older += 2 ** row;
    newer -= 2 ** row;
    olderTotal += total;
    newerTotal -= total;
    if (newer < minWindow) return false;
    const m = 1 / (older - minWindow + 1) + 1 / (newer - minWindow + 1);
    const bound = Math.sqrt(2 * m * (window.squares / window.width) * logTerm) + (2 / 3) * logTerm * m;
    if (older >= minWindow && Math.abs(olderTotal / older - newerTotal / newer) > bound) return true;
  }
  return false;
}

t.test('where values lie so far from 0 that sums lose what they differ by, the full search decides', (t) => {
  for (const [seed, offset] of [
    [1, 1e12],
    [2, 1e14],
    [3, -1e15],
  ] as const) {
    const window = new AdwinWindow(5);
    const cuts = new AdwinCuts(window, 1, 5, 5);
    let found = 0;
    const wrong: number[] = [];
    for (const [index, value] of normals(3_000, seed).entries()) {
      window.insert(offset + value);
      const isFound = window.width >= 10 && fullSearch(window, 1, 5);
      if (cuts.find() !== isFound) wrong.push(index);
      if (isFound) found++;
    }
    t.same(wrong, [], `offset ${offset}, ${found} found`);
  }
  t.end();
});
