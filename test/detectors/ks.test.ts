import fc from 'fast-check';
import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { ks, ksGaps, ksTest } from '../../detectors/ks.ts';
import { exactKsPValue } from '../../detectors/ks-exact.ts';

const prepare = (reference: readonly number[], given: { readonly [option: string]: unknown } = {}) =>
  ks.prepare(withDefaults(ks.options, given), reference);
const ascending = (values: readonly number[]) => Float64Array.from(values).sort();

/** Largest gap between the two distribution functions, straight from the definition. */
function bruteForceD(first: readonly number[], second: readonly number[]): number {
  const share = (of: readonly number[], value: number) => of.filter((one) => one <= value).length / of.length;
  return Math.max(...[...first, ...second].map((value) => Math.abs(share(first, value) - share(second, value))));
}

/** Share of all orders of m and n values whose gap reaches h/(m·n), one by one. */
function enumerated(m: number, n: number, h: number, sides: 'one' | 'two'): number {
  let reached = 0;
  let all = 0;
  const walk = (i: number, j: number, outside: boolean): void => {
    const gap = i * n - j * m;
    const out = outside || (sides === 'two' ? Math.abs(gap) : gap) >= h;
    if (i === m && j === n) {
      all++;
      if (out) reached++;
      return;
    }
    if (i < m) walk(i + 1, j, out);
    if (j < n) walk(i, j + 1, out);
  };
  walk(0, 0, false);
  return reached / all;
}

t.test('D is the largest gap between the distribution functions, ties and all', (t) => {
  const sample = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, min: -3, max: 3 })), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(sample, sample, (first, second) => {
      const { above, below } = ksGaps(ascending(first), ascending(second));
      return Math.abs(Math.max(above, below) / (first.length * second.length) - bruteForceD(first, second)) < 1e-12;
    }),
    { seed: 3, numRuns: 300 },
  );
  t.end();
});

t.test('a prepared reference gives the answers of two sorted samples', (t) => {
  const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }), fc.double({ noNaN: true, min: -3, max: 3 }));
  const sample = fc.array(value, { minLength: 1, maxLength: 60 });
  for (const alternative of ['two-sided', 'less', 'greater'] as const) {
    fc.assert(
      fc.property(sample, sample, (reference, window) => {
        const result = prepare(reference, { alternative }).test([...window, Number.NaN])!;
        const { statistic, pValue, sign } = ksTest(ascending(window), ascending(reference), { method: 'auto', alternative });
        const note = statistic === 0 ? null : sign === 1 ? 'shifted down' : 'shifted up';
        return result.statistic === statistic && result.pValue === pValue && result.note === note && result.n === window.length;
      }),
      { seed: 4, numRuns: 200 },
    );
  }
  t.end();
});

t.test('exact p-values are the share of all orders that reach the gap', (t) => {
  for (const [m, n] of [
    [1, 1],
    [1, 4],
    [3, 3],
    [4, 6],
    [5, 5],
    [7, 3],
    [6, 8],
  ] as const) {
    for (const sides of ['one', 'two'] as const) {
      for (let h = 1; h <= m * n; h++) {
        // Gaps come in multiples of the greatest common divisor; equal sizes are asked only for those.
        if (m === n && h % n !== 0) continue;
        const expected = enumerated(m, n, h, sides);
        t.ok(Math.abs(exactKsPValue(m, n, h, sides) - expected) <= 1e-14 * expected, `${m} and ${n}, ${h}, ${sides}`);
      }
    }
  }
  t.end();
});

t.test('a one-sided p-value far out equals the count in whole numbers', (t) => {
  // The case floor5-1000 of the vectors, whose recorded p-value (8.6367e-12) lost its digits in floating point.
  const [m, n, h] = [1000, 800, 135_000];
  const inside = new Array<bigint>(n + 1).fill(0n);
  for (let i = 0; i <= m; i++) {
    for (let j = 0; j <= n; j++) {
      const paths = i === 0 ? 1n : inside[j]! + (j > 0 ? inside[j - 1]! : 0n);
      inside[j] = i * n - j * m >= h ? 0n : paths;
    }
  }
  let all = 1n;
  for (let k = 1n; k <= BigInt(n); k++) all = (all * (BigInt(m) + k)) / k;
  const expected = Number(((all - inside[n]!) * 10n ** 40n) / all) / 1e40;
  t.equal(Math.abs(exactKsPValue(m, n, h, 'one') / expected - 1) < 1e-11, true, `${expected}`);
  t.ok(Math.abs(expected / 8.166828440876488e-12 - 1) < 1e-14);
  t.end();
});

