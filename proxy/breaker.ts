/**
 * A circuit breaker: leaves an upstream alone for a while after it has failed too often, then lets one call find out.
 *
 * Knows no clock: every method that needs one is told the instant, in milliseconds on any steady scale.
 */
import type { BreakerOptions } from '../contracts/policy.ts';

/** `half-open`: one call is on its way, and its fate decides. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = 'closed';
  #openUntil = 0;
  #inARow = 0;
  /** The last outcomes, a failure as 1, in a ring. */
  readonly #outcomes: Uint8Array;
  #recorded = 0;
  #failed = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#outcomes = new Uint8Array(options.ofLast);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a call may be tried now. Each call that is let through must be followed by one of the three below. */
  admits(now: number): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'half-open' || now < this.#openUntil) return false;
    this.#state = 'half-open';
    return true;
  }

  /** How long no call will be let through, milliseconds. */
  waitMs(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntil - now) : 0;
  }

  /** A call was answered. */
  succeeded(): void {
    if (this.#state === 'half-open') this.#reset('closed');
    this.#inARow = 0;
    if (this.#state === 'closed') this.#record(0);
  }

  /** A call was not answered. Returns whether this has opened the breaker. */
  failed(now: number): boolean {
    // Calls that were under way when it opened tell nothing new.
    if (this.#state === 'open') return false;
    this.#inARow++;
    this.#record(1);
    const { failures, share, ofLast, openMs } = this.#options;
    const tooMany = this.#inARow >= failures || (this.#recorded >= ofLast && this.#failed >= share * ofLast);
    if (this.#state === 'closed' && !tooMany) return false;
    this.#reset('open');
    this.#openUntil = now + openMs;
    return true;
  }

  /** A call ended without telling anything of the upstream: its client left. */
  abandoned(now: number): void {
    if (this.#state !== 'half-open') return;
    // The next call finds out in its place.
    this.#state = 'open';
    this.#openUntil = now;
  }

  #reset(state: BreakerState): void {
    this.#state = state;
    this.#inARow = 0;
    this.#recorded = 0;
    this.#failed = 0;
    this.#outcomes.fill(0);
  }

  #record(outcome: 0 | 1): void {
    const at = this.#recorded % this.#outcomes.length;
    this.#failed += outcome - this.#outcomes[at]!;
    this.#outcomes[at] = outcome;
    this.#recorded++;
  }
}
