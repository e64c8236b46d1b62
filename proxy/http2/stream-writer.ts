/**
 * An HTTP/1.1 answer on its way to the client of an HTTP/2 stream.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { Header } from '../../contracts/exchange.ts';
import type { AnswerOut, OwnWords, Server } from '../caller.ts';
import type { DataPath } from '../data-path.ts';
import type { OutgoingAnswer } from '../forward.ts';
import type { AnswerFraming, RequestHead } from '../framing.ts';
import type { Evictable } from '../held.ts';
import { writeOwnAnswer } from '../own-answer.ts';
import { lasting } from '../reading.ts';
import { REASON_STATUS } from '../reasons.ts';
import { asObject, endAnswer, fieldsBelow, isOpen, release, respond } from './answer-fields.ts';

export class StreamWriter implements AnswerOut, Evictable {
  continued = false;
  readonly holdsBytes = true;
  readonly evict: () => void;
  readonly #stream: ServerHttp2Stream;
  readonly #request: RequestHead;
  readonly #path: DataPath;
  /** The head, until it goes out with the first bytes of the body. */
  #head: { readonly status: number; readonly fields: readonly string[] } | null = null;

  /** `evict` is called when what waits here has waited for longest, and too much does. */
  constructor(stream: ServerHttp2Stream, request: RequestHead, path: DataPath, evict: () => void) {
    this.#stream = stream;
    this.#request = request;
    this.#path = path;
    this.evict = evict;
    stream.on('drain', () => path.held.release(this));
    stream.on('close', () => path.held.release(this));
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  interim({ head, text }: OutgoingAnswer): void {
    if (head.status === 100) this.continued = true;
    this.#inform(head.status, fieldsBelow(text));
  }

  continueBody(): void {
    if (!this.#request.expectsContinue || this.continued) return;
    this.continued = true;
    this.#inform(100, []);
  }

  open(answer: OutgoingAnswer, _incoming: AnswerFraming, { identity: { id }, servedBy, reason }: Server): boolean {
    const { status, contentLength } = answer.head;
    const fields = fieldsBelow(answer.text);
    if (contentLength !== null && status !== 204) fields.push('content-length', String(contentLength));
    fields.push('x-driftline-id', id, 'x-driftline-served-by', servedBy);
    if (reason !== null) fields.push('x-driftline-reason', reason);
    this.#head = { status, fields };
    return true;
  }

  write(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    const stream = this.#stream;
    if (!isOpen(stream)) return true;
    const head = this.#head;
    this.#head = null;
    if (head !== null) {
      const endStream = done && pieces.length === 0 && trailers.length === 0;
      respond(stream, head.status, head.fields, endStream);
      if (endStream) setImmediate(() => release(stream));
    }
    let flowing = true;
    for (const piece of pieces) flowing = stream.write(lasting(piece));
    if (!done) {
      if (!flowing) this.#path.held.hold(this, stream.writableLength);
      return flowing;
    }
    this.#path.held.release(this);
    if (stream.writable) endAnswer(stream, trailers, this.#path);
    return flowing;
  }

  own({ id, reason, error, retryAfterS }: OwnWords): { readonly body: Buffer; readonly keep: boolean } {
    const status = REASON_STATUS[reason];
    const own = writeOwnAnswer({ status, reason, error, id, retryAfterS }, null);
    const body = Buffer.from(own.body, 'latin1');
    this.#head = { status, fields: fieldsBelow(own.head) };
    this.write(this.#request.method === 'HEAD' ? [] : [body], true, []);
    return { body, keep: true };
  }

  #inform(status: number, fields: readonly string[]): void {
    if (!isOpen(this.#stream)) return;
    const list: Header[] = [];
    for (let i = 0; i < fields.length; i += 2) list.push([fields[i]!, fields[i + 1]!]);
    this.#stream.additionalHeaders({ ':status': status, ...asObject(list) });
  }
}
