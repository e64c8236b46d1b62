/**
 * Fisher's exact test of a 2 × 2 table: with both margins fixed, the first cell follows the hypergeometric law.
 *
 * Two-sided, all tables count that are as likely as the observed one or less so, by a relative slack of 1e-7: equal probabilities come out
 * of rounding as different ones. Each tail is summed by the ratio of neighbours, outwards from the observed table or from the first one
 * on the other side that counts, so small p-values keep their digits.
 *
 * Source: Fisher. Statistical Methods for Research Workers. 5th edition, 1934, §21.02. As scipy 1.17's `fisher_exact`. The law's density by
 * Loader's three binomials (saddle-point.ts), §5 of his paper.
 * Cost: a few standard deviations of the first cell in steps.
 */
import { logBinomialDensity } from './saddle-point.ts';

const SLACK = 1e-7;

/** What Fisher's test says of `[[a, b], [c, d]]`. */
export interface FisherResult {
  /** a·d / (b·c); infinite where only b·c is 0, and 1 where both are. */
  readonly oddsRatio: number;
  readonly pValue: number;
}

/** Fisher's exact test of whole numbers from 0; `greater`: a is larger than chance would have it. */
export function fisherExact(
  table: readonly [readonly [number, number], readonly [number, number]],
  alternative: 'two-sided' | 'less' | 'greater' = 'two-sided',
): FisherResult {
  const [[a, b], [c, d]] = table;
  const oddsRatio = b * c === 0 ? (a * d === 0 ? 1 : Infinity) : (a * d) / (b * c);
  const law = new Hypergeometric(a + c, b + d, a + b);
  const pValue = alternative === 'less' ? law.atMost(a) : alternative === 'greater' ? law.atLeast(a) : law.asUnlikelyAs(a);
  return { oddsRatio, pValue: Math.min(1, pValue) };
}

/** Marked balls among `draws` from an urn of `marked` and `others`. */
class Hypergeometric {
  readonly #marked: number;
  readonly #others: number;
  readonly #draws: number;
  readonly #least: number;
  readonly #most: number;
  readonly #mode: number;

  constructor(marked: number, others: number, draws: number) {
    this.#marked = marked;
    this.#others = others;
    this.#draws = draws;
    this.#least = Math.max(0, draws - others);
    this.#most = Math.min(marked, draws);
    this.#mode = Math.min(this.#most, Math.max(this.#least, Math.floor(((draws + 1) * (marked + 1)) / (marked + others + 2))));
  }

  atLeast(k: number): number {
    // The shorter tail is summed, as the longer one's terms may overflow against a density that is nearly 0.
    return k > this.#mode ? this.#outwards(k, 1) : 1 - (k === this.#least ? 0 : this.#outwards(k - 1, -1));
  }

  atMost(k: number): number {
    return k < this.#mode ? this.#outwards(k, -1) : 1 - (k === this.#most ? 0 : this.#outwards(k + 1, 1));
  }

  /** The probability of all values that are as unlikely as k or more so. */
  asUnlikelyAs(k: number): number {
    if (this.#least === this.#most) return 1;
    const limit = this.#logDensity(k) + Math.log1p(SLACK);
    if (this.#logDensity(this.#mode) <= limit) return 1;
    const side = k > this.#mode ? 1 : -1;
    const own = this.#outwards(k, side);
    // On the other side the density falls all the way, so the first value that counts is found by halving.
    let inside = this.#mode;
    let outside = side === 1 ? this.#least - 1 : this.#most + 1;
    while (Math.abs(outside - inside) > 1) {
      const middle = Math.floor((inside + outside) / 2);
      if (this.#logDensity(middle) <= limit) outside = middle;
      else inside = middle;
    }
    return own + (outside < this.#least || outside > this.#most ? 0 : this.#outwards(outside, -side as 1 | -1));
  }

  /** P(K ≥ k) or P(K ≤ k) for a k beyond the mode in that direction. */
  #outwards(k: number, step: 1 | -1): number {
    let sum = 1;
    let term = 1;
    for (let at = k; step === 1 ? at < this.#most : at > this.#least; at += step) {
      term *=
        step === 1
          ? ((this.#marked - at) * (this.#draws - at)) / ((at + 1) * (this.#others - this.#draws + at + 1))
          : (at * (this.#others - this.#draws + at)) / ((this.#marked - at + 1) * (this.#draws - at + 1));
      sum += term;
      if (term < sum * 1e-18) break;
    }
    return sum * Math.exp(this.#logDensity(k));
  }

  #logDensity(k: number): number {
    const total = this.#marked + this.#others;
    const share = this.#draws / total;
    const rest = (total - this.#draws) / total;
    return (
      logDensity(k, this.#marked, share, rest) +
      logDensity(this.#draws - k, this.#others, share, rest) -
      logDensity(this.#draws, total, share, rest)
    );
  }
}

/** Log of the binomial density, ends included. */
function logDensity(k: number, n: number, p: number, q: number): number {
  if (k === 0) return n === 0 ? 0 : n * Math.log(q);
  if (k === n) return n * Math.log(p);
  return logBinomialDensity(k, n, p, q);
}
