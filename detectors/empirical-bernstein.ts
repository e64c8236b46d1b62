/**
 * The empirical-Bernstein confidence sequence: an interval for the mean of values in [0, 1] that covers it at every moment at once.
 *
 * After t values: Σ λᵢxᵢ / Σ λᵢ ± (ln(2/α) + Σ 4(xᵢ − mᵢ₋₁)²·ψ(λᵢ)) / Σ λᵢ, where ψ(λ) = (−ln(1 − λ) − λ)/4, m and s² are the mean and variance
 * of the values before, begun with ½ and ¼, and the bet is λᵢ = √(2·ln(2/α) / (s²ᵢ₋₁·i·ln(1 + i))), at most ½. The chance that it ever misses
 * a mean that stays the same is at most α, however often one looks and whatever the values' law; they need not be independent as long as
 * each one's mean, given those before, is the same. For one look after n values i·ln(1 + i) becomes n, and the interval narrower.
 *
 * Source: Waudby-Smith, Ramdas. Estimating means of bounded random variables by betting. JRSS B 86, 2024, Theorem 2 and eqs. (13)–(15).
 * Cost: constant time and memory.
 */
import type { SnapshotReader } from './snapshot.ts';

const BOLDEST = 0.5;

/** Adds values up; looks at any time, or once after `horizon` values. */
export class EmpiricalBernstein {
  readonly #logs: number;
  readonly #horizon: number | null;
  #count = 0;
  #sum = 0.5;
  #squares = 0.25;
  #bets = 0;
  #weighted = 0;
  #variation = 0;

  /**
   * @param alpha chance that the interval ever misses the mean
   * @param horizon values after which it is looked at once; null = it may be looked at any time
   */
  constructor(alpha: number, horizon: number | null = null) {
    this.#logs = Math.log(2 / alpha);
    this.#horizon = horizon;
  }

  get count(): number {
    return this.#count;
  }

  /** @param value in [0, 1] */
  add(value: number): void {
    const before = this.#count + 1;
    const mean = this.#sum / before;
    const variance = this.#squares / before;
    const looks = this.#horizon ?? before * Math.log(1 + before);
    const bet = Math.min(BOLDEST, Math.sqrt((2 * this.#logs) / (variance * looks)));
    this.#bets += bet;
    this.#weighted += bet * value;
    this.#variation += (value - mean) ** 2 * (-Math.log1p(-bet) - bet);
    this.#count++;
    this.#sum += value;
    this.#squares += (value - this.#sum / (before + 1)) ** 2;
  }

  /** Where the mean lies, within [0, 1]. */
  get interval(): { readonly lower: number; readonly upper: number } {
    if (this.#bets === 0) return { lower: 0, upper: 1 };
    const centre = this.#weighted / this.#bets;
    const half = (this.#logs + this.#variation) / this.#bets;
    return { lower: Math.max(0, centre - half), upper: Math.min(1, centre + half) };
  }

  /** Count, sum, squares, bets, weighted, variation. */
  snapshot(): number[][] {
    return [[this.#count, this.#sum, this.#squares, this.#bets, this.#weighted, this.#variation]];
  }

  /** Continues from what `snapshot` gave, under this field. @throws SnapshotError */
  restore(from: SnapshotReader, field: string): void {
    const [numbers = []] = from.rows(field);
    const [count = -1, sum = 0, squares = 0, bets = 0, weighted = 0, variation = 0] = numbers;
    if (numbers.length !== 6 || !Number.isSafeInteger(count) || count < 0 || squares <= 0) from.refuse(field);
    this.#count = count;
    this.#sum = sum;
    this.#squares = squares;
    this.#bets = bets;
    this.#weighted = weighted;
    this.#variation = variation;
  }
}
