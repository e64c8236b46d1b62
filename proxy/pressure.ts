/**
 * How much a data thread has been told to leave undone, and how late its event loop runs, in shared memory: the main side writes the one, the
 * thread the other, and neither waits.
 */

/**
 * What is given up, in this order, before a call is refused: copies of bodies, records of calls, new connections. Each rung includes those
 * below it.
 */
export const RUNGS = ['nothing', 'payloads', 'records', 'connections'] as const;

/** One of them. */
export type Rung = (typeof RUNGS)[number];

/** Float64 of the delay first, since it must be aligned. */
const BYTES = 16;

export class Pressure {
  readonly memory: SharedArrayBuffer;
  readonly #delay: Float64Array;
  readonly #rung: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.#delay = new Float64Array(memory, 0, 1);
    this.#rung = new Int32Array(memory, 8, 1);
  }

  /** Whether this is given up now. */
  gaveUp(rung: Rung): boolean {
    return Atomics.load(this.#rung, 0) >= RUNGS.indexOf(rung);
  }

  shed(rung: Rung): void {
    Atomics.store(this.#rung, 0, RUNGS.indexOf(rung));
  }

  /** Milliseconds by which nine of ten turns of the thread's event loop were late at most, over the last five seconds. */
  get loopDelayMs(): number {
    return this.#delay[0]!;
  }

  set loopDelayMs(value: number) {
    this.#delay[0] = value;
  }
}
