/**
 * The life of one call: sent to an upstream, perhaps once more or to the fallback, answered, captured.
 *
 * Until the first byte of a final answer has been passed on, a failure can still be mended; after it, only shown. Exactly one exchange
 * goes into the ring for each call, however it ends.
 */
import type { Header, Outcome } from '../contracts/exchange.ts';
import { AnswerPace } from './answer-pace.ts';
import { AnswerReader } from './answer-reader.ts';
import { AnswerWriter } from './answer-writer.ts';
import { Capture } from './capture.ts';
import { lastChunk } from './chunks.ts';
import type { ClientConnection } from './client-connection.ts';
import type { DataPath } from './data-path.ts';
import { isDisguised, type OutgoingRequest } from './forward.ts';
import { MAX_HOPS } from './limits.ts';
import { uuidV7 } from './random.ts';
import { REASON_TEXT, type Reason } from './reasons.ts';
import { nextTraceparent } from './trace-context.ts';
import type { UpstreamConnection, UpstreamPool, UpstreamUser } from './upstream.ts';
import { writeMessage } from './write.ts';

export class Call implements UpstreamUser {
  readonly #id: string;
  readonly #path: DataPath;
  readonly #client: ClientConnection;
  readonly #request: OutgoingRequest;
  readonly #traceparent: string;
  readonly #startedAt: number;
  readonly #startedMono: number;

  readonly #body: Capture;
  #bodyDone = false;
  /** What ends the request body on the wire: the last chunk, or nothing. */
  #bodyEnd = '';
  /** The upstream has failed and the body is collected for the fallback. */
  #gathering = false;

  #pool: UpstreamPool | null = null;
  #upstream: UpstreamConnection | null = null;
  /** Whether the connection in use had served a call before: then it may have been closed from the other side meanwhile. */
  #pooled = false;
  #retried = false;

  #reader: AnswerReader;
  readonly #writer: AnswerWriter;
  readonly #pace = new AnswerPace();
  #clientBlocked = false;
  #reason: Reason | null = null;
  #ended = false;

  /** `startedAt` in milliseconds since the Unix epoch, `startedMono` the same instant on `performance.now()`. */
  constructor(path: DataPath, client: ClientConnection, request: OutgoingRequest, startedAt: number, startedMono: number) {
    const { maxBodyBytes, maxAnswerBytes } = path.traffic;
    this.#path = path;
    this.#client = client;
    this.#request = request;
    this.#startedAt = startedAt;
    this.#startedMono = startedMono;
    this.#id = request.callerId ?? uuidV7(startedAt);
    this.#traceparent = nextTraceparent(request.trace);
    this.#body = new Capture(maxBodyBytes);
    this.#reader = new AnswerReader(path.answers, request.head.method);
    this.#writer = new AnswerWriter(client.socket, request.head, this.#id, maxAnswerBytes);
  }

  // ── from the client ──

