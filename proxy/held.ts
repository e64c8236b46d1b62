/**
 * What lies in a data thread's memory because somebody is slow, bounded for all connections together.
 *
 * A connection holds little: an answer that its client does not fetch, a body that its upstream does not take, requests behind the present one. A
 * thousand of them hold more than a small container has. So past the bound whoever has held for longest is broken off (Envoy's overload action
 * `reset_high_memory_stream` resets who holds most). Copies for the analysis have a bound of their own: past it they grow no more.
 */
import type { Counters } from './counters.ts';

/** Who holds bytes. */
export interface Evictable {
  /** Lets go: its call, or its connection between two calls, is broken off. */
  evict(): void;
}

export class Held {
  /** The most that is held for the slow, in bytes. Copies may take half as much besides. */
  limitBytes: number;
  readonly #counters: Counters;
  readonly #report: (fault: unknown) => void;
  /** Oldest first, with the bytes of each. */
  readonly #holders = new Map<Evictable, number>();
  #bytes = 0;
  #copiedBytes = 0;
  #isMakingRoom = false;

  constructor(limitBytes: number, counters: Counters, report: (fault: unknown) => void) {
    this.limitBytes = limitBytes;
    this.#counters = counters;
    this.#report = report;
  }

  /** `holder` holds so many bytes from now on. One that did before keeps its place among them. */
  hold(holder: Evictable, bytes: number): void {
    this.#change(bytes - (this.#holders.get(holder) ?? 0));
    this.#holders.set(holder, bytes);
    if (this.#bytes <= this.limitBytes || this.#isMakingRoom) return;
    this.#isMakingRoom = true;
    // Not amidst a write; but before the next socket is read.
    process.nextTick(() => this.#makeRoom());
  }

  /** It holds nothing any more, if it did. */
  release(holder: Evictable): void {
    if (this.#holders.size === 0) return;
    const bytes = this.#holders.get(holder);
    if (bytes === undefined) return;
    this.#holders.delete(holder);
    this.#change(-bytes);
  }

  /** Makes room for a copy. Returns whether there is any; then `giveBack` must follow. */
  takeForCopy(bytes: number): boolean {
    if (this.#copiedBytes + bytes > this.limitBytes / 2) {
      this.#counters.add('copiesCut');
      return false;
    }
    this.#copiedBytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#copiedBytes -= bytes;
  }

  #makeRoom(): void {
    this.#isMakingRoom = false;
    for (const holder of this.#holders.keys()) {
      if (this.#bytes <= this.limitBytes) return;
      this.release(holder);
      this.#counters.add('evicted');
      try {
        holder.evict();
      } catch (fault) {
        this.#report(fault);
      }
    }
  }

  #change(bytes: number): void {
    this.#bytes += bytes;
    this.#counters.add('heldBytes', bytes);
  }
}
