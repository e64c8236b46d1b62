import t from 'tap';
import { chiSquaredOfTable } from '../../detectors/chi-squared.ts';
import { fisherExact } from '../../detectors/fisher-exact.ts';
import { Random } from '../../detectors/performance/random.ts';
import { type Counts, poolAlike, testSparse } from '../../detectors/sparse-counts.ts';

const chiSquared = (table: Counts) => chiSquaredOfTable(table, { yates: false });

t.test('columns that are expected too rarely in the smaller row are tested as one', (t) => {
  // 10 and 90 rows: a column needs a total of 50 to be expected 5 times in the smaller row. 50 stay, and 33 and 17 are 50 together.
  const counts: Counts = [
    [5, 3, 2],
    [45, 30, 15],
  ];
  t.same(
    testSparse(counts, 5, chiSquared),
    chiSquared([
      [5, 5],
      [45, 45],
    ]),
  );
  t.same(testSparse(counts, 0, chiSquared), chiSquared(counts), '0 pools none');
  t.end();
});

t.test('where they are too few together, they are held against the others exactly, and the others are tested without them', (t) => {
  const counts: Counts = [
    [60, 40, 20, 10],
    [5_000, 5_000, 0, 2],
  ];
  const others = chiSquared([
    [60, 40],
    [5_000, 5_000],
  ])!;
  const exact = fisherExact([
    [30, 100],
    [2, 10_000],
  ]);
  t.ok(exact.pValue < 1e-50);
  t.same(testSparse(counts, 5, chiSquared), { ...others, pValue: 2 * exact.pValue });
  const quiet: Counts = [
    [80, 20, 0],
    [5_000, 5_000, 1],
  ];
  t.equal(testSparse(quiet, 5, chiSquared)!.pValue, 2 * chiSquared([quiet[0].slice(0, 2), quiet[1].slice(0, 2)])!.pValue);
  t.end();
});

t.test('a category that was one in a thousand and is one in seven is found, against a reference of any size', (t) => {
  for (const times of [1, 10, 1_000]) {
    const result = testSparse(
      [
        [850, 150],
        [999 * times, times],
      ],
      5,
      chiSquared,
    );
    t.ok(result!.pValue < 1e-30, `${result?.pValue} against ${1_000 * times}`);
  }
  t.end();
});

t.test('nothing varies, or nothing is filled: there is no verdict', (t) => {
  for (const counts of [
    [[7], [9]],
    [[0], [9]],
    [
      [1, 0],
      [500, 0],
    ],
    [
      [0, 1],
      [500, 0],
    ],
    [[], []],
  ] as Counts[])
    t.equal(testSparse(counts, 5, chiSquared), null);
  t.end();
});

t.test('p-values of sparse counts without a change are not smaller than they say', (t) => {
  const random = new Random(4);
  const RUNS = 4_000;
  const draw = (rows: number) => {
    const row = [0, 0, 0, 0];
    for (let k = 0; k < rows; k++) {
      const u = random.uniform();
      row[u < 0.6 ? 0 : u < 0.99 ? 1 : u < 0.998 ? 2 : 3]!++;
    }
    return row;
  };
  const reference = (): number[] => draw(4_000);
  let low = 0;
  let pooled = 0;
  for (let run = 0; run < RUNS; run++) {
    const counts: Counts = [draw(200), reference()];
    const verdict = testSparse(counts, 5, chiSquared)!;
    if (verdict.degreesOfFreedom === 1) pooled++;
    if (verdict.pValue <= 0.05) low++;
  }
  t.ok(pooled > 0.9 * RUNS, 'nearly all have columns that are too few together');
  // Four deviations of a share of 0.05.
  t.ok(low / RUNS < 0.05 + 4 * Math.sqrt((0.05 * 0.95) / RUNS), `${low} of ${RUNS}`);
  t.end();
});

t.test('an effect is taken over what would be filled were both rows as small as the smaller one', (t) => {
  // 1,000 and 100,000 rows: a mean share of 0.5 % is needed. The fourth column has 0.3 %; the third, of 0.55 %, is the rarest that stays.
  const counts: Counts = [
    [860, 80, 10, 5, 45],
    [99_000, 100, 100, 100, 700],
  ];
  t.same(poolAlike(counts, 5), [
    [860, 80, 10 + 5, 45],
    [99_000, 100, 100 + 100, 700],
  ]);
  t.same(poolAlike(counts, 0), counts);
  t.same(
    poolAlike(
      [
        [9, 1],
        [10, 0],
      ],
      5,
    ),
    [
      [9, 1],
      [10, 0],
    ],
    'one odd row is not made one of the only others',
  );
  t.end();
});
