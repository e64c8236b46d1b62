/**
 * KSWIN, Kolmogorov–Smirnov windowing: do the newest values follow another distribution than those just before?
 *
 * Keeps the last `windowSize` observations. Whenever they are full, compares the newest `statSize` with as many drawn at random from the older
 * ones: drift where the exact two-sample p-value is at most `alpha` and D above 0.1. Statistic and threshold are D and the smallest D that is
 * drift. Tests at every observation: expect a false alarm about every 1/alpha of them, where windows do not overlap.
 *
 * Source: Raab, Heusinger, Schleif. Reactive Soft Prototype Computing for Concept Drift Streams. Neurocomputing 416, 2020. The order of
 * operations, and the random draws, are river 0.26's.
 * Deviation: as in river, the window and the seed start afresh with the observation after a drift; with `keepWindow` the newest `statSize`
 * observations stay, as in the paper, and the draws go on.
 * Cost: O(statSize · log statSize) a value, O(windowSize) in memory. D and p depend on whole numbers only.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import { ConfigError } from '../contracts/errors.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { exactKsPValue } from './ks-exact.ts';
import { lowerBound } from './lower-bound.ts';
import { MersenneTwister, RangeSampler } from './mersenne-twister.ts';
import { SnapshotReader } from './snapshot.ts';

const options = {
  alpha: { type: 'number', exclusiveMinimum: 0, maximum: 1, default: 0.005, description: 'p-value at or below which it is drift.' },
  windowSize: { type: 'integer', minimum: 2, maximum: 100_000, default: 100, description: 'Observations kept.' },
  statSize: {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: 30,
    description: 'Newest observations, and how many older ones they are compared with; at most half of `windowSize`.',
  },
  seed: { type: 'integer', minimum: 0, default: 42, description: 'Seed of the random draws.' },
  keepWindow: {
    type: 'boolean',
    default: false,
    description: 'Whether the newest `statSize` observations are kept after a drift; without it the detector starts afresh.',
  },
} as const;

type KswinOptions = OptionsOf<typeof options>;

/** D must be above this, whatever p is. */
const LEAST_DISTANCE = 0.1;

class Kswin implements StreamingDetector {
  readonly #size: number;
  readonly #newest: number;
  readonly #seed: number;
  readonly #keepWindow: boolean;
  /** Smallest D · statSize that is drift; above statSize where none is. */
  readonly #critical: number;
  readonly #random: MersenneTwister;
  readonly #sampler: RangeSampler;
  readonly #drawn: Int32Array;

  #level: Level = 'warming-up';
  #observed = 0;
  /** Observations since the last reset. */
  #count = 0;
  /** The window twice over, so that its values always stand in a row: oldest first from `start` on. */
  readonly #values: Float64Array;
  #start = 0;
  #length = 0;
  /** The newest observations, ascending. */
  readonly #sorted: Float64Array;
  /** For each place in `sorted`: drawn values that belong before it, and drawn values equal to it. */
  readonly #before: Int32Array;
  readonly #equal: Int32Array;
  /** D · statSize at the last test, or −1. */
  #distance = -1;

