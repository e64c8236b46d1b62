/**
 * Tells when the wall clock was set: it and the monotonic clock no longer went the same way.
 */

/** Beyond this it was no drift of clocks and no late look. */
const SMALLEST_STEP_MS = 2_000;

/** Looks at two clocks. */
export class ClockWatch {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  #wallAt: number;
  #monotonicAt: number;

  /** @param monotonic milliseconds since any moment, never set */
  constructor(wall: () => number, monotonic: () => number) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#wallAt = wall();
    this.#monotonicAt = monotonic();
  }

  /** Milliseconds by which the wall clock was set since it was last asked; 0 when it was not. */
  step(): number {
    const wall = this.#wall();
    const monotonic = this.#monotonic();
    const step = wall - this.#wallAt - (monotonic - this.#monotonicAt);
    this.#wallAt = wall;
    this.#monotonicAt = monotonic;
    return Math.abs(step) < SMALLEST_STEP_MS ? 0 : Math.round(step);
  }
}
