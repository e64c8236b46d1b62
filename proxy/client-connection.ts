/**
 * A client's connection: reads requests one after the other and gives each to a `Call`; the next one starts when its answer is out.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { receive } from './accepted.ts';
import { AnswerWriter } from './answer-writer.ts';
import { BodyReader } from './body.ts';
import { Call } from './call.ts';
import type { Caller } from './caller.ts';
import type { DataPath } from './data-path.ts';
import { endOfHead, HEAD_END_BYTES, HEAD_TOO_LARGE, hasBareLineFeed, type Refusal } from './framing.ts';
import type { Evictable } from './held.ts';
import { MAX_HEAD_BYTES, MAX_PIPELINED_BYTES } from './limits.ts';
import { Outlet } from './outlet.ts';
import { writeOwnAnswer } from './own-answer.ts';
import { lasting, READ_BYTES, releaseRead } from './reading.ts';

/** Requests behind the present one, or the start of a head: from here on they count as held. */
const MANY_BYTES = 4 * 1024;

/** `closing`: all is said; what still comes is thrown away until the other side closes too. */
type Phase = 'idle' | 'head' | 'body' | 'answer' | 'closing';

export class ClientConnection implements Caller, Evictable {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly socket: Socket;
  bodyPaused = false;
  readonly #path: DataPath;
  readonly #outlet: Outlet;
  #phase: Phase = 'idle';
  /** Bytes that came and were not read yet. */
  #held: Buffer | null = null;
  #consuming = false;
  /** Whether nobody looks at the bytes any more that have come just now. */
  #isFree = false;
  // These three serve one call after the other.
  readonly #body = new BodyReader();
  readonly #answer: AnswerWriter;
  readonly #lasting: Call;
  /** The call that has begun, or null. */
  #call: Call | null = null;
  /** When the present head began. */
  #startedAt = 0;
  #startedMono = 0;

