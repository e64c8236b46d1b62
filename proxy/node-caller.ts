/**
 * A client's side of one call where `node:http` reads and writes: `parser: node`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Header } from '../contracts/exchange.ts';
import { Call } from './call.ts';
import type { AnswerOut, Caller, OwnWords, Server } from './caller.ts';
import type { DataPath } from './data-path.ts';
import type { OutgoingAnswer, OutgoingRequest } from './forward.ts';
import { type AnswerFraming, flatPairs, splitFields } from './framing.ts';
import { ownAnswer } from './own-answer.ts';
import { lasting } from './reading.ts';
import { REASON_STATUS } from './reasons.ts';

export class NodeCaller implements Caller, AnswerOut {
  deadlineAt = Number.POSITIVE_INFINITY;
  bodyPaused = false;
  continued = false;
  readonly holdsBytes = true;
  readonly #path: DataPath;
  readonly #request: OutgoingRequest;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  #call: Call | null;

  /** Begins the call. */
  constructor(path: DataPath, request: OutgoingRequest, incoming: IncomingMessage, response: ServerResponse) {
    this.#path = path;
    this.#request = request;
    this.#incoming = incoming;
    this.#response = response;
    response.sendDate = false;
    path.deadlines.add(this);
    path.counters.add('requests');
    const call = new Call(path, this, this);
    call.start(request, Date.now(), performance.now());
    this.#call = call;
    const safely = (what: () => void) => this.#safely(what);
    let came: Buffer[] | null = [];
    let done = request.head.framing === 'none';
    incoming.on('data', (bytes: Buffer) => {
      if (came === null) safely(() => this.#call?.body([bytes], false, []));
      else came.push(bytes);
    });
    incoming.on('end', () => {
      if (came === null && !done) safely(() => this.#call?.body([], true, flatPairs(incoming.rawTrailers)));
      done = true;
    });
    incoming.on('error', () => {});
    response.on('error', () => {});
    response.on('drain', () => safely(() => this.#call?.clientDrained()));
    response.on('close', () => safely(() => this.#gone()));
    // By then what came along with the head has been read.
    setImmediate(() => {
      const pieces = came ?? [];
      came = null;
      safely(() => this.#call?.begin(pieces, done, flatPairs(incoming.rawTrailers)));
      // undici cannot pass the question on.
      safely(() => this.#call !== null && this.continueBody());
    });
  }

  /** Whether its call has not ended. */
  get running(): boolean {
    return this.#call !== null;
  }

  /** The request body breaks its own framing, as Node's parser says. */
  bodyBroken(what: string): void {
    this.#safely(() => this.#call?.bodyBroken(what));
  }

  expire(): void {
    this.#safely(() => this.#call?.expire());
  }

  // ── the caller ──

  pauseBody(): void {
    this.bodyPaused = true;
    this.#incoming.pause();
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.#incoming.resume();
  }

  callEnded(): void {
    this.#call = null;
    this.#path.deadlines.delete(this);
    this.#response.end();
    this.#incoming.resume();
    // Node does it by itself where the answer says so; one that had begun before does not.
    if (this.#path.draining) this.#response.once('finish', () => this.#incoming.socket.destroySoon());
  }

  breakOff(): void {
    this.#call = null;
    this.#path.deadlines.delete(this);
    const { socket } = this.#incoming;
    // As on our own connections: where the end of the connection is the end of the answer, only a reset tells the difference.
    if (this.#request.head.minorVersion === 0) socket.resetAndDestroy();
    else socket.destroySoon();
  }

  destroy(): void {
    this.#incoming.socket.destroy();
  }

  // ── the answer ──

  get unsentBytes(): number {
    return this.#response.writableLength;
  }

  /** undici does not tell of them. */
  interim(): void {}

  continueBody(): void {
    if (!this.#request.head.expectsContinue || this.continued) return;
    this.continued = true;
    this.#response.writeContinue();
  }

  open({ head, text }: OutgoingAnswer, framing: AnswerFraming, { identity: { id }, servedBy, reason }: Server, mayKeep: boolean): boolean {
    const keep = mayKeep && this.#request.head.keepAlive && (this.#request.head.minorVersion === 1 || framing !== 'chunked');
    const fields = splitFields(text.slice(text.indexOf('\r\n') + 2));
    if (head.contentLength !== null && head.status !== 204) fields.push(['Content-Length', String(head.contentLength)]);
    fields.push(['Connection', keep ? 'keep-alive' : 'close'], ['x-driftline-id', id], ['x-driftline-served-by', servedBy]);
    if (reason !== null) fields.push(['x-driftline-reason', reason]);
    this.#response.writeHead(head.status, head.reasonPhrase, fields.flat());
    return keep;
  }

  write(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    if (pieces.length === 0 && !done) this.#response.flushHeaders();
    let flowing = true;
    for (const piece of pieces) flowing = this.#response.write(lasting(piece));
    if (done && trailers.length > 0) this.#response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]));
    return flowing;
  }

  own({ id, reason, error, retryAfterS }: OwnWords, mayKeep: boolean): { readonly body: Buffer; readonly keep: boolean } {
    const keep = mayKeep && this.#request.head.keepAlive;
    const status = REASON_STATUS[reason];
    const { phrase, fields, body } = ownAnswer({ status, reason, error, id, retryAfterS }, keep ? 'keep-alive' : 'close');
    const bytes = Buffer.from(body, 'latin1');
    this.#response.writeHead(status, phrase, fields.flat());
    this.#response.write(bytes);
    return { body: bytes, keep };
  }

  // ── ends ──

  #gone(): void {
    const call = this.#call;
    this.#call = null;
    this.#path.deadlines.delete(this);
    call?.abort();
  }

  /** Nothing that a client does may end more than its own connection. */
  #safely(what: () => void): void {
    try {
      what();
    } catch (fault) {
      this.#path.report(fault);
      const call = this.#call;
      this.#call = null;
      this.#path.deadlines.delete(this);
      call?.fault();
      this.destroy();
    }
  }
}
