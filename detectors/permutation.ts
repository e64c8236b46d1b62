/**
 * Permutation p-values for integrals of the gap between two distribution functions: how often would a random split of the pooled values
 * into samples of the same sizes show as large a gap?
 *
 * Holds for any distribution and any sizes, ties included. The values are redrawn by cell (distribution-gap.ts), from the multivariate
 * hypergeometric law, and the gap is measured on the cells for the data and the redraws alike, so that the test is valid whatever is lost
 * between the cuts. Drawing stops after ten redraws as large as the data (p is then 10 over the number drawn): a healthy window costs some
 * sixty redraws. p is never below 1/(redraws + 1).
 *
 * Source: Besag, Clifford. Sequential Monte Carlo p-values. Biometrika 78, 1991. The law by inversion from its mode: Kachitvichyanukul,
 * Schmeiser. Journal of Statistical Computation and Simulation 22, 1985.
 */
import type { PooledCells } from './distribution-gap.ts';
import type { Random } from './performance/random.ts';
import { stirlingError } from './saddle-point.ts';

/** Redraws as large as the data after which the rest cannot change the verdict. */
const ENOUGH = 10;
/** Equal gaps may differ by rounding. */
const SLACK = 1e-12;

/** The option of every test that redraws. */
export const permutationOptions = {
  permutations: {
    type: 'integer',
    minimum: 99,
    maximum: 99_999,
    default: 1_999,
    description: 'Random splits for the p-value, at most; p is never below 1 over one more than these.',
  },
  seed: { type: 'integer', minimum: 0, default: 1, description: 'Seed of the random splits: the same data give the same p-value.' },
} as const;

/** The p-value of ∫|F − G| (`absolute`) or ∫(F − G)² (`square`). */
export function gapPValue(cells: PooledCells, measure: 'absolute' | 'square', permutations: number, random: Random): number {
  const observed = measured(cells, cells.firsts, measure) * (1 - SLACK);
  const drawn = new Array<number>(cells.ranks.length).fill(0);
  return sequentialPValue(permutations, () => {
    redraw(cells, drawn, random);
    return measured(cells, drawn, measure) >= observed;
  });
}

/** Besag and Clifford's p-value; `isAsLarge` redraws once. */
export function sequentialPValue(permutations: number, isAsLarge: () => boolean): number {
  let large = 0;
  for (let redraws = 1; redraws <= permutations; redraws++) {
    if (isAsLarge() && ++large === ENOUGH) return large / redraws;
  }
  return (large + 1) / (permutations + 1);
}

function measured({ ranks, lengths, n, m }: PooledCells, firsts: readonly number[], measure: 'absolute' | 'square'): number {
  const total = n + m;
  const part = 1 / (n * m);
  let sum = 0;
  for (let cut = 0; cut < ranks.length; cut++) {
    const gap = Math.abs(firsts[cut]! * total - ranks[cut]! * n) * part;
    sum += lengths[cut]! * (measure === 'square' ? gap * gap : gap);
  }
  return sum;
}

/** Fills in how many of the first sample lie before each cut of a random split. */
function redraw({ ranks, n, m }: PooledCells, into: number[], random: Random): void {
  let left = n;
  let before = 0;
  for (let cut = 0; cut < ranks.length; cut++) {
    const rank = ranks[cut]!;
    left -= hypergeometric(rank - before, n + m - before, left, random);
    before = rank;
    into[cut] = n - left;
  }
}

/** Marked values among the `draws` first of `total` in random order, of which `marked` are marked. */
export function hypergeometric(draws: number, total: number, marked: number, random: Random): number {
  if (marked === 0 || draws === 0) return 0;
  if (marked === total) return draws;
  if (draws <= 6) {
    let hits = 0;
    for (let k = 0; k < draws; k++) if (random.uniform() * (total - k) < marked - hits) hits++;
    return hits;
  }
  const others = total - marked;
  const least = Math.max(0, draws - others);
  const most = Math.min(draws, marked);
  const mode = Math.min(most, Math.max(least, Math.floor(((draws + 1) * (marked + 1)) / (total + 2))));
  const density = Math.exp(
    logFactorial(marked) -
      logFactorial(mode) -
      logFactorial(marked - mode) +
      logFactorial(others) -
      logFactorial(draws - mode) -
      logFactorial(others - draws + mode) -
      logFactorial(total) +
      logFactorial(draws) +
      logFactorial(total - draws),
  );
  let rest = random.uniform() - density;
  let [up, down] = [mode, mode];
  let [upDensity, downDensity] = [density, density];
  while (rest >= 0 && (up < most || down > least)) {
    if (up < most) {
      upDensity *= ((marked - up) * (draws - up)) / ((up + 1) * (others - draws + up + 1));
      up++;
      rest -= upDensity;
      if (rest < 0) return up;
    }
    if (down > least) {
      downDensity *= (down * (others - draws + down)) / ((marked - down + 1) * (draws - down + 1));
      down--;
      rest -= downDensity;
      if (rest < 0) return down;
    }
  }
  return mode;
}

const LARGEST_KEPT = 1 << 16;
const LOG_FACTORIALS = new Float64Array(LARGEST_KEPT);
for (let k = 2; k < LARGEST_KEPT; k++) LOG_FACTORIALS[k] = LOG_FACTORIALS[k - 1]! + Math.log(k);

function logFactorial(n: number): number {
  if (n < LARGEST_KEPT) return LOG_FACTORIALS[n]!;
  return stirlingError(n) + 0.5 * Math.log(2 * Math.PI * n) + n * (Math.log(n) - 1);
}