t.test('p-values keep their digits down to the smallest numbers', (t) => {
  // 2 / C(m + n, n) where the samples do not overlap, in logarithms.
  const logChoose = (m: number, n: number) =>
    Array.from({ length: n }, (_, k) => Math.log((m + k + 1) / (k + 1))).reduce((sum, term) => sum + term, 0);
  for (const [m, n] of [
    [520, 480],
    [450, 450],
    [9000, 70],
  ] as const) {
    const expected = Math.log(2) - logChoose(m, n);
    t.ok(expected < -400);
    t.ok(Math.abs(Math.log(exactKsPValue(m, n, m * n, 'two')) - expected) < 1e-9);
  }
  t.equal(exactKsPValue(9999, 10_000, 9999 * 10_000, 'two'), 0, 'below them it is 0, at once');
  t.end();
});

t.test('the note says to which side the window has shifted', (t) => {
  const against = prepare([1, 2, 3, 4, 5, 6, 7, 8]);
  t.match(against.test([6, 7, 8, 9]), { note: 'shifted up', effect: 0.625, statistic: 0.625, n: 4, referenceN: 8, degreesOfFreedom: null });
  t.match(against.test([0, 1, 2]), { note: 'shifted down' });
  t.match(against.test([1, 2, 3, 4, 5, 6, 7, 8]), { note: null, statistic: 0, pValue: 1 });
  t.end();
});

t.test('one-sided tests look to their own side', (t) => {
  const greater = prepare([5, 6, 7, 8], { alternative: 'greater' }).test([1, 2, 3, 4])!;
  const less = prepare([5, 6, 7, 8], { alternative: 'less' }).test([1, 2, 3, 4])!;
  t.same([greater.statistic, less.statistic], [1, 0]);
  t.same([greater.pValue, less.pValue], [1 / 70, 1]);
  t.end();
});

t.test('an empty side gives no result, a constant one on both sides p = 1', (t) => {
  t.equal(prepare([]).test([1]), null);
  t.equal(prepare([1]).test([]), null);
  t.equal(prepare([1]).test([Number.NaN]), null, 'what is not a number is left out');
  t.match(prepare(new Array(50).fill(3)).test(new Array(20).fill(3)), { statistic: 0, pValue: 1 });
  t.match(prepare(new Array(50).fill(3)).test(new Array(20).fill(4)), { statistic: 1, note: 'shifted up' });
  t.match(prepare([0, 0]).test([-0, -0]), { statistic: 0 }, 'minus zero is zero');
  t.match(prepare([-Infinity, 0, Infinity]).test([Infinity]), { statistic: 2 / 3 });
  t.end();
});

t.test('one value against one has p = 1 by every method', (t) => {
  for (const method of ['auto', 'exact', 'asymptotic'] as const) {
    t.equal(ksTest(ascending([1]), ascending([2]), { method, alternative: 'two-sided' }).pValue, 1);
  }
  t.end();
});

t.test('auto is exact up to 10,000 values a side and asymptotic above', (t) => {
  const values = (length: number) => ascending(Array.from({ length }, (_, k) => (k * 0.618034) % 1));
  const p = (length: number, method: 'auto' | 'exact' | 'asymptotic') =>
    ksTest(ascending([0.1, 0.11, 0.12, 0.13]), values(length), { method, alternative: 'two-sided' }).pValue;
  t.equal(p(10_000, 'auto'), p(10_000, 'exact'));
  t.equal(p(10_001, 'auto'), p(10_001, 'asymptotic'));
  t.not(p(10_001, 'auto'), p(10_001, 'exact'));
  t.end();
});

t.test('on live windows it is exact for equal sizes whatever D is, and for others where that is quick', (t) => {
  const evenly = (length: number, shift: number) => Array.from({ length }, (_, k) => k / length + shift);
  const p = (reference: number, window: number, shift: number, method: 'auto' | 'exact' | 'asymptotic') =>
    prepare(evenly(reference, 0), { method }).test(evenly(window, shift))!.pValue;
  t.equal(p(1_000, 1_000, 0.2, 'auto'), p(1_000, 1_000, 0.2, 'exact'));
  t.not(p(1_000, 1_000, 0.2, 'exact'), p(1_000, 1_000, 0.2, 'asymptotic'));
  t.equal(p(1_000, 999, 0.2, 'auto'), p(1_000, 999, 0.2, 'asymptotic'));
  t.equal(p(1_000, 999, 0.05, 'auto'), p(1_000, 999, 0.05, 'exact'));
  t.end();
});
