/**
 * Cumulative sums of values that are standardised by their own beginning: what `cusum` and `variance` have in common.
 *
 * Learns mean and standard deviation from the first values and sums up how far the later ones lie above and below (two-sided-sum.ts); a sum
 * above `threshold` is drift. Values count as at most `REACH` standard deviations off.
 */
import type { Level } from '../contracts/detector.ts';
import type { JsonObject } from '../contracts/json.ts';
import { Scale } from './scale.ts';
import type { SnapshotReader } from './snapshot.ts';
import { TwoSidedSum } from './two-sided-sum.ts';

const REACH = 5;

/** Judges value by value. The owner calls `forget` before the value after a drift. */
export class LearnedSums {
  readonly #threshold: number;
  readonly #scale: Scale;
  readonly #sums: TwoSidedSum;
  #level: Level = 'warming-up';

  /** `warmUp`: values to learn from; `allowance` and `threshold` in standard deviations. */
  constructor(warmUp: number, { allowance, threshold }: { readonly allowance: number; readonly threshold: number }) {
    this.#threshold = threshold;
    this.#scale = new Scale(warmUp, REACH);
    this.#sums = new TwoSidedSum(allowance);
  }

  /** Finite values only. */
  add(value: number): Level {
    if (this.#scale.known) this.#level = this.#sums.add(this.#scale.place(value)) > this.#threshold ? 'drift' : 'stable';
    else this.#scale.learn(value);
    return this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get statistic(): number | null {
    return this.#level === 'warming-up' ? null : this.#sums.largest;
  }

  get threshold(): number | null {
    return this.#level === 'warming-up' ? null : this.#threshold;
  }

  /** At a drift: for how many values the sum has stood above zero; else null. */
  get since(): number | null {
    return this.#level === 'drift' ? this.#sums.since : null;
  }

  /** Learns anew from the next value on. */
  forget(): void {
    this.#level = 'warming-up';
    this.#scale.forget();
    this.#sums.clear();
  }

  snapshot(): JsonObject {
    return { level: this.#level, ...this.#scale.snapshot(), ...this.#sums.snapshot() };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#scale.restore(from);
    this.#sums.restore(from);
  }
}
