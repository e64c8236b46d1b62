/**
 * Kolmogorov–Smirnov against a reference of which only a sketch is left: between which figures does D lie?
 *
 * Counts in bins give D at their edges, which is at most the true one, and at most what it can be inside a bin: one function at its upper
 * edge less the other at its lower one. A bin of a single value has no inside. The statistic, effect and p-value are those of the lower
 * figure, so that drift is certain; `atMost` has those of the upper one, below which its absence is. Quantiles serve where no edges were
 * known: each share is right to their `rankError`, D too.
 *
 * Source: as ks.ts; the bounds as in sketches/reference-bins.ts.
 * Cost: a search in the edges for each value.
 */
import type { TestResult, WindowedTest } from '../contracts/detector.ts';
import type { CountedBins, SketchedNumbers, WeightedValues } from '../contracts/sketch.ts';
import type { KsGaps } from './ks.ts';
import { binOf, isAtom } from './sketches/reference-bins.ts';
import { ascending } from './sort-numbers.ts';

/** Which gap counts: `greater` the one where the window's function lies above. */
type Alternative = 'two-sided' | 'less' | 'greater';

/** A window's gaps to the reference as multiples of 1/(m·n), as they are at least and at most. */
interface GapBounds {
  readonly least: KsGaps;
  readonly most: KsGaps;
}

/** The test of a window against a sketch of `referenceN` numbers. */
export class SketchedKs implements WindowedTest<number> {
  readonly #alternative: Alternative;
  readonly #numbers: SketchedNumbers;
  readonly #referenceN: number;
  /** P(a gap so large) for m and n values. */
  readonly #pValue: (m: number, n: number, gap: number) => number;

  constructor(
    alternative: Alternative,
    numbers: SketchedNumbers,
    referenceN: number,
    pValue: (m: number, n: number, gap: number) => number,
  ) {
    this.#alternative = alternative;
    this.#numbers = numbers;
    this.#referenceN = referenceN;
    this.#pValue = pValue;
  }

  test(window: readonly number[]): TestResult | null {
    const values = ascending(window);
    const m = values.length;
    const n = this.#referenceN;
    if (m === 0 || n === 0) return null;
    const { bins, quantiles } = this.#numbers;
    const { least, most } = bins === null ? gapsToQuantiles(values, quantiles, n) : gapsOnBins(values, bins, n);
    const sign = this.#alternative === 'less' || (this.#alternative === 'two-sided' && least.below > least.above) ? -1 : 1;
    const gap = sign === 1 ? least.above : least.below;
    const widest = this.#alternative === 'two-sided' ? Math.max(most.above, most.below) : sign === 1 ? most.above : most.below;
    return {
      statistic: gap / (m * n),
      pValue: this.#pValue(m, n, gap),
      degreesOfFreedom: null,
      effect: gap / (m * n),
      atMost: { effect: widest / (m * n), pValue: this.#pValue(m, n, widest) },
      n: m,
      referenceN: n,
      note: gap === 0 ? null : sign === 1 ? 'shifted down' : 'shifted up',
    };
  }
}

function gapsOnBins(values: Float64Array, { uppers, counts }: CountedBins, n: number): GapBounds {
  const m = values.length;
  const current = new Array<number>(counts.length).fill(0);
  for (const value of values) current[binOf(uppers, value)]!++;
  const least = { above: 0, below: 0 };
  const most = { above: 0, below: 0 };
  let ours = 0;
  let theirs = 0;
  for (const [bin, count] of counts.entries()) {
    const [oursBefore, theirsBefore] = [ours, theirs];
    ours += current[bin]!;
    theirs += count;
    const gap = ours * n - theirs * m;
    least.above = Math.max(least.above, gap);
    least.below = Math.max(least.below, -gap);
    if (isAtom(uppers, bin)) continue;
    most.above = Math.max(most.above, ours * n - theirsBefore * m);
    most.below = Math.max(most.below, theirs * m - oursBefore * n);
  }
  return { least, most: { above: Math.max(most.above, least.above), below: Math.max(most.below, least.below) } };
}

function gapsToQuantiles(sorted: Float64Array, { values, weights, rankError }: WeightedValues, n: number): GapBounds {
  const m = sorted.length;
  let above = 0;
  let below = 0;
  let i = 0;
  let j = 0;
  let theirs = 0;
  while (i < m || j < values.length) {
    const at = Math.min(sorted[i] ?? Infinity, values[j] ?? Infinity);
    while (i < m && sorted[i] === at) i++;
    while (j < values.length && values[j] === at) theirs += weights[j++]!;
    const gap = i * n - theirs * m;
    above = Math.max(above, gap);
    below = Math.max(below, -gap);
  }
  const error = rankError * m * n;
  return {
    least: { above: Math.max(0, Math.floor(above - error)), below: Math.max(0, Math.floor(below - error)) },
    most: { above: Math.min(m * n, Math.ceil(above + error)), below: Math.min(m * n, Math.ceil(below + error)) },
  };
}
