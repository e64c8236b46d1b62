/**
 * Deadlines of many connections on one timer. They move with nearly every byte and seldom come due, so moving one costs a
 * comparison; the timer looks over all of them when the earliest it knew of is due.
 */
import { performance } from 'node:perf_hooks';

/** Something that ends at an instant of `performance.now()`; Infinity = never. */
export interface Deadline {
  deadlineAt: number;
  /** Called once the deadline has passed; it has been set to Infinity before. */
  expire(): void;
}

/** Least time between two looks, milliseconds. */
const GRAIN_MS = 5;

export class Deadlines {
  readonly #items = new Set<Deadline>();
  #timer: NodeJS.Timeout | null = null;
  #plannedAt = Number.POSITIVE_INFINITY;

  add(item: Deadline): void {
    this.#items.add(item);
  }

  delete(item: Deadline): void {
    this.#items.delete(item);
  }

  /** Moves an item's deadline to `at`. */
  set(item: Deadline, at: number): void {
    item.deadlineAt = at;
    if (at < this.#plannedAt) this.#plan(at);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#items.clear();
    // No later `set` may start the timer again.
    this.#plannedAt = Number.NEGATIVE_INFINITY;
  }

  #plan(at: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#plannedAt = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(GRAIN_MS, at - performance.now()));
    this.#timer.unref();
  }

  #look(): void {
    const now = performance.now();
    this.#plannedAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const item of this.#items) {
      if (item.deadlineAt <= now) {
        item.deadlineAt = Number.POSITIVE_INFINITY;
        item.expire();
      }
      // One that is gone by then costs a look for nothing.
      if (item.deadlineAt < next) next = item.deadlineAt;
    }
    if (next < this.#plannedAt) this.#plan(next);
  }
}
