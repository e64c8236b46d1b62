/**
 * Kolmogorov–Smirnov's D of a sliding window against the values just before it, kept current at every value.
 *
 * A new value enters the window, the window's oldest one moves over to the reference, and the reference's oldest one leaves. The different
 * values stand in a treap, a search tree balanced by random priorities; each subtree holds the sum of its weights and the largest and
 * smallest sum of a beginning, as in sliding-ks.ts.
 *
 * Source: dos Reis, Flach, Matwin, Batista. Fast Unsupervised Online Drift Detection Using Incremental Kolmogorov–Smirnov Test. KDD 2016;
 * treaps by Seidel, Aragon. Algorithmica 16, 1996. Sums of beginnings in place of their additions to whole subtrees.
 * Cost: expected O(log(window + reference)) a value; about 60 bytes for each value of both.
 */
import type { KsGaps } from './ks.ts';
import { Random } from './performance/random.ts';

export class SlidingKsPair {
  readonly windowSize: number;
  readonly referenceSize: number;
  /** The newest `windowSize + referenceSize` values, a ring. */
  readonly #ring: Float64Array;
  /** Of node k: its value, weights and so on; node 0 is no node, and its sums are 0. */
  readonly #value: Float64Array;
  readonly #weight: Float64Array;
  readonly #count: Int32Array;
  readonly #priority: Uint32Array;
  readonly #left: Int32Array;
  readonly #right: Int32Array;
  readonly #sum: Float64Array;
  readonly #highest: Float64Array;
  readonly #lowest: Float64Array;
  readonly #free: number[] = [];
  readonly #random: Random;
  #root = 0;
  #observed = 0;

  /** @param windowSize newest values, at least 1; @param referenceSize those before, at least 1; @param seed of the priorities: no answer depends on it */
  constructor(windowSize: number, referenceSize: number, seed = 1) {
    const total = windowSize + referenceSize;
    this.windowSize = windowSize;
    this.referenceSize = referenceSize;
    this.#random = new Random(seed);
    this.#ring = new Float64Array(total);
    // One more than can be in the tree: a value enters before the oldest leaves.
    const nodes = total + 2;
    this.#value = new Float64Array(nodes);
    this.#weight = new Float64Array(nodes);
    this.#count = new Int32Array(nodes);
    this.#priority = new Uint32Array(nodes);
    this.#left = new Int32Array(nodes);
    this.#right = new Int32Array(nodes);
    this.#sum = new Float64Array(nodes);
    this.#highest = new Float64Array(nodes);
    this.#lowest = new Float64Array(nodes);
    for (let node = nodes - 1; node > 0; node--) this.#free.push(node);
  }

  /** Takes a finite value in. */
  update(value: number): void {
    const total = this.windowSize + this.referenceSize;
    const slot = this.#observed % total;
    const oldest = this.#ring[slot]!;
    this.#change(value, this.referenceSize, 1);
    if (this.#observed >= this.windowSize) {
      const moving = this.#ring[(this.#observed - this.windowSize) % total]!;
      this.#change(moving, -this.referenceSize - this.windowSize, 0);
    }
    if (this.#observed >= total) this.#change(oldest, this.windowSize, -1);
    this.#ring[slot] = value;
    this.#observed++;
  }

  /** The gaps in multiples of 1/(windowSize · referenceSize), or null until both are full. */
  get gaps(): KsGaps | null {
    if (this.#observed < this.windowSize + this.referenceSize) return null;
    return { above: this.#highest[this.#root]!, below: 0 - this.#lowest[this.#root]! };
  }

  /** D, or null until both are full. */
  get statistic(): number | null {
    const gaps = this.gaps;
    return gaps === null ? null : Math.max(gaps.above, gaps.below) / (this.windowSize * this.referenceSize);
  }

  /** Adds to the weight of a value and to how many of it there are; a value of which none is left goes. */
  #change(value: number, weight: number, count: number): void {
    this.#root = this.#changeBelow(this.#root, value, weight, count);
  }

  #changeBelow(node: number, value: number, weight: number, count: number): number {
    if (node === 0) return this.#create(value, weight, count);
    const at = this.#value[node]!;
    if (value < at) {
      this.#left[node] = this.#changeBelow(this.#left[node]!, value, weight, count);
      if (this.#priority[this.#left[node]!]! > this.#priority[node]!) return this.#rotateRight(node);
    } else if (value > at) {
      this.#right[node] = this.#changeBelow(this.#right[node]!, value, weight, count);
      if (this.#priority[this.#right[node]!]! > this.#priority[node]!) return this.#rotateLeft(node);
    } else {
      this.#weight[node]! += weight;
      this.#count[node]! += count;
      if (this.#count[node] === 0) {
        this.#free.push(node);
        return this.#join(this.#left[node]!, this.#right[node]!);
      }
    }
    this.#settle(node);
    return node;
  }

  #create(value: number, weight: number, count: number): number {
    // The ring bounds the values in the tree, so there is a free node.
    const node = this.#free.pop()!;
    this.#value[node] = value;
    this.#weight[node] = weight;
    this.#count[node] = count;
    // Node 0 has priority 0, below all others.
    this.#priority[node] = this.#random.bits() | 1;
    this.#left[node] = 0;
    this.#right[node] = 0;
    this.#settle(node);
    return node;
  }

  /** Two trees as one, all values of the first below those of the second. */
  #join(first: number, second: number): number {
    if (first === 0 || second === 0) return first + second;
    if (this.#priority[first]! > this.#priority[second]!) {
      this.#right[first] = this.#join(this.#right[first]!, second);
      this.#settle(first);
      return first;
    }
    this.#left[second] = this.#join(first, this.#left[second]!);
    this.#settle(second);
    return second;
  }

  #rotateRight(node: number): number {
    const up = this.#left[node]!;
    this.#left[node] = this.#right[up]!;
    this.#right[up] = node;
    this.#settle(node);
    this.#settle(up);
    return up;
  }

  #rotateLeft(node: number): number {
    const up = this.#right[node]!;
    this.#right[node] = this.#left[up]!;
    this.#left[up] = node;
    this.#settle(node);
    this.#settle(up);
    return up;
  }

  #settle(node: number): void {
    const left = this.#left[node]!;
    const right = this.#right[node]!;
    const upTo = this.#sum[left]! + this.#weight[node]!;
    this.#sum[node] = upTo + this.#sum[right]!;
    // The empty beginning counts too, with the 0 of node 0, so that these are never below and never above 0.
    this.#highest[node] = Math.max(this.#highest[left]!, upTo + this.#highest[right]!);
    this.#lowest[node] = Math.min(this.#lowest[left]!, upTo + this.#lowest[right]!);
  }
}
