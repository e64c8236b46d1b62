/**
 * When things happened, by a wall clock that may be set while we run.
 */
import type { DriftlineRecord } from '../contracts/record.ts';
import { timeOf } from './windows.ts';

/** Beyond this the clocks did not drift apart and nobody looked late: the wall clock was set. */
const SMALLEST_STEP_MS = 2_000;
/** Calls take no longer from their end to the analysis; one that seems older was stamped by another clock. */
const LATEST_MS = 60_000;

/** Looks at two clocks, and holds the times of records against the one. */
export class EventClock {
  readonly #now: () => number;
  readonly #monotonic: (() => number) | null;
  #wallAt: number;
  #monotonicAt: number;

  /** @param monotonic milliseconds since any moment, never set; null = the wall clock is known to be like that */
  constructor(now: () => number, monotonic: (() => number) | null) {
    this.#now = now;
    this.#monotonic = monotonic;
    this.#wallAt = now();
    this.#monotonicAt = monotonic?.() ?? 0;
  }

  /** Milliseconds by which the wall clock was set since it was last asked; 0 when it was not. */
  step(): number {
    if (this.#monotonic === null) return 0;
    const wall = this.#now();
    // Asked at every record, and many come within a millisecond.
    if (wall === this.#wallAt) return 0;
    const monotonic = this.#monotonic();
    const step = wall - this.#wallAt - (monotonic - this.#monotonicAt);
    this.#wallAt = wall;
    this.#monotonicAt = monotonic;
    return Math.abs(step) < SMALLEST_STEP_MS ? 0 : Math.round(step);
  }

  /** When a record came: its call's end, not ahead of the clock and not long ago. `clamped`: it was stamped by another clock. */
  timeOf(record: DriftlineRecord): { readonly time: number; readonly clamped: boolean } {
    const stamped = timeOf(record);
    const now = this.#now();
    const time = Math.max(now - LATEST_MS, Math.min(now, stamped));
    return { time, clamped: Math.abs(time - stamped) > SMALLEST_STEP_MS };
  }

  /** A moment found under a clock that has been set back since lies in the future; then it is now. */
  notAhead(at: number): number {
    return this.#monotonic === null ? at : Math.min(at, this.#now());
  }
}
