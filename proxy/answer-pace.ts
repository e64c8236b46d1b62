/**
 * When an answer's bytes came: the first, the last, and the first few reads between them.
 *
 * Kept by the data thread, so it costs two numbers a read and no clock of its own; what the times mean is for the analysis to find out.
 */

/** Reads whose time and place are kept; further ones count and stretch the last time only. */
export const PACE_MARKS = 128;

export class AnswerPace {
  /** Milliseconds since the request's first byte; NaN before any answer byte. */
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  longestGapMs = 0;
  reads = 0;
  /** Milliseconds and body bytes so far, in turn; null until a second read comes. */
  marks: number[] | null = null;
  #firstBytes = 0;

  /** Of the next answer. */
  start(): void {
    this.firstMs = Number.NaN;
    this.lastMs = Number.NaN;
    this.longestGapMs = 0;
    this.reads = 0;
    this.marks = null;
  }

  /** A read has passed on. `bodyBytes` counts the body's bytes up to its end. */
  saw(ms: number, bodyBytes: number): void {
    this.reads++;
    if (this.reads === 1) {
      this.firstMs = ms;
      this.#firstBytes = bodyBytes;
    } else {
      if (ms - this.lastMs > this.longestGapMs) this.longestGapMs = ms - this.lastMs;
      this.marks ??= [this.firstMs, this.#firstBytes];
      if (this.marks.length < 2 * PACE_MARKS) this.marks.push(ms, bodyBytes);
    }
    this.lastMs = ms;
  }
}
