import t from 'tap';
import { autocorrelations, findDependence, politisWhite, ranks } from '../../detectors/dependence.ts';
import { Random } from '../../detectors/performance/random.ts';

/** x' = rho · x + e, from its stationary law. */
function chain(seed: number, rho: number, count: number): Float64Array {
  const random = new Random(seed);
  let x = random.normal() / Math.sqrt(1 - rho * rho);
  return Float64Array.from({ length: count }, () => {
    const value = x;
    x = rho * x + random.normal();
    return value;
  });
}

t.test('ranks share ties', async (t) => {
  t.same([...ranks(Float64Array.from([3, 1, 3, -2]))], [3.5, 2, 3.5, 1]);
});

t.test('autocorrelations by hand', async (t) => {
  // Centred: −1.5, −0.5, 0.5, 1.5; squares 5; products at lag 1: 0.75 − 0.25 + 0.75; at lag 2: −0.75 − 0.75.
  t.same([...autocorrelations(Float64Array.from([1, 2, 3, 4]), 2)], [1, 0.25, -0.3]);
  t.same([...autocorrelations(Float64Array.from([2, 2, 2]), 1)], [0, 0]);
});

t.test('independent rows are taken for dependent ones about once in a hundred', async (t) => {
  let wrong = 0;
  for (let seed = 0; seed < 100; seed++) if (findDependence([chain(seed, 0, 2_000)], 200).dependent) wrong++;
  t.ok(wrong <= 4, `${wrong} of 100`);
});

t.test('neighbours that depend on each other are found, with a block that is longer the stronger they do', async (t) => {
  const weak = findDependence([chain(1, 0.3, 5_000)], 200);
  const strong = findDependence([chain(1, 0.9, 5_000)], 200);
  t.equal(weak.dependent, true);
  t.equal(strong.dependent, true);
  t.ok((weak.blockRows ?? 0) > 5, `${weak.blockRows}`);
  t.ok((strong.blockRows ?? 0) > 2 * (weak.blockRows ?? 0), `${strong.blockRows}`);
});

t.test('a slow change that hides in the noise from row to row is found between windows', async (t) => {
  const random = new Random(3);
  const values = Float64Array.from({ length: 10_000 }, (_, row) => random.normal() + 0.1 * Math.sin(row / 1_500));
  t.match(findDependence([values], 1_000), { dependent: true, test: 'kruskal-wallis' });
});

t.test('a slow change is not explained by short blocks, though the reference has not even five windows', async (t) => {
  const random = new Random(3);
  const values = Float64Array.from({ length: 10_000 }, (_, row) => random.normal() + 0.1 * Math.sin(row / 1_500));
  for (const windowRows of [4_000, 8_000]) t.match(findDependence([values], windowRows), { dependent: true, blockRows: null });
});

t.test('where no block keeps the dependence there is none', async (t) => {
  const random = new Random(3);
  const trend = Float64Array.from({ length: 2_000 }, (_, row) => row / 200 + random.normal());
  t.match(findDependence([trend], 200), { dependent: true, blockRows: null });
});

t.test('a few ones among zeros: chance pairs are no dependence, a burst is', async (t) => {
  const sparse = (seed: number, ones: number, n: number) => {
    const random = new Random(seed);
    const values = new Float64Array(n);
    for (let k = 0; k < ones; k++) values[random.below(n)] = 1;
    return values;
  };
  for (const ones of [2, 5, 20, 60]) {
    let wrong = 0;
    for (let seed = 0; seed < 200; seed++) if (findDependence([sparse(seed, ones, 1_000)], 200).dependent) wrong++;
    t.ok(wrong <= 6, `${wrong} of 200 with ${ones} ones`);
  }
  const burst = sparse(1, 10, 1_000).fill(1, 400, 420);
  t.match(findDependence([burst], 200), { dependent: true, test: 'close-pairs' });
});

t.test('constant and short series say nothing', async (t) => {
  const nothing = { dependent: false, test: null, blockRows: 1 };
  t.match(findDependence([new Float64Array(1_000).fill(7)], 100), nothing);
  t.match(findDependence([Float64Array.from([1, 2, 3])], 100), nothing);
  t.match(findDependence([], 100), nothing);
});

t.test('the block length of an autoregression is that of the formula', async (t) => {
  // ρ = 0.5: Σ|k|ρᵏ = 4, Σρᵏ = 3 over all lags; ∛(2 · 16 · n / (4/3 · 9)) = 29.9 for n = 10,000.
  const lengths = Array.from({ length: 20 }, (_, seed) => politisWhite(chain(seed, 0.5, 10_000)));
  const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
  t.ok(mean > 24 && mean < 36, `${mean}`);
});
