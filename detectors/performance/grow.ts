/**
 * Grows a regression forest: random forests with the best cut (Breiman 2001) or extra-trees with random cuts (Geurts, Ernst, Wehenkel 2006).
 *
 * Every feature is sorted once for all trees; a node keeps its samples in each feature's order, so that a level of a tree costs
 * samples × features and no sorting.
 */
import { type Criterion, leafValue, SplitCosts } from './criterion.ts';
import { Forest } from './forest.ts';
import type { Random } from './random.ts';

export interface ForestOptions {
  readonly trees: number;
  readonly criterion: Criterion;
  /** `best`: the cheapest cut of a feature; `random`: one uniform between its least and greatest value. */
  readonly cut: 'best' | 'random';
  /** Samples a leaf holds at least. */
  readonly minLeaf: number;
  /** Share of the features that a node looks at, in (0, 1]. */
  readonly featureFraction: number;
  /** Whether each tree sees a sample with replacement, or all rows. */
  readonly bootstrap: boolean;
}

/** `[rows, columns]`, row-major, finite. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/**
 * @param targets one finite number a row; at least one row
 */
export function growForest(matrix: Matrix, targets: Float64Array, options: ForestOptions, random: Random): Forest {
  const grower = new Grower(matrix, targets, options, random);
  for (let tree = 0; tree < options.trees; tree++) grower.growTree();
  return grower.forest();
}

class Grower {
  readonly #matrix: Matrix;
  readonly #targets: Float64Array;
  readonly #options: ForestOptions;
  readonly #random: Random;
  /** Per feature, and last for the targets: rows in ascending order of value. */
  readonly #rowOrders: Int32Array[];
  /** The same of the tree's samples; a node is a stretch that is the same in each. */
  readonly #orders: Int32Array[];
  /** Row of each sample. */
  readonly #rowOf: Int32Array;
  readonly #goesLeft: Uint8Array;
  readonly #rankOf: Int32Array;
  readonly #ranks: Int32Array;
  readonly #ascending: Float64Array;
  readonly #values: Float64Array;
  readonly #scratch: Int32Array;
  readonly #featureOrder: Int32Array;
  readonly #costs: SplitCosts;
  readonly #roots: number[] = [];
  readonly #feature: number[] = [];
  readonly #right: number[] = [];
  readonly #number: number[] = [];

