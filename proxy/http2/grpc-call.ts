/**
 * The life of one gRPC call: carried from the client's HTTP/2 stream to one on the upstream's session, message bytes untouched, both
 * ways at once and each as fast as its reader; cancelled on one side means cancelled on the other. Captured, however it ends.
 */
import { type ClientHttp2Stream, constants, type ServerHttp2Stream } from 'node:http2';
import type { Header, Outcome } from '../../contracts/exchange.ts';
import { CallRecord } from '../call-record.ts';
import type { DataPath } from '../data-path.ts';
import type { Deadline } from '../deadlines.ts';
import { type OutgoingRequest, recordedLines } from '../forward.ts';
import { Identity } from '../identity.ts';
import { DEADLINE_GRACE_MS, MAX_HOPS, MAX_REPLAY_BYTES } from '../limits.ts';
import { REASON_TEXT, type Reason } from '../reasons.ts';
import type { Target } from '../target.ts';
import { endAnswer, fieldsOf, isOpen, release, respond } from './answer-fields.ts';
import { statusFields, timeoutMs } from './grpc.ts';
import { readAnswerHead, statusOf, upstreamHead } from './grpc-heads.ts';
import { readTrailers } from './request-fields.ts';
import type { UpstreamSession } from './upstream-sessions.ts';

