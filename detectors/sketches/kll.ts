/**
 * KLL: quantiles of a stream in bounded memory; those of one k are mergeable in any order with the same guarantee.
 *
 * Values pass through levels; one on level h stands for 2^h of them. A level that is full is sorted, and every second value of it, from a
 * coin's first or second on, goes up one level. Level capacities fall by 2/3 from k at the top, to 2 at the bottom.
 *
 * Error: the share of values at or below any point is within `rankError` with 99 % confidence, the single worst point of the whole line
 * included: 2.296/k^0.9021 as Apache DataSketches states it for this scheme, 0.0103 at k = 400. Up to k values everything is exact.
 *
 * Source: Karnin, Lang, Liberty. Optimal Quantile Approximation in Streams. FOCS 2016. Error: DataSketches, KLL `getNormalizedRankError`.
 * Cost: amortised constant time a value; about 3k numbers however many there were.
 */
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json } from '../../contracts/json.ts';
import type { WeightedValues } from '../../contracts/sketch.ts';
import { SnapshotReader } from '../snapshot.ts';

const KIND = 'kll';
const SHRINK = 2 / 3;
const LEAST_CAPACITY = 2;
/** Levels, so that weights stay exact whole numbers. */
const MOST_LEVELS = 50;

/** A KLL sketch of finite numbers; others are not taken. */
export class Kll {
  readonly #k: number;
  /** Oldest first; sorted when a level is compacted. */
  #levels: number[][] = [[]];
  #count = 0;
  #held = 0;
  /** Values that the levels may hold together. */
  #room: number;
  /** State of the coin, a whole number of 32 bits. */
  #coin: number;

  /** @param seed of the coin; any whole number */
  constructor(k = 400, seed = 1) {
    this.#k = k;
    this.#room = this.#capacities();
    // Never 0, where xorshift stays for ever.
    this.#coin = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6d2b79f5) >>> 0 || 1;
  }

  /** Room of the top level; sketches of one k merge. */
  get k(): number {
    return this.#k;
  }

  /** Values taken. */
  get count(): number {
    return this.#count;
  }

  /** Largest error of a rank, as a share, with 99 % confidence; 0 while nothing was thrown away. */
  get rankError(): number {
    return this.#levels.length === 1 ? 0 : 2.296 / this.#k ** 0.9021;
  }

  update(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#levels[0]!.push(value);
    this.#count++;
    this.#held++;
    if (this.#held > this.#room) this.#compress();
  }

  /** Takes the other's values as its own; the other stays as it is. @throws SnapshotError when its k, and so its error, is another */
  merge(other: Kll): void {
    if (other.#k !== this.#k)
      throw new SnapshotError(
        'other-sketch',
        `${KIND}: values kept with k ${other.#k} do not add to those with ${this.#k}; keep both with one k`,
      );
    while (this.#levels.length < other.#levels.length) this.#levels.push([]);
    for (const [level, values] of other.#levels.entries()) for (const value of values) this.#levels[level]!.push(value);
    this.#count += other.#count;
    this.#held += other.#held;
    // Two states that throw their coins alike would err alike.
    this.#coin = (this.#coin ^ Math.imul(other.#coin, 0x85ebca6b)) >>> 0 || 1;
    this.#room = this.#capacities();
    while (this.#held > this.#room) this.#compress();
  }

  /** The values kept, ascending, with their weights. */
  weighted(): WeightedValues {
    const items = this.#levels.flatMap((values, level) => values.map((value) => [value, 2 ** level] as const));
    items.sort(([one], [other]) => one - other);
    return { values: items.map(([value]) => value), weights: items.map(([, weight]) => weight), rankError: this.rankError };
  }

  snapshot(): Json {
    return { detector: KIND, k: this.#k, count: this.#count, coin: this.#coin, levels: this.#levels.map((values) => [...values]) };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): Kll {
    const read = new SnapshotReader(KIND, state);
    const k = read.count('k');
    if (k < LEAST_CAPACITY) read.refuse('k');
    const kll = new Kll(k);
    const levels = read.rows('levels');
    if (levels.length === 0 || levels.length > MOST_LEVELS) read.refuse('levels');
    kll.#levels = levels.map((values) => [...values]);
    kll.#count = read.count('count');
    if (levels.reduce((sum, values, level) => sum + values.length * 2 ** level, 0) !== kll.#count) read.refuse('count');
    kll.#coin = read.count('coin');
    if (kll.#coin === 0 || kll.#coin >= 2 ** 32) read.refuse('coin');
    kll.#held = levels.reduce((sum, values) => sum + values.length, 0);
    kll.#room = kll.#capacities();
    return kll;
  }

  #capacity(level: number): number {
    return Math.max(LEAST_CAPACITY, Math.ceil(this.#k * SHRINK ** (this.#levels.length - 1 - level)));
  }

  #capacities(): number {
    return this.#levels.reduce((sum, _, level) => sum + this.#capacity(level), 0);
  }

  /** Halves the lowest level that is full; some level is, where more is held than there is room for. */
  #compress(): void {
    const level = this.#levels.findIndex((values, index) => values.length >= this.#capacity(index));
    const values = this.#levels[level]!;
    if (level === this.#levels.length - 1) {
      this.#levels.push([]);
      this.#room = this.#capacities();
    }
    values.sort((one, other) => one - other);
    // Of an odd number one stays, so that the weights add up.
    const stays = values.length % 2 === 1 ? [values.pop()!] : [];
    const above = this.#levels[level + 1]!;
    for (let place = this.#toss(); place < values.length; place += 2) above.push(values[place]!);
    this.#held -= values.length / 2;
    this.#levels[level] = stays;
  }

  /** 0 or 1. xorshift32: Marsaglia. Journal of Statistical Software 8(14), 2003. */
  #toss(): 0 | 1 {
    let state = this.#coin;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#coin = state >>> 0;
    return this.#coin >= 2 ** 31 ? 1 : 0;
  }
}
