/**
 * The life of one call: sent to an upstream, perhaps once more or to the fallback, answered, captured.
 *
 * Until the first byte of a final answer has been passed on, a failure can still be mended; after it, only shown. Exactly one exchange
 * goes into the ring for each call, however it ends.
 */
import type { Header, Outcome } from '../contracts/exchange.ts';
import { AnswerReader } from './answer-reader.ts';
import { Capture } from './capture.ts';
import { lastChunk } from './chunks.ts';
import type { ClientConnection } from './client-connection.ts';
import type { DataPath } from './data-path.ts';
import type { OutgoingAnswer, OutgoingRequest } from './forward.ts';
import type { AnswerFraming } from './framing.ts';
import { MAX_HOPS } from './limits.ts';
import { writeOwnAnswer } from './own-answer.ts';
import { uuidV7 } from './random.ts';
import { REASON_STATUS, REASON_TEXT, type Reason } from './reasons.ts';
import { nextTraceparent } from './trace-context.ts';
import type { UpstreamConnection, UpstreamPool, UpstreamUser } from './upstream.ts';
import { writeMessage } from './write.ts';

export class Call implements UpstreamUser {
  readonly id: string;
  readonly #path: DataPath;
  readonly #client: ClientConnection;
  readonly #request: OutgoingRequest;
  readonly #traceparent: string;
  readonly #startedAt: number;
  readonly #startedMono: number;

  readonly #requestBody: Capture;
  #requestDone = false;
  /** What ends the request body on the wire: the last chunk, or nothing. */
  #requestEnd = '';
  /** The primary has failed and the body is collected for the fallback. */
  #gathering = false;

  #pool: UpstreamPool | null = null;
  #upstream: UpstreamConnection | null = null;
  /** Whether the connection in use had served a call before: then it may have been closed from the other side meanwhile. */
  #pooled = false;
  #retried = false;
  #reason: Reason | null = null;

  #reader: AnswerReader;
  readonly #answerBody: Capture;
  /** Set once the final head has been passed on. */
  #answer: OutgoingAnswer | null = null;
  #answerFraming: AnswerFraming = 'none';
  #keep = false;
  #clientBlocked = false;
  #continued = false;
  #status = 0;
  #servedBy = 'none';
  #ended = false;

