/**
 * Which way a signal moved, where one way is good news: a model server that recovers, an error rate that falls.
 *
 * Two-sided detectors call both a drift. An alarm over good news would start the very action that the bad news before it was for.
 */
import type { Json } from '../contracts/json.ts';
import { requestSignals } from '../contracts/signal.ts';

/** Signals that can get better, and which way. */
const BETTER: ReadonlyMap<string, 'lower' | 'higher'> = new Map([
  ...requestSignals.map(({ name, better }) => [name, better] as const),
  ['feedback.error', 'lower'],
]);

/** Newest values that are kept one by one; a change that began earlier is judged by these. */
const KEPT = 256;

/** Remembers a signal's values since the last drift: the sum of all, and the newest one by one. */
export class Direction {
  readonly #sign: 1 | -1;
  #count = 0;
  #sum = 0;
  #newest: number[] = [];

  /** @param state what `snapshot` gave; anything else begins anew, which costs one judgement */
  constructor(better: 'lower' | 'higher', state?: Json) {
    this.#sign = better === 'lower' ? 1 : -1;
    const kept = state as { count?: unknown; sum?: unknown; newest?: unknown } | null | undefined;
    if (typeof kept?.count !== 'number' || typeof kept.sum !== 'number' || !Array.isArray(kept.newest)) return;
    this.#count = kept.count;
    this.#sum = kept.sum;
    this.#newest = kept.newest.map(Number);
  }

  see(value: number): void {
    const cost = this.#sign * value;
    this.#count++;
    this.#sum += cost;
    this.#newest.push(cost);
    if (this.#newest.length > KEPT) this.#newest.shift();
  }

  /** After a drift: whether the newest values are better on average than those before them. Begins anew. */
  improved(changedFor: number | null): boolean {
    const newest = this.#newest.slice(-Math.min(changedFor ?? KEPT, KEPT));
    const sum = newest.reduce((total, value) => total + value, 0);
    const before = this.#count - newest.length;
    const improved = before > 0 && newest.length > 0 && sum / newest.length < (this.#sum - sum) / before;
    this.#count = 0;
    this.#sum = 0;
    this.#newest = [];
    return improved;
  }

  snapshot(): Json {
    return { count: this.#count, sum: this.#sum, newest: this.#newest };
  }
}

/** Null for a signal that may drift either way. */
export function directionOf(signal: string, state?: Json): Direction | null {
  const better = BETTER.get(signal);
  return better === undefined ? null : new Direction(better, state);
}
