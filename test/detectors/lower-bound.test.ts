import fc from 'fast-check';
import t from 'tap';
import { lowerBound } from '../../detectors/lower-bound.ts';

t.test('the first place within bounds whose value is not less', (t) => {
  const value = fc.oneof(fc.integer({ min: -4, max: 4 }), fc.constantFrom(Infinity, -Infinity));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), value, fc.nat(20), fc.nat(20), (values, sought, one, other) => {
      const ascending = Float64Array.from(values).sort();
      const [from, to] = [Math.min(one, other, values.length), Math.min(Math.max(one, other), values.length)];
      const within = ascending.subarray(from, to).findIndex((each) => each >= sought);
      return lowerBound(ascending, sought, from, to) === (within < 0 ? to : from + within);
    }),
    { seed: 6, numRuns: 500 },
  );
  t.end();
});
