import fc from 'fast-check';
import t from 'tap';
import { ReferencePlaces } from '../../detectors/reference-places.ts';
import { ascending } from '../../detectors/sort-numbers.ts';

/** Places by the definition: twice the different values below, and one more for one that is there. */
function placesOf(reference: readonly number[]) {
  const different = [...new Set(ascending(reference))];
  return (value: number) => 2 * different.filter((one) => one < value).length + Number(different.includes(value));
}

const numbers = (k: number) => (k * 0.618034) % 1;
const many = (length: number, value: (k: number) => number) => Array.from({ length }, (_, k) => value(k));
/** References whose grid fits, fits badly, and is none. */
const REFERENCES: { readonly [name: string]: readonly number[] } = {
  even: many(500, numbers),
  'crowded by values far out': many(500, (k) => Math.exp(40 * numbers(k))),
  'of a large offset': many(500, (k) => 1e9 + numbers(k)),
  'of whole numbers': many(500, (k) => k % 7),
  'all alike': many(50, () => 3),
  'of one value': [3],
  'that ends in infinities': [-Infinity, ...many(20, numbers), Infinity],
  'of infinities mostly': [...many(20, () => -Infinity), 0, ...many(20, () => Infinity)],
  'of the largest numbers': [-Number.MAX_VALUE, -1, 0, 1, Number.MAX_VALUE],
  'of the smallest numbers': [-5e-324, -0, 5e-324, 1e-323],
};

t.test('the place of a value tells how many different ones of the reference are below it, and whether it is one of them', (t) => {
  for (const [name, reference] of Object.entries(REFERENCES)) {
    const places = new ReferencePlaces(ascending(reference));
    const expected = placesOf(reference);
    const near = reference.slice(0, 60).flatMap((value) => [value, value * (1 + 1e-9), value * (1 - 1e-9), value + 1, -value]);
    const values = [...near, 0, -0, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE].filter((value) => !Number.isNaN(value));
    const wrong = values.filter((value) => places.of(value) !== expected(value));
    t.same(wrong, [], name);
  }
  t.end();
});

t.test('so it is for any numbers', (t) => {
  const value = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -3, max: 3 }), fc.double({ min: -1, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 80 }), fc.array(value, { maxLength: 40 }), (reference, values) => {
      const places = new ReferencePlaces(ascending(reference));
      const expected = placesOf(reference);
      return [...reference, ...values].every((one) => places.of(one) === expected(one));
    }),
    { seed: 5, numRuns: 300 },
  );
  t.end();
});

t.test('the reference is known by its different values and how many lie below each', (t) => {
  const places = new ReferencePlaces(ascending([2, 1, 2, 5]));
  t.same([...places.below], [0, 1, 3, 4]);
  t.same([places.n, places.different], [4, 3]);
  t.end();
});

t.test('without a reference there is one place', (t) => {
  const places = new ReferencePlaces(ascending([]));
  t.same(
    [-Infinity, 0, Infinity].map((value) => places.of(value)),
    [0, 0, 0],
  );
  t.end();
});
