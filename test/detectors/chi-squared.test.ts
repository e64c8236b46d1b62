import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { chiSquared, chiSquaredOfTable } from '../../detectors/chi-squared.ts';

const prepare = (reference: readonly (string | number)[], given: { readonly [option: string]: unknown } = {}) =>
  chiSquared.prepare(withDefaults(chiSquared.options, given), reference);

/** `times({ a: 3 })` is a, a, a. */
const times = (counts: { readonly [category: string]: number }) =>
  Object.entries(counts).flatMap(([category, count]) => new Array<string>(count).fill(category));

t.test('a table by hand, with and without Yates’ correction', (t) => {
  // Every expected count is 15: (5² · 4)/15, and (4.5² · 4)/15 corrected.
  const table = [
    [20, 10],
    [10, 20],
  ];
  const plain = chiSquaredOfTable(table, { yates: false })!;
  t.ok(Math.abs(plain.statistic - 100 / 15) < 1e-14);
  t.equal(plain.degreesOfFreedom, 1);
  const corrected = chiSquaredOfTable(table, { yates: true })!;
  t.ok(Math.abs(corrected.statistic - 81 / 15) < 1e-14);
  t.end();
});

t.test('a window in the reference’s proportions has p = 1', (t) => {
  t.match(prepare(times({ a: 100, b: 50, c: 50 })).test(times({ a: 20, b: 10, c: 10 })), {
    statistic: 0,
    pValue: 1,
    effect: 0,
    degreesOfFreedom: 2,
    note: null,
  });
  t.end();
});

t.test('categories that the reference has not seen are named, a few of them', (t) => {
  const against = prepare(times({ a: 100, b: 100 }));
  t.match(against.test(times({ a: 60, z: 40 })), { note: 'unseen: z', degreesOfFreedom: 2 });
  const many = Array.from({ length: 9 }, (_, k) => `c${k}`);
  t.equal(against.test([...times({ a: 50 }), ...many])?.note, 'unseen: c0, c1, c2, c3, c4 and 4 more');
  t.equal(against.test([...times({ a: 50, b: 50 }), 'x'.repeat(1000)])?.note, `unseen: ${'x'.repeat(40)}…`);
  t.end();
});

t.test('a handful of rare categories is no finding of its own', (t) => {
  const reference = times({ a: 1000, b: 1000 });
  const window = [...times({ a: 100, b: 100 }), 'rare'];
  t.ok(prepare(reference).test(window)!.pValue > 0.05);
  t.ok(prepare(reference, { minExpected: 0 }).test(window)!.pValue < 0.01, 'it is without pooling');
  t.end();
});

t.test('an empty side, or a single category on both, gives no result', (t) => {
  t.equal(prepare([]).test(['a']), null);
  t.equal(prepare(['a']).test([]), null);
  t.equal(prepare(times({ a: 50 })).test(times({ a: 50 })), null);
  t.equal(prepare(times({ a: 500 })).test(['b']), null, 'too few to be a cell');
  t.match(prepare(times({ a: 50 })).test(times({ b: 50 })), { effect: 1, note: 'unseen: b' });
  t.end();
});

t.test('a number and its text are two categories, minus zero and zero one', (t) => {
  t.match(prepare(new Array(50).fill(1)).test(new Array(50).fill('1')), { effect: 1 });
  t.equal(prepare(new Array(50).fill(0)).test(new Array(50).fill(-0)), null);
  t.end();
});

t.test('a million categories are ordinary input', (t) => {
  const against = prepare(Array.from({ length: 1_000_000 }, (_, k) => k));
  t.equal(against.test([1, 2, 3, -1]), null, 'all too rare to compare');
  const ones = new Array<number>(1_000_000).fill(1);
  const none = new Array<number>(500_000).fill(0);
  const result = chiSquaredOfTable([ones.concat(none), none.concat(ones)], { yates: true })!;
  t.same([result.statistic, result.degreesOfFreedom, result.pValue], [1_000_000, 1_499_999, 1]);
  t.end();
});
