/**
 * Bins cut at a reference's quantiles: counts in them add over windows and machines, and a Kolmogorov–Smirnov distance on them errs little.
 *
 * A bin `(a, b]` holds at most 1/m of the reference, or a single value: an atom (a value of more than 1/m, each of the few values of a
 * reference that has at most m, and 0, where defaults and gaps collect) has a bin of its own, from the double before it. Inside a bin the
 * difference of two distribution functions exceeds that at its edges by at most the smaller of the two masses there, and inside an atom's by
 * nothing: 0 ≤ D − D_bin ≤ max over bins of min(p, q) ≤ 1/m, whatever the drift.
 *
 * Counts of different edges are never added: edges are known by their hash.
 * Cost: a search in some hundred edges for each value.
 */
import { createHash } from 'node:crypto';
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json } from '../../contracts/json.ts';
import type { CountedBins } from '../../contracts/sketch.ts';
import { ascending } from '../sort-numbers.ts';
import { SnapshotReader } from '../snapshot.ts';

const KIND = 'reference-bins';
/** Bins, roughly; the reference's share of each is at most one part in so many. */
const BINS = 200;
/** Most edges that a file may bring. */
const MOST_EDGES = 10_000;

/** Counts of numbers in bins with fixed edges. */
export class ReferenceBins {
  /** Ascending upper edges, each belonging to its bin. */
  readonly #uppers: readonly number[];
  #counts: number[];
  #id: string | null = null;

  /** @param uppers ascending, finite, each once */
  constructor(uppers: readonly number[]) {
    this.#uppers = uppers;
    this.#counts = new Array<number>(uppers.length + 1).fill(0);
  }

  /** Empty bins cut at the quantiles of a reference, of which only finite numbers count. */
  static cutAt(reference: ArrayLike<number>, bins: number = BINS): ReferenceBins {
    return new ReferenceBins(cut(ascending(reference).filter(Number.isFinite), bins));
  }

  /** Hash of the edges: counts add only where it is the same. */
  get edgesId(): string {
    this.#id ??= createHash('sha256').update(new Float64Array(this.#uppers)).digest('hex').slice(0, 16);
    return this.#id;
  }

  /** A view: it changes with the next value. */
  get counted(): CountedBins {
    return { uppers: this.#uppers, counts: this.#counts };
  }

  /** Only finite numbers are counted. */
  update(value: number): void {
    if (Number.isFinite(value)) this.#counts[binOf(this.#uppers, value)]!++;
  }

  /** Adds the other's counts. @throws SnapshotError `other-edges` when it was cut at another reference */
  merge(other: ReferenceBins): void {
    if (other.edgesId !== this.edgesId) {
      throw new SnapshotError(
        'other-edges',
        `${KIND}: counts of ${other.edgesId} do not add to counts of ${this.edgesId}; count both against one reference`,
      );
    }
    for (const [bin, count] of other.#counts.entries()) this.#counts[bin]! += count;
  }

  snapshot(): Json {
    return { detector: KIND, edgesId: this.edgesId, uppers: [[...this.#uppers]], counts: [[...this.#counts]] };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): ReferenceBins {
    const read = new SnapshotReader(KIND, state);
    const [uppers, ...none] = read.rows('uppers');
    if (uppers === undefined || none.length > 0 || uppers.length > MOST_EDGES) return read.refuse('uppers');
    if (uppers.some((upper, place) => place > 0 && !(upper > uppers[place - 1]!))) read.refuse('uppers');
    const bins = new ReferenceBins([...uppers]);
    // The reader has made sure that it is an object.
    if ((state as { readonly edgesId?: Json }).edgesId !== bins.edgesId) read.refuse('edgesId');
    const [counts, ...more] = read.rows('counts');
    if (counts === undefined || more.length > 0 || counts.length !== uppers.length + 1) return read.refuse('counts');
    if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) read.refuse('counts');
    bins.#counts = [...counts];
    return bins;
  }
}

/** The bin of a number. */
export function binOf(uppers: readonly number[], value: number): number {
  let low = 0;
  let high = uppers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uppers[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether the bin holds a single double. */
export function isAtom(uppers: readonly number[], bin: number): boolean {
  return bin < uppers.length && (uppers[bin - 1] ?? -Infinity) === doubleBefore(uppers[bin]!);
}

/** The largest double below a finite one; −∞ below the least of them. */
export function doubleBefore(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const bits = new BigInt64Array(new Float64Array([value]).buffer);
  bits[0]! += value > 0 ? -1n : 1n;
  return new Float64Array(bits.buffer)[0]!;
}

/** Upper edges for ascending finite values. */
function cut(sorted: Float64Array, bins: number): number[] {
  const runs = runsOf(sorted);
  const few = runs.length <= bins;
  const uppers: number[] = [];
  const close = (upper: number) => {
    if (Number.isFinite(upper) && !(upper <= uppers.at(-1)!)) uppers.push(upper);
  };
  let held = 0;
  let last = Number.NaN;
  let zero = false;
  const atom = (value: number) => {
    // Whatever is open ends just before.
    close(doubleBefore(value));
    close(value);
    held = 0;
    if (value === 0) zero = true;
  };
  for (const { value, count } of runs) {
    if (value > 0 && !zero) atom(0);
    const alone = few || value === 0 || count * bins > sorted.length;
    if (alone) {
      atom(value);
    } else {
      if (held > 0 && (held + count) * bins > sorted.length) {
        close(last);
        held = 0;
      }
      held += count;
      last = value;
    }
  }
  if (held > 0) close(last);
  if (!zero) atom(0);
  return uppers;
}

/** Runs of equal values; −0 is 0. */
function runsOf(sorted: Float64Array): { readonly value: number; count: number }[] {
  const runs: { readonly value: number; count: number }[] = [];
  for (const value of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last.value === value) last.count++;
    else runs.push({ value: value + 0, count: 1 });
  }
  return runs;
}
