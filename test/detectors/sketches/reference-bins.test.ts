import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { ksGaps } from '../../../detectors/ks.ts';
import { binOf, doubleBefore, isAtom, ReferenceBins } from '../../../detectors/sketches/reference-bins.ts';
import { ascending } from '../../../detectors/sort-numbers.ts';
import { normals } from '../../support/random-streams.ts';

const fill = (bins: ReferenceBins, values: readonly number[]) => {
  for (const value of values) bins.update(value);
  return bins;
};
const totalOf = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

/** D, D on the bins, and the bound on what the bins lose, as shares. */
function distances(reference: readonly number[], window: readonly number[], m: number) {
  const before = fill(ReferenceBins.cutAt(reference, m), reference);
  const now = fill(ReferenceBins.cutAt(reference, m), window);
  const { above, below } = ksGaps(ascending(window), ascending(reference));
  const { uppers, counts } = before.counted;
  let gap = 0;
  let bound = 0;
  let [p, q] = [0, 0];
  for (const [bin, count] of counts.entries()) {
    const other = now.counted.counts[bin]!;
    p += count / reference.length;
    q += other / window.length;
    gap = Math.max(gap, Math.abs(p - q));
    if (!isAtom(uppers, bin)) bound = Math.max(bound, Math.min(count / reference.length, other / window.length));
  }
  return { exact: Math.max(above, below) / (reference.length * window.length), binned: gap, bound };
}

const number = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 4_000 }).map((step) => step / 100 - 20) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 1, 1, 7, 1e300, -1e300, 1e-300, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE) },
);

t.test('0 ≤ D − D_bin ≤ max min(p, q) ≤ 1/m, for any reference, window and number of bins', (t) => {
  let loses = 0;
  fc.assert(
    fc.property(
      fc.array(number, { minLength: 1, maxLength: 300, size: 'max' }),
      fc.array(number, { minLength: 1, maxLength: 300, size: 'max' }),
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: -5, max: 5 }),
      (reference, drawn, m, shift) => {
        const window = drawn.map((value) => value + shift);
        const { exact, binned, bound } = distances(reference, window, m);
        if (exact - binned > 1e-9) loses++;
        assert.ok(exact - binned >= -1e-12, `D ${exact} below D on bins ${binned}`);
        assert.ok(exact - binned <= bound + 1e-12, `${exact} − ${binned} above ${bound}`);
        assert.ok(bound <= 1 / m + 1e-12, `${bound} above 1/${m}`);
      },
    ),
    { seed: 23, numRuns: 500 },
  );
  t.ok(loses > 100, `bins lose something in ${loses} of 500`);
  t.end();
});

t.test('a bin holds at most 1/m of the reference or a single value, and there are not many more than m', (t) => {
  fc.assert(
    fc.property(fc.array(number, { maxLength: 500 }), fc.integer({ min: 2, max: 50 }), (reference, m) => {
      const { uppers, counts } = fill(ReferenceBins.cutAt(reference, m), reference).counted;
      assert.equal(totalOf(counts), reference.length);
      for (const [bin, count] of counts.entries()) assert.ok(isAtom(uppers, bin) || count * m <= reference.length);
      assert.ok(counts.length <= 4 * m + 4, `${counts.length} bins for m = ${m}`);
    }),
    { seed: 29, numRuns: 300 },
  );
  t.end();
});

t.test('each of few values, a frequent value and 0 have bins of their own', (t) => {
  const alone = (bins: ReferenceBins, value: number) => isAtom(bins.counted.uppers, binOf(bins.counted.uppers, value));
  const few = ReferenceBins.cutAt([1, 2, 2, 3]);
  for (const value of [0, 1, 2, 3]) t.ok(alone(few, value), `${value}`);
  t.notOk(alone(few, 1.5));
  const many = normals(5_000, 1).map((value, k) => (k % 50 === 0 ? 1 : value));
  const cut = ReferenceBins.cutAt(many);
  t.ok(alone(cut, 1));
  t.ok(alone(cut, 0));
  t.equal(binOf(cut.counted.uppers, -0), binOf(cut.counted.uppers, 0));
  t.notOk(alone(cut, many[1]!));
  t.end();
});

t.test('counts add over parts, and only where the edges are the same', (t) => {
  const reference = normals(2_000, 2);
  const window = normals(999, 3);
  const whole = fill(ReferenceBins.cutAt(reference), window);
  const merged = ReferenceBins.cutAt(reference);
  for (let part = 2; part >= 0; part--)
    merged.merge(
      fill(
        ReferenceBins.cutAt(reference),
        window.filter((_, k) => k % 3 === part),
      ),
    );
  t.same(merged.counted, whole.counted);
  t.equal(merged.edgesId, whole.edgesId);
  t.not(ReferenceBins.cutAt(reference.slice(1)).edgesId, whole.edgesId);
  t.throws(() => merged.merge(ReferenceBins.cutAt(reference.slice(1))), { code: 'other-edges' });
  t.end();
});

t.test('the double before is the next smaller one', (t) => {
  t.equal(doubleBefore(1), 1 - 2 ** -53);
  t.equal(doubleBefore(-1), -1 - 2 ** -52);
  t.equal(doubleBefore(0), -5e-324);
  t.equal(doubleBefore(-0), -5e-324);
  t.equal(doubleBefore(5e-324), 0);
  t.equal(doubleBefore(-Number.MAX_VALUE), -Infinity);
  t.end();
});

t.test('on lognormal windows with shifts the bins lose less than a thousandth', (t) => {
  let worst = 0;
  for (const shift of [0, 0.02, 0.05, 0.1]) {
    const reference = normals(20_000, 4).map((value) => Math.exp(value));
    const window = normals(20_000, 5).map((value) => Math.exp(value + shift));
    const { exact, binned } = distances(reference, window, 200);
    worst = Math.max(worst, exact - binned);
  }
  t.ok(worst > 0 && worst < 0.0012, `worst ${worst}`);
  t.end();
});
