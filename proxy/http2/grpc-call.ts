/**
 * The life of one gRPC call: carried from the client's HTTP/2 stream to one on the upstream's session, message bytes untouched, both
 * ways at once and each as fast as its reader; cancelled on one side means cancelled on the other. Captured, however it ends.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Header, Outcome } from '../../contracts/exchange.ts';
import { CallRecord } from '../call-record.ts';
import type { DataPath } from '../data-path.ts';
import type { Deadline } from '../deadlines.ts';
import { type OutgoingRequest, recordedLines } from '../forward.ts';
import type { Evictable } from '../held.ts';
import { Identity } from '../identity.ts';
import { BYTES_KEPT_FOR_ONE, DEADLINE_GRACE_MS, MAX_HOPS, MAX_REPLAY_BYTES } from '../limits.ts';
import type { Reason } from '../reasons.ts';
import { maySendAgain } from '../retry.ts';
import type { Target } from '../target.ts';
import { endAnswer, isOpen, release, respond } from './answer-fields.ts';
import { isPrediction, statusFields, timeoutMs } from './grpc.ts';
import { GrpcAttempt, type GrpcAttemptUser } from './grpc-attempt.ts';
import { type GrpcAnswerHead, upstreamHead } from './grpc-heads.ts';

/** What is no failure of the model server's, and takes the time that a fallback would need. */
const CLIENTS_OWN: ReadonlySet<Reason> = new Set(['deadline', 'request-timeout']);

/** Why the model server did not answer; `resetCode` of the stream, where it was reset alone. */
interface Failure {
  readonly reason: Reason;
  readonly resetCode: number | null;
}

export class GrpcCall implements Deadline, Evictable, GrpcAttemptUser {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly #path: DataPath;
  readonly #stream: ServerHttp2Stream;
  readonly #request: OutgoingRequest;
  readonly #record: CallRecord;
  /** The caller's own deadline, on `performance.now()`. */
  readonly #givenUpAt: number;

  #bodyDone: boolean;
  #trailers: readonly Header[] = [];

  #target: Target | null = null;
  /** Null before there is one and when it has ended. */
  #attempt: GrpcAttempt | null = null;
  #retried = false;
  /** Whether the breaker still waits for word of how it went. */
  #onTrial = false;
  /** Why the fallback is asked, or will be once the whole body is there. */
  #failure: Failure | null = null;
  #clientBlocked = false;
  #upstreamBlocked = false;

