/** Hard input over the whole catalogue: what is no value, streams without end, categories without number. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { Level, StreamingDefinition, Value } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { ColumnSketch } from '../../detectors/sketches/column-sketch.ts';
import { normals, uniforms } from '../support/random-streams.ts';

t.setTimeout(120_000);

const streaming = detectors.filter((detector) => detector.kind === 'streaming');
const windowed = detectors.filter((detector) => detector.kind === 'windowed');
const create = (definition: StreamingDefinition) => definition.create(withDefaults(definition.options, {}));
const NOT_FINITE = [Number.NaN, Infinity, -Infinity];

/** A stream whose rate and mean jump to and fro for ever. */
function restless(definition: StreamingDefinition, length: number, seed: number): number[] {
  return uniforms(length, seed).map((value, k) => {
    const high = Math.floor(k / 700) % 2 === 1;
    return definition.observes === 'binary' ? Number(value < (high ? 0.8 : 0.1)) : value * (high ? 5 : 1) + (high ? 3 : 0);
  });
}

for (const definition of streaming) {
  const { type } = definition;

  t.test(`${type}: what is not finite is no observation: it is not counted, never fires and leaves the rest as it was`, (t) => {
    const plain = create(definition);
    const disturbed = create(definition);
    let drifts = 0;
    for (const [k, value] of restless(definition, 3_000, 1).entries()) {
      const level = plain.update(value);
      assert.equal(disturbed.update(value), level);
      if (level === 'drift') drifts++;
      if (k % 7 !== 0 && level !== 'drift') continue;
      for (const odd of NOT_FINITE) {
        assert.notEqual(disturbed.update(odd), 'drift', 'a drift is told once');
        assert.equal(disturbed.observed, plain.observed);
        for (const figure of [disturbed.statistic, disturbed.threshold]) assert.ok(figure === null || Number.isFinite(figure));
      }
    }
    t.ok(drifts > 0, `${drifts} drifts`);
    t.same(disturbed.snapshot(), plain.snapshot());
    const first = create(definition);
    for (const odd of NOT_FINITE) t.equal(first.update(odd), 'warming-up');
    t.same(first.snapshot(), create(definition).snapshot());
    t.end();
  });

  if (definition.observes === 'number')
    t.test(`${type}: values of 10⁻³⁰⁰ and of 10³⁰⁰ are judged as those about 1 are`, (t) => {
      // A shift by two deviations, then a spread that triples.
      const values = normals(9_000, 3).map((noise, k) => (k < 4_000 ? noise : k < 7_000 ? noise + 2 : 3 * noise + 2));
      const judged = (size: number) => {
        const detector = create(definition);
        return values.flatMap((value, k) => (detector.update(size * value) === 'drift' ? [[k, detector.changedFor]] : []));
      };
      const usual = judged(1);
      t.ok(usual.some(([k]) => k! >= 4_000));
      // Powers of two round nothing.
      for (const size of [2 ** -1000, 2 ** 1000]) t.same(judged(size), usual);
      t.end();
    });

  t.test(`${type}: its state stays as small after a long stream as after a short one`, (t) => {
    const detector = create(definition);
    const sizes: number[] = [];
    for (const [k, value] of restless(definition, 30_000, 2).entries()) {
      detector.update(value);
      if (k % 50 === 49) sizes.push(JSON.stringify(detector.snapshot()).length);
    }
    const largest = (from: number, to: number) => sizes.slice(from, to).reduce((most, size) => Math.max(most, size), 0);
    // Figures may have a digit more.
    t.ok(largest(300, 600) <= 1.1 * largest(0, 300) + 50, `${largest(0, 300)} then ${largest(300, 600)} characters`);
    t.ok(largest(0, 600) < 60_000);
    t.end();
  });

  t.test(`${type}: what another one is fed between makes no difference`, (t) => {
    const levels = new Set<Level>();
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8, size: 'max' }),
        fc.integer({ min: 1, max: 1_000 }),
        (lengths, seed) => {
          const values = restless(
            definition,
            lengths.reduce((sum, length) => sum + length, 0),
            seed,
          );
          const alone = create(definition);
          for (const value of values) levels.add(alone.update(value));
          const disturbed = create(definition);
          const other = create(definition);
          let from = 0;
          for (const length of lengths) {
            const part = values.slice(from, from + length);
            for (const value of part) disturbed.update(value);
            for (const value of part.toReversed()) other.update(value);
            from += length;
          }
          assert.deepEqual(disturbed.snapshot(), alone.snapshot());
          assert.equal(disturbed.level, alone.level);
        },
      ),
      { seed: 41, numRuns: 10 },
    );
    t.ok(levels.has('drift') && levels.has('stable'), 'the streams reach the states');
    t.end();
  });
}

for (const definition of windowed) {
  const kinds =
    definition.observes === 'any' || definition.observes === 'rows' ? (['number', 'category'] as const) : ([definition.observes] as const);
  /** As this test sees them: rows of one column for tests of several. */
  const seenBy = (values: readonly (number | string)[]): Value[] =>
    definition.observes === 'rows' ? values.map((value) => [value]) : [...values];
  for (const kind of kinds) {
    t.test(
      `${definition.type}: a hundred thousand different ${kind === 'number' ? 'numbers' : 'categories'} have a result in bounded time`,
      (t) => {
        const values = Array.from({ length: 100_000 }, (_, k) => (kind === 'number' ? (k * 7919) % 100_003 : `id-${(k * 7919) % 100_003}`));
        const started = performance.now();
        const test = definition.prepare(withDefaults(definition.options, {}), seenBy(values));
        const result = test.test(seenBy([...values.slice(0, 10_000), kind === 'number' ? -1 : 'new']));
        // Some hundred milliseconds here; twenty seconds would be a loop over pairs.
        t.ok(performance.now() - started < 20_000);
        if (result !== null) t.ok(Number.isFinite(result.statistic) && result.pValue >= 0 && result.pValue <= 1 && result.n === 10_001);
        t.end();
      },
    );
  }

  t.test(`${definition.type}: a window of one row has a defined result, and is no certain drift`, (t) => {
    const reference = Array.from({ length: 1_000 }, (_, k) => (definition.observes === 'category' ? `c${k % 4}` : k % 4));
    const result = definition.prepare(withDefaults(definition.options, {}), seenBy(reference)).test(seenBy([reference[1]!]));
    if (result !== null) t.ok(result.pValue > 0.01 && result.n === 1, `p ${result.pValue}`);
    t.end();
  });
}

t.test('a million categories: chi-squared against them, and a sketch of them, stay within bounds', (t) => {
  const chiSquared = windowed.find(({ type }) => type === 'chi-squared')!;
  const column = ColumnSketch.ofCategories();
  const categories = Array.from({ length: 1_000_000 }, (_, k) => (k % 4 === 0 ? 'frequent' : `id-${k}`));
  for (const category of categories) column.update(category);
  t.ok(JSON.stringify(column.snapshot()).length < 50_000);
  const window = categories.slice(0, 2_000).map((category, k) => (k % 2 === 0 ? 'frequent' : category));
  const options = withDefaults(chiSquared.options, {});
  for (const test of [chiSquared.prepare(options, categories), chiSquared.sketched!.prepare(options, column.reference())!]) {
    const result = test.test(window)!;
    t.ok(result.effect > 0.02 && result.pValue < 1e-10, `V ${result.effect}`);
    t.equal(result.n, 2_000);
  }
  t.end();
});
