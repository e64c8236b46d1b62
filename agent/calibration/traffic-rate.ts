/**
 * The rate of traffic, measured over windows from the end of one to the end of the next, so that pauses count.
 *
 * It is the mean of a week: a budget in time runs through days and nights, and what a level rests on must not be the one hour in which
 * Driftline was started. Older windows fade.
 */
import type { Json } from '../../contracts/json.ts';
import type { ClosedWindow } from '../windows.ts';

const MEMORY_MS = 7 * 86_400_000;

/** What `snapshot` gives. */
interface State {
  readonly rows: number;
  readonly ms: number;
  readonly until: number | null;
}

/** Rows in a millisecond, from the windows of one version after another. */
export class TrafficRate {
  #rows: number;
  #ms: number;
  /** When the last window's last row came. */
  #until: number | null;

  constructor(state: Json | undefined) {
    // Written by this class.
    const kept = state as unknown as State | undefined;
    this.#rows = kept?.rows ?? 0;
    this.#ms = kept?.ms ?? 0;
    this.#until = kept?.until ?? null;
  }

  /** Null until rows came at different times. */
  get rowsPerMs(): number | null {
    return this.#ms > 0 ? this.#rows / this.#ms : null;
  }

  add({ range, rows, times, freshFrom }: Pick<ClosedWindow, 'range' | 'rows' | 'times' | 'freshFrom'>): void {
    // Windows may overlap, and be thinned.
    this.#rows += this.#until === null ? rows : (rows * (times.length - freshFrom)) / Math.max(1, times.length);
    // A clock that was set back tells nothing, and one that was set far ahead, or a long stop, no more than a memory's length.
    this.#ms += Math.min(MEMORY_MS, Math.max(0, range.toAt - (this.#until ?? range.fromAt)));
    this.#until = range.toAt;
    const fading = Math.min(1, MEMORY_MS / this.#ms);
    this.#rows *= fading;
    this.#ms *= fading;
  }

  snapshot(): Json {
    return { rows: this.#rows, ms: this.#ms, until: this.#until };
  }
}
