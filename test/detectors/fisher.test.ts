import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { fisher } from '../../detectors/fisher.ts';
import { fisherExact } from '../../detectors/fisher-exact.ts';

type Table = readonly [readonly [number, number], readonly [number, number]];

const choose = (n: number, k: number): bigint => {
  let ways = 1n;
  for (let j = 1; j <= k; j++) ways = (ways * BigInt(n - k + j)) / BigInt(j);
  return ways;
};

/** The sum over all tables with these margins, in whole numbers. */
function counted([[a, b], [c, d]]: Table, alternative: 'two-sided' | 'less' | 'greater'): number {
  const least = Math.max(0, a - d);
  const weights = [choose(a + c, least) * choose(b + d, a + b - least)];
  for (let k = least; k < Math.min(a + b, a + c); k++) {
    weights.push((weights.at(-1)! * BigInt(a + c - k) * BigInt(a + b - k)) / BigInt(k + 1) / BigInt(d - a + k + 1));
  }
  const own = weights[a - least]!;
  const counts = (weight: bigint, k: number) => (alternative === 'less' ? k <= a : alternative === 'greater' ? k >= a : weight <= own);
  let sum = 0n;
  for (const [place, weight] of weights.entries()) if (counts(weight, least + place)) sum += weight;
  // A quotient of whole numbers has no digits behind the point, so they are brought before it.
  return Number(`${(sum * 10n ** 400n) / choose(a + b + c + d, a + b)}e-400`);
}

t.test('p-values are the share of all tables with the same margins, on every side', (t) => {
  const tables: Table[] = [];
  for (let a = 0; a < 7; a++)
    for (let b = 0; b < 5; b++)
      for (let c = 0; c < 5; c += 2)
        for (let d = 0; d < 9; d += 4)
          tables.push([
            [a, b],
            [c, d],
          ]);
  tables.push(
    [
      [300, 20],
      [100, 250],
    ],
    [
      [5, 500],
      [900, 80],
    ],
    [
      [1000, 1000],
      [1000, 1000],
    ],
    [
      [0, 200],
      [900, 400],
    ],
  );
  for (const table of tables) {
    for (const alternative of ['two-sided', 'less', 'greater'] as const) {
      const [ours, expected] = [fisherExact(table, alternative).pValue, counted(table, alternative)];
      if (!(Math.abs(ours - expected) <= 1e-11 * expected)) t.fail(`${JSON.stringify(table)} ${alternative}: ${ours}, not ${expected}`);
    }
  }
  t.ok(
    counted(
      [
        [5, 500],
        [900, 80],
      ],
      'two-sided',
    ) < 1e-200,
    'far out, too',
  );
  t.end();
});

t.test('hundreds of thousands of rows are ordinary input', (t) => {
  // scipy 1.17: chi2_contingency without correction gives 0.0253; the exact test agrees to a percent.
  const { pValue } = fisherExact([
    [50_000, 50_000],
    [50_500, 49_500],
  ]);
  t.ok(Math.abs(pValue - 0.0256) < 0.0005, `${pValue}`);
  t.equal(
    fisherExact([
      [500_000, 0],
      [0, 500_000],
    ]).pValue,
    0,
  );
  t.end();
});

t.test('an odds ratio has a value for empty cells, margins and tables', (t) => {
  t.same(
    fisherExact([
      [1, 0],
      [0, 1],
    ]),
    { oddsRatio: Infinity, pValue: 1 },
  );
  t.same(
    fisherExact([
      [0, 0],
      [3, 4],
    ]),
    { oddsRatio: 1, pValue: 1 },
  );
  t.same(
    fisherExact([
      [0, 0],
      [0, 0],
    ]),
    { oddsRatio: 1, pValue: 1 },
  );
  t.end();
});

const prepare = (reference: readonly string[], given = {}) => fisher.prepare(withDefaults(fisher.options, given), reference);
const times = (counts: { readonly [category: string]: number }) =>
  Object.entries(counts).flatMap(([category, count]) => new Array<string>(count).fill(category));

t.test('few rows of two categories get an exact p-value', (t) => {
  const result = prepare(times({ no: 30, yes: 5 })).test(times({ no: 10, yes: 20 }))!;
  t.equal(
    result.pValue,
    fisherExact([
      [10, 20],
      [30, 5],
    ]).pValue,
  );
  t.equal(result.statistic, (10.5 * 5.5) / (20.5 * 30.5));
  t.match(result, { n: 30, referenceN: 35, degreesOfFreedom: null, note: null });
  t.match(prepare(times({ no: 30, yes: 5 }), { alternative: 'less' }).test(times({ no: 10, yes: 20 })), {
    pValue: fisherExact(
      [
        [10, 20],
        [30, 5],
      ],
      'less',
    ).pValue,
  });
  const unseen = prepare(times({ no: 3 })).test(['yes'])!;
  t.equal(unseen.note, 'unseen: yes');
  t.ok(Math.abs(unseen.pValue - 0.25) < 1e-15);
  t.end();
});

t.test('more than two categories are compared as chi-squared does, and the note says so', (t) => {
  const result = prepare(times({ a: 100, b: 100, c: 100 })).test(times({ a: 50, b: 20, c: 10 }));
  t.match(result, { degreesOfFreedom: 2, note: 'more than two categories: chi-squared' });
  t.equal(prepare(times({ a: 10 })).test(times({ a: 10 })), null);
  t.end();
});