  /** `startedAt` in milliseconds since the Unix epoch, `startedMono` the same instant on `performance.now()`. */
  constructor(path: DataPath, client: ClientConnection, request: OutgoingRequest, startedAt: number, startedMono: number) {
    this.#path = path;
    this.#client = client;
    this.#request = request;
    this.#startedAt = startedAt;
    this.#startedMono = startedMono;
    this.id = request.callerId ?? uuidV7(startedAt);
    this.#traceparent = nextTraceparent(request.trace);
    this.#requestBody = new Capture(path.traffic.maxBodyBytes);
    this.#answerBody = new Capture(path.traffic.maxBodyBytes);
    this.#reader = new AnswerReader(path.answers, request.head.method);
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
    const flowing = writeMessage(this.#upstream.socket, '', pieces, this.#chunked, done ? this.#requestEnd : '');
    if (!flowing && !done) this.#client.pauseBody();
    if (this.#upstream.connected) this.#arm();
  }

  /** The request body breaks its own framing. */
  bodyBroken(what: string): void {
    this.#dropUpstream();
    if (this.#answer === null) this.#answerMyself('bad-request', what);
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

  /** A fault of our own ended the connection. */
  fault(): void {
    this.#dropUpstream();
    this.#reason = 'internal';
    this.#end('failed');
  }

  expire(): void {
    const { deadlines } = this.#path;
    if (this.#ended) deadlines.delete(this.#client);
    else if (this.#answer !== null) {
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

  gone(how: Reason | 'end'): void {
    this.#upstream = null;
    if (how !== 'end') this.#failed(how);
    else if (this.#reader.endsWithConnection) this.#pass('', [], true, false);
    else this.#failed(this.#reader.untouched ? 'reset' : 'bad-answer');
  }

  data(bytes: Buffer): void {
    const pieces: Buffer[] = [];
    const reader = this.#reader;
    const progress = reader.read(bytes, pieces);
    for (const interim of reader.takeInterim()) this.#passInterim(interim);
    if (progress === 'broken') {
      this.#failed('bad-answer');
      return;
    }
    if (this.#answer !== null) this.#pass('', pieces, progress === 'done', reader.surplus);
    else if (reader.final !== null) this.#pass(this.#openAnswer(reader.final), pieces, progress === 'done', reader.surplus);
    else this.#arm();
  }

  // ── the request on its way ──

  get #chunked(): boolean {
    return this.#request.head.framing === 'chunked';
  }

  /** Whether the call waits for the client rather than for the upstream. */
  get #clientIsDue(): boolean {
    return !this.#requestDone && !this.#client.bodyPaused;
  }

  #take(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): void {
    for (const piece of pieces) this.#requestBody.keep(piece);
    this.#requestDone = done;
    // A name with `_` is dropped from trailers for the same reason as from heads.
    if (done && this.#chunked) this.#requestEnd = lastChunk(trailers.filter(([name]) => !name.includes('_')));
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
    const head = `${text}${host}x-driftline-id: ${this.id}\r\nx-driftline-hop: ${hop}\r\ntraceparent: ${this.#traceparent}\r\n\r\n`;
    const flowing = writeMessage(upstream.socket, head, pieces, this.#chunked, this.#requestDone ? this.#requestEnd : '');
    if (!flowing && !this.#requestDone) this.#client.pauseBody();
    else this.#client.resumeBody();
    this.#arm();
  }

  /** Sends everything that came so far anew; possible while the copy of the body is whole. */
  #attemptAgain(pool: UpstreamPool, fresh: boolean): void {
    this.#reader = new AnswerReader(this.#path.answers, this.#request.head.method);
    this.#attempt(pool, fresh, this.#requestBody.totalBytes === 0 ? [] : [this.#requestBody.bytes]);
  }

  #gather(): void {
    const { fallback } = this.#path.traffic;
    if (!this.#requestBody.whole || fallback === null) {
      this.#answerMyself(this.#reason ?? 'internal');
      return;
    }
    if (!this.#requestDone) {
      this.#arm();
      return;
    }
    this.#gathering = false;
    this.#attemptAgain(fallback, false);
  }

  /** Sets the deadline of what is waited for now. */
  #arm(): void {
    const { limits, deadlines } = this.#path;
    const timeoutMs = this.#pool?.target.timeoutMs ?? 0;
    let ms: number;
    if (this.#answer !== null || this.#gathering) ms = limits.stallTimeoutMs;
    else if (this.#upstream !== null && !this.#upstream.connected) ms = Math.min(limits.connectTimeoutMs, timeoutMs);
    else if (this.#clientIsDue) ms = limits.stallTimeoutMs;
    else ms = this.#reader.inHead ? limits.headTimeoutMs : timeoutMs;
    deadlines.set(this.#client, performance.now() + ms);
  }

  #failed(reason: Reason): void {
    const stale = reason === 'reset' && this.#pooled && this.#reader.untouched;
    this.#dropUpstream();
    if (this.#answer !== null) {
      this.#breakOff('truncated');
      return;
    }
    const { whole } = this.#requestBody;
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
      return;
    }
    if (this.#requestDone) {
      this.#attemptAgain(fallback, false);
      return;
    }
    this.#gathering = true;
    this.#client.resumeBody();
    // The upstream that should have said it is not there.
    if (this.#request.head.expectsContinue && !this.#continued && this.#requestBody.totalBytes === 0) {
      this.#continued = true;
      this.#client.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
    this.#arm();
  }

  #dropUpstream(): void {
    this.#upstream?.discard();
    this.#upstream = null;
  }

  // ── the answer on its way ──

  #passInterim(interim: OutgoingAnswer): void {
    // RFC 9110 §15.2: not to a client that does not know them.
    if (this.#request.head.minorVersion === 0) return;
    if (interim.head.status === 100) this.#continued = true;
    this.#client.socket.write(`${interim.text}\r\n`, 'latin1');
  }

  /** Decides how the answer is framed for this client; returns the head. */
  #openAnswer(answer: OutgoingAnswer): string {
    const { head } = this.#request;
    // `pool` was set by the attempt that is being answered.
    this.#servedBy = this.#pool!.label;
    this.#answer = answer;
    this.#status = answer.head.status;
    const incoming = this.#reader.framing;
    this.#answerFraming = incoming === 'chunked' || incoming === 'close' ? (head.minorVersion === 1 ? 'chunked' : 'close') : incoming;
    this.#keep = head.keepAlive && this.#requestDone && !this.#path.draining && this.#answerFraming !== 'close';
    let text = answer.text;
    // Both fields also where no body follows: in answers to HEAD and in 304 they tell of the one that a GET would bring.
    const wouldBeChunked = this.#answerFraming === 'none' && answer.head.chunked && answer.head.status !== 204 && head.minorVersion === 1;
    if (this.#answerFraming === 'chunked' || wouldBeChunked) text += 'Transfer-Encoding: chunked\r\n';
    else if (answer.head.contentLength !== null && answer.head.status !== 204) text += `Content-Length: ${answer.head.contentLength}\r\n`;
    const connection = this.#connectionField();
    if (connection !== null) text += `Connection: ${connection}\r\n`;
    return `${text}x-driftline-id: ${this.id}\r\nx-driftline-served-by: ${this.#servedBy}\r\n\r\n`;
  }

  #pass(head: string, pieces: readonly Buffer[], done: boolean, surplus: boolean): void {
    for (const piece of pieces) this.#answerBody.keep(piece);
    const chunked = this.#answerFraming === 'chunked';
    const flowing = writeMessage(this.#client.socket, head, pieces, chunked, done && chunked ? lastChunk(this.#reader.trailers) : '');
    if (!done) {
      if (!flowing) {
        this.#clientBlocked = true;
        this.#upstream?.socket.pause();
      }
      this.#arm();
      return;
    }
    // Bytes after the answer's end belong to nobody; a request that is not wholly sent would run into the next one.
    if (this.#upstream !== null && this.#reader.reusable && !surplus && this.#requestDone) {
      this.#upstream.release();
      this.#upstream = null;
    } else this.#dropUpstream();
    this.#end('answered');
    this.#client.callEnded(this.#keep);
  }

  #answerMyself(reason: Reason, error: string = REASON_TEXT[reason]): void {
    this.#reason = reason;
    this.#status = REASON_STATUS[reason];
    this.#keep = this.#request.head.keepAlive && this.#requestDone && !this.#path.draining;
    const own = writeOwnAnswer({ status: this.#status, reason, error, id: this.id }, this.#connectionField());
    const body = Buffer.from(own.body, 'latin1');
    this.#answerBody.keep(body);
    writeMessage(this.#client.socket, own.head, this.#request.head.method === 'HEAD' ? [] : [body], false, '');
    this.#end('failed');
    this.#client.callEnded(this.#keep);
  }

  /** An answer that cannot be finished must not look finished. */
  #breakOff(reason: Reason): void {
    this.#reason = reason;
    this.#end('failed');
    this.#client.breakOff(this.#answerFraming === 'close');
  }

  #connectionField(): string | null {
    if (!this.#keep) return 'close';
    return this.#request.head.minorVersion === 0 ? 'keep-alive' : null;
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    const { counters, ring } = this.#path;
    counters.add(outcome);
    if (outcome === 'failed' && this.#reason !== null) counters.failedBy(this.#reason);
    if (outcome === 'answered' && this.#servedBy === 'fallback') {
      counters.add('fallback');
      if (this.#reason !== null) counters.fallbackBy(this.#reason);
    }
    const { head, capturedFields } = this.#request;
    const kept = ring.write({
      id: this.id,
      startedAt: this.#startedAt,
      latencyMs: performance.now() - this.#startedMono,
      method: head.method,
      path: head.target,
      status: this.#status,
      servedBy: this.#servedBy,
      outcome,
      reason: this.#reason,
      traceparent: this.#traceparent,
      requestFields: capturedFields,
      answerFields: this.#answer === null ? '' : this.#answer.capturedFields,
      requestBytes: this.#requestBody.bytes,
      requestTotalBytes: this.#requestBody.totalBytes,
      answerBytes: this.#answerBody.bytes,
      answerTotalBytes: this.#answerBody.totalBytes,
    });
    counters.add(kept ? 'exchanges' : 'ringFull');
  }
}
