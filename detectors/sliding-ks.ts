/**
 * Kolmogorov–Smirnov's D of a sliding window against a fixed reference, kept current at every value.
 *
 * The reference's k different values cut the axis into 2k + 1 places (reference-places.ts). Only counts by place matter, since the gap
 * between the two functions is largest at the end of a place. A tree over the places holds, for each stretch, the sum
 * of its weights (m for a value of the window, −n for one of the reference, so sums are gaps in multiples of 1/(n·m)) and the largest and
 * smallest sum of a beginning; the root has D. Whole numbers throughout: nothing drifts, however long the stream.
 *
 * For judging at every value. Sliding windows of a policy are judged once a step, of at least a hundredth of the window, and by ks.ts: it looks at a
 * whole window of 10,000 in the time in which this takes some 170 values in, and missing values change a window's size, which is fixed here.
 *
 * Source: the window's statistic as in dos Reis, Flach, Matwin, Batista. Fast Unsupervised Online Drift Detection Using Incremental
 * Kolmogorov–Smirnov Test. KDD 2016, with a fixed tree in place of their treap.
 * Cost: O(log reference) a value; memory for the window's places and about 200 bytes a reference value.
 */
import type { KsGaps } from './ks.ts';
import { ReferencePlaces } from './reference-places.ts';
import { ascending } from './sort-numbers.ts';

export class SlidingKs {
  readonly windowSize: number;
  readonly referenceN: number;
  readonly #reference: ReferencePlaces;
  /** Number of leaves, a power of two; node 1 is the root, the children of k are 2k and 2k + 1. */
  readonly #leaves: number;
  readonly #sums: Float64Array;
  readonly #highest: Float64Array;
  readonly #lowest: Float64Array;
  /** Places of the window's values, a ring. */
  readonly #places: Int32Array;
  #observed = 0;

  /** @param reference finite numbers, at least one; @param windowSize at least 1 */
  constructor(reference: readonly number[], windowSize: number) {
    this.windowSize = windowSize;
    this.#reference = new ReferencePlaces(ascending(reference));
    const { n, different, below } = this.#reference;
    this.referenceN = n;
    this.#leaves = 2 ** Math.ceil(Math.log2(2 * different + 1));
    this.#sums = new Float64Array(2 * this.#leaves);
    this.#highest = new Float64Array(2 * this.#leaves);
    this.#lowest = new Float64Array(2 * this.#leaves);
    this.#places = new Int32Array(windowSize);
    for (let k = 0; k < different; k++) this.#sums[this.#leaves + 2 * k + 1] = -windowSize * (below[k + 1]! - below[k]!);
    for (let leaf = this.#leaves; leaf < 2 * this.#leaves; leaf++) this.#settleLeaf(leaf);
    for (let node = this.#leaves - 1; node > 0; node--) this.#settle(node);
  }

  /** Takes a finite value in, and the oldest one out of a full window. */
  update(value: number): void {
    const slot = this.#observed % this.windowSize;
    const place = this.#reference.of(value);
    const leaving = this.#observed >= this.windowSize ? this.#places[slot]! : -1;
    this.#places[slot] = place;
    this.#observed++;
    if (leaving === place) return;
    if (leaving >= 0) this.#add(leaving, -this.referenceN);
    this.#add(place, this.referenceN);
  }

  /** The gaps in multiples of 1/(windowSize · referenceN), or null while the window is filling. */
  get gaps(): KsGaps | null {
    if (this.#observed < this.windowSize) return null;
    return { above: Math.max(0, this.#highest[1]!), below: Math.max(0, -this.#lowest[1]!) };
  }

  /** D, or null while the window is filling. */
  get statistic(): number | null {
    const gaps = this.gaps;
    return gaps === null ? null : Math.max(gaps.above, gaps.below) / (this.windowSize * this.referenceN);
  }

  #add(place: number, weight: number): void {
    let node = this.#leaves + place;
    this.#sums[node]! += weight;
    this.#settleLeaf(node);
    for (node >>= 1; node > 0; node >>= 1) this.#settle(node);
  }

  #settleLeaf(leaf: number): void {
    this.#highest[leaf] = this.#sums[leaf]!;
    this.#lowest[leaf] = this.#sums[leaf]!;
  }

  #settle(node: number): void {
    const left = 2 * node;
    const leftSum = this.#sums[left]!;
    this.#sums[node] = leftSum + this.#sums[left + 1]!;
    this.#highest[node] = Math.max(this.#highest[left]!, leftSum + this.#highest[left + 1]!);
    this.#lowest[node] = Math.min(this.#lowest[left]!, leftSum + this.#lowest[left + 1]!);
  }
}
