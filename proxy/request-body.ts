/**
 * A request's body as it comes from the client: its copy, its end, and whether it comes fast enough.
 */
import { performance } from 'node:perf_hooks';
import type { Header } from '../contracts/exchange.ts';
import type { Caller } from './caller.ts';
import type { Capture } from './capture.ts';
import { isDisguised } from './forward.ts';
import type { Limits } from './limits.ts';

const NO_TRAILERS: readonly Header[] = [];

export class RequestBody {
  done = false;
  trailers: readonly Header[] = NO_TRAILERS;
  readonly #caller: Caller;
  readonly #copy: Capture;
  /** From here on the least rate counts, on `performance.now()`; moves by the time in which we did not read. */
  #rateFrom = 0;
  #pausedAt = 0;
  #isReplayed = false;

  constructor(caller: Caller, copy: Capture) {
    this.#caller = caller;
    this.#copy = copy;
  }

  /** Of the next call. */
  start(startedMono: number): void {
    this.done = false;
    this.trailers = NO_TRAILERS;
    this.#rateFrom = startedMono;
    this.#isReplayed = false;
  }

  get totalBytes(): number {
    return this.#copy.totalBytes;
  }

  /** Whether all that came is held. */
  get whole(): boolean {
    return this.#copy.whole;
  }

  /** All that came, to be sent again; for a whole body only. */
  get replay(): readonly Buffer[] {
    this.#isReplayed = true;
    return this.#copy.totalBytes === 0 ? [] : [this.#copy.bytes];
  }

  /** The call is answered and recorded. What was sent again may be on its way still. */
  free(): void {
    if (this.#isReplayed) this.#copy.drop();
    else this.#copy.free();
  }

  get paused(): boolean {
    return this.#caller.bodyPaused;
  }

  /** Returns whether a piece is still looked at. */
  take(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    let isViewed = false;
    for (const piece of pieces) if (this.#copy.keep(piece)) isViewed = true;
    this.done = done;
    if (done && trailers.length > 0) this.trailers = trailers.filter(([name]) => !isDisguised(name));
    return isViewed;
  }

  /** Reads no more until the upstream takes more. */
  pause(): void {
    if (this.done || this.#caller.bodyPaused) return;
    this.#caller.pauseBody();
    this.#pausedAt = performance.now();
  }

  resume(): void {
    if (!this.#caller.bodyPaused) return;
    this.#rateFrom += performance.now() - this.#pausedAt;
    this.#caller.resumeBody();
  }

  /** When the client is too slow unless more has come, on `performance.now()`. */
  dueAt(now: number, limits: Limits): number {
    return Math.min(now + limits.stallTimeoutMs, this.#rateFrom + leastMs(this.#copy.totalBytes, limits));
  }
}

/** How long a client may take for so many bytes. */
export function leastMs(bytes: number, { minBytesPerSecond, rateGraceMs }: Limits): number {
  return minBytesPerSecond === 0 ? Number.POSITIVE_INFINITY : rateGraceMs + (bytes * 1000) / minBytesPerSecond;
}
