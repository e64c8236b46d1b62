/**
 * The two cumulative sums of a tabular CUSUM: how far standardised values have piled up above and below their mean.
 *
 * high = max(0, high + z − allowance) and low = max(0, low − z − allowance).
 *
 * Source: Page. Continuous Inspection Schemes. Biometrika 41, 1954; the tabular form in Montgomery, Introduction to Statistical Quality
 * Control, §9.1.
 */
import type { JsonObject } from '../contracts/json.ts';
import type { SnapshotReader } from './snapshot.ts';

/** Both sums, and for how many values each has stood above zero. */
export class TwoSidedSum {
  readonly #allowance: number;
  #high = 0;
  #low = 0;
  #highFor = 0;
  #lowFor = 0;

  /** `allowance`: what each value may be off, in standard deviations. */
  constructor(allowance: number) {
    this.#allowance = allowance;
  }

  /** Adds one standardised value; the larger sum after it. */
  add(value: number): number {
    const high = this.#high + value - this.#allowance;
    const low = this.#low - value - this.#allowance;
    if (high > 0) {
      this.#high = high;
      this.#highFor++;
    } else {
      this.#high = 0;
      this.#highFor = 0;
    }
    if (low > 0) {
      this.#low = low;
      this.#lowFor++;
    } else {
      this.#low = 0;
      this.#lowFor = 0;
    }
    return high > low ? this.#high : this.#low;
  }

  /** The larger sum. */
  get largest(): number {
    return Math.max(this.#high, this.#low);
  }

  /** For how many values the larger sum has stood above zero: the usual estimate of when the change began. */
  get since(): number {
    return this.#high > this.#low ? this.#highFor : this.#lowFor;
  }

  clear(): void {
    this.#high = 0;
    this.#low = 0;
    this.#highFor = 0;
    this.#lowFor = 0;
  }

  snapshot(): JsonObject {
    return { high: this.#high, low: this.#low, highFor: this.#highFor, lowFor: this.#lowFor };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#high = from.number('high');
    this.#low = from.number('low');
    this.#highFor = from.count('highFor');
    this.#lowFor = from.count('lowFor');
  }
}
