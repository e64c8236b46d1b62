/**
 * SpaceSaving: how often each category came, exactly while there are few, and the frequent ones of any number of them.
 *
 * Keeps at most `capacity` k counters. A category without one takes over the smallest counter, count and all, and remembers that count as its
 * possible error. So each count is over by at most its error, which is at most N/k of N values; what has no counter came at most as often as
 * the smallest counter says. Merging adds counts of sketches with equal capacity; a category that only one side knows may have come on the other as often as its smallest
 * counter says.
 *
 * Source: Metwally, Agrawal, El Abbadi. Efficient Computation of Frequent and Top-k Elements. ICDT 2005; merging: Agarwal, Cormode, Huang,
 * Phillips, Wei, Yi. Mergeable Summaries. PODS 2012.
 * Cost: amortised constant time a value; memory by `capacity`.
 */
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json } from '../../contracts/json.ts';
import type { CountedCategories } from '../../contracts/sketch.ts';
import { SnapshotReader } from '../snapshot.ts';

const KIND = 'space-saving';
/** Characters of a category that are kept. */
const LONGEST = 200;

interface Counter {
  count: number;
  /** How much of the count may belong to others. */
  error: number;
}

/** Counts of categories. */
export class SpaceSaving {
  readonly #capacity: number;
  /** In order of first appearance. */
  #counters = new Map<string, Counter>();
  #count = 0;
  #exact = true;
  /** Those with the smallest count, in the order of `counters`; found when needed. What has grown since is skipped. */
  #smallest: string[] = [];
  #least = 0;

  constructor(capacity = 1_000) {
    this.#capacity = capacity;
  }

  /** Values taken. */
  get count(): number {
    return this.#count;
  }

  /** Whether every category has its own counter. */
  get exact(): boolean {
    return this.#exact;
  }

  update(category: string): void {
    const name = category.length > LONGEST ? `${category.slice(0, LONGEST)}…` : category;
    this.#count++;
    const known = this.#counters.get(name);
    if (known !== undefined) known.count++;
    else if (this.#counters.size < this.#capacity) this.#counters.set(name, { count: 1, error: 0 });
    else {
      const taken = this.#takeSmallest();
      this.#exact = false;
      this.#counters.set(name, { count: taken + 1, error: taken });
    }
  }

  /** Takes the other's values as its own; the other stays as it is. @throws SnapshotError when its capacity is another */
  merge(other: SpaceSaving): void {
    // Otherwise there might be room left where counts are no longer exact, and errors beyond N/k.
    if (other.#capacity !== this.#capacity)
      throw new SnapshotError('other-sketch', `${KIND}: ${other.#capacity} counters do not add to ${this.#capacity}; keep as many in both`);
    const [floor, otherFloor] = [this.#floor(), other.#floor()];
    const merged = new Map<string, Counter>();
    for (const [name, { count, error }] of this.#counters) {
      const same = other.#counters.get(name);
      merged.set(name, { count: count + (same?.count ?? otherFloor), error: error + (same?.error ?? otherFloor) });
    }
    for (const [name, { count, error }] of other.#counters)
      if (!merged.has(name)) merged.set(name, { count: count + floor, error: error + floor });
    this.#count += other.#count;
    this.#exact = this.#exact && other.#exact && merged.size <= this.#capacity;
    this.#counters =
      merged.size <= this.#capacity
        ? merged
        : new Map([...merged].sort(([, one], [, two]) => two.count - one.count).slice(0, this.#capacity));
    this.#smallest = [];
  }

  /** All categories while that is exact; then those that surely make up 1/k of the values, and how many the others are. */
  counted(): CountedCategories<string> {
    const listed = [...this.#counters].filter(([, { count, error }]) => this.#exact || (count - error) * this.#capacity >= this.#count);
    const counts = new Map(listed.map(([name, { count }]) => [name, count]));
    const sum = listed.reduce((all, [, { count }]) => all + count, 0);
    return { counts, other: this.#exact ? null : Math.max(0, this.#count - sum) };
  }

  snapshot(): Json {
    const counters = [...this.#counters].map(([name, { count, error }]): Json => [name, count, error]);
    return { detector: KIND, capacity: this.#capacity, count: this.#count, exact: this.#exact, counters };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): SpaceSaving {
    const read = new SnapshotReader(KIND, state);
    const sketch = new SpaceSaving(read.count('capacity'));
    if (sketch.#capacity < 1) read.refuse('capacity');
    sketch.#count = read.count('count');
    sketch.#exact = read.flag('exact');
    // The reader has made sure that it is an object.
    const counters = (state as { readonly counters?: Json }).counters;
    const most = sketch.#capacity;
    // Counts are exact until there is no room left.
    if (!Array.isArray(counters) || counters.length > most || (!sketch.#exact && counters.length < most)) return read.refuse('counters');
    let sum = 0;
    for (const counter of counters) {
      const [name, count, error] = Array.isArray(counter) && counter.length === 3 ? counter : [];
      const fits = typeof name === 'string' && isCount(count) && isCount(error) && error < count && !sketch.#counters.has(name);
      if (!fits || (sketch.#exact && error > 0)) return read.refuse('counters');
      sketch.#counters.set(name, { count, error });
      sum += count;
    }
    // Merged counters may have been dropped; they never hold more than there was.
    if (sum > sketch.#count || (sketch.#exact && sum < sketch.#count)) read.refuse('count');
    return sketch;
  }

  /** How often a category without a counter may have come. */
  #floor(): number {
    if (this.#exact) return 0;
    let least = Infinity;
    for (const { count } of this.#counters.values()) if (count < least) least = count;
    return least === Infinity ? 0 : least;
  }

  /** Removes the first of the smallest counters and gives its count. */
  #takeSmallest(): number {
    for (;;) {
      const name = this.#smallest.shift();
      if (name === undefined) {
        this.#least = Infinity;
        for (const { count } of this.#counters.values()) if (count < this.#least) this.#least = count;
        // Last first would be quicker to take, but the order must be that of the counters, as after a restore.
        for (const [candidate, { count }] of this.#counters) if (count === this.#least) this.#smallest.push(candidate);
      } else if (this.#counters.get(name)?.count === this.#least) {
        this.#counters.delete(name);
        return this.#least;
      }
    }
  }
}

function isCount(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
