/**
 * Wasserstein-1 distance: how far must the window's values be moved, on average, to become the reference's?
 *
 * Statistic: ∫|F − G|, in the signal's own unit. Effect: the same over the reference's standard deviation (where that is 0, of both samples
 * together, weighted alike), from 0 without bound; a shift of the whole by one standard deviation has effect 1, and 0.1 is the customary floor.
 * p-value: by random splits of the pooled values (permutation.ts), as the law of the statistic depends on the distribution.
 *
 * Source: Vallender. Theory of Probability and its Applications 18, 1974; Ramdas, García, Cuturi. Entropy 19, 2017, for the two-sample test.
 * As scipy's `wasserstein_distance`.
 * Deviation: values beyond ±4·10³⁰⁷, infinities too, count as that.
 * Cost: O(n log n) for a window of n, O(n + reference) to compare, and some microseconds for each of 60 to `permutations` splits.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { boundedAscending, distributionGap, standardDeviation } from './distribution-gap.ts';
import { Random } from './performance/random.ts';
import { gapSplits, permutationOptions } from './permutation.ts';
import { spreadOut } from './sketches/spread-out.ts';

const options = {
  ...permutationOptions,
  leastDeviation: {
    type: 'number',
    minimum: 0,
    default: 0,
    description: 'The reference’s standard deviation counts as this at least; evidently has 0.001.',
  },
} as const;

/** Values that a sketch is spread out to at most. */
const MOST_SPREAD = 100_000;

type WassersteinOptions = OptionsOf<typeof options>;

/** ∫|F − G| of two samples, in any order, neither of them empty. NaN is left out. */
export function wassersteinDistance(first: ArrayLike<number>, second: ArrayLike<number>): number {
  return distributionGap(boundedAscending(first), boundedAscending(second)).absolute;
}

class WassersteinAgainst implements WindowedTest<number> {
  readonly #options: WassersteinOptions;
  readonly #reference: Float64Array;
  readonly #deviation: number;
  /** Values that the reference stands for. */
  readonly #referenceN: number;

  /** @param reference of `boundedAscending` */
  constructor(chosen: WassersteinOptions, reference: Float64Array, deviation = standardDeviation(reference), n = reference.length) {
    this.#options = chosen;
    this.#reference = reference;
    this.#deviation = Math.max(deviation, chosen.leastDeviation);
    this.#referenceN = n;
  }

  test(window: readonly number[]): TestResult | null {
    const values = boundedAscending(window);
    const reference = this.#reference;
    if (values.length === 0 || reference.length === 0) return null;
    const { absolute, signed, cells } = distributionGap(values, reference);
    // Of a half window and a half constant: its variance within, and that between the two means, which `signed` lies between.
    const deviation = this.#deviation > 0 ? this.#deviation : Math.hypot(standardDeviation(values) / Math.SQRT2, signed / 2);
    return {
      statistic: absolute,
      ...gapSplits(cells, 'absolute', this.#options.permutations, new Random(this.#options.seed)),
      degreesOfFreedom: null,
      effect: absolute === 0 ? 0 : Math.min(Number.MAX_VALUE, absolute / deviation),
      n: values.length,
      referenceN: this.#referenceN,
      note: shiftNote(signed, absolute),
    };
  }
}

/** The direction, where most of the distance lies in one. `signed` is above 0 where the window's values are smaller. */
export function shiftNote(signed: number, absolute: number): string | null {
  if (Math.abs(signed) <= absolute / 2) return absolute === 0 ? null : 'shape changed';
  return signed > 0 ? 'shifted down' : 'shifted up';
}

/** From the sketch's quantiles: its distance errs by the area between the two distribution functions. */
function sketched(chosen: WassersteinOptions, { n, numbers }: ReferenceSketch): WassersteinAgainst | null {
  if (numbers === null) return null;
  const sample = boundedAscending(spreadOut(numbers, MOST_SPREAD));
  return new WassersteinAgainst(chosen, sample, numbers.deviation, n);
}

/** Wasserstein-1 distance. */
export const wasserstein = defineWindowed<typeof options, number>({
  type: 'wasserstein',
  summary: 'Measures how far a window of numbers has moved from the reference, in its standard deviations (Wasserstein-1 distance).',
  observes: 'number',
  effect: 'wasserstein_sd',
  isUnbounded: true,
  options,
  prepare: (chosen, reference) => new WassersteinAgainst(chosen, boundedAscending(reference)),
  sketched: { refuses: () => null, prepare: sketched },
});
