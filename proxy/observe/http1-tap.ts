/**
 * Reads an HTTP/1.1 connection along: requests from one side, answers from the other, paired in order (RFC 9112 §9.3.2).
 *
 * Heads and bodies are read by the same code as where calls are passed on, so a message is understood here as it would be there.
 */
import { AnswerReader } from '../answer-reader.ts';
import { BodyReader } from '../body.ts';
import type { DataPath } from '../data-path.ts';
import { endOfHead, HEAD_END_BYTES, hasBareLineFeed } from '../framing.ts';
import { MAX_HEAD_BYTES } from '../limits.ts';
import type { Reason } from '../reasons.ts';
import { ObservedCall } from './observed-call.ts';
import type { Tap } from './tap.ts';
import { Unobservable } from './unobservable.ts';

/** Requests whose answers have not come. */
const MAX_WAITING = 64;
const UPGRADES = /^CONNECT |\r\nupgrade:/i;

export class Http1Tap implements Tap {
  readonly #path: DataPath;
  /** Calls whose answers are due, oldest first. */
  readonly #waiting: ObservedCall[] = [];
  /** A head that is not whole yet. */
  #held: Buffer | null = null;
  /** When that head began. */
  #startedAt = 0;
  #startedMono = 0;
  /** The body that is coming, and the call it belongs to. */
  #body: BodyReader | null = null;
  #sender: ObservedCall | null = null;
  /** Reads the answer to the oldest call. */
  readonly #reader: AnswerReader;
  /** Whether it has begun: not between two answers. */
  #isReading = false;
  /** Whether the client sends no more. */
  #clientEnded = false;

  constructor(path: DataPath) {
    this.#path = path;
    this.#reader = new AnswerReader(path.answers);
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && this.#body === null && this.#held === null;
  }

  fromClient(bytes: Buffer): void {
    const input = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    const fresh = this.#held === null;
    this.#held = null;
    let at = 0;
    while (at < input.length) {
      if (this.#body !== null) at = this.#readBody(this.#body, input, at);
      // §2.2: blank lines before a request line are skipped.
      else if (input[at] === 13 && input[at + 1] === 10) at += 2;
      else {
        if (fresh || at > 0) {
          this.#startedAt = Date.now();
          this.#startedMono = performance.now();
        }
        const end = endOfHead(input, at);
        if ((end === -1 ? input.length : end) - at > MAX_HEAD_BYTES) throw new Unobservable('too-large', 'a request head is too large');
        if (end === -1) {
          this.#hold(input.subarray(at));
          return;
        }
        this.#begin(input, at, end);
        at = end + HEAD_END_BYTES;
      }
    }
  }

  fromServer(bytes: Buffer): void {
    for (let input: Buffer | null = bytes; input !== null; ) {
      const call = this.#waiting[0];
      if (call === undefined) throw new Unobservable('unreadable', 'an answer that nobody asked for');
      const reader = this.#reader;
      if (!this.#isReading) reader.start(call.method);
      this.#isReading = true;
      const progress = reader.read(input);
      reader.takeInterim();
      if (progress === 'broken') throw new Unobservable(reader.switched ? 'upgrade' : 'unreadable', 'not an answer');
      if (reader.final !== null) {
        if (!call.isAnswered) call.answered(reader.final.head.status, reader.final.capturedFields);
        call.answer(reader.pieces);
      }
      if (progress === 'more') return;
      input = reader.rest;
      this.#done(call);
    }
  }

  clientEnded(): void {
    this.#clientEnded = true;
  }

  serverEnded(): void {
    const call = this.#waiting[0];
    if (call !== undefined && this.#isReading && this.#reader.endsWithConnection) this.#done(call);
    // A server that closes on a client that had closed before just follows.
    this.#endAll(this.#clientEnded ? null : 'reset');
  }

  closed(reason: Reason | null): void {
    this.#endAll(reason);
  }

  lose(): void {
    for (const call of this.#waiting.splice(0)) call.lost();
  }

  #hold(rest: Buffer): void {
    if (hasBareLineFeed(rest)) throw new Unobservable('unreadable', 'a line that does not end in CRLF');
    // A copy of its own: the bytes may be the end of a much larger read.
    this.#held = Buffer.from(rest);
  }

  #begin(input: Buffer, from: number, end: number): void {
    const request = this.#path.requests.read(input, from, end);
    if ('kind' in request)
      throw new Unobservable(UPGRADES.test(input.toString('latin1', from, end)) ? 'upgrade' : 'unreadable', request.message);
    if (this.#waiting.length === MAX_WAITING) throw new Unobservable('too-large', 'too many requests without an answer');
    const { framing, contentLength } = request.head;
    const body = new BodyReader();
    body.start(framing, contentLength ?? 0);
    this.#sender = new ObservedCall(this.#path, request, this.#startedAt, this.#startedMono);
    this.#waiting.push(this.#sender);
    if (!body.done) this.#body = body;
  }

  #readBody(body: BodyReader, input: Buffer, from: number): number {
    const at = body.read(input, from);
    if (body.failure !== null) throw new Unobservable('unreadable', body.failure);
    for (const piece of body.pieces) this.#sender?.body(piece);
    if (body.done) this.#body = null;
    return at;
  }

  #done(call: ObservedCall): void {
    this.#isReading = false;
    this.#waiting.shift();
    // An answer before the request's end: what still comes of the body is read over.
    if (this.#sender === call) this.#sender = null;
    call.done(this.#reader.trailers);
    this.#reader.letGo();
  }

  #endAll(reason: Reason | null): void {
    for (const call of this.#waiting.splice(0)) {
      if (reason === null) call.abandoned();
      else call.failed(reason);
    }
    this.#sender = null;
    this.#isReading = false;
  }
}
