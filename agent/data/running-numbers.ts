/**
 * What is known of a column's numbers without keeping them: their range, whether they are whole, whether they rise, how like the last each is.
 */

/** Pairs from which an autocorrelation is one. */
const FEWEST_PAIRS = 10;

/** Takes the numbers of all rows one by one, in order. */
export class RunningNumbers {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #integer = true;
  #rising = true;
  #last = Number.NaN;
  /** Running sums about the first number, for the autocorrelation. */
  readonly #series = { origin: Number.NaN, pairs: 0, x: 0, y: 0, xx: 0, yy: 0, xy: 0 };

  /** Takes the next number; NaN leaves the range as it is. */
  add(value: number): void {
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const series = this.#series;
    if (Number.isNaN(series.origin)) series.origin = value;
    else {
      const x = this.#last - series.origin;
      const y = value - series.origin;
      series.pairs++;
      series.x += x;
      series.y += y;
      series.xx += x * x;
      series.yy += y * y;
      series.xy += x * y;
      if (!(value > this.#last)) this.#rising = false;
    }
    if (this.#integer && !Number.isInteger(value)) this.#integer = false;
    this.#last = value;
  }

  /** Smallest and largest; null before the first. */
  get range(): { readonly min: number; readonly max: number } | null {
    return this.#min <= this.#max ? { min: this.#min, max: this.#max } : null;
  }

  /** Whether all are whole. */
  get integer(): boolean {
    return this.#integer;
  }

  /** Whether each is larger than the one before; there are at least two. */
  get rising(): boolean {
    return this.#rising && this.#series.pairs > 0;
  }

  /** Correlation of each with the one before; null where there is none. */
  get autocorrelation(): number | null {
    const { pairs: n, x, y, xx, yy, xy } = this.#series;
    const correlation = (n * xy - x * y) / Math.sqrt((n * xx - x * x) * (n * yy - y * y));
    return n >= FEWEST_PAIRS && Number.isFinite(correlation) ? Math.max(-1, Math.min(1, correlation)) : null;
  }
}
