import t from 'tap';
import { boundedAscending, distributionGap } from '../../detectors/distribution-gap.ts';
import { Random } from '../../detectors/performance/random.ts';
import { gapSplits, hypergeometric, splits } from '../../detectors/permutation.ts';

const cellsOf = (first: readonly number[], second: readonly number[]) =>
  distributionGap(boundedAscending(first), boundedAscending(second)).cells;

/** All choices of `count` places among `total`. */
function* choices(total: number, count: number, from = 0): Generator<number[]> {
  if (count === 0) yield [];
  else
    for (let place = from; place <= total - count; place++) for (const rest of choices(total, count - 1, place + 1)) yield [place, ...rest];
}

t.test('draws have the hypergeometric law, cell by cell', (t) => {
  const random = new Random(4);
  for (const [draws, total, marked] of [
    [5, 12, 4],
    [9, 20, 11],
    [40, 60, 50],
    [500, 100_000, 30_000],
  ] as const) {
    const values = Array.from({ length: 40_000 }, () => hypergeometric(draws, total, marked, random));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const expected = (draws * marked) / total;
    const expectedVariance = (expected * (1 - marked / total) * (total - draws)) / (total - 1);
    t.ok(Math.abs(mean - expected) < 4 * Math.sqrt(expectedVariance / values.length), `mean ${mean} of ${expected}`);
    t.ok(Math.abs(variance / expectedVariance - 1) < 0.04, `variance ${variance} of ${expectedVariance}`);
    t.ok(values.every((value) => value >= Math.max(0, draws - total + marked) && value <= Math.min(draws, marked)));
  }
  t.same([hypergeometric(7, 9, 0, random), hypergeometric(7, 9, 9, random), hypergeometric(0, 9, 5, random)], [0, 7, 0]);
  t.end();
});

t.test('p-values are the share of all splits that show as large a gap', (t) => {
  const pooled = [0, 1, 1, 2, 3.5, 4, 4.5, 6, 9];
  for (const first of [
    [0, 1, 2],
    [6, 9, 4.5],
    [1, 4, 9],
    [0, 1, 9, 4],
  ]) {
    const rest = [...pooled];
    for (const value of first) rest.splice(rest.indexOf(value), 1);
    for (const measure of ['absolute', 'square'] as const) {
      const own = distributionGap(boundedAscending(first), boundedAscending(rest))[measure];
      let large = 0;
      let all = 0;
      for (const places of choices(pooled.length, first.length)) {
        const gap = distributionGap(
          boundedAscending(places.map((place) => pooled[place]!)),
          boundedAscending(pooled.filter((_, place) => !places.includes(place))),
        )[measure];
        all++;
        if (gap >= own - 1e-12) large++;
      }
      const expected = large / all;
      const estimates = Array.from({ length: 60 }, (_, seed) => gapSplits(cellsOf(first, rest), measure, 1_999, new Random(seed)).pValue);
      const mean = estimates.reduce((sum, value) => sum + value, 0) / estimates.length;
      // Ten of a negative binomial number: a relative deviation of about a third each, and a bias of about a tenth.
      t.ok(mean > 0.85 * expected && mean < 1.3 * expected, `${mean} for ${expected}`);
    }
  }
  t.end();
});

t.test('small windows of far-out values come as often as their p-values say, where a limit law would alarm', (t) => {
  let state = 5;
  const pareto = () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return 2 ** 32 / (2 ** 32 - state);
  };
  const draw = (length: number) => Array.from({ length }, pareto);
  const pValues = Array.from(
    { length: 400 },
    (_, seed) => gapSplits(cellsOf(draw(60), draw(600)), 'absolute', 199, new Random(seed)).pValue,
  );
  for (const level of [0.05, 0.2, 0.5]) {
    const share = pValues.filter((p) => p <= level).length / pValues.length;
    t.ok(Math.abs(share - level) < 4 * Math.sqrt((level * (1 - level)) / pValues.length), `${share} at ${level}`);
  }
  t.end();
});

t.test('drawing stops after ten redraws as large, and p is never below 1 over one more than the redraws', (t) => {
  let redraws = 0;
  t.equal(splits(1_999, 1, () => Number(++redraws % 3 === 0)).pValue, 10 / 30);
  t.equal(redraws, 30);
  t.equal(splits(99, 1, () => 0).pValue, 0.01);
  t.end();
});

t.test('cuts stand between different values only, whichever sample the equal ones are of', (t) => {
  const values = Array.from({ length: 3_000 }, (_, k) => Math.floor(k / 7));
  const { ranks } = cellsOf(
    values.filter((_, k) => k % 3 === 0),
    values.filter((_, k) => k % 3 !== 0),
  );
  t.ok(ranks.length > 20);
  t.ok(ranks.every((rank) => rank % 7 === 0));
  t.end();
});

t.test('a large pooled sample is cut into some dozens of cells, each value near the ends in its own', (t) => {
  const values = Array.from({ length: 20_000 }, (_, k) => k);
  const { ranks, firsts, lengths } = cellsOf(
    values.filter((value) => value % 2 === 0),
    values.filter((value) => value % 2 === 1),
  );
  t.ok(ranks.length > 40 && ranks.length < 90);
  t.same(ranks.slice(0, 3), [1, 2, 3]);
  t.same(ranks.slice(-3), [19_997, 19_998, 19_999]);
  t.ok(ranks.every((rank, cut) => firsts[cut] === Math.ceil(rank / 2)));
  t.equal(
    lengths.reduce((sum, length) => sum + length, 0),
    19_999,
  );
  t.end();
});

t.test('the score goes on where p has its smallest value, and is about −ln p before', (t) => {
  const random = new Random(4);
  const pooled = (shift: number) =>
    cellsOf(
      Array.from({ length: 200 }, () => random.normal() + shift),
      Array.from({ length: 2_000 }, () => random.normal()),
    );
  for (const measure of ['absolute', 'square'] as const) {
    let before = -1;
    for (const shift of [0, 0.5, 1, 2, 4]) {
      const { pValue, score } = gapSplits(pooled(shift), measure, 1_999, new Random(1));
      if (shift >= 0.5) t.equal(pValue, 1 / 2_000);
      t.ok(score > before, `${measure} ${shift}: ${score}`);
      before = score;
    }
    const healthy = Array.from({ length: 300 }, (_, seed) => gapSplits(pooled(0), measure, 1_999, new Random(seed)));
    const share = (isRare: (split: (typeof healthy)[number]) => boolean) => healthy.filter(isRare).length / healthy.length;
    const gap = share(({ score }) => score > -Math.log(0.1)) - share(({ pValue }) => pValue < 0.1);
    t.ok(Math.abs(gap) < 0.03, `${gap}`);
  }
  t.equal(splits(99, 1, () => 0).score, -Math.log(0.01), 'redraws that are all alike say no more than p does');
  t.end();
});
