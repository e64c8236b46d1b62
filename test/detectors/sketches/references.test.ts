/** Windowed tests against a sketch of the reference: the same answer as against its rows, or one that says how far off it may be. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { WindowedDefinition } from '../../../contracts/detector.ts';
import { withDefaults } from '../../../contracts/options.ts';
import type { ReferenceSketch } from '../../../contracts/sketch.ts';
import { detectors } from '../../../detectors/catalogue.ts';
import { ksTest } from '../../../detectors/ks.ts';
import { ColumnSketch } from '../../../detectors/sketches/column-sketch.ts';
import { ReferenceBins } from '../../../detectors/sketches/reference-bins.ts';
import { spreadOut } from '../../../detectors/sketches/spread-out.ts';
import { ascending } from '../../../detectors/sort-numbers.ts';
import { normals, uniforms } from '../../support/random-streams.ts';

t.setTimeout(120_000);

const windowed = detectors.filter((detector) => detector.kind === 'windowed');
const sketchable = windowed.filter(({ sketched }) => sketched !== undefined);

function sketchOf(reference: readonly (number | string)[], withEdges = true): ReferenceSketch {
  const numbers = reference.filter((value) => typeof value === 'number');
  const column =
    numbers.length === reference.length
      ? ColumnSketch.ofNumbers(withEdges ? ReferenceBins.cutAt(numbers) : null)
      : ColumnSketch.ofCategories();
  for (const value of reference) column.update(value);
  return column.reference();
}

function both(definition: WindowedDefinition, reference: readonly (number | string)[], window: readonly (number | string)[], given = {}) {
  const options = withDefaults(definition.options, given);
  return {
    exact: definition.prepare(options, reference).test(window)!,
    sketched: definition.sketched!.prepare(options, sketchOf(reference))!.test(window)!,
  };
}
const named = (type: string) => sketchable.find((one) => one.type === type)!;

t.test('all tests but energy and those of several columns can do without the rows', (t) => {
  t.same(
    windowed.filter(({ sketched }) => sketched === undefined).map(({ type }) => type),
    ['energy', 'mmd', 'domain-classifier'],
  );
  t.end();
});

t.test('KS: D and p against the rows lie between the two figures of the sketch, with edges and without', (t) => {
  const number = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: -1_000, max: 1_000 }).map((step) => step / 100) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 1e300, -1e300, 1e-300) },
  );
  const many = fc.array(number, { minLength: 1, maxLength: 2_000, size: 'max' });
  let open = 0;
  fc.assert(
    fc.property(many, many, fc.constantFrom('two-sided', 'less', 'greater'), fc.boolean(), (reference, window, alternative, withEdges) => {
      const chosen = { method: 'asymptotic', alternative } as const;
      const exact = ksTest(ascending(window), ascending(reference), chosen);
      const result = named('ks')
        .sketched!.prepare(withDefaults(named('ks').options, chosen), sketchOf(reference, withEdges))!
        .test(window)!;
      const { effect, pValue, atMost } = result;
      assert.ok(effect <= exact.statistic + 1e-12 && exact.statistic <= atMost!.effect + 1e-12);
      assert.ok(pValue >= exact.pValue - 1e-12 && exact.pValue >= atMost!.pValue - 1e-12);
      assert.ok(atMost!.effect - effect <= (withEdges ? 1 / 200 : 0.022) + 1e-9);
      if (atMost!.effect > effect) open++;
    }),
    { seed: 31, numRuns: 120 },
  );
  t.ok(open > 40, `${open} of 120 leave something open`);
  t.end();
});

t.test('KS: nothing is left open where each value of the reference has its own bin', (t) => {
  const reference = uniforms(3_000, 1).map((value) => Math.floor(20 * value));
  const window = uniforms(700, 2).map((value) => Math.floor(21 * value));
  const { exact, sketched } = both(named('ks'), reference, window);
  t.match(sketched, { statistic: exact.statistic, pValue: exact.pValue, note: exact.note, n: exact.n, referenceN: exact.referenceN });
  t.equal(sketched.atMost!.effect, exact.effect);
  t.end();
});

t.test('categories: exactly the answer against the rows, unseen ones named', (t) => {
  const draw = (length: number, seed: number) => uniforms(length, seed).map((value) => `c${Math.floor(8 * value * value)}`);
  for (const definition of sketchable.filter(({ observes }) => observes !== 'number')) {
    for (const window of [draw(600, 2), [...draw(600, 2), ...new Array<string>(50).fill('new')], ['c0']]) {
      const { exact, sketched } = both(definition, draw(5_000, 1), window);
      t.same(sketched, exact, definition.type);
    }
  }
  const two = both(named('fisher'), ['a', 'a', 'b', 'a'], ['b', 'b', 'a']);
  t.same(two.sketched, two.exact);
  t.end();
});

t.test('categories beyond the room of the sketch are one of their own, and none of them is called unseen', (t) => {
  const column = ColumnSketch.ofCategories(20);
  const draw = (length: number, seed: number) =>
    uniforms(length, seed).map((value, k) => (k % 2 === 0 ? `often-${k % 6}` : `rare-${Math.floor(1e5 * value)}`));
  for (const category of draw(20_000, 1)) column.update(category);
  const test = named('chi-squared').sketched!.prepare(withDefaults(named('chi-squared').options, {}), column.reference())!;
  const same = test.test(draw(900, 2))!;
  t.ok(same.pValue > 0.01 && same.effect < 0.05, `p ${same.pValue}`);
  t.equal(same.note, null);
  const other = test.test(draw(900, 2).map((category) => (category === 'often-0' ? 'often-2' : category)))!;
  t.ok(other.pValue < 1e-6 && other.effect > 0.1);
  t.end();
});

t.test('divergences: by value as against the rows, else in bins next to the deciles and within a tenth', (t) => {
  const levels = (length: number, seed: number, most: number) => uniforms(length, seed).map((value) => Math.floor(most * value));
  const divergences = sketchable.filter(({ observes, type }) => observes === 'any' && type !== 'two-proportion');
  t.equal(divergences.length, 5);
  for (const definition of divergences) {
    const few = both(definition, levels(4_000, 1, 7), levels(800, 2, 8));
    t.same(few.sketched, few.exact, `${definition.type} by value`);
    const shifted = normals(2_000, 4).map((value) => value + 0.4);
    const many = both(definition, normals(20_000, 3), shifted);
    t.ok(Math.abs(many.sketched.effect / many.exact.effect - 1) < 0.1, `${definition.type}: ${many.sketched.effect} ${many.exact.effect}`);
    t.ok(many.sketched.pValue < 1e-10);
    const tied = both(
      definition,
      normals(20_000, 3).map((value, k) => (k % 3 === 0 ? 0 : value)),
      shifted,
    );
    t.ok(tied.sketched.effect > 0.5 * tied.exact.effect, 'a frequent value does not hide the rest');
    const quantile = both(definition, levels(4_000, 1, 7), levels(800, 2, 7), { bins: 'quantile' });
    t.ok(quantile.sketched.pValue > 0.001);
    t.ok(definition.sketched!.refuses(withDefaults(definition.options, { bins: 'evidently' })) !== null);
    t.equal(definition.sketched!.refuses(withDefaults(definition.options, {})), null);
  }
  t.end();
});

t.test('the share of values other than 0 is exact', (t) => {
  const zeros = (length: number, seed: number) => uniforms(length, seed).map((value) => (value < 0.3 ? 0 : value < 0.4 ? -0 : value - 0.7));
  const { exact, sketched } = both(named('two-proportion'), zeros(9_000, 1), zeros(500, 2));
  t.same(sketched, exact);
  t.end();
});

t.test('Wasserstein: the distance of the quantiles is that of the rows within 0.005 standard deviations', (t) => {
  for (const [shift, spread] of [
    [0, 1],
    [0.1, 1],
    [1, 1],
    [0, 1.5],
  ] as const) {
    const window = normals(2_000, 6).map((value) => spread * value + shift);
    const { exact, sketched } = both(named('wasserstein'), normals(30_000, 5), window);
    t.ok(Math.abs(sketched.effect - exact.effect) < 0.005, `${sketched.effect} and ${exact.effect}`);
    t.ok(exact.pValue > 0.05 === sketched.pValue > 0.05);
    t.equal(sketched.referenceN, 30_000);
  }
  t.end();
});

t.test('what the sketch does not hold gives no test, and an empty reference no result', (t) => {
  const categories = sketchOf(['a']);
  const numbers = sketchOf([], true);
  for (const definition of sketchable) {
    const options = withDefaults(definition.options, {});
    if (definition.observes === 'number') t.equal(definition.sketched!.prepare(options, categories), null);
    if (definition.observes === 'category') t.equal(definition.sketched!.prepare(options, numbers), null);
    else t.equal(definition.sketched!.prepare(options, numbers)?.test([1, 2]) ?? null, null, definition.type);
  }
  t.end();
});

t.test('a sample that stands for weights has each value as often as it weighs, and as many of a bin as it counts', (t) => {
  const weighted = (values: number[], weights: number[]) => ({ values, weights, rankError: 0 });
  const of = (quantiles: ReturnType<typeof weighted>, most: number) => [...spreadOut({ bins: null, quantiles }, most)];
  t.same(of(weighted([1, 2, 5], [2, 1, 4]), 100), [1, 1, 2, 5, 5, 5, 5]);
  t.same(of(weighted([1, 2, 5], [2, 1, 4]), 1), [5]);
  t.same(of(weighted([1, 9], [600, 400]), 5), [1, 1, 1, 9, 9]);
  t.same(of(weighted([], []), 5), []);
  const bins = { uppers: [2, 4, 6], counts: [4, 1, 0, 2] };
  t.same([...spreadOut({ bins, quantiles: weighted([1, 2], [2, 2]) }, 100)], [1, 1, 2, 2, 4, 6, 6]);
  t.same([...spreadOut({ bins, quantiles: weighted([1, 9], [3, 4]) }, 100)], [1, 1, 1, 1, 4, 9, 9]);
  t.same([...spreadOut({ bins, quantiles: weighted([1, 9], [1, 1]) }, 100)], [1, 1, 1, 1, 4, 9, 9]);
  t.end();
});
