/**
 * Two-sample Kolmogorov–Smirnov test: do the window's numbers follow the reference's distribution?
 *
 * Statistic: D = max |F_window(x) − F_reference(x)| over the pooled values, a ratio of whole numbers and kept as one until the end. Ties
 * advance both sides before they are compared. Effect: D itself.
 *
 * Source: Hodges. The significance probability of the Smirnov two-sample test. Arkiv för Matematik 3, 1958. As scipy 1.17's `ks_2samp`:
 * exact (ks-exact.ts) up to 10,000 values a side, above that the exact one-sample law (kolmogorov-tail.ts) for m·n/(m + n) values, and
 * Hodges' equation 5.3 for one side.
 * Deviation: one value on each side has p = 1 by every method, where scipy's asymptotic p is not a number. `exact` falls back to the
 * asymptotic law where it would take more than 2·10⁸ steps, `auto` on live windows where it would take more than 3·10⁵.
 * Cost: O(n + reference) for most windows of n (reference-gaps.ts); an exact p-value for unequal sizes takes 2·D·m·n steps.
 */
import { defineWindowed, type TestResult, type WindowedTest } from '../contracts/detector.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { kolmogorovUpperTail } from './kolmogorov-tail.ts';
import { exactKsPValue } from './ks-exact.ts';
import { SketchedKs } from './ks-sketched.ts';
import { ReferenceGaps } from './reference-gaps.ts';
import { ascending } from './sort-numbers.ts';

const options = {
  method: {
    type: 'string',
    enum: ['auto', 'exact', 'asymptotic'],
    default: 'auto',
    description:
      'How the p-value is computed; `auto` is exact where that is quick: up to 10,000 values a side and some milliseconds a window.',
  },
  alternative: {
    type: 'string',
    enum: ['two-sided', 'less', 'greater'],
    default: 'two-sided',
    description: '`greater`: the window’s distribution function lies above the reference’s, so its values are smaller; `less`: below.',
  },
} as const;

type KsOptions = OptionsOf<typeof options>;

const MOST_EXACT_VALUES = 10_000;
const MOST_STEPS = 2e8;
/** What a live window may cost; beyond it the law for m·n/(m + n) values serves, which is within 3 % of exact p-values down to 1e-10. */
const MOST_LIVE_STEPS = 3e5;

/** The two largest gaps between two distribution functions, as whole multiples of 1/(m·n). */
export interface KsGaps {
  /** Where the first sample's function lies above, that is its values are smaller. */
  readonly above: number;
  readonly below: number;
}

/** Sweeps two ascending samples without NaN once; −0 and 0 are one value. */
export function ksGaps(first: Float64Array, second: Float64Array): KsGaps {
  const m = first.length;
  const n = second.length;
  let above = 0;
  let below = 0;
  let i = 0;
  let j = 0;
  while (i < m && j < n) {
    const a = first[i]!;
    const b = second[j]!;
    // Up to the end of each run of equal values, which a pair of samples without ties is spared.
    if (a <= b) while (++i < m && first[i] === a);
    if (b <= a) while (++j < n && second[j] === b);
    const gap = i * n - j * m;
    if (gap > above) above = gap;
    else if (-gap > below) below = -gap;
  }
  return { above, below };
}

/** What the gaps of samples of m and n values say. */
interface KsResult {
  readonly statistic: number;
  readonly pValue: number;
  /** 1 where the first sample's function is above. */
  readonly sign: 1 | -1;
}

/** Statistic, p-value and direction for two ascending samples, neither of them empty. */
export function ksTest(first: Float64Array, second: Float64Array, chosen: KsOptions, mostSteps: number = MOST_STEPS): KsResult {
  return judged(ksGaps(first, second), first.length, second.length, chosen, mostSteps);
}

function judged({ above, below }: KsGaps, m: number, n: number, chosen: KsOptions, mostSteps: number): KsResult {
  const sign = chosen.alternative === 'less' || (chosen.alternative === 'two-sided' && below > above) ? -1 : 1;
  const gap = sign === 1 ? above : below;
  return { statistic: gap / (m * n), pValue: ksPValue(m, n, gap, chosen, mostSteps), sign };
}

/** P(a gap of `gap`/(m·n) or more) for samples of m and n values from one distribution. An exact one may take `mostSteps`. */
export function ksPValue(m: number, n: number, gap: number, chosen: KsOptions, mostSteps: number = MOST_STEPS): number {
  const sides = chosen.alternative === 'two-sided' ? 'two' : 'one';
  const exact = chosen.method === 'exact' || (chosen.method === 'auto' && Math.max(m, n) <= MOST_EXACT_VALUES);
  if (exact && (m === n || (sides === 'two' ? 2 * gap : m * n) <= mostSteps)) return exactKsPValue(m, n, gap, sides);
  const statistic = gap / (m * n);
  const size = (m * n) / (m + n);
  if (sides === 'two') {
    const rounded = roundHalfEven(size);
    return rounded === 0 ? 1 : kolmogorovUpperTail(rounded, statistic);
  }
  const z = Math.sqrt(size) * statistic;
  const larger = Math.max(m, n);
  const smaller = Math.min(m, n);
  return Math.exp(-2 * z * z - (2 * z * (larger + 2 * smaller)) / Math.sqrt(m * n * (m + n)) / 3);
}

class KsAgainst implements WindowedTest<number> {
  readonly #options: KsOptions;
  readonly #reference: ReferenceGaps;

  constructor(chosen: KsOptions, reference: readonly number[]) {
    this.#options = chosen;
    this.#reference = new ReferenceGaps(ascending(reference));
  }

  test(window: readonly number[]): TestResult | null {
    const { n: referenceN } = this.#reference;
    const gaps = this.#reference.of(window);
    if (gaps.n === 0 || referenceN === 0) return null;
    const mostSteps = this.#options.method === 'auto' ? MOST_LIVE_STEPS : MOST_STEPS;
    const { statistic, pValue, sign } = judged(gaps, gaps.n, referenceN, this.#options, mostSteps);
    return {
      statistic,
      pValue,
      degreesOfFreedom: null,
      effect: statistic,
      n: gaps.n,
      referenceN,
      note: statistic === 0 ? null : sign === 1 ? 'shifted down' : 'shifted up',
    };
  }
}

/** As numpy rounds, whose rule decides between two sizes of the one-sample law. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Two-sample Kolmogorov–Smirnov. */
export const ks = defineWindowed<typeof options, number>({
  type: 'ks',
  summary: 'Compares the distribution of a window of numbers with the reference (two-sample Kolmogorov–Smirnov).',
  observes: 'number',
  effect: 'D',
  options,
  prepare: (chosen, reference) => new KsAgainst(chosen, reference),
  sketched: {
    refuses: ({ method }) => (method === 'exact' ? '`method: exact` needs every value of the reference: use `auto`' : null),
    prepare: (chosen, { n, numbers }) =>
      numbers === null
        ? null
        : new SketchedKs(chosen.alternative, numbers, n, (ours, theirs, gap) => ksPValue(ours, theirs, gap, chosen, MOST_LIVE_STEPS)),
  },
});
