import t from 'tap';
import { Kll } from '../../../detectors/sketches/kll.ts';
import { ascending } from '../../../detectors/sort-numbers.ts';
import { normals, uniforms } from '../../support/random-streams.ts';

const N = 20_000;
const STREAMS: { readonly [name: string]: (seed: number) => number[] } = {
  uniform: (seed) => uniforms(N, seed),
  normal: (seed) => normals(N, seed),
  lognormal: (seed) => normals(N, seed).map((value) => Math.exp(3 * value)),
  rising: () => Array.from({ length: N }, (_, k) => k),
  falling: () => Array.from({ length: N }, (_, k) => -k),
  'zig-zag': () => Array.from({ length: N }, (_, k) => (k % 2 === 0 ? k : -k)),
  constant: () => new Array<number>(N).fill(7),
  ties: (seed) => uniforms(N, seed).map((value) => Math.floor(10 * value * value)),
  'huge and tiny': (seed) => uniforms(N, seed).map((value, k) => (k % 3 === 0 ? 1e300 : k % 3 === 1 ? 1e-300 : -1e300) * value),
};

/** The largest difference of the two shares over all points, as Kolmogorov and Smirnov have it. */
function worstError(kll: Kll, values: readonly number[]): number {
  const sorted = ascending(values);
  const { values: kept, weights } = kll.weighted();
  let worst = 0;
  let below = 0;
  let estimated = 0;
  for (let place = 0; place < sorted.length; place++) {
    const value = sorted[place]!;
    if (place + 1 < sorted.length && sorted[place + 1] === value) continue;
    while (below < kept.length && kept[below]! <= value) estimated += weights[below++]!;
    worst = Math.max(worst, Math.abs(estimated - (place + 1)) / sorted.length);
  }
  return worst;
}

const of = (values: readonly number[], seed: number, k = 400) => {
  const kll = new Kll(k, seed);
  for (const value of values) kll.update(value);
  return kll;
};

t.test('shares below every point are within the stated error, fed at once or merged from parts in any order', (t) => {
  let worst = 0;
  for (const [name, make] of Object.entries(STREAMS)) {
    for (let seed = 1; seed <= 3; seed++) {
      const values = make(seed);
      const whole = of(values, seed);
      const parts = Array.from({ length: 20 }, (_, part) =>
        of(
          values.filter((_, k) => k % 20 === part),
          seed * 100 + part,
        ),
      );
      const forward = new Kll(400, seed);
      for (const part of parts) forward.merge(part);
      const backward = new Kll(400, seed);
      for (const part of parts.toReversed()) backward.merge(part);
      // Pairs of pairs, as machines in a tree would.
      let tree = parts;
      while (tree.length > 1) {
        tree = tree.flatMap((one, place) => {
          if (place % 2 === 1) return [];
          if (tree[place + 1] !== undefined) one.merge(tree[place + 1]!);
          return [one];
        });
      }
      for (const kll of [whole, forward, backward, tree[0]!]) {
        const error = worstError(kll, values);
        worst = Math.max(worst, error);
        if (!(error <= kll.rankError)) t.fail(`${name}, seed ${seed}: ${error} above ${kll.rankError}`);
        const held = kll.weighted().values.length;
        if (kll.count !== N || held > 1_300) t.fail(`${name}: ${kll.count} values, ${held} held`);
      }
    }
  }
  t.ok(worst > 0.001 && worst < 0.0104, `worst error ${worst}`);
  t.end();
});

t.test('everything is exact until something is thrown away', (t) => {
  const values = normals(400, 9);
  const kll = of(values, 1);
  t.equal(kll.rankError, 0);
  t.equal(worstError(kll, values), 0);
  t.same(kll.weighted().values, ascending(values));
  kll.update(0);
  t.ok(kll.rankError > 0);
  t.end();
});

t.test('the weights add up to the count, whatever came', (t) => {
  for (const length of [0, 1, 2, 399, 401, 1_000, 12_345]) {
    const kll = of(uniforms(length, length + 1), 2, 16);
    kll.update(Number.NaN);
    kll.update(Infinity);
    const { values, weights } = kll.weighted();
    t.equal(
      weights.reduce((sum, weight) => sum + weight, 0),
      length,
    );
    t.same(
      values,
      [...values].sort((one, other) => one - other),
    );
  }
  t.end();
});

/** Estimated share of the values at or below the point. */
function shareUpTo(kll: Kll, point: number): number {
  const { values, weights } = kll.weighted();
  return weights.reduce((sum, weight, place) => (values[place]! <= point ? sum + weight : sum), 0) / kll.count;
}

t.test('the coin falls on both sides: ranks are not off to one side', (t) => {
  const values = Array.from({ length: 20_000 }, (_, k) => k);
  let sum = 0;
  for (let seed = 1; seed <= 60; seed++) sum += shareUpTo(of(values, seed, 50), 9_999) - 0.5;
  // One sketch of k = 50 errs by about 0.01; sixty of them on average by a ninth of that.
  t.ok(Math.abs(sum / 60) < 0.006, `mean error ${sum / 60}`);
  t.end();
});
