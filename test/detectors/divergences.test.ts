import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { Bins } from '../../detectors/bins.ts';
import { chiSquared } from '../../detectors/chi-squared.ts';
import { hellingerDistance } from '../../detectors/hellinger.ts';
import { jensenShannon, jensenShannonDistance } from '../../detectors/jensen-shannon.ts';
import { lInfinityDistance } from '../../detectors/l-infinity.ts';
import { populationStabilityIndex, psi } from '../../detectors/psi.ts';
import { totalVariationDistance } from '../../detectors/total-variation.ts';

const near = (ours: number, expected: number) => Math.abs(ours - expected) <= 1e-14;
const preparePsi = (reference: readonly (number | string)[], given = {}) => psi.prepare(withDefaults(psi.options, given), reference);
const numbers = (length: number, value: (u: number) => number) => Array.from({ length }, (_, k) => value((k * 0.618034) % 1));

t.test('the distances of a half and a quarter, by hand', (t) => {
  const [p, q] = [
    [10, 10],
    [10, 30],
  ];
  t.ok(near(totalVariationDistance(p!, q!), 0.25));
  t.ok(near(lInfinityDistance(p!, q!), 0.25));
  t.ok(near(hellingerDistance(p!, q!), Math.sqrt(((Math.SQRT1_2 - 0.5) ** 2 + (Math.SQRT1_2 - Math.sqrt(0.75)) ** 2) / 2)));
  t.ok(near(populationStabilityIndex(p!, q!, 'fixed'), 0.25 * Math.log(2) - 0.25 * Math.log(0.5 / 0.75)));
  const divergence =
    (0.5 * Math.log(0.5 / 0.375) + 0.5 * Math.log(0.5 / 0.625) + 0.25 * Math.log(0.25 / 0.375) + 0.75 * Math.log(0.75 / 0.625)) / 2;
  t.ok(near(jensenShannonDistance(p!, q!, 'e'), Math.sqrt(divergence)));
  t.ok(near(jensenShannonDistance(p!, q!, '2'), Math.sqrt(divergence / Math.LN2)));
  t.end();
});

t.test('equal shares are at distance 0, disjoint ones at the greatest, whatever the counts', (t) => {
  for (const distance of [
    totalVariationDistance,
    lInfinityDistance,
    hellingerDistance,
    (p: number[], q: number[]) => jensenShannonDistance(p, q, '2'),
  ]) {
    t.equal(distance([1, 2, 0], [3, 6, 0]), 0);
    t.equal(distance([5, 0], [0, 7]), 1);
  }
  t.end();
});

t.test('a zero share becomes 0.0001, or a millionth of a very small one as evidently has it', (t) => {
  t.ok(near(populationStabilityIndex([1, 1], [0, 2], 'fixed'), (0.5 - 1e-4) * Math.log(0.5 / 1e-4) + 0.5 * Math.log(2)));
  const rare = 1 / 20_000;
  const filled = populationStabilityIndex([0, 1, 19_999], [1, 0, 1], 'evidently');
  const expected =
    (rare * 1e-6 - 0.5) * Math.log((rare * 1e-6) / 0.5) +
    (rare - 1e-4) * Math.log(rare / 1e-4) +
    (1 - rare - 0.5) * Math.log((1 - rare) / 0.5);
  t.ok(Math.abs(filled - expected) < 1e-12);
  t.end();
});

t.test('deciles hold a tenth each; a value on an edge belongs to the right', (t) => {
  const { window, reference } = new Bins(
    'quantile',
    Array.from({ length: 101 }, (_, k) => k),
  ).pair([10, 9.99, -5, 1000, 90]);
  t.same(reference, [10, 10, 10, 10, 10, 10, 10, 10, 10, 11]);
  t.same(window, [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
  t.end();
});

t.test('few values have a bin each, and what is unseen one of its own', (t) => {
  const bins = new Bins('auto', [3, 1, 3, 0]);
  t.same(bins.pair([-0, 2, 3, 4]), { window: [1, 0, 1, 2], reference: [1, 1, 2, 0] });
  const constant = Array.from({ length: 100 }, () => 7);
  const risen = Array.from({ length: 100 }, () => 8);
  t.ok(preparePsi(constant).test(risen)!.effect > 5, 'a constant that rises is seen');
  t.equal(preparePsi(constant, { bins: 'quantile' }).test(risen), null, 'deciles do not see it');
  t.end();
});

t.test('evidently’s bins fall back to deciles where the range is no number', (t) => {
  const wide = [...numbers(50, (u) => u), -Number.MAX_VALUE, Number.MAX_VALUE];
  const { window, reference } = new Bins('evidently', wide).pair([0.5]);
  t.equal(reference.length, 10);
  t.equal(
    window.reduce((sum, count) => sum + count, 0),
    1,
  );
  t.end();
});

t.test('what is no number has no bin, and a side without numbers no answer', (t) => {
  const two = Array.from({ length: 40 }, (_, k) => k % 2);
  const window = two.map((value, k) => (k < 10 ? 1 : value));
  const plain = preparePsi(two).test(window)!;
  t.equal(plain.n, 40);
  t.same(preparePsi(two).test([...window, Number.NaN, 'text', 'text']), plain);
  t.equal(preparePsi(two).test([Number.NaN, 'text']), null);
  t.equal(preparePsi([Number.NaN], { minExpected: 0 }).test(window), null);
  t.match(preparePsi([7], { minExpected: 0 }).test([7, 7, 8]), { n: 3, referenceN: 1, pValue: 1 });
  t.end();
});

t.test('p-values of windows without a change come as often as they say', (t) => {
  let state = 9;
  const uniform = () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const against = jensenShannon.prepare(withDefaults(jensenShannon.options, {}), Array.from({ length: 5_000 }, uniform));
  const pValues = Array.from({ length: 600 }, () => against.test(Array.from({ length: 300 }, uniform))!.pValue);
  const share = (level: number) => pValues.filter((p) => p <= level).length / pValues.length;
  // Within four standard deviations of the level.
  t.ok(Math.abs(share(0.05) - 0.05) < 0.036, `${share(0.05)} at 0.05`);
  t.ok(Math.abs(share(0.5) - 0.5) < 0.082, `${share(0.5)} at 0.5`);
  t.end();
});

t.test('the p-value is that of chi-squared over the same categories, corrected for continuity where there are two', (t) => {
  const texts = (...counts: number[]) => counts.flatMap((count, k) => new Array<string>(count).fill(`c${k}`));
  for (const [reference, window] of [
    [texts(60, 40), texts(20, 30)],
    [texts(60, 40, 30), texts(20, 30, 10)],
  ] as const) {
    const ours = preparePsi(reference).test(window)!;
    const theirs = chiSquared.prepare(withDefaults(chiSquared.options, {}), reference).test(window)!;
    t.equal(ours.pValue, theirs.pValue);
    t.equal(ours.degreesOfFreedom, theirs.degreesOfFreedom);
  }
  t.end();
});

t.test('a million categories, all rare, are pooled before they are compared', (t) => {
  const against = preparePsi(Array.from({ length: 1_000_000 }, (_, k) => `c${k}`));
  t.equal(against.test(['c1', 'new']), null);
  const plain = preparePsi(
    Array.from({ length: 100_000 }, (_, k) => `c${k}`),
    { minExpected: 0 },
  ).test(['c1'])!;
  t.ok(Number.isFinite(plain.statistic));
  t.end();
});
