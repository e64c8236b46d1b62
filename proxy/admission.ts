/**
 * Places at an upstream: at most so many calls at once, and a bounded queue behind them.
 */
import type { Limits } from './limits.ts';

/** A call that asks for a place. */
export interface Waiter {
  /** Body bytes it holds meanwhile. */
  readonly heldBytes: number;
  /** It has a place now. Must not throw. */
  admitted(): void;
}

export class Admission {
  readonly #limits: Limits;
  /** Calls with a place. */
  #running = 0;
  /** Oldest first, with the bytes that each was counted with. */
  readonly #waiting = new Map<Waiter, number>();
  #waitingBytes = 0;
  #admitting = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Asks for a place. After `in` or `waiting`, `leave` must follow, once. */
  enter(waiter: Waiter): 'in' | 'waiting' | 'full' {
    const { maxUpstreamConnections, maxQueuedCalls, maxQueuedBytes } = this.#limits;
    if (this.#running < maxUpstreamConnections) {
      this.#running++;
      return 'in';
    }
    const { heldBytes } = waiter;
    if (this.#waiting.size >= maxQueuedCalls || this.#waitingBytes + heldBytes > maxQueuedBytes) return 'full';
    this.#waiting.set(waiter, heldBytes);
    this.#waitingBytes += heldBytes;
    return 'waiting';
  }

  /** Gives the place back, to the call that has waited longest, or stops waiting for one. */
  leave(waiter: Waiter): void {
    if (this.#waiting.size === 0 || !this.#forget(waiter)) this.#running--;
    // A call that is let in may leave at once; the loop then goes on instead of growing deeper.
    if (this.#admitting || this.#waiting.size === 0) return;
    this.#admitting = true;
    while (this.#running < this.#limits.maxUpstreamConnections) {
      const next = this.#waiting.keys().next();
      if (next.done === true) break;
      this.#forget(next.value);
      this.#running++;
      next.value.admitted();
    }
    this.#admitting = false;
  }

  #forget(waiter: Waiter): boolean {
    const bytes = this.#waiting.get(waiter);
    if (bytes === undefined) return false;
    this.#waitingBytes -= bytes;
    return this.#waiting.delete(waiter);
  }
}
