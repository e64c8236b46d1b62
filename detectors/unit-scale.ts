/**
 * Brings a stream to the size that detectors for values in [0, 1] were made for, and leaves zeros and ones alone.
 *
 * The first `warmUp` values after each reset decide. Are they all 0 or 1, the stream is taken as it is, from the first value to the next
 * reset. Otherwise their mean becomes 0 and their standard deviation becomes `unit`; nothing is judged before. Later values more
 * than `REACH` deviations off count as that far, so that a wild value among many is no change. Under `semantics: river` every stream is taken
 * as it is. Where it is, values beyond ±1e140 count as ±1e140, so that sums and squares stay finite.
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
const LARGEST = 1e140;
/** A bound that no value keeps: each is looked at. */
const NONE = -1;

/** What a detector takes its values through. */
export class UnitScale {
  /** Null where every stream is taken as it is. */
  readonly #scale: Scale | null;
  readonly #unit: number;
  /** Whether there was nothing but 0 and 1 since the reset, or among its first values. */
  #bits = true;
  /** After a NaN from `take`: whether what was taken since the reset was unfit, and must be forgotten. */
  unfit = false;
  /** A value is taken as (value − mean) · factor where that is within ±most, and by `take` where it is not. For reading; set by `#settle`. */
  mean = Number.NaN;
  factor = Number.NaN;
  most = Number.NaN;

  /** `unit`: what one standard deviation becomes, a power of two, which rounds nothing. */
  constructor(options: { readonly warmUp: number; readonly semantics: 'safe' | 'river' }, unit: number) {
    this.#scale = options.semantics === 'river' ? null : new Scale(options.warmUp, REACH);
    this.#unit = unit;
    this.#settle();
  }

  /** The value as it is to be taken; NaN where it was only learned from, or is not finite and so no observation. */
  take(value: number): number {
    const placed = this.place(value);
    return Number.isNaN(placed) ? this.#look(value) : placed;
  }

  /** The same of most values, and without learning; NaN where `take` must decide. */
  place(value: number): number {
    const placed = (value - this.mean) * this.factor;
    return Math.abs(placed) <= this.most ? placed : Number.NaN;
  }

  /** Learns and decides anew. */
  forget(): void {
    this.#scale?.forget();
    this.#bits = true;
    this.#settle();
  }

  snapshot(): JsonObject {
    return this.#scale === null ? {} : { bits: this.#bits, ...this.#scale.snapshot() };
  }

  /** Continues from the fields of `snapshot`. @throws SnapshotError */
  restore(from: SnapshotReader): void {
    if (this.#scale === null) return;
    this.#bits = from.flag('bits');
    this.#scale.restore(from);
    this.#settle();
  }

  /** A value that is not simply within bounds, or one of the first. */
  #look(value: number): number {
    if (!Number.isFinite(value)) {
      this.unfit = false;
      return Number.NaN;
    }
    const scale = this.#scale;
    if (scale === null || (this.#bits && scale.known)) return Math.min(Math.max(value, -LARGEST), LARGEST);
    if (scale.known) {
      const placed = scale.place(value) * this.#unit;
      this.#settle();
      return placed;
    }
    scale.learn(value);
    const fits = this.#bits && (value === 0 || value === 1);
    this.unfit = this.#bits && !fits;
    this.#bits = fits;
    this.#settle();
    return fits ? value : Number.NaN;
  }

  /** Sets what `take` computes with by what is decided. */
  #settle(): void {
    const scale = this.#scale;
    const isScaled = scale !== null && !this.#bits && scale.known && scale.reciprocal > 0;
    const isAsIs = scale === null || (this.#bits && scale.known);
    this.mean = isScaled ? scale.mean : 0;
    this.factor = isScaled ? scale.reciprocal * this.#unit : 1;
    this.most = isScaled ? scale.within * this.#unit : isAsIs ? LARGEST : NONE;
  }
}
