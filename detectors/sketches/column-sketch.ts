/**
 * What is kept of a column instead of its values: of numbers moments, quantiles and, where edges are known, counts in a reference's bins;
 * of categories how often each came.
 *
 * Cost: some ten kilobytes a column, whatever its length.
 */
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { ReferenceSketch } from '../../contracts/sketch.ts';
import { SnapshotReader } from '../snapshot.ts';
import { Kll } from './kll.ts';
import { Moments } from './moments.ts';
import { ReferenceBins } from './reference-bins.ts';
import { SpaceSaving } from './space-saving.ts';

const KIND = 'column-sketch';

interface OfNumbers {
  readonly kind: 'numbers';
  readonly moments: Moments;
  readonly kll: Kll;
  readonly bins: ReferenceBins | null;
}

type Parts = OfNumbers | { readonly kind: 'categories'; readonly categories: SpaceSaving };

/** A column in the making, or one that was read back. */
export class ColumnSketch {
  readonly #parts: Parts;
  /** Of categories; the moments count those of numbers. */
  #missing = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param bins empty ones with the edges to count in; null = none are known */
  static ofNumbers(bins: ReferenceBins | null = null, seed = 1): ColumnSketch {
    return new ColumnSketch({ kind: 'numbers', moments: new Moments(), kll: new Kll(undefined, seed), bins });
  }

  static ofCategories(capacity?: number): ColumnSketch {
    return new ColumnSketch({ kind: 'categories', categories: new SpaceSaving(capacity) });
  }

  get kind(): 'numbers' | 'categories' {
    return this.#parts.kind;
  }

  /** A cell; null is missing, and so is among numbers all that is no finite number. */
  update(value: number | string | null): void {
    if (this.#parts.kind === 'categories') {
      if (value === null) this.#missing++;
      else this.#parts.categories.update(String(value));
      return;
    }
    const { moments, kll, bins } = this.#parts;
    const number = typeof value === 'number' && Number.isFinite(value) ? value : null;
    moments.update(number);
    if (number === null) return;
    kll.update(number);
    bins?.update(number);
  }

  /** Takes the other's values as its own. @throws SnapshotError when it is of another kind or size, or counted in other bins */
  merge(other: ColumnSketch): void {
    const [ours, theirs] = [this.#parts, other.#parts];
    if (ours.kind === 'categories' && theirs.kind === 'categories') {
      ours.categories.merge(theirs.categories);
      this.#missing += other.#missing;
    } else if (ours.kind === 'numbers' && theirs.kind === 'numbers' && keptAlike(ours, theirs)) {
      // First what may refuse.
      if (ours.bins !== null && theirs.bins !== null) ours.bins.merge(theirs.bins);
      ours.moments.merge(theirs.moments);
      ours.kll.merge(theirs.kll);
    } else {
      throw new SnapshotError('other-sketch', `${KIND}: a column of ${theirs.kind} does not add to one of ${ours.kind} kept otherwise`);
    }
  }

  /** What tests may ask of it. */
  reference(): ReferenceSketch {
    const parts = this.#parts;
    if (parts.kind === 'categories') {
      const { categories } = parts;
      return { n: categories.count, missing: this.#missing, numbers: null, categories: categories.counted() };
    }
    const { count: n, missing, mean, deviation } = parts.moments;
    const bins = parts.bins?.counted ?? null;
    return { n, missing, numbers: { bins, quantiles: parts.kll.weighted(), mean, deviation }, categories: null };
  }

  snapshot(): Json {
    const parts = this.#parts;
    if (parts.kind === 'categories')
      return { detector: KIND, kind: parts.kind, missing: this.#missing, categories: parts.categories.snapshot() };
    const { moments, kll, bins } = parts;
    return { detector: KIND, kind: parts.kind, moments: moments.snapshot(), kll: kll.snapshot(), bins: bins?.snapshot() ?? null };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): ColumnSketch {
    const read = new SnapshotReader(KIND, state);
    // The reader has made sure that it is an object.
    const { kind, moments = null, kll = null, bins, categories = null } = state as JsonObject;
    if (kind === 'categories') {
      const column = new ColumnSketch({ kind, categories: SpaceSaving.restore(categories) });
      column.#missing = read.count('missing');
      return column;
    }
    if (kind !== 'numbers') return read.refuse('kind');
    if (bins === undefined) return read.refuse('bins');
    const parts = {
      kind,
      moments: Moments.restore(moments),
      kll: Kll.restore(kll),
      bins: bins === null ? null : ReferenceBins.restore(bins),
    } as const;
    const counted = parts.bins === null ? null : parts.bins.counted.counts.reduce((sum, count) => sum + count, 0);
    if (parts.kll.count !== parts.moments.count) read.refuse('kll');
    if (counted !== null && counted !== parts.moments.count) read.refuse('bins');
    return new ColumnSketch(parts);
  }
}

function keptAlike(one: OfNumbers, other: OfNumbers): boolean {
  return one.kll.k === other.kll.k && (one.bins === null) === (other.bins === null);
}
