/**
 * ADWIN's window: a stream's recent past as exponential buckets, with its sum and squared deviations.
 *
 * Row r holds up to `maxBuckets` buckets of 2^r values, oldest first; higher rows are older. Two buckets merge into one of the next row when
 * theirs is full, by the rule for merged variances.
 *
 * Source: Babcock, Datar, Motwani, O'Callaghan. Maintaining Variance and k-Medians over Data Stream Windows. PODS 2003.
 * Cost: O(1) amortised a value, O(maxBuckets · log width) in memory.
 */

const FIRST_ROWS = 16;

/** The fields are for reading; the detector scans them in place. */
export class AdwinWindow {
  /** Places of a row: one more than it may keep. */
  readonly slots: number;
  /** Row r fills its places from `r · slots` on, oldest first. */
  totals: Float64Array;
  /** Buckets in each row. */
  counts: Int32Array;
  /** Rows in use; the last one is never empty. */
  rows = 0;
  /** Values in the window. */
  width = 0;
  total = 0;
  /** Sum of squared deviations from the mean, never negative. */
  squares = 0;
  /** Sums of squared deviations inside each bucket, in the places of the totals. */
  #bucketSquares: Float64Array;

  constructor(maxBuckets: number) {
    this.slots = maxBuckets + 1;
    this.totals = new Float64Array(FIRST_ROWS * this.slots);
    this.#bucketSquares = new Float64Array(FIRST_ROWS * this.slots);
    this.counts = new Int32Array(FIRST_ROWS);
  }

  /** Adds the newest value. */
  insert(value: number): void {
    const before = this.width;
    const width = before + 1;
    this.width = width;
    if (before > 0) {
      const difference = value - this.total / before;
      this.squares += (before * difference * difference) / width;
    }
    this.total += value;
    if (this.rows === 0) this.rows = 1;
    const counts = this.counts;
    const place = counts[0]!;
    this.totals[place] = value;
    this.#bucketSquares[place] = 0;
    counts[0] = place + 1;
    if (place + 1 === this.slots) this.#compress();
  }

  /** Forgets the oldest bucket; there must be another. */
  dropOldest(): void {
    const row = this.rows - 1;
    const from = row * this.slots;
    const size = 2 ** row;
    const total = this.totals[from]!;
    this.width -= size;
    this.total -= total;
    const difference = total / size - this.total / this.width;
    this.squares -= this.#bucketSquares[from]! + (size * this.width * difference * difference) / (size + this.width);
    if (!(this.squares > 0)) this.squares = 0;
    this.totals.copyWithin(from, from + 1, from + this.slots);
    this.#bucketSquares.copyWithin(from, from + 1, from + this.slots);
    this.counts[row]!--;
    // With one bucket a row the row below may be empty as well.
    while (this.rows > 0 && this.counts[this.rows - 1] === 0) this.rows--;
  }

  /** Forgets everything. */
  clear(): void {
    this.counts.fill(0);
    this.rows = 0;
    this.width = 0;
    this.total = 0;
    this.squares = 0;
  }

  /** Totals and squared deviations of the buckets, `[row][bucket]`, oldest first in each row. */
  buckets(): { totals: number[][]; squares: number[][] } {
    const list = (of: Float64Array) =>
      Array.from({ length: this.rows }, (_, row) => Array.from(of.subarray(row * this.slots, row * this.slots + this.counts[row]!)));
    return { totals: list(this.totals), squares: list(this.#bucketSquares) };
  }

  /** Continues from what `buckets` gave, and the sums of that moment; false when they do not fit each other or this window. */
  restore(
    totals: readonly (readonly number[])[],
    squares: readonly (readonly number[])[],
    sums: { readonly width: number; readonly total: number; readonly squares: number },
  ): boolean {
    if (totals.length !== squares.length || totals.length > 53 || totals.at(-1)?.length === 0) return false;
    let width = 0;
    for (const [row, buckets] of totals.entries()) {
      if (buckets.length >= this.slots || squares[row]!.length !== buckets.length) return false;
      this.#addRow();
      this.totals.set(buckets, row * this.slots);
      this.#bucketSquares.set(squares[row]!, row * this.slots);
      this.counts[row] = buckets.length;
      width += buckets.length * 2 ** row;
    }
    this.width = sums.width;
    this.total = sums.total;
    this.squares = sums.squares;
    return width === sums.width && sums.squares >= 0;
  }

  /** Merges the two oldest buckets of each full row into one of the next. */
  #compress(): void {
    const slots = this.slots;
    let totals = this.totals;
    let squares = this.#bucketSquares;
    let counts = this.counts;
    // Sizes are powers of two: multiplying by their reciprocals rounds nothing.
    for (let row = 0, from = 0, part = 1; counts[row] === slots; row++, part /= 2) {
      if (row + 1 === this.rows) {
        this.#addRow();
        totals = this.totals;
        squares = this.#bucketSquares;
        counts = this.counts;
      }
      const first = totals[from]!;
      const second = totals[from + 1]!;
      const difference = first - second;
      const merged = squares[from]! + squares[from + 1]! + 0.5 * difference * (difference * part);
      const next = from + slots;
      for (let slot = from + 2; slot < next; slot++) {
        totals[slot - 2] = totals[slot]!;
        squares[slot - 2] = squares[slot]!;
      }
      counts[row] = slots - 2;
      const count = counts[row + 1]!;
      totals[next + count] = first + second;
      squares[next + count] = merged;
      counts[row + 1] = count + 1;
      from = next;
    }
  }

  #addRow(): void {
    this.rows++;
    if (this.rows <= this.counts.length) return;
    const grown = this.counts.length * 2;
    const keep = { totals: this.totals, squares: this.#bucketSquares, counts: this.counts };
    this.totals = new Float64Array(grown * this.slots);
    this.#bucketSquares = new Float64Array(grown * this.slots);
    this.counts = new Int32Array(grown);
    this.totals.set(keep.totals);
    this.#bucketSquares.set(keep.squares);
    this.counts.set(keep.counts);
  }
}