  /** `ended`: the head was all of the request. */
  constructor(path: DataPath, stream: ServerHttp2Stream, request: OutgoingRequest, ended: boolean) {
    this.#path = path;
    this.#stream = stream;
    this.#request = request;
    const now = Date.now();
    this.#record = new CallRecord(path, MAX_REPLAY_BYTES);
    this.#record.start(request, Identity.of(request, now), now, performance.now());
    const { head } = request;
    const timeout = head.names.indexOf('grpc-timeout');
    this.#givenUpAt = this.#record.startedMono + timeoutMs(timeout === -1 ? null : head.fields[timeout]![1]);
    this.#bodyDone = ended;
    path.deadlines.add(this);
    const { traffic } = path;
    stream.on('close', () => this.#safely(() => this.#clientGone()));
    stream.on('drain', () => this.#safely(() => this.#clientDrained()));
    if (!ended) {
      stream.on('data', (piece: Buffer) => this.#safely(() => this.#fromClient(piece)));
      stream.on('end', () => this.#safely(() => this.#clientDone()));
    }
    this.#safely(() => {
      if (request.hop > MAX_HOPS) this.#answerMyself('loop', null);
      else {
        const chosen = traffic.choose('POST');
        this.#send(chosen === traffic.fallback && !isPrediction(head.target) ? traffic.primary : chosen, false);
      }
    });
  }

  // ── from the client ──

  #fromClient(piece: Buffer): void {
    if (this.#record.ended) return;
    this.#record.request.keep(piece);
    if (this.#attempt?.send(piece) === false) {
      this.#upstreamBlocked = true;
      this.#stream.pause();
      this.#hold();
    }
    this.#goOn();
  }

  #clientDone(): void {
    // A reset ends the readable side too.
    if (this.#record.ended || this.#stream.aborted) return;
    this.#bodyDone = true;
    this.#attempt?.end();
    this.#goOn();
  }

  #clientDrained(): void {
    this.#clientBlocked = false;
    this.#hold();
    this.#attempt?.resume();
    this.#arm();
  }

  #clientGone(): void {
    if (this.#record.ended) return;
    this.#judge('abandoned');
    this.#discard(this.#stream.rstCode || constants.NGHTTP2_CANCEL);
    this.#end('aborted');
  }

  /** Whoever is slow holds too much of others' memory. */
  evict(): void {
    this.#safely(() => {
      this.#judge('abandoned');
      this.#discard(constants.NGHTTP2_CANCEL);
      if (!this.#clientBlocked) {
        if (this.#record.status === 0) this.#answerMyself('overloaded', null);
        else this.#breakOff('overloaded', null);
        return;
      }
      // What it does not fetch would stay before any last word.
      this.#record.reason = 'overloaded';
      this.#end('failed');
      this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  }

  /** What was waited for has not come in time. */
  expire(): void {
    this.#safely(() => {
      if (performance.now() >= this.#givenUpAt) this.failed('deadline');
      else if (this.#attempt?.connected === false) this.failed('connect-timeout');
      else if (this.#clientBlocked) {
        // The reset may lie behind what it does not fetch.
        this.#clientGone();
        this.#stream.close(constants.NGHTTP2_CANCEL);
      } else if (this.#bodyDone || this.#upstreamBlocked) this.failed('no-answer');
      else this.failed('request-timeout');
    });
  }

  // ── to the upstream ──

  #send(target: Target, fresh: boolean): void {
    this.#target = target;
    this.#upstreamBlocked = false;
    this.#hold();
    this.#stream.resume();
    if (target !== this.#path.traffic.primary) this.#record.reason ??= 'route';
    const { sessions, breaker } = target.grpc;
    if (breaker?.admits(performance.now()) === false) {
      this.failed('circuit-open');
      return;
    }
    this.#onTrial = true;
    const session = sessions.take(fresh);
    if (session === null) {
      this.#judge('abandoned');
      this.failed('overloaded');
      return;
    }
    const head = upstreamHead(this.#request, this.#record.identity, target.upstream);
    this.#attempt = new GrpcAttempt(this, session, head, this.#record.request.bytes, this.#bodyDone);
    this.#arm();
  }

  // ── from the upstream ──

  moved(): void {
    this.#arm();
  }

  drained(): void {
    this.#upstreamBlocked = false;
    this.#hold();
    this.#stream.resume();
    this.#arm();
  }

  interim(status: number): void {
    if (status !== 100 && !this.#stream.headersSent && isOpen(this.#stream)) this.#stream.additionalHeaders({ ':status': status });
  }

  answer({ status, passed, captured }: GrpcAnswerHead, ended: boolean): void {
    this.#judge('succeeded');
    const { identity, reason } = this.#record;
    // What is answered was sent somewhere.
    const servedBy = this.#target!.label;
    this.#record.status = status;
    this.#record.servedBy = servedBy;
    this.#record.answerFields = captured;
    passed.push('x-driftline-id', identity.id, 'x-driftline-served-by', servedBy);
    if (reason !== null) passed.push('x-driftline-reason', reason);
    respond(this.#stream, status, passed, ended);
    this.#arm();
  }

  part(piece: Buffer): void {
    this.#record.answer.keep(piece);
    this.#record.saw(performance.now());
    if (!this.#stream.write(piece)) {
      this.#clientBlocked = true;
      this.#attempt?.pause();
      this.#hold();
    }
    this.#arm();
  }

  done(trailers: readonly Header[]): void {
    this.#attempt = null;
    this.#trailers = trailers;
    this.#end('answered');
    if (this.#stream.writable) endAnswer(this.#stream, trailers, this.#path);
    else setImmediate(() => release(this.#stream));
    this.#stream.resume();
  }

  failed(reason: Reason, resetCode: number | null = null): void {
    const attempt = this.#attempt;
    this.#discard(constants.NGHTTP2_CANCEL);
    if (attempt !== null && this.#again(attempt)) return;
    const isClients = CLIENTS_OWN.has(reason);
    this.#judge(isClients ? 'abandoned' : 'failed');
    if (this.#record.status !== 0) this.#breakOff(reason === 'reset' ? 'truncated' : reason, resetCode);
    else if (isClients) this.#answerMyself(reason, resetCode);
    else if (this.#failure !== null) this.#answerFailure(this.#failure);
    else if (this.#mayFallBack) this.#fallBack({ reason, resetCode });
    else this.#answerMyself(reason, resetCode);
  }

  /** Nothing that either side does may end more than this call. */
  fault(fault: unknown): void {
    this.#path.report(fault);
    this.#judge('abandoned');
    this.#discard(constants.NGHTTP2_INTERNAL_ERROR);
    this.#record.reason = 'internal';
    this.#end('failed');
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  // ── ends ──

  /** Sends it once more, over another connection, where that is allowed and may help. Returns whether it does. */
  #again({ stale, untaken }: GrpcAttempt): boolean {
    if (this.#retried || this.#target === null || !(stale || untaken)) return false;
    if (!maySendAgain(this.#path.traffic.retry, this.#request.head.method, this.#record.request, untaken)) return false;
    this.#retried = true;
    this.#path.counters.add('retried');
    this.#judge('abandoned');
    this.#send(this.#target, true);
    return true;
  }

  get #mayFallBack(): boolean {
    const { fallback } = this.#path.traffic;
    const { request } = this.#record;
    return fallback !== null && this.#target !== fallback && isPrediction(this.#request.head.target) && request.whole;
  }

  #fallBack(failure: Failure): void {
    this.#failure = failure;
    this.#record.reason = failure.reason;
    this.#upstreamBlocked = false;
    this.#hold();
    this.#stream.resume();
    this.#goOn();
  }

  /** Why the model server did not answer, as long as the body is collected for the fallback. */
  get #gatheringFor(): Failure | null {
    return this.#attempt === null ? this.#failure : null;
  }

  /** More of the body has come, or all: goes to the fallback with the whole, where it gathers for that. */
  #goOn(): void {
    const { fallback } = this.#path.traffic;
    const failure = this.#gatheringFor;
    if (failure === null) this.#arm();
    else if (fallback === null || !this.#record.request.whole) this.#answerFailure(failure);
    else if (this.#bodyDone) this.#send(fallback, false);
    else this.#arm();
  }

  /** When the fallback cannot answer either, the first failure is the one to tell. */
  #answerFailure({ reason, resetCode }: Failure): void {
    this.#answerMyself(reason, resetCode);
  }

  /** All of an answer in one head ("Trailers-Only"). */
  #answerMyself(reason: Reason, resetCode: number | null): void {
    this.#record.reason = reason;
    this.#record.status = 200;
    const fields = statusFields(reason, resetCode, this.#record.identity.id);
    this.#trailers = fields;
    this.#end('failed');
    if (!isOpen(this.#stream)) return;
    respond(this.#stream, 200, ['content-type', 'application/grpc', ...fields.flat()], true);
    setImmediate(() => release(this.#stream));
    this.#stream.resume();
  }

  /** An answer that cannot be finished ends with a status that says so. */
  #breakOff(reason: Reason, resetCode: number | null): void {
    this.#record.reason = reason;
    const fields = statusFields(reason, resetCode, this.#record.identity.id);
    this.#trailers = fields;
    this.#end('failed');
    endAnswer(this.#stream, fields, this.#path);
    this.#stream.resume();
  }

  #discard(code: number): void {
    const attempt = this.#attempt;
    this.#attempt = null;
    attempt?.discard(code);
  }

  /** Tells the breaker, once, what became of what it let through. */
  #judge(how: 'succeeded' | 'failed' | 'abandoned'): void {
    const breaker = this.#target?.grpc.breaker ?? null;
    if (breaker === null || !this.#onTrial) return;
    this.#onTrial = false;
    if (how === 'succeeded') breaker.succeeded();
    else if (how === 'abandoned') breaker.abandoned(performance.now());
    else if (breaker.failed(performance.now())) this.#path.counters.add('circuitOpened');
  }

  /** The sender before a side that is slow may be a window ahead, in frames among those of other streams. */
  #hold(): void {
    const { held, limits } = this.#path;
    const slow = Number(this.#clientBlocked) + Number(this.#upstreamBlocked);
    if (slow === 0 || this.#record.ended) held.release(this);
    else held.hold(this, slow * BYTES_KEPT_FOR_ONE * limits.streamWindowBytes);
  }

  /** Sets the deadline of what is waited for now. */
  #arm(): void {
    if (this.#record.ended) return;
    const { limits, deadlines } = this.#path;
    let ms = limits.streamIdleMs;
    const answerMs = this.#target?.upstream.timeoutMs ?? ms;
    if (this.#attempt?.connected === false) ms = Math.min(limits.connectTimeoutMs, answerMs);
    else if (this.#clientBlocked) ms = limits.stallTimeoutMs;
    else if (this.#upstreamBlocked) ms = this.#record.status === 0 ? Math.min(limits.stallTimeoutMs, answerMs) : limits.stallTimeoutMs;
    else if (this.#gatheringFor !== null) ms = limits.stallTimeoutMs;
    else if (this.#bodyDone && this.#record.status === 0) ms = answerMs;
    deadlines.set(this, Math.min(performance.now() + ms, this.#givenUpAt + DEADLINE_GRACE_MS));
  }

  #end(outcome: Outcome): void {
    if (this.#record.ended) return;
    this.#path.deadlines.delete(this);
    this.#path.held.release(this);
    this.#record.answerTrailers = recordedLines(this.#trailers);
    this.#record.end(outcome);
  }

  #safely(what: () => void): void {
    try {
      what();
    } catch (fault) {
      this.fault(fault);
    }
  }
}
