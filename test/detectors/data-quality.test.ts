import t from 'tap';
import { constantValue, shareRise } from '../../detectors/data-quality.ts';

const bits = (hits: number, of: number) => Array.from({ length: of }, (_, i) => Number(i < hits));

t.test('a rise from nothing has the probability of ranks: C(n, k) / C(n + m, k)', async (t) => {
  const result = shareRise.prepare({}, bits(0, 200)).test(bits(3, 100))!;
  const expected = ((100 / 300) * (99 / 299) * 98) / 298;
  t.ok(Math.abs(result.pValue - expected) < 1e-12, `${result.pValue} and ${expected}`);
  t.equal(result.effect, 0.03);
  t.match(result.note, /3\.0 % of rows \(reference 0\.0 %\)/);
});

t.test('a rise is told from the reference’s share', async (t) => {
  const result = shareRise.prepare({}, bits(20, 200)).test(bits(30, 100))!;
  t.equal(result.statistic, 0.3);
  t.ok(Math.abs(result.effect - 0.2) < 1e-15);
  t.match(result.note, /30\.0 % of rows \(reference 10\.0 %\)/);
});

t.test('a share that falls is no finding, whatever its size', async (t) => {
  const result = shareRise.prepare({}, bits(150, 200)).test(bits(0, 100))!;
  t.equal(result.pValue, 1);
  t.equal(result.effect, 0);
});

t.test('a window without rows, or a reference without, cannot be judged', async (t) => {
  t.equal(shareRise.prepare({}, []).test(bits(1, 2)), null);
  t.equal(shareRise.prepare({}, bits(1, 2)).test([]), null);
  t.equal(constantValue.prepare({}, []).test(['a']), null);
  t.equal(constantValue.prepare({}, ['a']).test([]), null);
});

t.test('a constant window has the chance of n equal draws from the reference', async (t) => {
  const test = constantValue.prepare({}, ['a', 'a', 'a', 'b']);
  const result = test.test(['a', 'a', 'a', 'a', 'a'])!;
  t.ok(Math.abs(result.pValue - (0.75 ** 5 + 0.25 ** 5)) < 1e-15);
  t.equal(result.effect, 0.25, 'what the reference has of others');
  t.equal(test.test(['c', 'c'])!.effect, 1);
  t.match(test.test(['a', 'b'])!, { pValue: 1, effect: 0 });
});

t.test('a column that was constant before is none that became it', async (t) => {
  t.match(constantValue.prepare({}, ['a', 'a']).test(['a', 'a', 'a'])!, { pValue: 1, effect: 0 });
});

t.test('a million categories are counted, not spread', async (t) => {
  const many = Array.from({ length: 1_000_000 }, (_, i) => `c${i}`);
  t.match(constantValue.prepare({}, many).test(many)!, { pValue: 1, statistic: 1e-6 });
});
