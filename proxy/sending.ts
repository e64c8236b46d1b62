/**
 * A request on its way to a target: waits for a place, asks the breaker, opens the attempt, and once more where that is allowed.
 */
import { performance } from 'node:perf_hooks';
import type { Waiter } from './admission.ts';
import type { Attempt, AttemptRequest, AttemptUser } from './attempt.ts';
import type { DataPath } from './data-path.ts';
import { lasting } from './reading.ts';
import type { RequestBody } from './request-body.ts';
import { maySendAgain } from './retry.ts';
import type { Target } from './target.ts';

const NOTHING: readonly Buffer[] = [];

export class Sending implements Waiter {
  /** Where the call goes, or went last. */
  target: Target | null = null;
  /** Null while there is no place and when it has ended. */
  attempt: Attempt | null = null;
  readonly #path: DataPath;
  /** Hears of the attempt; `failed` also when it comes to none. */
  readonly #user: AttemptUser;
  readonly #body: RequestBody;
  #request!: AttemptRequest;
  #place: 'none' | 'waiting' | 'in' = 'none';
  /** Body bytes that came before the attempt began. */
  #unsent = NOTHING;
  #retried = false;

  constructor(path: DataPath, user: AttemptUser, body: RequestBody) {
    this.#path = path;
    this.#user = user;
    this.#body = body;
  }

  /** Of the next call. */
  start(request: AttemptRequest): void {
    this.target = null;
    this.#request = request;
    this.#retried = false;
  }

  /** Whether it waits for a place. */
  get waiting(): boolean {
    return this.#place === 'waiting';
  }

  get heldBytes(): number {
    return this.#body.totalBytes;
  }

  /** Sends to `target` what has come of the body, at `now`. */
  to(target: Target, pieces: readonly Buffer[], now: number): void {
    this.target = target;
    this.#unsent = pieces;
    const entry = target.admission.enter(this);
    if (entry === 'full') this.#user.failed('overloaded');
    else if (entry === 'in') {
      this.#place = 'in';
      this.#open(target, false, now);
    } else {
      this.#place = 'waiting';
      // Where the copy is whole it is there anyway.
      this.#unsent = this.#body.whole ? this.#body.replay : pieces.map(lasting);
      this.#path.counters.add('queued');
      this.#body.pause();
    }
  }

  admitted(): void {
    try {
      this.#place = 'in';
      // It waited for a place at this one.
      this.#open(this.target!, false, performance.now());
    } catch (fault) {
      // This runs at the end of another call.
      this.#path.report(fault);
      this.#user.fault();
    }
  }

  /** Sends more of the body. */
  body(pieces: readonly Buffer[]): void {
    const { done, trailers } = this.#body;
    if (this.attempt === null) {
      if (this.#place === 'waiting') this.#unsent = [...this.#unsent, ...pieces.map(lasting)];
    } else if (!this.attempt.send(pieces, done, trailers)) this.#body.pause();
  }

  /** The target has begun to answer. */
  answered(): void {
    this.target?.breaker?.succeeded();
  }

  /** Tries a fresh connection after a pooled one was reset, where that is allowed and may help. Returns whether it does. */
  again(): boolean {
    const { target, attempt } = this;
    if (target === null || attempt?.stale !== true || this.#retried || !this.#mayRetry) return false;
    attempt.discard();
    this.attempt = null;
    const now = performance.now();
    target.breaker?.abandoned(now);
    this.#retried = true;
    this.#path.counters.add('retried');
    this.#unsent = this.#body.replay;
    this.#open(target, true, now);
    return true;
  }

  /** Ends the attempt, or the waiting for one. The breaker hears how it went: `done` after an answer, `abandoned` when it tells nothing. */
  end(how: 'done' | 'failed' | 'abandoned'): void {
    const { target, attempt } = this;
    this.#unsent = NOTHING;
    if (attempt !== null) {
      attempt.discard();
      this.attempt = null;
      const breaker = target?.breaker ?? null;
      if (breaker !== null && how === 'failed' && breaker.failed(performance.now())) this.#path.counters.add('circuitOpened');
      else if (breaker !== null && how === 'abandoned') breaker.abandoned(performance.now());
    }
    if (this.#place === 'none') return;
    this.#place = 'none';
    target?.admission.leave(this);
  }

  /** How long the breaker still stays open, milliseconds. */
  get openMs(): number {
    return this.target?.breaker?.waitMs(performance.now()) ?? 0;
  }

  get #mayRetry(): boolean {
    // Of a connection that was closed nobody knows what the server has taken.
    return maySendAgain(this.#path.traffic.retry, this.#request.request.head.method, this.#body, false);
  }

  #open(target: Target, fresh: boolean, now: number): void {
    const { breaker } = target;
    if (breaker !== null && !breaker.admits(now)) {
      this.#user.failed('circuit-open');
      return;
    }
    const { done, trailers } = this.#body;
    const attempt = target.transport.open(this.#user, this.#request, fresh);
    this.attempt = attempt;
    const flowing = attempt.send(this.#unsent, done, trailers);
    this.#unsent = NOTHING;
    if (flowing) this.#body.resume();
    else this.#body.pause();
    this.#user.moved(now);
  }
}