export class GrpcCall implements Deadline {
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
  #session: UpstreamSession | null = null;
  #upstream: ClientHttp2Stream | null = null;
  /** Whether the session in use had served a call before. */
  #targeted = false;
  #retried = false;
  /** Whether the breaker still waits for word of how it went. */
  #onTrial = false;
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
      if (request.hop > MAX_HOPS) this.#answerMyself('loop');
      else {
        // The fallback speaks no gRPC.
        const chosen = traffic.choose('POST');
        this.#attempt(chosen === traffic.fallback ? traffic.primary : chosen, false);
      }
    });
  }

  // ── from the client ──

  #fromClient(piece: Buffer): void {
    if (this.#record.ended) return;
    this.#record.request.keep(piece);
    if (this.#upstream?.write(piece) === false) {
      this.#upstreamBlocked = true;
      this.#stream.pause();
    }
    this.#arm();
  }

  #clientDone(): void {
    // A reset ends the readable side too.
    if (this.#record.ended || this.#stream.aborted) return;
    this.#bodyDone = true;
    this.#upstream?.end();
    this.#arm();
  }

  #clientDrained(): void {
    this.#clientBlocked = false;
    this.#upstream?.resume();
    this.#arm();
  }

  #clientGone(): void {
    if (this.#record.ended) return;
    this.#judge('abandoned');
    this.#dropUpstream(this.#stream.rstCode || constants.NGHTTP2_CANCEL);
    this.#end('aborted');
  }

  /** What was waited for has not come in time. */
  expire(): void {
    this.#safely(() => {
      if (performance.now() >= this.#givenUpAt) this.#failed('deadline');
      else if (this.#clientBlocked) this.#stream.close(constants.NGHTTP2_CANCEL);
      else if (this.#session?.connected === false) this.#failed('connect-timeout');
      else if (this.#bodyDone || this.#upstreamBlocked) this.#failed('no-answer');
      else this.#failed('request-timeout');
    });
  }

  // ── to the upstream ──

  #attempt(target: Target, fresh: boolean): void {
    this.#target = target;
    this.#upstreamBlocked = false;
    this.#stream.resume();
    if (target !== this.#path.traffic.primary) this.#record.reason = 'route';
    const { sessions, breaker } = target.grpc;
    if (breaker?.admits(performance.now()) === false) {
      this.#failed('circuit-open');
      return;
    }
    const session = sessions.take(fresh);
    if (session === null) {
      breaker?.abandoned(performance.now());
      this.#failed('overloaded');
      return;
    }
    this.#onTrial = true;
    this.#session = session;
    this.#targeted = session.reused;
    const upstream = session.http2.request(upstreamHead(this.#request, this.#record.identity, target.upstream), {
      endStream: this.#bodyDone && this.#record.request.totalBytes === 0,
    });
    this.#upstream = upstream;
    // What a stream says that this call no longer has anything to do with is not heard.
    const heard = (what: () => void) => this.#safely(() => this.#upstream === upstream && what());
    upstream.on('error', () => {});
    upstream.on('response', (_fields, flags, raw) => heard(() => this.#head200(raw as unknown as readonly string[], flags)));
    upstream.on('headers', (_fields, _flags, raw) => heard(() => this.#interim(raw as unknown as readonly string[])));
    upstream.on('data', (piece: Buffer) => heard(() => this.#fromUpstream(piece)));
    upstream.on('trailers', (_fields, _flags, raw) => heard(() => this.#tail(raw as unknown as readonly string[])));
    upstream.on('end', () => heard(() => this.#upstreamDone()));
    upstream.on('drain', () => heard(() => this.#upstreamDrained()));
    upstream.on('ready', () => heard(() => this.#arm()));
    upstream.on('close', () => {
      session.release();
      heard(() => this.#upstreamGone(upstream.rstCode, session.failure));
    });
    if (this.#record.request.totalBytes > 0) {
      upstream.write(this.#record.request.bytes);
      if (this.#bodyDone) upstream.end();
    }
    this.#arm();
  }

  #upstreamDrained(): void {
    this.#upstreamBlocked = false;
    this.#stream.resume();
    this.#arm();
  }

  // ── from the upstream ──

  #interim(raw: readonly string[]): void {
    const status = statusOf(raw);
    if (status !== 100 && !this.#stream.headersSent && isOpen(this.#stream)) this.#stream.additionalHeaders({ ':status': status });
  }

  #head200(raw: readonly string[], flags: number): void {
    const head = readAnswerHead(raw);
    if (head === null || this.#target === null) {
      this.#failed('bad-answer');
      return;
    }
    this.#judge('succeeded');
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const { status, passed } = head;
    const {
      identity: { id },
      reason,
    } = this.#record;
    const servedBy = this.#target.label;
    this.#record.status = status;
    this.#record.servedBy = servedBy;
    this.#record.answerFields = recordedLines(fieldsOf(raw));
    passed.push('x-driftline-id', id, 'x-driftline-served-by', servedBy);
    if (reason !== null) passed.push('x-driftline-reason', reason);
    respond(this.#stream, status, passed, ended);
    if (ended) this.#answered([]);
    else this.#arm();
  }

  #fromUpstream(piece: Buffer): void {
    this.#record.answer.keep(piece);
    this.#record.saw(performance.now());
    if (!this.#stream.write(piece)) {
      this.#clientBlocked = true;
      this.#upstream?.pause();
    }
    this.#arm();
  }

  #tail(raw: readonly string[]): void {
    const trailers = readTrailers(raw);
    if (trailers === null) this.#failed('bad-answer');
    else this.#trailers = trailers;
  }

  #upstreamDone(): void {
    // The readable side ends at a reset too; `close` tells which it was.
    if (this.#record.status !== 0 && !this.#upstream?.aborted && this.#upstream?.rstCode === constants.NGHTTP2_NO_ERROR)
      this.#answered(this.#trailers);
  }

  /** The stream was reset, or its session has gone. */
  #upstreamGone(code: number, failure: Reason | null): void {
    this.#upstream = null;
    if (failure !== null || code === constants.NGHTTP2_REFUSED_STREAM || code === constants.NGHTTP2_NO_ERROR) {
      this.#failed(failure ?? 'reset');
      return;
    }
    this.#judge('failed');
    // The server's own word, passed on as it is.
    this.#record.reason ??= 'reset';
    this.#end('failed');
    this.#stream.close(code);
  }

  // ── ends ──

  #failed(reason: Reason): void {
    const unanswered = this.#record.status === 0;
    const stale = reason === 'reset' && this.#targeted && unanswered && this.#record.request.whole && !this.#retried;
    this.#dropUpstream(constants.NGHTTP2_CANCEL);
    if (stale && this.#target !== null) {
      this.#retried = true;
      this.#path.counters.add('retried');
      this.#judge('abandoned');
      this.#attempt(this.#target, true);
      return;
    }
    this.#judge(reason === 'deadline' || reason === 'request-timeout' ? 'abandoned' : 'failed');
    if (unanswered) this.#answerMyself(reason);
    else this.#breakOff(reason === 'reset' ? 'truncated' : reason);
  }

  #answered(trailers: readonly Header[]): void {
    this.#upstream = null;
    this.#trailers = trailers;
    this.#end('answered');
    if (this.#stream.writable) endAnswer(this.#stream, trailers, this.#path.report);
    else setImmediate(() => release(this.#stream));
    this.#stream.resume();
  }

  /** All of an answer in one head ("Trailers-Only"). */
  #answerMyself(reason: Reason): void {
    this.#record.reason = reason;
    this.#record.status = 200;
    const fields = statusFields(reason, REASON_TEXT[reason], this.#record.identity.id);
    this.#trailers = fields;
    this.#end('failed');
    if (!isOpen(this.#stream)) return;
    respond(this.#stream, 200, ['content-type', 'application/grpc', ...fields.flat()], true);
    setImmediate(() => release(this.#stream));
    this.#stream.resume();
  }

  /** An answer that cannot be finished ends with a status that says so. */
  #breakOff(reason: Reason): void {
    this.#record.reason = reason;
    const fields = statusFields(reason, REASON_TEXT[reason], this.#record.identity.id);
    this.#trailers = fields;
    this.#end('failed');
    endAnswer(this.#stream, fields, this.#path.report);
    this.#stream.resume();
  }

  #dropUpstream(code: number): void {
    const upstream = this.#upstream;
    this.#upstream = null;
    upstream?.close(code);
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

  /** Sets the deadline of what is waited for now. */
  #arm(): void {
    if (this.#record.ended) return;
    const { limits, deadlines } = this.#path;
    let ms = limits.streamIdleMs;
    if (this.#clientBlocked || this.#upstreamBlocked) ms = limits.stallTimeoutMs;
    else if (this.#session?.connected === false) ms = limits.connectTimeoutMs;
    else if (this.#bodyDone && this.#record.status === 0) ms = this.#target?.upstream.timeoutMs ?? ms;
    deadlines.set(this, Math.min(performance.now() + ms, this.#givenUpAt + DEADLINE_GRACE_MS));
  }

  #end(outcome: Outcome): void {
    if (this.#record.ended) return;
    this.#path.deadlines.delete(this);
    this.#record.answerTrailers = recordedLines(this.#trailers);
    this.#record.end(outcome);
  }

  /** Nothing that either side does may end more than this call. */
  #safely(what: () => unknown): void {
    try {
      what();
    } catch (fault) {
      this.#path.report(fault);
      this.#judge('abandoned');
      this.#dropUpstream(constants.NGHTTP2_INTERNAL_ERROR);
      this.#record.reason = 'internal';
      this.#end('failed');
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }
}
