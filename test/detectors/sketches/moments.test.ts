import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Moments } from '../../../detectors/sketches/moments.ts';
import { normals } from '../../support/random-streams.ts';

const of = (values: readonly (number | null)[]) => {
  const moments = new Moments();
  for (const value of values) moments.update(value);
  return moments;
};

t.test('mean and deviation by hand, with what is missing beside', (t) => {
  const moments = of([2, 4, null, 4, 4, 5, Number.NaN, 5, 7, 9, Infinity]);
  t.equal(moments.count, 8);
  t.equal(moments.missing, 3);
  t.ok(Math.abs(moments.mean - 5) < 1e-15);
  t.ok(Math.abs(moments.deviation - 2) < 1e-15);
  t.equal(moments.min, 2);
  t.equal(moments.max, 9);
  t.end();
});

t.test('a spread of 1 about an offset of 10⁹ keeps nine digits', (t) => {
  const noise = normals(20_000, 3);
  const plain = of(noise);
  const shifted = of(noise.map((value) => 1e9 + value));
  // The values themselves round at 1e9 · 2⁻⁵³ = 1e-7.
  t.ok(Math.abs(shifted.deviation / plain.deviation - 1) < 1e-9, `${shifted.deviation} and ${plain.deviation}`);
  t.ok(Math.abs(shifted.mean - 1e9 - plain.mean) < 1e-6);
  t.end();
});

t.test('values of 1e300 and of 1e-300 have a deviation of that size', (t) => {
  t.ok(Math.abs(of([1e300, -1e300]).deviation / 1e300 - 1) < 1e-12);
  t.ok(Math.abs(of([1e-300, 3e-300]).deviation / 1e-300 - 1) < 1e-12);
  const extreme = of([Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE]);
  t.ok(Number.isFinite(extreme.mean) && Number.isFinite(extreme.deviation));
  t.equal(extreme.max, Number.MAX_VALUE, 'the extremes stay as they came');
  const many = of(Array.from({ length: 10_000 }, (_, k) => (k % 2 === 0 ? 1 : -1) * Number.MAX_VALUE));
  for (let k = 0; k < 12; k++) many.merge(many);
  t.ok(Math.abs(many.deviation / 1e300 - 1) < 1e-9 && Math.abs(many.mean) <= 1e290, `${many.mean}, ${many.deviation}`);
  t.same(Moments.restore(JSON.parse(JSON.stringify(many.snapshot()))).snapshot(), many.snapshot(), 'and so does the snapshot');
  t.end();
});

t.test('however the values are split and in whatever order they are merged, the moments are those of the whole', (t) => {
  const cell = fc.oneof(fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.constantFrom(null, Number.NaN, 1e9));
  fc.assert(
    fc.property(fc.array(fc.array(cell, { maxLength: 40 }), { minLength: 1, maxLength: 6 }), (parts) => {
      const whole = of(parts.flat());
      for (const order of [parts, parts.toReversed()]) {
        const merged = new Moments();
        for (const part of order) merged.merge(of(part));
        assert.equal(merged.count, whole.count);
        assert.equal(merged.missing, whole.missing);
        assert.equal(merged.min, whole.min);
        assert.equal(merged.max, whole.max);
        const unit = Math.max(1, Math.abs(whole.max ?? 0), Math.abs(whole.min ?? 0));
        assert.ok(Math.abs(merged.mean - whole.mean) <= 1e-12 * unit);
        // The square root of a sum that ought to be 0 shows its rounding error in full.
        assert.ok(Math.abs(merged.deviation - whole.deviation) <= 1e-7 * unit);
        assert.ok(whole.deviation < 1e-6 * unit || Math.abs(merged.deviation / whole.deviation - 1) < 1e-9);
      }
    }),
    { seed: 5, numRuns: 200 },
  );
  t.end();
});
