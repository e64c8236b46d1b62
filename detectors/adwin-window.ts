/**
 * ADWIN's window: a stream's recent past as exponential buckets, with its sum and squared deviations.
 *
 * Row r holds up to `maxBuckets` buckets of 2^r values, oldest first; higher rows are older. Two buckets merge into one of the next row when
 * theirs is full, by the rule for merged variances. The newest values wait until the buckets are looked at or some have gathered: what
 * merges with what does not depend on it, and many at once are cheaper.
 *
 * Source: Babcock, Datar, Motwani, O'Callaghan. Maintaining Variance and k-Medians over Data Stream Windows. PODS 2003.
 * Cost: O(1) amortised a value, O(maxBuckets · log width) in memory.
 */

const FIRST_ROWS = 16;
/** Spare places of a row, in rows: buckets leave a row at its front, and are moved back there only when its places have run out. */
const SPARE = 3;
const LARGEST_SPARE = 64;

/** The fields are for reading; the detector scans them in place, the rows after `settle`. */
export class AdwinWindow {
  /** Buckets of a row at most: one more than it may keep. */
  readonly slots: number = 0;
  /** Row r has its buckets from `starts[r]` up to `ends[r]`, oldest first. */
  totals = new Float64Array(0);
  starts = new Int32Array(0);
  ends = new Int32Array(0);
  /** Rows in use; the last one is never empty. */
  rows = 0;
  /** Values in the window. */
  width = 0;
  total = 0;
  /** Sum of squared deviations from the mean, never negative. */
  squares = 0;
  /** Sums of squared deviations inside each bucket, in the places of the totals. */
  #bucketSquares = new Float64Array(0);
  /** Places of a row. */
  readonly #stride: number = 0;
  /** The place of the next value in the first row. From the row's end up to it are those that wait. */
  #next = 0;

  constructor(maxBuckets: number) {
    this.slots = maxBuckets + 1;
    this.#stride = this.slots + Math.min(SPARE * this.slots, LARGEST_SPARE);
    this.#grow(FIRST_ROWS);
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
    // Squares of the first row stay 0.
    this.totals[this.#next++] = value;
    if (this.#next === this.#stride) this.settle();
  }

  /** Makes buckets of the values that wait. */
  settle(): void {
    if (this.ends[0] === this.#next) return;
    this.ends[0] = this.#next;
    if (this.rows === 0) this.rows = 1;
    this.#compress();
    this.#next = this.#room(0, 1);
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
    // With one bucket a row the row below may be empty as well.
    while (this.rows > 0 && this.starts[this.rows - 1] === this.ends[this.rows - 1]) this.rows--;
  }

  /** Forgets everything. */
  clear(): void {
    this.ends.set(this.starts);
    this.#next = this.#room(0, 1);
    this.rows = 0;
    this.width = 0;
    this.total = 0;
    this.squares = 0;
  }

  /** Totals and squared deviations of the buckets, `[row][bucket]`, oldest first in each row. */
  buckets(): { totals: number[][]; squares: number[][] } {
    this.settle();
    const list = (of: Float64Array) =>
      Array.from({ length: this.rows }, (_, row) => Array.from(of.subarray(this.starts[row]!, this.ends[row]!)));
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
      this.ends[row] = this.starts[row]! + buckets.length;
      width += buckets.length * 2 ** row;
    }
    this.#next = this.ends[0]!;
    this.width = sums.width;
    this.total = sums.total;
    this.squares = sums.squares;
    return width === sums.width && sums.squares >= 0;
  }

  /** Merges the oldest buckets of each full row, two by two, into those of the next. */
  #compress(): void {
    const slots = this.slots;
    // Sizes are powers of two: multiplying by their reciprocals rounds nothing.
    for (let row = 0, part = 1; ; row++, part /= 2) {
      const count = this.ends[row]! - this.starts[row]!;
      if (count < slots) return;
      if (row + 1 === this.rows) this.#addRow();
      const merges = (count - slots + 2) >> 1;
      let place = this.#room(row + 1, merges);
      const totals = this.totals;
      const squares = this.#bucketSquares;
      let from = this.starts[row]!;
      for (let k = 0; k < merges; k++) {
        const first = totals[from]!;
        const second = totals[from + 1]!;
        const difference = first - second;
        totals[place] = first + second;
        squares[place] = squares[from]! + squares[from + 1]! + 0.5 * difference * (difference * part);
        from += 2;
        place++;
      }
      this.starts[row] = from;
      this.ends[row + 1] = place;
    }
  }

  /** The place behind a row's buckets, with so many free ones from it on. */
  #room(row: number, places: number): number {
    const end = this.ends[row]!;
    if (end + places <= (row + 1) * this.#stride) return end;
    const front = row * this.#stride;
    const from = this.starts[row]!;
    const count = end - from;
    // A loop: for so few, copyWithin takes longer.
    for (let k = 0; k < count; k++) {
      this.totals[front + k] = this.totals[from + k]!;
      this.#bucketSquares[front + k] = this.#bucketSquares[from + k]!;
    }
    this.starts[row] = front;
    this.ends[row] = front + count;
    return front + count;
  }

  #addRow(): void {
    this.rows++;
    if (this.rows > this.starts.length) this.#grow(2 * this.starts.length);
  }

  #grow(rows: number): void {
    const keep = { totals: this.totals, squares: this.#bucketSquares, starts: this.starts, ends: this.ends };
    this.totals = new Float64Array(rows * this.#stride);
    this.#bucketSquares = new Float64Array(rows * this.#stride);
    this.starts = Int32Array.from({ length: rows }, (_, row) => row * this.#stride);
    this.ends = this.starts.slice();
    this.totals.set(keep.totals);
    this.#bucketSquares.set(keep.squares);
    this.starts.set(keep.starts);
    this.ends.set(keep.ends);
  }
}