  /** Starts with the body bytes that came along with the head. */
  begin(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    this.#take(pieces, done, trailers);
    if (this.#request.hop > MAX_HOPS) {
      this.#answerMyself('loop');
      return;
    }
    const pool = this.#path.traffic.choose(this.#request.head.method);
    if (pool !== this.#path.traffic.primary) this.#reason = 'route';
    this.#attempt(pool, false, pieces);
  }

  body(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    this.#take(pieces, done, trailers);
    if (this.#gathering) {
      this.#gather();
      return;
    }
    if (this.#upstream === null) return;
    const flowing = writeMessage(this.#upstream.socket, '', pieces, this.#chunked, done ? this.#bodyEnd : '');
    if (!flowing && !done) this.#client.pauseBody();
    if (this.#upstream.connected) this.#arm();
  }

  /** The request body breaks its own framing. */
  bodyBroken(what: string): void {
    this.#dropUpstream();
    if (this.#writer.answer === null) this.#answerMyself('bad-request', what);
    else this.#breakOff('bad-request');
  }

  /** The client takes bytes again. */
  clientDrained(): void {
    if (!this.#clientBlocked) return;
    this.#clientBlocked = false;
    this.#upstream?.socket.resume();
    this.#arm();
  }

  /** The client has left. */
  abort(): void {
    this.#dropUpstream();
    this.#end('aborted');
  }

  /** A fault of our own: nothing can be said any more of what the client has got. */
  fault(): void {
    this.#dropUpstream();
    this.#reason = 'internal';
    this.#end('failed');
    this.#client.socket.destroy();
  }

  /** What was waited for has not come in time. */
  expire(): void {
    if (this.#writer.answer !== null) {
      if (this.#clientBlocked) this.#client.socket.destroy();
      else this.#failed('truncated');
    } else if (this.#gathering || this.#clientIsDue) {
      this.#dropUpstream();
      this.#answerMyself('request-timeout');
    } else this.#failed(this.#upstream?.connected === false ? 'connect-timeout' : 'no-answer');
  }

  // ── from the upstream ──

  connected(): void {
    this.#arm();
  }

  drained(): void {
    this.#client.resumeBody();
    this.#arm();
  }

  data(bytes: Buffer): void {
    const reader = this.#reader;
    const writer = this.#writer;
    const pieces: Buffer[] = [];
    const progress = reader.read(bytes, pieces);
    for (const interim of reader.takeInterim()) writer.interim(interim);
    if (progress === 'broken') {
      this.#failed('bad-answer');
      return;
    }
    if (reader.final === null) {
      this.#arm();
      return;
    }
    if (writer.answer === null) {
      // `pool` was set by the attempt that is being answered.
      writer.open(reader.final, reader.framing, { servedBy: this.#pool!.label, reason: this.#reason }, this.#mayKeep);
    }
    const flowing = writer.write(pieces, progress === 'done', reader.trailers);
    const now = performance.now();
    this.#pace.saw(now - this.#startedMono, writer.body.totalBytes);
    if (progress === 'done') {
      this.#answered(now);
      return;
    }
    if (!flowing) {
      this.#clientBlocked = true;
      this.#upstream?.socket.pause();
    }
    this.#arm(now);
  }

  gone(how: Reason | 'end'): void {
    this.#upstream = null;
    if (how !== 'end') this.#failed(how);
    else if (this.#reader.endsWithConnection) {
      this.#writer.write([], true, []);
      this.#answered(performance.now());
    } else this.#failed(this.#reader.untouched ? 'reset' : 'bad-answer');
  }

  // ── attempts ──

  get #chunked(): boolean {
    return this.#request.head.framing === 'chunked';
  }

  /** Whether the call waits for the client rather than for the upstream. */
  get #clientIsDue(): boolean {
    return !this.#bodyDone && !this.#client.bodyPaused;
  }

  /** Whether the client's connection is at a message's end when the answer is. */
  get #mayKeep(): boolean {
    return this.#bodyDone && !this.#path.draining;
  }

  #take(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    for (const piece of pieces) this.#body.keep(piece);
    this.#bodyDone = done;
    if (done && this.#chunked) this.#bodyEnd = lastChunk(trailers.filter(([name]) => !isDisguised(name)));
  }

  #attempt(pool: UpstreamPool, fresh: boolean, pieces: readonly Buffer[]): void {
    this.#pool = pool;
    const upstream = pool.take(this, fresh);
    if (upstream === null) {
      this.#failed('overloaded');
      return;
    }
    this.#upstream = upstream;
    this.#pooled = upstream.reused;
    const { text, needsHost, hop } = this.#request;
    const host = needsHost ? `Host: ${pool.target.host}:${pool.target.port}\r\n` : '';
    const head = `${text}${host}x-driftline-id: ${this.#id}\r\nx-driftline-hop: ${hop}\r\ntraceparent: ${this.#traceparent}\r\n\r\n`;
    const flowing = writeMessage(upstream.socket, head, pieces, this.#chunked, this.#bodyDone ? this.#bodyEnd : '');
    if (!flowing && !this.#bodyDone) this.#client.pauseBody();
    else this.#client.resumeBody();
    this.#arm();
  }

  /** Sends everything that came so far anew; possible while the copy of the body is whole. */
  #attemptAgain(pool: UpstreamPool, fresh: boolean): void {
    this.#reader = new AnswerReader(this.#path.answers, this.#request.head.method);
    this.#attempt(pool, fresh, this.#body.totalBytes === 0 ? [] : [this.#body.bytes]);
  }

  #gather(): void {
    const { fallback } = this.#path.traffic;
    if (!this.#body.whole || fallback === null) {
      // Gathering began with a reason.
      this.#answerMyself(this.#reason!);
    } else if (this.#bodyDone) {
      this.#gathering = false;
      this.#attemptAgain(fallback, false);
    } else this.#arm();
  }

  /** Sets the deadline of what is waited for now. */
  #arm(now = performance.now()): void {
    const { limits, deadlines } = this.#path;
    const timeoutMs = this.#pool === null ? 0 : this.#pool.target.timeoutMs;
    let ms: number;
    if (this.#writer.answer !== null || this.#gathering) ms = limits.stallTimeoutMs;
    else if (this.#upstream !== null && !this.#upstream.connected) ms = Math.min(limits.connectTimeoutMs, timeoutMs);
    else if (this.#clientIsDue) ms = limits.stallTimeoutMs;
    else ms = this.#reader.inHead ? limits.headTimeoutMs : timeoutMs;
    deadlines.set(this.#client, now + ms);
  }

  #failed(reason: Reason): void {
    const stale = reason === 'reset' && this.#pooled && this.#reader.untouched;
    this.#dropUpstream();
    if (this.#writer.answer !== null) {
      this.#breakOff('truncated');
      return;
    }
    const { whole } = this.#body;
    if (stale && whole && !this.#retried && this.#pool !== null) {
      this.#retried = true;
      this.#path.counters.add('retried');
      this.#attemptAgain(this.#pool, true);
      return;
    }
    // When the fallback fails too, the first failure is the one to tell.
    if (this.#reason === null || this.#reason === 'route') this.#reason = reason;
    const { fallback } = this.#path.traffic;
    if (fallback === null || this.#pool === fallback || this.#request.head.method !== 'POST' || !whole) {
      this.#answerMyself(this.#reason);
    } else if (this.#bodyDone) {
      this.#attemptAgain(fallback, false);
    } else {
      this.#gathering = true;
      this.#client.resumeBody();
      if (this.#body.totalBytes === 0) this.#writer.continueBody();
      this.#arm();
    }
  }

  #dropUpstream(): void {
    this.#upstream?.discard();
    this.#upstream = null;
  }

  // ── ends ──

  #answered(now: number): void {
    const { reusable, surplus } = this.#reader;
    // Bytes after the answer's end belong to nobody; a request that is not wholly sent would run into the next one.
    if (this.#upstream !== null && reusable && !surplus && this.#bodyDone) {
      this.#upstream.release();
      this.#upstream = null;
    } else this.#dropUpstream();
    this.#end('answered', now);
    this.#client.callEnded(this.#writer.keep);
  }

  #answerMyself(reason: Reason, error: string = REASON_TEXT[reason]): void {
    this.#reason = reason;
    this.#writer.own(reason, error, this.#mayKeep);
    this.#end('failed');
    this.#client.callEnded(this.#writer.keep);
  }

  /** An answer that cannot be finished must not look finished. */
  #breakOff(reason: Reason): void {
    this.#reason = reason;
    this.#end('failed');
    this.#client.breakOff(this.#writer.endsWithConnection);
  }

  #end(outcome: Outcome, now = performance.now()): void {
    if (this.#ended) return;
    this.#ended = true;
    const { counters, ring } = this.#path;
    const { status, servedBy, answer, body } = this.#writer;
    const reason = this.#reason;
    counters.add(outcome);
    if (outcome === 'failed' && reason !== null) counters.failedBy(reason);
    if (outcome === 'answered' && servedBy === 'fallback') {
      counters.add('fallback');
      if (reason !== null) counters.fallbackBy(reason);
    }
    const kept = ring.write({
      id: this.#id,
      startedAt: this.#startedAt,
      latencyMs: now - this.#startedMono,
      method: this.#request.head.method,
      path: this.#request.head.target,
      status,
      servedBy,
      outcome,
      reason,
      traceparent: this.#traceparent,
      requestFields: this.#request.capturedFields,
      answerFields: answer === null ? '' : answer.capturedFields,
      requestBytes: this.#body.bytes,
      requestTotalBytes: this.#body.totalBytes,
      answerBytes: body.bytes,
      answerTotalBytes: body.totalBytes,
      pace: this.#pace,
    });
    counters.add(kept ? 'exchanges' : 'ringFull');
  }
}