  constructor(socket: Socket, path: DataPath) {
    this.socket = socket;
    this.#path = path;
    path.deadlines.add(this);
    path.deadlines.set(this, performance.now() + path.limits.headTimeoutMs);
    receive(socket, (bytes) => {
      if (this.#phase === 'closing') return;
      this.#isFree = false;
      this.#consume(this.#held === null ? bytes : Buffer.concat([this.#held, bytes]));
      if (this.#isFree) releaseRead();
    });
    const drained = () =>
      this.#safely(() => {
        if (this.#call !== null) this.#call.clientDrained();
        else this.#resume();
      });
    this.#outlet = new Outlet(socket, path.held, drained, () => this.evict());
    this.#answer = new AnswerWriter(this.#outlet);
    this.#lasting = new Call(path, this, this.#answer);
    // What is written has left: from here on only a client that does not close is waited for.
    socket.on('finish', () => path.deadlines.set(this, performance.now() + path.limits.lingerMs));
    // A client that hangs up half-way does not wait for an answer: the same reading as nginx and node:http have.
    socket.on('end', () => this.#safely(() => this.#gone()));
    socket.on('error', () => this.#safely(() => this.#gone()));
    socket.on('close', () => {
      this.#safely(() => this.#gone());
      path.deadlines.delete(this);
      path.held.release(this);
    });
  }

  pauseBody(): void {
    this.bodyPaused = true;
    this.socket.pause();
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.socket.resume();
  }

  callEnded(keep: boolean, now: number): void {
    this.#call = null;
    this.#body.letGo();
    if (!keep || this.#path.draining) {
      this.finish();
      return;
    }
    this.#phase = 'idle';
    this.#path.deadlines.set(this, now + this.#path.limits.keepAliveMs);
    this.#resume();
  }

  breakOff(): void {
    this.#call = null;
    this.#phase = 'closing';
    this.#path.deadlines.set(this, performance.now() + this.#path.limits.stallTimeoutMs);
    // Where the end of the connection is the end of the answer, only a reset tells the difference.
    if (this.#answer.endsWithConnection) this.socket.resetAndDestroy();
    else this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Closes an idle connection; a busy one closes after its answer, which says so unless it had begun before. */
  drain(): void {
    if (this.#phase === 'idle') this.finish();
  }

  /** Sends what is written, then closes, and meanwhile reads on: closing over unread bytes would reset the answer away. */
  finish(): void {
    this.#phase = 'closing';
    this.#held = null;
    this.#path.held.release(this);
    this.socket.end();
    this.socket.resume();
    this.#path.deadlines.set(this, performance.now() + this.#path.limits.stallTimeoutMs);
  }

  evict(): void {
    this.#safely(() => {
      if (this.#call !== null) this.#call.evict();
      // The socket tells by `close`.
      else this.socket.destroy();
    });
  }

  expire(): void {
    this.#safely(() => this.#expired());
  }

  #expired(): void {
    if (this.#call !== null) this.#call.expire();
    else if (this.#phase === 'head')
      this.#refuse({ kind: 'refused', status: 408, reason: 'request-timeout', message: 'the request head stopped arriving' });
    else this.socket.destroy();
  }

  #consume(input: Buffer): void {
    this.#held = null;
    this.#consuming = true;
    let at = 0;
    try {
      while (this.#phase !== 'closing') {
        if (this.#phase === 'answer') break;
        if (this.#phase === 'body') {
          if (at === input.length) break;
          at = this.#readBody(input, at);
          continue;
        }
        // Answers that nobody fetches must not pile up: the next request waits until the last answer is out.
        if (at === input.length || this.#outlet.isBlocked) break;
        const next = this.#readHead(input, at);
        if (next === -1) break;
        at = next;
      }
    } catch (fault) {
      this.#broken(fault);
    }
    this.#consuming = false;
    if (at < input.length && this.#phase !== 'closing') this.#hold(at === 0 ? input : input.subarray(at));
    else this.#path.held.release(this);
  }

  #hold(rest: Buffer): void {
    this.#held = lasting(rest);
    if (rest.length > MANY_BYTES) this.#path.held.hold(this, rest.length + READ_BYTES);
    else this.#path.held.release(this);
    if (this.#phase === 'answer' && rest.length > MAX_PIPELINED_BYTES) this.socket.pause();
    else if (this.#phase === 'idle') this.socket.pause();
  }

  #resume(): void {
    if (this.#consuming || this.#outlet.isBlocked) return;
    this.bodyPaused = false;
    this.socket.resume();
    if (this.#held !== null) this.#consume(this.#held);
  }

  /** Returns the index after the head and what has come of its body, or -1 when it is not whole yet or refused. */
  #readHead(input: Buffer, at: number): number {
    // RFC 9112 §2.2: blank lines before a request line are skipped.
    if (input[at] === 13 && input[at + 1] === 10) return at + 2;
    const now = performance.now();
    if (this.#phase === 'idle') {
      this.#phase = 'head';
      this.#startedAt = Date.now();
      this.#startedMono = now;
      this.#path.deadlines.set(this, this.#startedMono + this.#path.limits.headTimeoutMs);
    }
    const end = endOfHead(input, at);
    if (end === -1 ? input.length - at > MAX_HEAD_BYTES : end - at > MAX_HEAD_BYTES) {
      return this.#refuse(HEAD_TOO_LARGE);
    }
    if (end === -1) {
      if (hasBareLineFeed(input.subarray(at))) {
        return this.#refuse({ kind: 'refused', status: 400, reason: 'bad-request', message: 'a line that does not end in CRLF' });
      }
      return -1;
    }
    const request = this.#path.requests.read(input, at, end);
    if ('kind' in request) return this.#refuse(request);
    const { head } = request;
    const body = this.#body;
    body.start(head.framing, head.contentLength ?? 0);
    const next = body.read(input, end + HEAD_END_BYTES);
    this.#path.counters.add('requests');
    this.#answer.start(head);
    const call = this.#lasting;
    call.start(request, this.#startedAt, this.#startedMono);
    this.#call = call;
    this.#phase = body.done ? 'answer' : 'body';
    if (body.failure !== null) call.bodyBroken(body.failure);
    else call.begin(body.pieces, body.done, body.trailers, now);
    return next;
  }

  #readBody(input: Buffer, from: number): number {
    const body = this.#body;
    // In phase `body` there is one.
    const call = this.#call!;
    const at = body.read(input, from);
    if (body.failure !== null) call.bodyBroken(body.failure);
    else {
      if (body.done) this.#phase = 'answer';
      // Bytes of a body alone: what is not body may be held back.
      this.#isFree = call.body(body.pieces, body.done, body.trailers) && from === 0 && at === input.length;
    }
    return at;
  }

  #refuse(refusal: Refusal): -1 {
    this.#path.counters.add('refused');
    const { status, reason, message } = refusal;
    const { head, body } = writeOwnAnswer({ status, reason, error: message, id: null }, 'close');
    this.#outlet.write(Buffer.from(head + body, 'latin1'));
    this.finish();
    return -1;
  }

  /** Nothing that a client does may end more than its own connection. */
  #safely(what: () => void): void {
    try {
      what();
    } catch (fault) {
      this.#broken(fault);
    }
  }

  #broken(fault: unknown): void {
    this.#path.report(fault);
    const call = this.#call;
    this.#call = null;
    this.#phase = 'closing';
    call?.fault();
    this.socket.destroy();
  }

  #gone(): void {
    const call = this.#call;
    this.#call = null;
    this.#held = null;
    if (this.#phase === 'closing' && call === null) return;
    this.#phase = 'closing';
    if (call !== null) {
      call.abort();
      this.socket.destroy();
    }
  }
}
