import t from 'tap';
import { AdwinWindow } from '../../detectors/adwin-window.ts';

t.test('buckets that do not fit each other, the window or their sums are refused', (t) => {
  const sums = { width: 3, total: 6, squares: 2 };
  const restored = (totals: number[][], squares: number[][], of = sums) => new AdwinWindow(5).restore(totals, squares, of);
  t.equal(restored([[1], [5]], [[0], [0.5]]), true);
  for (const [totals, squares] of [
    [[[1], [5]], [[0]]],
    [[[1]], [[0], [0.5]]],
    [
      [[1], [5]],
      [[0], [0.5, 1]],
    ],
    [
      [[1], [5], []],
      [[0], [0.5], []],
    ],
    [[new Array(6).fill(1)], [new Array(6).fill(0)]],
    [Array.from({ length: 54 }, () => [1]), Array.from({ length: 54 }, () => [0])],
  ] as [number[][], number[][]][])
    t.equal(restored(totals, squares), false, JSON.stringify([totals, squares]).slice(0, 60));
  t.equal(restored([[1], [5]], [[0], [0.5]], { ...sums, width: 4 }), false, 'the width is that of the buckets');
  t.end();
});
