/**
 * The life of one call: let in, sent to an upstream, perhaps once more or to the fallback, answered, captured.
 *
 * Until the first byte of a final answer has been passed on, a failure can still be mended; after it, only shown. Exactly one exchange
 * goes into the ring for each call, however it ends.
 */
import type { Header, Outcome } from '../contracts/exchange.ts';
import type { Waiter } from './admission.ts';
import type { Attempt, AttemptUser } from './attempt.ts';
import type { AnswerOut, Caller } from './caller.ts';
import { Capture } from './capture.ts';
import type { DataPath } from './data-path.ts';
import { isDisguised, type OutgoingAnswer, type OutgoingRequest } from './forward.ts';
import type { AnswerFraming } from './framing.ts';
import { MAX_HOPS, MAX_REPLAY_BYTES } from './limits.ts';
import { uuidV7 } from './random.ts';
import { REASON_STATUS, REASON_TEXT, type Reason } from './reasons.ts';
import type { Target } from './target.ts';
import { nextTraceparent } from './trace-context.ts';

const NO_TRAILERS: readonly Header[] = [];
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export class Call implements AttemptUser, Waiter {
  readonly #id: string;
  readonly #path: DataPath;
  readonly #caller: Caller;
  readonly #out: AnswerOut;
  readonly #request: OutgoingRequest;
  readonly #traceparent: string;
  readonly #startedAt: number;
  readonly #startedMono: number;

  readonly #body: Capture;
  #bodyDone = false;
  #trailers: readonly Header[] = NO_TRAILERS;
  /** From here on the body's least rate counts, on `performance.now()`; moves by the time that we did not read. */
  #rateFrom: number;
  #pausedAt = 0;
  /** Body bytes that came before the attempt began. */
  #unsent: readonly Buffer[] = [];
  /** The upstream has failed and the body is collected for the fallback. */
  #gathering = false;

  #target: Target | null = null;
  /** Where it stands with the target's places. */
  #place: 'none' | 'waiting' | 'in' = 'none';
  #attempt: Attempt | null = null;
  #retried = false;

  /** The final answer once it has begun; null before, and when Driftline answers itself. */
  #answer: OutgoingAnswer | null = null;
  readonly #answerBody: Capture;
  /** Status sent to the client; 0 before any. */
  #status = 0;
  #servedBy = 'none';
  #keep = false;
  #clientBlocked = false;
  #reason: Reason | null = null;
  #ended = false;

  /** `startedAt` in milliseconds since the Unix epoch, `startedMono` the same instant on `performance.now()`. */
  constructor(path: DataPath, caller: Caller, out: AnswerOut, request: OutgoingRequest, startedAt: number, startedMono: number) {
    const { maxBodyBytes } = path.traffic;
    this.#path = path;
    this.#caller = caller;
    this.#out = out;
    this.#request = request;
    this.#startedAt = startedAt;
    this.#startedMono = startedMono;
    this.#rateFrom = startedMono;
    this.#id = request.callerId ?? uuidV7(startedAt);
    this.#traceparent = nextTraceparent(request.trace);
    this.#body = new Capture(Math.max(maxBodyBytes, MAX_REPLAY_BYTES));
    this.#answerBody = new Capture(maxBodyBytes);
  }

  // ── from the client ──

  /** Starts with the body bytes that came along with the head. */
  begin(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    const { traffic, limits } = this.#path;
    const { head, hop } = this.#request;
    this.#take(pieces, done, trailers);
    if (hop > MAX_HOPS) this.#answerMyself('loop');
    else if ((head.contentLength ?? this.#body.totalBytes) > limits.maxRequestBytes) this.#answerMyself('body-too-large');
    else {
      const target = traffic.choose(head.method);
      if (target !== traffic.primary) this.#reason = 'route';
      this.#try(target, pieces);
    }
  }

  body(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    this.#take(pieces, done, trailers);
    if (this.#body.totalBytes > this.#path.limits.maxRequestBytes) this.#refuseBody('body-too-large');
    else if (this.#gathering) this.#gather();
    else if (this.#attempt !== null) {
      const flowing = this.#attempt.send(pieces, done, this.#trailers);
      if (!flowing && !done) this.#pauseBody();
      if (this.#attempt.connected) this.#arm();
    } else if (this.#place === 'waiting') this.#unsent = [...this.#unsent, ...pieces];
  }

  /** The request body breaks its own framing. */
  bodyBroken(what: string): void {
    this.#refuseBody('bad-request', what);
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#attempt?.resume();
    this.#arm();
  }

  /** The client has left. */
  abort(): void {
    this.#drop();
    this.#end('aborted');
  }

  /** A fault of our own: nothing can be said any more of what the client has got. */
  fault(): void {
    this.#drop();
    this.#reason = 'internal';
    this.#end('failed');
    this.#caller.destroy();
  }

  /** What was waited for has not come in time. */
  expire(): void {
    if (this.#answer !== null) {
      if (this.#clientBlocked) this.#caller.destroy();
      else this.#failed('truncated');
    } else if (this.#place === 'waiting') this.#failed('overloaded');
    else if (this.#gathering || this.#clientIsDue) {
      this.#drop();
      this.#answerMyself('request-timeout');
    } else this.#failed(this.#attempt?.connected === false ? 'connect-timeout' : 'no-answer');
  }

  // ── from the upstream ──

  /** Body bytes held while waiting for a place. */
  get heldBytes(): number {
    return this.#body.totalBytes;
  }

  admitted(): void {
    try {
      this.#place = 'in';
      this.#start(false);
    } catch (fault) {
      // This runs at the end of another call.
      this.#path.report(fault);
      this.fault();
    }
  }

  connected(): void {
    this.#arm();
  }

  drained(): void {
    this.#resumeBody();
    this.#arm();
  }

  waiting(): void {
    this.#arm();
  }

  interim(answer: OutgoingAnswer): void {
    this.#out.interim(answer);
  }

  answer(answer: OutgoingAnswer, framing: AnswerFraming): void {
    // The attempt that is being answered has a target.
    const { label, breaker } = this.#target!;
    breaker?.succeeded();
    this.#answer = answer;
    this.#status = answer.head.status;
    this.#servedBy = label;
    this.#keep = this.#out.open(answer, framing, { id: this.#id, servedBy: label, reason: this.#reason }, this.#mayKeep);
  }

  part(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    for (const piece of pieces) this.#answerBody.keep(piece);
    if (done) this.#attempt = null;
    const flowing = this.#out.write(pieces, done, trailers);
    if (done) {
      this.#leave();
      this.#end('answered');
      this.#caller.callEnded(this.#keep);
      return;
    }
    if (!flowing) {
      this.#clientBlocked = true;
      this.#attempt?.pause();
    }
    this.#arm(now);
  }

  failed(reason: Reason): void {
    this.#failed(reason);
  }

  // ── attempts ──

  /** Whether the call waits for the client rather than for the upstream. */
  get #clientIsDue(): boolean {
    if (this.#bodyDone || this.#caller.bodyPaused) return false;
    // A client that asked whether to go on waits for the answer to that.
    return !this.#request.head.expectsContinue || this.#out.continued || this.#body.totalBytes > 0;
  }

  /** Whether the client's connection is at a message's end when the answer is. */
  get #mayKeep(): boolean {
    return this.#bodyDone && !this.#path.draining;
  }

  #take(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    for (const piece of pieces) this.#body.keep(piece);
    this.#bodyDone = done;
    if (done && trailers.length > 0) this.#trailers = trailers.filter(([name]) => !isDisguised(name));
  }

  #pauseBody(): void {
    if (this.#caller.bodyPaused) return;
    this.#caller.pauseBody();
    this.#pausedAt = performance.now();
  }

  #resumeBody(): void {
    if (!this.#caller.bodyPaused) return;
    this.#rateFrom += performance.now() - this.#pausedAt;
    this.#caller.resumeBody();
  }

  /** Asks for a place at the target, and starts when there is one. */
  #try(target: Target, pieces: readonly Buffer[]): void {
    this.#target = target;
    this.#unsent = pieces;
    const entry = target.admission.enter(this);
    if (entry === 'full') this.#failed('overloaded');
    else if (entry === 'in') {
      this.#place = 'in';
      this.#start(false);
    } else {
      this.#place = 'waiting';
      this.#path.counters.add('queued');
      if (!this.#bodyDone) this.#pauseBody();
      this.#arm();
    }
  }

  /** Sends all that came so far. */
  #start(fresh: boolean): void {
    // A place was given at a target.
    const target = this.#target!;
    if (target.breaker !== null && !target.breaker.admits(performance.now())) {
      this.#failed('circuit-open');
      return;
    }
    const attempt = target.transport.open(this, { request: this.#request, id: this.#id, traceparent: this.#traceparent }, fresh);
    this.#attempt = attempt;
    const flowing = attempt.send(this.#unsent, this.#bodyDone, this.#trailers);
    this.#unsent = [];
    if (!flowing && !this.#bodyDone) this.#pauseBody();
    else this.#resumeBody();
    this.#arm();
  }

  /** The body as it came so far; whole while the copy is. */
  get #replay(): readonly Buffer[] {
    return this.#body.totalBytes === 0 ? [] : [this.#body.bytes];
  }

  #gather(): void {
    const { fallback } = this.#path.traffic;
    if (!this.#body.whole || fallback === null) {
      // Gathering began with a reason.
      this.#answerMyself(this.#reason!);
    } else if (this.#bodyDone) {
      this.#gathering = false;
      this.#try(fallback, this.#replay);
    } else this.#arm();
  }

  /** Sets the deadline of what is waited for now. */
  #arm(now = performance.now()): void {
    const { limits, deadlines } = this.#path;
    const now = performance.now();
    const timeoutMs = this.#target === null ? 0 : this.#target.upstream.timeoutMs;
    let at: number;
    if (this.#answer !== null) {
      at = now + limits.stallTimeoutMs;
      if (this.#clientBlocked) at = Math.min(at, now + limits.rateGraceMs + this.#leastMs(this.#out.unsentBytes));
    } else if (this.#place === 'waiting') at = now + limits.queueTimeoutMs;
    else if (this.#attempt !== null && !this.#attempt.connected) at = now + Math.min(limits.connectTimeoutMs, timeoutMs);
    else if (this.#gathering || this.#clientIsDue) {
      at = Math.min(now + limits.stallTimeoutMs, this.#rateFrom + limits.rateGraceMs + this.#leastMs(this.#body.totalBytes));
    } else at = now + (this.#attempt?.inHead === true ? limits.headTimeoutMs : timeoutMs);
    deadlines.set(this.#caller, at);
  }

  /** How long a client may take for so many bytes. */
  #leastMs(bytes: number): number {
    const { minBytesPerSecond } = this.#path.limits;
    return minBytesPerSecond === 0 ? Number.POSITIVE_INFINITY : (bytes * 1000) / minBytesPerSecond;
  }

  #failed(reason: Reason): void {
    const { traffic, counters } = this.#path;
    const isStale = reason === 'reset' && this.#attempt?.stale === true;
    if (this.#answer !== null) {
      this.#drop();
      this.#breakOff('truncated');
      return;
    }
    if (isStale && !this.#retried && this.#mayRetry) {
      this.#attempt?.discard();
      this.#attempt = null;
      this.#target?.breaker?.abandoned(performance.now());
      this.#retried = true;
      counters.add('retried');
      this.#unsent = this.#replay;
      this.#start(true);
      return;
    }
    // Not so a breaker that is open, nor a queue that is full: no attempt was made.
    if (this.#attempt !== null && this.#target?.breaker?.failed(performance.now()) === true) counters.add('circuitOpened');
    this.#attempt?.discard();
    this.#attempt = null;
    this.#leave();
    // When the fallback fails too, the first failure is the one to tell.
    if (this.#reason === null || this.#reason === 'route') this.#reason = reason;
    const { fallback } = traffic;
    if (fallback === null || this.#target === fallback || this.#request.head.method !== 'POST' || !this.#body.whole) {
      this.#answerMyself(this.#reason);
    } else if (this.#bodyDone) {
      this.#try(fallback, this.#replay);
    } else {
      this.#gathering = true;
      this.#resumeBody();
      if (this.#body.totalBytes === 0) this.#out.continueBody();
      this.#arm();
    }
  }

  get #mayRetry(): boolean {
    const { retry } = this.#path.traffic;
    if (retry === 'never' || (retry === 'idempotent' && !IDEMPOTENT.has(this.#request.head.method))) return false;
    return this.#body.whole && this.#body.totalBytes <= MAX_REPLAY_BYTES;
  }

  /** Gives up the attempt, which tells nothing of the upstream. */
  #drop(): void {
    if (this.#attempt !== null) {
      if (this.#answer === null) this.#target?.breaker?.abandoned(performance.now());
      this.#attempt.discard();
      this.#attempt = null;
    }
    this.#leave();
  }

  #leave(): void {
    if (this.#place === 'none') return;
    this.#place = 'none';
    this.#target?.admission.leave(this);
  }

  // ── ends ──

  #refuseBody(reason: Reason, error?: string): void {
    this.#drop();
    if (this.#answer === null) this.#answerMyself(reason, error);
    else this.#breakOff(reason);
  }

  #answerMyself(reason: Reason, error: string = REASON_TEXT[reason]): void {
    const waitMs = reason === 'circuit-open' ? (this.#target?.breaker?.waitMs(performance.now()) ?? 0) : 0;
    const words = { id: this.#id, reason, error, retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)) };
    const { body, keep } = this.#out.own(words, this.#mayKeep);
    this.#reason = reason;
    this.#status = REASON_STATUS[reason];
    this.#answerBody.keep(body);
    this.#gathering = false;
    this.#end('failed');
    this.#caller.callEnded(keep);
  }

  /** An answer that cannot be finished must not look finished. */
  #breakOff(reason: Reason): void {
    this.#reason = reason;
    this.#end('failed');
    this.#caller.breakOff();
  }

  #end(outcome: Outcome, now = performance.now()): void {
    if (this.#ended) return;
    this.#ended = true;
    const { counters, ring, traffic } = this.#path;
    const reason = this.#reason;
    counters.add(outcome);
    if (outcome === 'failed' && reason !== null) counters.failedBy(reason);
    if (outcome === 'answered' && this.#servedBy === 'fallback') {
      counters.add('fallback');
      if (reason !== null) counters.fallbackBy(reason);
    }
    const body = this.#body.bytes;
    const kept = ring.write({
      id: this.#id,
      startedAt: this.#startedAt,
      latencyMs: now - this.#startedMono,
      method: this.#request.head.method,
      path: this.#request.head.target,
      status: this.#status,
      servedBy: this.#servedBy,
      outcome,
      reason,
      traceparent: this.#traceparent,
      requestFields: this.#request.capturedFields,
      answerFields: this.#answer === null ? '' : this.#answer.capturedFields,
      requestBytes: body.length > traffic.maxBodyBytes ? body.subarray(0, traffic.maxBodyBytes) : body,
      requestTotalBytes: this.#body.totalBytes,
      answerBytes: this.#answerBody.bytes,
      answerTotalBytes: this.#answerBody.totalBytes,
    });
    counters.add(kept ? 'exchanges' : 'ringFull');
  }
}
