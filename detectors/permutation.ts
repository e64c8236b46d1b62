/**
 * Permutation p-values for integrals of the gap between two distribution functions: how often would a random split of the pooled values
 * into samples of the same sizes show as large a gap?
 *
 * Holds for any distribution and any sizes, ties included. The values are redrawn by cell (distribution-gap.ts), from the multivariate
 * hypergeometric law, and the gap is measured on the cells for the data and the redraws alike, so that the test is valid whatever is lost
 * between the cuts. Drawing stops after ten redraws as large as the data (p is then 10 over the number drawn): a healthy window costs some
 * sixty redraws. p is never below 1/(redraws + 1).
 *
 * That is no measure where rows depend on each other: healthy windows then have the smallest p as well as any others. For these there is a score,
 * from the statistic's distance to the redraws' mean in their deviations, through the tail of a gamma law of skewness 1, which such statistics
 * are near to; which law it is matters little, as the score is compared with those of healthy windows.
 *
 * Source: Besag, Clifford. Sequential Monte Carlo p-values. Biometrika 78, 1991. The law by inversion from its mode: Kachitvichyanukul,
 * Schmeiser. Journal of Statistical Computation and Simulation 22, 1985.
 */
import { chiSquaredUpperTail } from './chi-squared-tail.ts';
import type { PooledCells } from './distribution-gap.ts';
import { scoreOf } from './null-law.ts';
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

/** What the redraws say of a statistic. */
export interface Splits {
  readonly pValue: number;
  /** See `TestResult.score`. */
  readonly score: number;
}

/** Of ∫|F − G| (`absolute`) or ∫(F − G)² (`square`). */
export function gapSplits(cells: PooledCells, measure: 'absolute' | 'square', permutations: number, random: Random): Splits {
  const observed = measured(cells, cells.firsts, measure) * (1 - SLACK);
  const drawn = new Array<number>(cells.ranks.length).fill(0);
  return splits(permutations, observed, () => {
    redraw(cells, drawn, random);
    return measured(cells, drawn, measure);
  });
}

/** Besag and Clifford's p-value of a statistic, and its score; `redrawn` gives that of another split. */
export function splits(permutations: number, observed: number, redrawn: () => number): Splits {
  let large = 0;
  let redraws = 0;
  let mean = 0;
  let squares = 0;
  while (redraws < permutations && large < ENOUGH) {
    const value = redrawn();
    redraws++;
    if (value >= observed) large++;
    const off = value - mean;
    mean += off / redraws;
    squares += off * (value - mean);
  }
  const deviation = Math.sqrt(squares / redraws);
  const pValue = large === ENOUGH ? large / redraws : (large + 1) / (permutations + 1);
  // Where all redraws are alike nothing can be told but what p tells.
  return { pValue, score: deviation > 0 ? scoreAt((observed - mean) / deviation) : scoreOf(pValue) };
}

/** Shape of a gamma law of skewness 1. */
const SHAPE = 4;

/** −ln of that law's upper tail so many deviations above its mean. */
function scoreAt(deviations: number): number {
  return scoreOf(chiSquaredUpperTail(2 * (SHAPE + deviations * Math.sqrt(SHAPE)), 2 * SHAPE));
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
