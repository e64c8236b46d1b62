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
/** Spare places of a row, in rows: buckets leave a row at its front, and are moved back there only when its places have run out. */
const SPARE = 3;
const LARGEST_SPARE = 64;

/** The fields are for reading; the detector scans them in place. */
export class AdwinWindow {
  /** Buckets of a row at most: one more than it may keep. */
  readonly slots: number;
  /** Row r has its buckets from `starts[r]` on, oldest first. */
  totals: Float64Array;
  starts: Int32Array;
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
  /** Places of a row. */
  readonly #stride: number;

  constructor(maxBuckets: number) {
    this.slots = maxBuckets + 1;
    this.#stride = this.slots + Math.min(SPARE * this.slots, LARGEST_SPARE);
    this.totals = new Float64Array(FIRST_ROWS * this.#stride);
    this.#bucketSquares = new Float64Array(FIRST_ROWS * this.#stride);
    this.counts = new Int32Array(FIRST_ROWS);
    this.starts = Int32Array.from({ length: FIRST_ROWS }, (_, row) => row * this.#stride);
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
    let place = this.starts[0]! + this.counts[0]!;
    if (place === this.#stride) place = this.#moveBack(0);
    // Squares of the first row stay 0.
    this.totals[place] = value;
    if (++this.counts[0]! === this.slots) this.#compress();
  }

  /** Forgets the oldest bucket; there must be another. */
  dropOldest(): void {
    const row = this.rows - 1;
    const from = this.starts[row]!;
    const size = 2 ** row;
    const total = this.totals[from]!;
    this.width -= size;
    this.total -= total;
    const difference = total / size - this.total / this.width;
    this.squares -= this.#bucketSquares[from]! + (size * this.width * difference * difference) / (size + this.width);
    if (!(this.squares > 0)) this.squares = 0;
    this.starts[row]!++;
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
      Array.from({ length: this.rows }, (_, row) => Array.from(of.subarray(this.starts[row]!, this.starts[row]! + this.counts[row]!)));
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
      this.totals.set(buckets, this.starts[row]!);
      this.#bucketSquares.set(squares[row]!, this.starts[row]!);
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
    // Sizes are powers of two: multiplying by their reciprocals rounds nothing.
    for (let row = 0, part = 1; this.counts[row] === slots; row++, part /= 2) {
      if (row + 1 === this.rows) this.#addRow();
      const totals = this.totals;
      const squares = this.#bucketSquares;
      const from = this.starts[row]!;
      const first = totals[from]!;
      const second = totals[from + 1]!;
      const difference = first - second;
      const merged = squares[from]! + squares[from + 1]! + 0.5 * difference * (difference * part);
      this.starts[row] = from + 2;
      this.counts[row] = slots - 2;
      let place = this.starts[row + 1]! + this.counts[row + 1]!;
      if (place === (row + 2) * this.#stride) place = this.#moveBack(row + 1);
      totals[place] = first + second;
      squares[place] = merged;
      this.counts[row + 1]!++;
    }
  }

  /** Moves a row's buckets to the front of its places; the place behind them. */
  #moveBack(row: number): number {
    const front = row * this.#stride;
    const from = this.starts[row]!;
    const count = this.counts[row]!;
    // A loop: for so few, copyWithin takes longer.
    for (let k = 0; k < count; k++) {
      this.totals[front + k] = this.totals[from + k]!;
      this.#bucketSquares[front + k] = this.#bucketSquares[from + k]!;
    }
    this.starts[row] = front;
    return front + count;
  }

  #addRow(): void {
    this.rows++;
    if (this.rows <= this.counts.length) return;
    const grown = this.counts.length * 2;
    const keep = { totals: this.totals, squares: this.#bucketSquares, counts: this.counts, starts: this.starts };
    this.totals = new Float64Array(grown * this.#stride);
    this.#bucketSquares = new Float64Array(grown * this.#stride);
    this.counts = new Int32Array(grown);
    this.totals.set(keep.totals);
    this.#bucketSquares.set(keep.squares);
    this.counts.set(keep.counts);
    this.starts = Int32Array.from({ length: grown }, (_, row) => row * this.#stride);
    this.starts.set(keep.starts);
  }
}