  constructor(matrix: Matrix, targets: Float64Array, options: ForestOptions, random: Random) {
    const { rows, columns } = matrix;
    this.#matrix = matrix;
    this.#targets = targets;
    this.#options = options;
    this.#random = random;
    this.#rowOrders = Array.from({ length: columns + 1 }, (_, column) => {
      const value = (row: number): number => (column === columns ? targets[row]! : matrix.data[row * columns + column]!);
      return Int32Array.from({ length: rows }, (_, row) => row).sort((one, other) => value(one) - value(other) || one - other);
    });
    this.#orders = Array.from({ length: columns + 1 }, () => new Int32Array(rows));
    this.#rowOf = new Int32Array(rows);
    this.#goesLeft = new Uint8Array(rows);
    this.#rankOf = new Int32Array(rows);
    this.#ranks = new Int32Array(rows);
    this.#ascending = new Float64Array(rows);
    this.#values = new Float64Array(rows);
    this.#scratch = new Int32Array(rows);
    this.#featureOrder = Int32Array.from({ length: columns }, (_, column) => column);
    this.#costs = new SplitCosts(options.criterion, rows);
  }

  forest(): Forest {
    return new Forest(
      this.#matrix.columns,
      Int32Array.from(this.#roots),
      Int16Array.from(this.#feature),
      Int32Array.from(this.#right),
      Float64Array.from(this.#number),
    );
  }

  growTree(): void {
    this.#drawSamples();
    this.#roots.push(this.#feature.length);
    // Left children are taken first, so that they follow their parent; a right child tells its parent its place when it gets one.
    const waiting: { from: number; to: number; parent: number }[] = [{ from: 0, to: this.#matrix.rows, parent: -1 }];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const { from, to, parent } = node;
      const place = this.#feature.length;
      if (parent >= 0) this.#right[parent] = place;
      this.#rank(from, to);
      const split = this.#bestSplit(from, to);
      this.#feature.push(split === null ? -1 : split.feature);
      this.#right.push(0);
      this.#number.push(split === null ? leafValue(this.#options.criterion, this.#ascending, to - from) : split.threshold);
      if (split === null) continue;
      const middle = this.#divide(from, to, split);
      waiting.push({ from: middle, to, parent: place }, { from, to: middle, parent: -1 });
    }
  }

  #drawSamples(): void {
    const { rows } = this.#matrix;
    const copies = new Int32Array(rows);
    if (this.#options.bootstrap) for (let draw = 0; draw < rows; draw++) copies[this.#random.below(rows)]!++;
    else copies.fill(1);
    const first = new Int32Array(rows);
    let sample = 0;
    for (let row = 0; row < rows; row++) {
      first[row] = sample;
      for (let copy = 0; copy < copies[row]!; copy++) this.#rowOf[sample++] = row;
    }
    for (const [column, order] of this.#orders.entries()) {
      let place = 0;
      for (const row of this.#rowOrders[column]!) {
        for (let copy = 0; copy < copies[row]!; copy++) order[place++] = first[row]! + copy;
      }
    }
  }

  /** Notes the node's targets in ascending order and each sample's place among them. */
  #rank(from: number, to: number): void {
    const byTarget = this.#orders[this.#matrix.columns]!;
    for (let place = from; place < to; place++) {
      const sample = byTarget[place]!;
      this.#rankOf[sample] = place - from;
      this.#ascending[place - from] = this.#targets[this.#rowOf[sample]!]!;
    }
  }

  #bestSplit(from: number, to: number): { feature: number; threshold: number } | null {
    const count = to - from;
    const { minLeaf, featureFraction, cut } = this.#options;
    if (count < 2 * minLeaf || this.#ascending[0] === this.#ascending[count - 1]) return null;
    const { data, columns } = this.#matrix;
    const { left, right } = this.#costs;
    // Held in variables, since all of training's time goes by in here.
    const [ranks, rankOf, rowOf, values] = [this.#ranks, this.#rankOf, this.#rowOf, this.#values];
    const looksAt = Math.max(1, Math.round(featureFraction * columns));
    let best: { feature: number; threshold: number } | null = null;
    let bestCost = Number.POSITIVE_INFINITY;
    let looked = 0;
    for (const feature of this.#random.shuffle(this.#featureOrder)) {
      // Constant features do not count, and a node goes on looking until it can be cut.
      if (looked >= looksAt && best !== null) break;
      const least = this.#value(feature, from);
      const greatest = this.#value(feature, to - 1);
      if (least === greatest) continue;
      looked++;
      const order = this.#orders[feature]!;
      for (let place = 0; place < count; place++) {
        const sample = order[from + place]!;
        ranks[place] = rankOf[sample]!;
        values[place] = data[rowOf[sample]! * columns + feature]!;
      }
      this.#costs.compute(this.#ascending, ranks, count);
      const drawn = cut === 'random' ? this.#random.uniform(least, greatest) : null;
      for (let place = minLeaf - 1; place < count - minLeaf; place++) {
        const here = values[place]!;
        const next = values[place + 1]!;
        if (here === next || (drawn !== null && (drawn < here || drawn >= next))) continue;
        const cost = left[place]! + right[place]!;
        if (cost >= bestCost) continue;
        bestCost = cost;
        const middle = drawn ?? here + (next - here) / 2;
        // Between neighbouring floats the middle rounds up to `next`, which must go right.
        best = { feature, threshold: middle < next ? middle : here };
      }
    }
    return best;
  }

  /** Splits the node's stretch of every order, keeping both sides sorted; returns where the right side starts. */
  #divide(from: number, to: number, split: { feature: number; threshold: number }): number {
    const by = this.#orders[split.feature]!;
    let middle = from;
    for (let place = from; place < to; place++) {
      const left = this.#value(split.feature, place) <= split.threshold;
      this.#goesLeft[by[place]!] = left ? 1 : 0;
      if (left) middle++;
    }
    for (const order of this.#orders) {
      let left = from;
      let right = 0;
      for (let place = from; place < to; place++) {
        const sample = order[place]!;
        if (this.#goesLeft[sample] === 1) order[left++] = sample;
        else this.#scratch[right++] = sample;
      }
      order.set(this.#scratch.subarray(0, right), left);
    }
    return middle;
  }

  #value(feature: number, place: number): number {
    return this.#matrix.data[this.#rowOf[this.#orders[feature]![place]!]! * this.#matrix.columns + feature]!;
  }
}
