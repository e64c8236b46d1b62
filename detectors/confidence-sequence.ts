/**
 * Confidence sequence: does an interval for the mean, valid at every moment at once, still meet the reference?
 *
 * Adds the values of an epoch up to an interval that never misses their mean with probability 1 − `alpha`, however often one looks
 * (empirical-bernstein.ts); where it lies outside the reference's, `margin` included, that is drift. Each epoch of `epoch` values begins afresh, so
 * that a long good past does not outweigh a change, and alarms for nothing with probability `alpha` at most. The same limits as for
 * `e-detector`: a mean that wanders by itself is not covered, nor the 1 % of cases in which a learned reference misses the mean.
 * Statistic: the gap between the two intervals as a share of the bounds' distance, below 0 while they meet; the threshold is 0. Says how large the
 * mean is as well as that it changed; `e-detector` is quicker. After a drift an epoch begins, and what was learned is learned anew.
 *
 * Source: Waudby-Smith, Ramdas. Estimating means of bounded random variables by betting. JRSS B 86, 2024, Theorem 2.
 * Cost: constant time and memory.
 */
import { defineStreaming, type Level, type StreamingDetector } from '../contracts/detector.ts';
import type { Json } from '../contracts/json.ts';
import type { OptionsOf } from '../contracts/options.ts';
import { BoundedReference, boundedReferenceOptions, checkBounds } from './bounded-reference.ts';
import { EmpiricalBernstein } from './empirical-bernstein.ts';
import { SnapshotReader } from './snapshot.ts';

const options = {
  alpha: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 0.5,
    default: 0.01,
    description: 'Chance that an epoch without a change alarms, at most.',
  },
  epoch: { type: 'integer', minimum: 100, default: 10_000, description: 'Observations after which the interval begins afresh.' },
  ...boundedReferenceOptions,
} as const;

type ConfidenceSequenceOptions = OptionsOf<typeof options>;

class ConfidenceSequence implements StreamingDetector {
  readonly #alpha: number;
  readonly #epoch: number;
  readonly #reference: BoundedReference;
  #mean: EmpiricalBernstein;

  #level: Level = 'warming-up';
  #observed = 0;

  constructor(chosen: ConfidenceSequenceOptions, state?: Json) {
    checkBounds('confidence-sequence', chosen);
    this.#alpha = chosen.alpha;
    this.#epoch = chosen.epoch;
    this.#reference = new BoundedReference(chosen);
    this.#mean = new EmpiricalBernstein(chosen.alpha);
    if (state !== undefined) this.#restore(new SnapshotReader('confidence-sequence', state));
  }

  update(value: number): Level {
    if (this.#level === 'drift') this.#reset();
    if (!Number.isFinite(value)) return this.#level;
    this.#observed++;
    const place = this.#reference.take(value);
    if (place === null) return this.#level;
    if (this.#mean.count === this.#epoch) this.#mean = new EmpiricalBernstein(this.#alpha);
    this.#mean.add(place);
    this.#level = this.#gap() > 0 ? 'drift' : 'stable';
    return this.#level;
  }

  get level(): Level {
    return this.#level;
  }

  get observed(): number {
    return this.#observed;
  }

  get statistic(): number | null {
    return this.#level === 'warming-up' ? null : this.#gap();
  }

  get threshold(): number | null {
    return this.#level === 'warming-up' ? null : 0;
  }

  get changedFor(): number | null {
    return this.#level === 'drift' ? this.#mean.count : null;
  }

  snapshot(): Json {
    return {
      detector: 'confidence-sequence',
      level: this.#level,
      observed: this.#observed,
      ...this.#reference.snapshot(),
      mean: this.#mean.snapshot(),
    };
  }

  /** How far the interval lies outside the reference's. */
  #gap(): number {
    const { lower, upper } = this.#mean.interval;
    const reference = this.#reference.interval!;
    return Math.max(lower - reference.upper, reference.lower - upper);
  }

  #reset(): void {
    this.#level = 'warming-up';
    this.#reference.forget();
    this.#mean = new EmpiricalBernstein(this.#alpha);
  }

  #restore(from: SnapshotReader): void {
    this.#level = from.level('level');
    this.#observed = from.count('observed');
    this.#reference.restore(from);
    this.#mean.restore(from, 'mean');
  }
}

/** The interval of a mean leaving the reference's. */
export const confidenceSequence = defineStreaming({
  type: 'confidence-sequence',
  summary: 'Detects that the mean or rate of an epoch lies outside its reference, by an interval valid at any moment, without calibration.',
  observes: 'number',
  options,
  create: (chosen, context) => new ConfidenceSequence(chosen, context?.state),
});
