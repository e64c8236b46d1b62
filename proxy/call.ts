/**
 * The life of one call: sent to an upstream, perhaps once more or to the fallback, answered, captured. What lives it serves the next call of the
 * same connection as well.
 *
 * Until the first byte of a final answer has been passed on, a failure can still be mended; after it, only shown. Exactly one exchange
 * goes into the ring for each call, however it ends.
 */
import { performance } from 'node:perf_hooks';
import type { Header } from '../contracts/exchange.ts';
import type { AttemptRequest, AttemptUser } from './attempt.ts';
import type { AnswerOut, Caller } from './caller.ts';
import { CallRecord } from './call-record.ts';
import type { DataPath } from './data-path.ts';
import { type OutgoingAnswer, type OutgoingRequest, recordedLines } from './forward.ts';
import type { AnswerFraming } from './framing.ts';
import { Identity } from './identity.ts';
import { MAX_HOPS, MAX_REPLAY_BYTES } from './limits.ts';
import { REASON_STATUS, REASON_TEXT, type Reason } from './reasons.ts';
import { leastMs, RequestBody } from './request-body.ts';
import { Sending } from './sending.ts';

export class Call implements AttemptUser, AttemptRequest {
  /** Set by `start`. */
  request!: OutgoingRequest;
  readonly identity = new Identity();
  readonly #path: DataPath;
  readonly #caller: Caller;
  readonly #out: AnswerOut;
  readonly #record: CallRecord;
  readonly #body: RequestBody;
  readonly #sending: Sending;
  /** The upstream has failed and the body is collected for the fallback. */
  #gathering = false;

  /** The final answer once it has begun; null before, and when Driftline answers itself. */
  #answer: OutgoingAnswer | null = null;
  /** When the first byte of the final answer must have come, on `performance.now()`. */
  #answerDueAt = 0;
  /** Whether the answer ends with its connection. */
  #untilClose = false;
  #keep = false;
  #clientBlocked = false;

  constructor(path: DataPath, caller: Caller, out: AnswerOut) {
    this.#path = path;
    this.#caller = caller;
    this.#out = out;
    this.#record = new CallRecord(path, MAX_REPLAY_BYTES);
    this.#body = new RequestBody(caller, this.#record.request);
    this.#sending = new Sending(path, this, this.#body);
  }

  /** Of the next call, when the one before has ended. The two are one instant, since the Unix epoch and on `performance.now()`, in milliseconds. */
  start(request: OutgoingRequest, startedAt: number, startedMono: number): void {
    this.request = request;
    this.identity.start(request, startedAt);
    this.#record.start(request, this.identity, startedAt, startedMono);
    this.#record.request.expect(request.head.contentLength ?? 0);
    this.#body.start(startedMono);
    this.#sending.start(this);
    this.#gathering = false;
    this.#answer = null;
    this.#clientBlocked = false;
  }

  // ── from the client ──

