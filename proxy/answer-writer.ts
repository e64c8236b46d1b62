/**
 * The answer on its way to a client of HTTP/1.x: framed anew for what the client understands.
 */
import type { Header } from '../contracts/exchange.ts';
import type { AnswerOut, OwnWords, Server } from './caller.ts';
import { lastChunk } from './chunks.ts';
import { flat } from './flat.ts';
import type { OutgoingAnswer } from './forward.ts';
import type { AnswerFraming, RequestHead } from './framing.ts';
import { Memo } from './memo.ts';
import { writeOwnAnswer } from './own-answer.ts';
import type { Outlet } from './outlet.ts';
import { REASON_STATUS } from './reasons.ts';
import { Head, writeMessage } from './write.ts';

const CRLF = '\r\n';
/** What follows the id in most heads, by who served, and the blank line. */
const ends = new Memo((servedBy) => flat(`\r\nx-driftline-served-by: ${servedBy}\r\n\r\n`));

export class AnswerWriter implements AnswerOut {
  continued = false;
  /** Whether the client learns the answer's end from the end of the connection. */
  endsWithConnection = false;
  readonly #outlet: Outlet;
  #request!: RequestHead;
  #chunked = false;
  /** The answer's, until it goes out together with the first bytes of the body. */
  readonly #head = new Head();

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** Of the answer to the next request. */
  start(request: RequestHead): void {
    this.continued = false;
    this.#request = request;
  }

  get unsentBytes(): number {
    return this.#outlet.unsentBytes;
  }

  get holdsBytes(): boolean {
    return this.#outlet.unsentBytes > 0;
  }

  interim(interim: OutgoingAnswer): void {
    // RFC 9110 §15.2: not to a client that does not know them.
    if (this.#request.minorVersion === 0) return;
    if (interim.head.status === 100) this.continued = true;
    this.#outlet.write(Buffer.from(`${interim.text}\r\n`, 'latin1'));
  }

  continueBody(): void {
    if (!this.#request.expectsContinue || this.continued) return;
    this.continued = true;
    this.#outlet.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1'));
  }

  open(answer: OutgoingAnswer, incoming: AnswerFraming, { identity, servedBy, reason }: Server, mayKeep: boolean): boolean {
    const { head } = answer;
    const modern = this.#request.minorVersion === 1;
    const framing = incoming === 'chunked' || incoming === 'close' ? (modern ? 'chunked' : 'close') : incoming;
    this.#chunked = framing === 'chunked';
    this.endsWithConnection = framing === 'close';
    const keep = mayKeep && this.#request.keepAlive && framing !== 'close';
    // As with Content-Length, also where no body follows: in answers to HEAD and in 304 the two tell of the one that a GET would bring.
    const wouldBeChunked = framing === 'none' && head.chunked && head.status !== 204 && modern;
    let more = '';
    if (this.#chunked || wouldBeChunked) more = 'Transfer-Encoding: chunked\r\n';
    const connection = this.#connectionField(keep);
    if (connection !== null) more += `Connection: ${connection}\r\n`;
    // Where the primary did not serve, the caller is told why.
    if (reason !== null) more += `x-driftline-reason: ${reason}\r\n`;
    const end = ends.get(servedBy);
    this.#head.set(answer.bytes, identity.bytes, identity.idLength, more === '' ? end : end.slice(0, -CRLF.length) + more + CRLF);
    return keep;
  }

  write(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    const flowing = writeMessage(this.#outlet, this.#head, pieces, this.#chunked, done && this.#chunked ? lastChunk(trailers) : '');
    this.#head.clear();
    return flowing;
  }

  own({ id, reason, error, retryAfterS }: OwnWords, mayKeep: boolean): { readonly body: Buffer; readonly keep: boolean } {
    const keep = mayKeep && this.#request.keepAlive;
    const answer = writeOwnAnswer({ status: REASON_STATUS[reason], reason, error, id, retryAfterS }, this.#connectionField(keep));
    const body = Buffer.from(answer.body, 'latin1');
    this.#head.after = answer.head;
    this.#chunked = false;
    this.write(this.#request.method === 'HEAD' ? [] : [body], true, []);
    return { body, keep };
  }

  #connectionField(keep: boolean): string | null {
    if (!keep) return 'close';
    return this.#request.minorVersion === 0 ? 'keep-alive' : null;
  }
}
