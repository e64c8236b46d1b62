/**
 * How much a data thread has been told to leave undone, in shared memory: the main side writes, the thread reads, and neither waits.
 */

/**
 * What is given up, in this order, before a call is refused: copies of bodies, records of calls, new connections. Each rung includes those
 * below it.
 */
export const RUNGS = ['nothing', 'payloads', 'records', 'connections'] as const;

/** One of them. */
export type Rung = (typeof RUNGS)[number];

export class Pressure {
  readonly memory: SharedArrayBuffer;
  readonly #rung: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory;
    this.#rung = new Int32Array(memory);
  }

  /** Whether this is given up now. */
  gaveUp(rung: Rung): boolean {
    return Atomics.load(this.#rung, 0) >= RUNGS.indexOf(rung);
  }

  shed(rung: Rung): void {
    Atomics.store(this.#rung, 0, RUNGS.indexOf(rung));
  }
}