  /** Starts with the body bytes that came along with the head. */
  begin(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[], now = performance.now()): void {
    const { traffic, limits } = this.#path;
    const { head, hop } = this.request;
    this.#body.take(pieces, done, trailers);
    if (hop > MAX_HOPS) this.#answerMyself('loop');
    else if ((head.contentLength ?? this.#body.totalBytes) > limits.maxRequestBytes) this.#answerMyself('body-too-large');
    else {
      const target = traffic.choose(head.method);
      if (target !== traffic.primary) this.#record.reason = 'route';
      this.#sending.to(target, pieces, now);
      if (this.#sending.waiting) this.#arm(now);
    }
  }

  /** Returns whether the pieces are free: nobody looks at them any more. */
  body(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    const isViewed = this.#body.take(pieces, done, trailers);
    if (this.#body.totalBytes > this.#path.limits.maxRequestBytes) this.#refuseBody('body-too-large');
    else if (this.#gathering) this.#gather();
    else {
      this.#sending.body(pieces);
      if (this.#sending.attempt?.connected === true) this.moved();
    }
    return !isViewed && this.#sending.attempt?.holdsBytes === false;
  }

  /** The request body breaks its own framing. */
  bodyBroken(what: string): void {
    this.#refuseBody('bad-request', what);
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#sending.attempt?.resume();
    this.#arm();
  }

  /** The client has left. */
  abort(): void {
    this.#sending.end('abandoned');
    this.#record.end('aborted');
  }

  /** What was waited for has not come in time. */
  expire(): void {
    const { attempt, waiting } = this.#sending;
    if (this.#answer !== null) {
      if (this.#clientBlocked) this.#caller.destroy();
      else this.failed('truncated');
    } else if (waiting) this.failed('overloaded');
    else if (this.#gathering || this.#clientIsDue) {
      this.#sending.end('abandoned');
      this.#answerMyself('request-timeout');
    } else this.failed(attempt?.connected === false ? 'connect-timeout' : 'no-answer');
  }

  evict(): void {
    this.#sending.end('abandoned');
    if (this.#answer === null) {
      // What has come behind it on the connection is to go as well.
      this.#answerMyself('overloaded', REASON_TEXT.overloaded, false);
      return;
    }
    this.#cutOff('overloaded');
  }

  // ── from the upstream ──

  moved(now = performance.now()): void {
    this.#answerDueAt = now + (this.#sending.target?.upstream.timeoutMs ?? 0);
    this.#arm(now);
  }

  headMoved(now: number): void {
    this.#arm(now);
  }

  drained(): void {
    this.#body.resume();
    this.moved();
  }

  interim(answer: OutgoingAnswer): void {
    this.#out.interim(answer);
  }

  answer(answer: OutgoingAnswer, framing: AnswerFraming): void {
    // What is answered was sent somewhere.
    const servedBy = this.#sending.target!.label;
    this.#sending.answered();
    this.#answer = answer;
    this.#record.answerFields = answer.capturedFields;
    if (framing === 'length') this.#record.answer.expect(answer.head.contentLength ?? 0);
    this.#untilClose = framing === 'close';
    this.#record.status = answer.head.status;
    this.#record.servedBy = servedBy;
    this.#keep = this.#out.open(answer, framing, this.#record, this.#mayKeep);
  }

  part(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[], now = performance.now()): boolean {
    // The connection is free again, or another call's already.
    if (done) this.#sending.attempt = null;
    let isViewed = false;
    for (const piece of pieces) if (this.#record.answer.keep(piece, done)) isViewed = true;
    const flowing = this.#out.write(pieces, done, trailers);
    // The end of a connection brings no byte.
    if (!done || !this.#untilClose) this.#record.saw(now);
    if (done) {
      if (trailers.length > 0) this.#record.answerTrailers = recordedLines(trailers);
      this.#sending.end('done');
      this.#record.end('answered', now);
      this.#body.free();
      this.#record.answer.free();
      this.#caller.callEnded(this.#keep, now);
      return false;
    }
    if (!flowing) {
      this.#clientBlocked = true;
      this.#sending.attempt?.pause();
    }
    this.#arm(now);
    return !isViewed && !this.#out.holdsBytes;
  }

  failed(reason: Reason): void {
    if (this.#answer !== null) {
      this.#sending.end('done');
      this.#breakOff('truncated');
      return;
    }
    if (reason === 'reset' && this.#sending.again()) return;
    this.#sending.end('failed');
    // When the fallback fails too, the first failure is the one to tell.
    if (this.#record.reason === null || this.#record.reason === 'route') this.#record.reason = reason;
    const { fallback } = this.#path.traffic;
    if (fallback === null || this.#sending.target === fallback || this.request.head.method !== 'POST' || !this.#body.whole) {
      this.#answerMyself(this.#record.reason);
      return;
    }
    this.#gathering = true;
    this.#body.resume();
    if (!this.#body.done && this.#body.totalBytes === 0) this.#out.continueBody();
    this.#gather();
  }

  /** A fault of our own: nothing can be said any more of what the client has got. */
  fault(): void {
    this.#sending.end('abandoned');
    this.#cutOff('internal');
  }

  // ── between the two ──

  /** Whether the call waits for the client rather than for the upstream. */
  get #clientIsDue(): boolean {
    if (this.#body.done || this.#body.paused || this.#headSince !== Number.POSITIVE_INFINITY) return false;
    // A client that asked whether to go on waits for the answer to that.
    return !this.request.head.expectsContinue || this.#out.continued || this.#body.totalBytes > 0;
  }

  /** Since when the upstream owes the rest of a head; Infinity = of none. */
  get #headSince(): number {
    return this.#sending.attempt?.headSince ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the client's connection is at a message's end when the answer is. */
  get #mayKeep(): boolean {
    return this.#body.done && this.#path.keepAlive;
  }

  /** Goes to the fallback once the whole body is there. */
  #gather(): void {
    const { fallback } = this.#path.traffic;
    if (!this.#body.whole || fallback === null) {
      // Gathering began with a reason.
      this.#answerMyself(this.#record.reason!);
      return;
    }
    if (this.#body.done) {
      this.#gathering = false;
      this.#sending.to(fallback, this.#body.replay, performance.now());
    }
    if (!this.#record.ended) this.#arm();
  }

  /** Sets the deadline of what is waited for now. */
  #arm(now = performance.now()): void {
    const { limits, deadlines } = this.#path;
    const { attempt, target, waiting } = this.#sending;
    const timeoutMs = target === null ? 0 : target.upstream.timeoutMs;
    let at: number;
    if (this.#answer !== null) {
      at = now + limits.stallTimeoutMs;
      if (this.#clientBlocked) at = Math.min(at, now + leastMs(this.#out.unsentBytes, limits));
    } else if (waiting) at = now + limits.queueTimeoutMs;
    else if (attempt !== null && !attempt.connected) at = now + Math.min(limits.connectTimeoutMs, timeoutMs);
    else if (this.#headSince !== Number.POSITIVE_INFINITY) {
      // Interim answers, one head after the other, win no time.
      at = Math.min(this.#headSince, this.#answerDueAt) + limits.headTimeoutMs;
    } else if (this.#gathering || this.#clientIsDue) at = this.#body.dueAt(now, limits);
    else at = this.#answerDueAt;
    deadlines.set(this.#caller, at);
  }

  // ── ends ──

  #refuseBody(reason: Reason, error?: string): void {
    this.#sending.end('abandoned');
    if (this.#answer === null) this.#answerMyself(reason, error);
    else this.#breakOff(reason);
  }

  #answerMyself(reason: Reason, error: string = REASON_TEXT[reason], mayKeep = this.#mayKeep): void {
    const retryAfterS = reason === 'circuit-open' ? Math.max(1, Math.ceil(this.#sending.openMs / 1000)) : 1;
    const { body, keep } = this.#out.own({ id: this.identity.id, reason, error, retryAfterS }, mayKeep);
    this.#record.reason = reason;
    this.#record.status = REASON_STATUS[reason];
    this.#record.answer.keep(body);
    this.#record.end('failed');
    // Of the request an upstream that has failed may have the bytes still.
    this.#record.request.drop();
    this.#record.answer.drop();
    this.#caller.callEnded(keep, performance.now());
  }

  /** Nothing more is said to the client. */
  #cutOff(reason: Reason): void {
    this.#record.reason = reason;
    this.#record.end('failed');
    this.#caller.destroy();
  }

  /** An answer that cannot be finished must not look finished. */
  #breakOff(reason: Reason): void {
    this.#record.reason = reason;
    this.#record.end('failed');
    this.#caller.breakOff();
  }
}
