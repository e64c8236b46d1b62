/**
 * Brings a stream to the size that detectors for values in [0, 1] were made for, and leaves zeros and ones alone.
 *
 * The first `warmUp` values after each reset decide. Are they all 0 or 1, the stream is taken as it is, from the first value to the next
 * reset. Otherwise their mean becomes 0 and their standard deviation becomes `unit`; nothing is judged before. Later values more
 * than `REACH` deviations off count as that far, so that a wild value among many is no change.
 */
import type { JsonObject } from '../contracts/json.ts';
import { Scale } from './scale.ts';
import type { SnapshotReader } from './snapshot.ts';

/** The options of a detector that scales. */
export const unitScaleOptions = {
  warmUp: {
    type: 'integer',
    minimum: 2,
    default: 100,
    description: 'Values from which the scale of a stream is learned, unless it holds only 0 and 1; not under `semantics: river`.',
  },
  semantics: {
    type: 'string',
    enum: ['safe', 'river'],
    default: 'safe',
    description: '`river` answers index for index as river 0.26.1 does; `safe` scales the values first.',
  },
} as const;

const REACH = 8;

/** What is to become of a value: taken unscaled, or not taken; `unfit`: nor must anything taken since the reset count. */
type Taking = 'as-is' | 'learned' | 'unfit';

/** For a detector to ask about every value. */
export class UnitScale {
  readonly #scale: Scale;
  readonly #unit: number;
  /** Whether there was nothing but 0 and 1 since the reset, or among its first values. */
  #bits = true;
  /** Whether values are placed from now on. */
  #places = false;

  /** `unit`: what one standard deviation becomes. */
  constructor(warmUp: number, unit: number) {
    this.#scale = new Scale(warmUp, REACH);
    this.#unit = unit;
  }

  /** Whether values are to be taken scaled until the next reset: no need to ask about each. */
  get places(): boolean {
    return this.#places;
  }

  /** Whether values are to be taken as they are until the next reset. */
  get idle(): boolean {
    return this.#bits && this.#scale.known;
  }

  /** Looks at the next value while nothing is decided. */
  see(value: number): Taking {
    this.#scale.learn(value);
    if (this.#bits && (value === 0 || value === 1)) return 'as-is';
    const first = this.#bits;
    this.#bits = false;
    this.#places = this.#scale.known;
    return first ? 'unfit' : 'learned';
  }

  /** The value's distance from the mean, where it is to be taken scaled. */
  place(value: number): number {
    return this.#scale.place(value) * this.#unit;
  }

  /** Learns and decides anew. */
  forget(): void {
    this.#scale.forget();
    this.#bits = true;
    this.#places = false;
  }

  snapshot(): JsonObject {
    return { bits: this.#bits, ...this.#scale.snapshot() };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    this.#bits = from.flag('bits');
    this.#scale.restore(from);
    this.#places = !this.#bits && this.#scale.known;
  }
}
