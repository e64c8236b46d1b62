import fc from 'fast-check';
import t from 'tap';
import { withDefaults } from '../../contracts/options.ts';
import { boundedAscending, distributionGap, standardDeviation } from '../../detectors/distribution-gap.ts';
import { energy, energyDistance } from '../../detectors/energy.ts';
import { wasserstein, wassersteinDistance, shiftNote } from '../../detectors/wasserstein.ts';

const prepare = (reference: readonly number[], given = {}) => wasserstein.prepare(withDefaults(wasserstein.options, given), reference);
const prepareEnergy = (reference: readonly number[]) => energy.prepare(withDefaults(energy.options, {}), reference);
const sample = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, min: -3, max: 3 })), {
  minLength: 1,
  maxLength: 30,
});
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** E|X − Y| over all pairs. */
const meanDistance = (first: readonly number[], second: readonly number[]) =>
  mean(first.flatMap((a) => second.map((b) => Math.abs(a - b))));

t.test('of samples of one size it is the mean distance of their order statistics', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ noNaN: true, min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })), { minLength: 1, maxLength: 30 }),
      (pairs) => {
        const [first, second] = [0, 1].map((side) => pairs.map((pair) => pair[side]!).sort((a, b) => a - b)) as [number[], number[]];
        return Math.abs(wassersteinDistance(first, second) - mean(first.map((value, k) => Math.abs(value - second[k]!)))) < 1e-12;
      },
    ),
    { seed: 3, numRuns: 200 },
  );
  t.end();
});

t.test('the energy distance is that of the mean distances between and within', (t) => {
  fc.assert(
    fc.property(sample, sample, (first, second) => {
      const between = meanDistance(first, second);
      const squared = 2 * between - meanDistance(first, first) - meanDistance(second, second);
      const gap = distributionGap(boundedAscending(first), boundedAscending(second));
      return Math.abs(energyDistance(first, second) ** 2 - squared) < 1e-12 && Math.abs(gap.meanDistance - between) < 1e-12;
    }),
    { seed: 4, numRuns: 200 },
  );
  t.end();
});

t.test('a shift by so many standard deviations has that effect, and the note says to which side', (t) => {
  const reference = Array.from({ length: 1000 }, (_, k) => k % 100);
  const deviation = standardDeviation(boundedAscending(reference));
  const shifted = (by: number) => prepare(reference).test(reference.slice(0, 300).map((value) => value + by * deviation))!;
  t.ok(Math.abs(shifted(0.5).effect - 0.5) < 1e-12);
  t.ok(Math.abs(shifted(-3).effect - 3) < 1e-12);
  t.match([shifted(0.5).note, shifted(-3).note, shifted(0).note], ['shifted up', 'shifted down', null]);
  t.equal(prepare(reference).test(reference.map((value) => 3 * value - 99))?.note, 'shape changed');
  t.end();
});

t.test('a constant reference is measured by the deviation of both samples, or by the least one given', (t) => {
  const constant = new Array<number>(50).fill(4);
  t.equal(prepare(constant).test([4, 4])?.effect, 0);
  // Half the values at 4 and half at 5 deviate by ½.
  t.ok(Math.abs(prepare(constant).test(new Array<number>(50).fill(5))!.effect - 2) < 1e-12);
  t.equal(prepare(constant, { leastDeviation: 0.001 }).test([5])?.effect, 1000);
  t.end();
});

t.test('numbers at both ends of the doubles give finite distances and effects', (t) => {
  for (const [reference, window] of [
    [[-1e300, 0, 1e300], [2e300]],
    [
      [-Infinity, Number.MAX_VALUE],
      [Infinity, -Number.MAX_VALUE],
    ],
    [[1e-300, 2e-300], [3e-300]],
    [
      [5e-324, 0],
      [5e-324, 5e-324],
    ],
    [[1e-300, 2e-300], [1e300]],
  ] as const) {
    for (const test of [prepare(reference), prepareEnergy(reference)]) {
      const result = test.test(window)!;
      t.ok([result.statistic, result.effect, result.pValue].every(Number.isFinite), `${reference} and ${window}`);
    }
  }
  t.ok(Math.abs(prepare([1e-300, 2e-300]).test([3e-300, 4e-300])!.effect - 4) < 1e-12);
  t.ok(Math.abs(prepare([1e300, 2e300]).test([3e300, 4e300])!.effect - 4) < 1e-12);
  t.end();
});

t.test('energy: its effect is half a small shift in standard deviations, and 1 where the samples lie apart', (t) => {
  // Normal quantiles by Tukey's lambda.
  const normal = Array.from({ length: 2000 }, (_, k) => ((k + 0.5) / 2000) ** 0.135 - (1 - (k + 0.5) / 2000) ** 0.135).map(
    (value) => value / 0.1975,
  );
  const result = prepareEnergy(normal).test(normal.map((value) => value + 0.2))!;
  t.ok(Math.abs(result.effect - 0.1) < 0.005, `${result.effect}`);
  t.equal(result.note, 'shifted up');
  t.equal(prepareEnergy(new Array<number>(20).fill(1)).test(new Array<number>(20).fill(2))?.effect, 1);
  t.end();
});

t.test('a note says which way, however small the distance is', (t) => {
  t.equal(shiftNote(1e-9, 1.1e-9), 'shifted down');
  t.equal(shiftNote(-1e-9, 1.1e-9), 'shifted up');
  t.equal(shiftNote(1e-9, 2e-9), 'shape changed');
  t.equal(shiftNote(0, 0), null);
  t.end();
});
