import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { SpaceSaving } from '../../../detectors/sketches/space-saving.ts';
import { uniforms } from '../../support/random-streams.ts';

const of = (values: readonly string[], capacity: number) => {
  const sketch = new SpaceSaving(capacity);
  for (const value of values) sketch.update(value);
  return sketch;
};

function truth(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Between which figures the number of times lies that each category came, and any that has no counter. */
function boundsOf(sketch: SpaceSaving) {
  const { counters } = sketch.snapshot() as unknown as { readonly counters: readonly (readonly [string, number, number])[] };
  const known = new Map(counters.map(([name, count, error]) => [name, { atLeast: count - error, atMost: count }]));
  const unknown = { atLeast: 0, atMost: sketch.exact ? 0 : Math.min(...counters.map(([, count]) => count)) };
  return (category: string) => known.get(category) ?? unknown;
}

/** Every promise of the sketch, against the values themselves. */
function check(sketch: SpaceSaving, values: readonly string[], capacity: number): void {
  const counts = truth(values);
  const timesOf = boundsOf(sketch);
  assert.equal(sketch.count, values.length);
  for (const category of [...counts.keys(), 'never']) {
    const times = counts.get(category) ?? 0;
    const { atLeast, atMost } = timesOf(category);
    assert.ok(atLeast <= times && times <= atMost, `${category}: ${times} not in [${atLeast}, ${atMost}]`);
    assert.ok(atMost - times <= values.length / capacity, `${category}: over by more than N/k`);
  }
  const { counts: listed, other } = sketch.counted();
  assert.equal(sketch.exact, counts.size <= capacity);
  if (sketch.exact) {
    assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(counts));
    assert.equal(other, null);
  } else {
    for (const [category, count] of listed) {
      assert.ok((counts.get(category) ?? 0) * capacity >= values.length);
      assert.equal(count, timesOf(category).atMost);
    }
    // Twice as frequent as any error: it cannot be missing.
    for (const [category, times] of counts) if (times * capacity >= 2 * values.length) assert.ok(listed.has(category), category);
    assert.ok(other! >= 0 && [...listed.values()].reduce((sum, count) => sum + count, other!) >= values.length);
  }
}

// Squared, so that some are frequent and many rare.
const category = fc.integer({ min: 0, max: 900 }).map((drawn) => `c${Math.floor((drawn * drawn) / 20_000)}`);
const stream = fc.array(category, { maxLength: 300, size: 'max' });

t.test('counts are exact while there are few categories, and over by at most N/k after', (t) => {
  let overflowed = 0;
  fc.assert(
    fc.property(stream, fc.integer({ min: 2, max: 40 }), (values, capacity) => {
      const sketch = of(values, capacity);
      if (!sketch.exact) overflowed++;
      check(sketch, values, capacity);
    }),
    { seed: 3, numRuns: 200 },
  );
  t.ok(overflowed > 50 && overflowed < 200, `${overflowed} of 200`);
  t.end();
});

t.test('the same holds for parts that were merged, in any order, and that went on', (t) => {
  fc.assert(
    fc.property(fc.array(stream, { minLength: 1, maxLength: 5 }), stream, fc.integer({ min: 2, max: 40 }), (parts, rest, capacity) => {
      for (const order of [parts, parts.toReversed()]) {
        const merged = new SpaceSaving(capacity);
        for (const part of order) merged.merge(of(part, capacity));
        for (const value of rest) merged.update(value);
        check(merged, [...parts.flat(), ...rest], capacity);
      }
    }),
    { seed: 4, numRuns: 200 },
  );
  t.end();
});

t.test('a million categories cost the room of a thousand, and the frequent one is found', (t) => {
  const sketch = new SpaceSaving(1_000);
  const drawn = uniforms(300_000, 5);
  for (const [k, value] of drawn.entries()) sketch.update(k % 10 === 0 ? 'frequent' : `id-${Math.floor(value * 1e6)}`);
  t.equal(sketch.exact, false);
  const { counts, other } = sketch.counted();
  t.ok(counts.get('frequent')! >= 30_000 && counts.get('frequent')! <= 30_300);
  t.ok(other! > 260_000);
  t.ok(JSON.stringify(sketch.snapshot()).length < 40_000);
  t.end();
});

t.test('a long name is cut, so that names do not fill the memory', (t) => {
  const sketch = of(['x'.repeat(10_000), 'x'.repeat(9_000)], 3);
  t.equal([...sketch.counted().counts.keys()][0]!.length, 201);
  t.equal(sketch.counted().counts.size, 1);
  t.end();
});
