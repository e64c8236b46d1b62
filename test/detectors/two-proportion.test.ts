import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { twoProportion, twoProportionTest } from '../../detectors/two-proportion.ts';

const prepare = (reference: readonly (number | string)[], given = {}) =>
  twoProportion.prepare(withDefaults(twoProportion.options, given), reference);
const ones = (count: number, of: number) => Array.from({ length: of }, (_, k) => (k < count ? 1 : 0));

t.test('z by hand, and its side', (t) => {
  // Shares ⅔ and ⅓ of 30 each: z = ⅓ / √(¼ · 2/30).
  const { statistic, pValue } = twoProportionTest(20, 30, 10, 30, 'two-sided');
  t.ok(Math.abs(statistic - 1 / 3 / Math.sqrt(1 / 60)) < 1e-14);
  t.ok(Math.abs(pValue - 0.009823274507519235) < 1e-15, `${pValue}`);
  t.ok(Math.abs(twoProportionTest(20, 30, 10, 30, 'greater').pValue - pValue / 2) < 1e-16);
  t.ok(Math.abs(twoProportionTest(20, 30, 10, 30, 'less').pValue - (1 - pValue / 2)) < 1e-15);
  t.same(twoProportionTest(0, 30, 0, 10, 'two-sided'), { statistic: 0, pValue: 1 });
  t.same(twoProportionTest(1, 3, 2, 6, 'two-sided'), { statistic: 0, pValue: 1 });
  t.end();
});

t.test('of numbers the share that is not 0 is compared, of categories that of the most frequent', (t) => {
  t.match(prepare(ones(100, 400)).test(ones(50, 100)), { effect: 0.25, n: 100, referenceN: 400, note: 'share 50.0 % (reference 25.0 %)' });
  const texts = (values: readonly number[]) => values.map((value) => (value === 1 ? 'yes' : 'no'));
  t.match(prepare(texts(ones(100, 400))).test(texts(ones(50, 100))), { effect: 0.25, note: 'share 50.0 % (reference 75.0 %)' });
  t.match(prepare(texts(ones(100, 400))).test(['maybe']), { effect: 0.75 });
  t.end();
});
