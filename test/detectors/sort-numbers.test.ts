import fc from 'fast-check';
import t from 'tap';
import { ascending } from '../../detectors/sort-numbers.ts';

const builtIn = (values: readonly number[]) => Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
const repeated = (length: number, value: (k: number) => number) => Array.from({ length }, (_, k) => value(k));

t.test('any numbers come out as the built-in sort has them, without NaN', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0)), { minLength: 0, maxLength: 60 }),
      (values) => {
        // Long enough for the passes, with many equal values.
        const many = Array.from({ length: 20 }, () => values).flat();
        const sorted = ascending(many);
        return sorted.length === builtIn(many).length && sorted.every((value, k) => value === builtIn(many)[k]);
      },
    ),
    { seed: 1, numRuns: 60 },
  );
  t.end();
});

t.test('values that share their upper bits are sorted as well, and the caller’s array stays as it is', (t) => {
  for (const value of [
    (k: number) => 1e9 + ((k * 0.618034) % 1),
    (k: number) => 1e15 + ((k * 7919) % 1000) / 8,
    (k: number) => ((k * 7919) % 3) * 5e-324,
    (k: number) => -1 - ((k * 0.618034) % 1) * 1e-9,
    (k: number) => 2000 - k,
  ]) {
    const values = repeated(2000, value);
    const copy = [...values];
    t.same(ascending(values), builtIn(values));
    t.same(values, copy);
  }
  t.end();
});