  constructor(chosen: KswinOptions, state?: Json) {
    const { windowSize, statSize, alpha } = chosen;
    if (statSize > windowSize - statSize) {
      throw new ConfigError('usage', `kswin: statSize ${statSize} is more than half of windowSize ${windowSize}; make the window larger`);
    }
    this.#size = windowSize;
    this.#newest = statSize;
    this.#seed = chosen.seed;
    this.#keepWindow = chosen.keepWindow;
    this.#critical = criticalDistance(statSize, alpha);
    this.#random = new MersenneTwister(chosen.seed);
    this.#sampler = new RangeSampler(this.#random, windowSize - statSize, statSize);
    this.#drawn = new Int32Array(statSize);
    this.#values = new Float64Array(2 * windowSize);
    this.#sorted = new Float64Array(statSize);
    this.#before = new Int32Array(statSize + 1);
    this.#equal = new Int32Array(statSize + 1);
    if (state !== undefined) this.#restore(new SnapshotReader('kswin', state));
  }

  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    this.#observed++;
    this.#count++;
    this.#push(value);
    if (this.#length < this.#size) return this.#level;
    this.#distance = this.#compare();
    this.#level = 'stable';
    if (this.#distance >= this.#critical) {
      this.#level = 'drift';
      this.#start += this.#size - this.#newest;
      if (this.#start >= this.#size) this.#start -= this.#size;
      this.#length = this.#newest;
    }
    return this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observed;
  }

  get statistic(): number | null {
    return this.#distance < 0 ? null : this.#distance / this.#newest;
  }

  get threshold(): number | null {
    return this.#distance < 0 ? null : this.#critical / this.#newest;
  }

  get changedFor(): number | null {
    return this.#level === 'drift' ? this.#newest : null;
  }

  snapshot(): Json {
    return {
      detector: 'kswin',
      level: this.#level,
      observed: this.#observed,
      count: this.#count,
      pValue: this.#distance < 0 ? null : exactKsPValue(this.#newest, this.#newest, this.#distance * this.#newest, 'two'),
      distance: this.#distance,
      window: [[...this.#values.subarray(this.#start, this.#start + this.#length)]],
      random: [this.#random.snapshot()],
    };
  }

  /** D · statSize of the newest observations against a sample of the older ones, both as steps of 1. */
  #compare(): number {
    const sorted = this.#sorted;
    const size = this.#newest;
    const before = this.#before;
    const equal = this.#equal;
    const values = this.#values;
    const start = this.#start;
    const drawn = this.#drawn;
    this.#sampler.draw(drawn);
    for (let k = 0; k < size; k++) {
      const value = values[start + drawn[k]!]!;
      const place = lowerBound(sorted, value, 0, size);
      if (place < size && sorted[place] === value) equal[place]!++;
      else before[place]!++;
    }
    let largest = 0;
    let sampled = 0;
    let place = 0;
    while (place < size) {
      // Between two of the newest values the sample's steps can only rise.
      sampled += before[place]!;
      before[place] = 0;
      const above = sampled - place;
      if (above > largest) largest = above;
      sampled += equal[place]!;
      equal[place] = 0;
      const value = sorted[place]!;
      place++;
      while (place < size && sorted[place] === value) place++;
      const below = place - sampled;
      if (below > largest) largest = below;
    }
    before[size] = 0;
    return largest;
  }

  #push(value: number): void {
    const size = this.#size;
    const newest = this.#newest;
    if (this.#length === size) {
      this.#start = this.#start + 1 === size ? 0 : this.#start + 1;
      this.#length--;
    }
    const values = this.#values;
    const sorted = this.#sorted;
    const length = this.#length;
    let place = this.#start + length;
    if (place >= size) place -= size;
    values[place] = value;
    values[place + size] = value;
    this.#length = length + 1;

    // One of the newest becomes an older one; its place moves to where the new value belongs.
    let gap = length < newest ? length : lowerBound(sorted, values[this.#start + length - newest]!, 0, newest);
    const end = length < newest ? length : newest - 1;
    for (; gap < end && sorted[gap + 1]! < value; gap++) sorted[gap] = sorted[gap + 1]!;
    for (; gap > 0 && sorted[gap - 1]! > value; gap--) sorted[gap] = sorted[gap - 1]!;
    sorted[gap] = value;
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#distance = -1;
    if (this.#keepWindow) return;
    this.#count = 0;
    this.#start = 0;
    this.#length = 0;
    this.#random.reseed(this.#seed);
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observed = from.count('observed');
    this.#count = from.count('count');
    const distance = from.number('distance');
    if (!(Number.isInteger(distance) && distance >= -1 && distance <= this.#newest)) from.refuse('distance');
    this.#distance = distance;
    // Derived from the distance, and there for readers.
    from.numberOrNull('pValue');
    const window = from.rows('window');
    if (window.length !== 1 || window[0]!.length > this.#size) from.refuse('window');
    for (const value of window[0]!) this.#push(value);
    const random = from.rows('random');
    if (random.length !== 1 || !this.#random.restore(random[0]!)) from.refuse('random');
  }
}

/** The smallest whole h with p(h/size) ≤ alpha and h/size above the least distance; size + 1 where there is none. */
function criticalDistance(size: number, alpha: number): number {
  let low = 1;
  let high = size + 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (exactKsPValue(size, size, middle * size, 'two') <= alpha && middle / size > LEAST_DISTANCE) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Newest values that follow another distribution. */
export const kswin = defineStreaming({
  type: 'kswin',
  summary:
    'Compares the newest values with a sample of those just before (Kolmogorov–Smirnov); sees any change, and alarms about every 1/alpha values.',
  observes: 'number',
  options,
  create: (chosen, context) => new Kswin(chosen, context?.state),
});
