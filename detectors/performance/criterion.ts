/**
 * What a split costs: for every cut of a node's samples, the error left on either side.
 *
 * Absolute error about the median needs the median of every prefix and suffix. Both come in linear time: the samples hang in a list
 * ordered by target, and are taken out one by one while a pointer follows the median (at most one step per removal).
 */

export type Criterion = 'absolute-error' | 'squared-error';

/** Room for one node's costs, reused from node to node. */
export class SplitCosts {
  /** `left[i]`: cost of the samples up to place i of the order given last; `right[i]`: of those behind it. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #criterion: Criterion;

  constructor(criterion: Criterion, capacity: number) {
    this.#criterion = criterion;
    this.left = new Float64Array(capacity);
    this.right = new Float64Array(capacity);
    this.#next = new Int32Array(capacity + 1);
    this.#previous = new Int32Array(capacity + 1);
  }

  /**
   * @param ascending the node's targets, sorted; `count` of them count
   * @param ranks the samples in the order of the feature, as places in `ascending`
   */
  compute(ascending: Float64Array, ranks: Int32Array, count: number): void {
    if (this.#criterion === 'squared-error') {
      this.#squared(ascending, ranks, count);
    } else {
      this.#absolute(ascending, ranks, count, this.right, 0, 1);
      this.#absolute(ascending, ranks, count, this.left, count - 1, -1);
    }
  }

  #squared(ascending: Float64Array, ranks: Int32Array, count: number): void {
    let mean = 0;
    let squares = 0;
    for (let place = 0; place < count; place++) {
      const value = ascending[ranks[place]!]!;
      const step = value - mean;
      mean += step / (place + 1);
      squares += step * (value - mean);
      this.left[place] = squares;
    }
    mean = 0;
    squares = 0;
    for (let place = count - 1; place > 0; place--) {
      const value = ascending[ranks[place]!]!;
      const step = value - mean;
      mean += step / (count - place);
      squares += step * (value - mean);
      this.right[place - 1] = squares;
    }
  }

  /** Takes the samples out from one end of the order and notes what the rest costs after each. */
  #absolute(ascending: Float64Array, ranks: Int32Array, count: number, costs: Float64Array, from: number, step: 1 | -1): void {
    const next = this.#next;
    const previous = this.#previous;
    // Place `count` is a sentinel before the first and behind the last.
    for (let place = 0; place <= count; place++) {
      next[place] = place === count ? 0 : place + 1;
      previous[place] = place === 0 ? count : place - 1;
    }
    let lower = (count + 1) >> 1;
    let upper = count - lower;
    let median = lower - 1;
    let lowerSum = 0;
    let upperSum = 0;
    for (let place = 0; place < count; place++) {
      if (place < lower) lowerSum += ascending[place]!;
      else upperSum += ascending[place]!;
    }
    for (let taken = 0; taken < count - 1; taken++) {
      const place = from + step * taken;
      const rank = ranks[place]!;
      if (rank <= median) {
        lower--;
        lowerSum -= ascending[rank]!;
        if (rank === median) median = previous[rank]!;
      } else {
        upper--;
        upperSum -= ascending[rank]!;
      }
      next[previous[rank]!] = next[rank]!;
      previous[next[rank]!] = previous[rank]!;
      if (lower < upper) {
        median = next[median]!;
        lower++;
        upper--;
        lowerSum += ascending[median]!;
        upperSum -= ascending[median]!;
      } else if (lower > upper + 1) {
        lower--;
        upper++;
        lowerSum -= ascending[median]!;
        upperSum += ascending[median]!;
        median = previous[median]!;
      }
      costs[step === 1 ? place : place - 1] = upperSum - lowerSum + (lower - upper) * ascending[median]!;
    }
  }
}

/** What a leaf answers: the value that the criterion's cost is least for. */
export function leafValue(criterion: Criterion, ascending: Float64Array, count: number): number {
  if (criterion === 'absolute-error') {
    return (ascending[(count - 1) >> 1]! + ascending[count >> 1]!) / 2;
  }
  let sum = 0;
  for (let place = 0; place < count; place++) sum += ascending[place]!;
  return sum / count;
}
