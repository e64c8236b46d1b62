/**
 * Energy distance: do the window's numbers follow the reference's distribution?
 *
 * Statistic: √(2 ∫(F − G)²) = √(2E|X − Y| − E|X − X′| − E|Y − Y′|), in the root of the signal's unit. Effect: the root of Székely and Rizzo's
 * coefficient of inhomogeneity, √(∫(F − G)² / E|X − Y|), in [0, 1]; 0.1 is about a shift of a fifth of a standard deviation.
 * p-value: by random splits of the pooled values (permutation.ts).
 * Less moved by single values far out than Wasserstein's distance, more powerful than KS against shifts of the whole.
 *
 * Source: Székely, Rizzo. Energy Statistics. Journal of Statistical Planning and Inference 143, 2013. As scipy's `energy_distance`.
 * Deviation: values beyond ±4·10³⁰⁷, infinities too, count as that.
 * Cost: as `wasserstein`.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { boundedAscending, distributionGap } from './distribution-gap.ts';
import { Random } from './performance/random.ts';
import { gapSplits, permutationOptions } from './permutation.ts';
import { shiftNote } from './wasserstein.ts';

type EnergyOptions = OptionsOf<typeof permutationOptions>;

/** √(2 ∫(F − G)²) of two samples, in any order, neither of them empty. NaN is left out. */
export function energyDistance(first: ArrayLike<number>, second: ArrayLike<number>): number {
  // Two roots, as twice the integral may overflow.
  return Math.SQRT2 * Math.sqrt(distributionGap(boundedAscending(first), boundedAscending(second)).square);
}

class EnergyAgainst implements WindowedTest<number> {
  readonly #options: EnergyOptions;
  readonly #reference: Float64Array;

  constructor(chosen: EnergyOptions, reference: readonly number[]) {
    this.#options = chosen;
    this.#reference = boundedAscending(reference);
  }

  test(window: readonly number[]): TestResult | null {
    const values = boundedAscending(window);
    const reference = this.#reference;
    if (values.length === 0 || reference.length === 0) return null;
    const { square, meanDistance, absolute, signed, cells } = distributionGap(values, reference);
    return {
      statistic: Math.SQRT2 * Math.sqrt(square),
      ...gapSplits(cells, 'square', this.#options.permutations, new Random(this.#options.seed)),
      degreesOfFreedom: null,
      effect: meanDistance === 0 ? 0 : Math.min(1, Math.sqrt(square / meanDistance)),
      n: values.length,
      referenceN: reference.length,
      note: shiftNote(signed, absolute),
    };
  }
}

/** Energy distance. */
export const energy = defineWindowed<typeof permutationOptions, number>({
  type: 'energy',
  summary: 'Compares the distribution of a window of numbers with the reference (energy distance).',
  observes: 'number',
  effect: 'energy',
  options: permutationOptions,
  prepare: (chosen, reference) => new EnergyAgainst(chosen, reference),
});
