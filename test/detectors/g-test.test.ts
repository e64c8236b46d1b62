import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { chiSquared, goodnessOfFit } from '../../detectors/chi-squared.ts';
import { gTest, gTestOfTable } from '../../detectors/g-test.ts';

const times = (counts: { readonly [category: string]: number }) =>
  Object.entries(counts).flatMap(([category, count]) => new Array<string>(count).fill(category));

t.test('a table by hand, an empty cell counting nothing', (t) => {
  const { statistic, degreesOfFreedom } = gTestOfTable([
    [10, 0],
    [10, 20],
  ])!;
  // Expected are 5, 5, 15 and 15.
  t.ok(Math.abs(statistic - 2 * (10 * Math.log(2) + 10 * Math.log(2 / 3) + 20 * Math.log(4 / 3))) < 1e-13);
  t.equal(degreesOfFreedom, 1);
  t.same(gTestOfTable([[3], [4]]), { statistic: 0, pValue: 1, degreesOfFreedom: 0 });
  t.equal(
    gTestOfTable([
      [0, 0],
      [3, 4],
    ]),
    null,
  );
  t.end();
});

t.test('nearly equal large rows keep their digits', (t) => {
  // 6.4537156177365711832… in sixty digits.
  const { statistic } = gTestOfTable([
    [100_000, 50_000, 25_000, 12_500, 6_250, 3_125],
    [100_500, 49_500, 25_200, 12_300, 6_300, 3_150],
  ])!;
  t.ok(Math.abs(statistic / 6.453715617736571 - 1) < 2e-14, `${statistic}`);
  t.end();
});

t.test('its effect, pooling and words on unseen categories are those of chi-squared', (t) => {
  const reference = times({ a: 500, b: 300, c: 200 });
  const window = times({ a: 30, b: 60, z: 20, y: 1 });
  const [g, chi] = [gTest, chiSquared].map(
    (test) => test.prepare(withDefaults(test.options as typeof chiSquared.options, {}), reference).test(window)!,
  );
  t.equal(g!.effect, chi!.effect);
  t.equal(g!.degreesOfFreedom, chi!.degreesOfFreedom);
  t.equal(g!.note, 'unseen: z, y');
  t.ok(g!.statistic !== chi!.statistic && g!.pValue < 1e-4);
  t.end();
});

t.test('goodness of fit takes the reference as exact: an unseen category is impossible', (t) => {
  const { statistic, degreesOfFreedom } = goodnessOfFit([30, 20, 0], [100, 100, 0])!;
  t.equal(statistic, 2);
  t.equal(degreesOfFreedom, 1);
  t.match(goodnessOfFit([30, 20, 1], [100, 100, 0]), { statistic: Number.MAX_VALUE, pValue: 0 });
  const fit = chiSquared.prepare(withDefaults(chiSquared.options, { form: 'goodness-of-fit' }), times({ a: 100, b: 100 }));
  t.match(fit.test(times({ a: 30, b: 20 })), { statistic: 2 });
  t.end();
});
