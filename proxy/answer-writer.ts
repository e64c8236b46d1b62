/**
 * The answer on its way to the client: framed anew for what the client understands, copied as it passes.
 */
import type { Socket } from 'node:net';
import type { Header } from '../contracts/exchange.ts';
import { Capture } from './capture.ts';
import { lastChunk } from './chunks.ts';
import type { OutgoingAnswer } from './forward.ts';
import type { AnswerFraming, RequestHead } from './framing.ts';
import { writeOwnAnswer } from './own-answer.ts';
import { REASON_STATUS, type Reason } from './reasons.ts';
import { writeMessage } from './write.ts';

export class AnswerWriter {
  readonly body: Capture;
  /** The final answer once it has begun; null before, and when Driftline answers itself. */
  answer: OutgoingAnswer | null = null;
  /** Status sent to the client; 0 before any. */
  status = 0;
  /** The word for `x-driftline-served-by`; `none` when Driftline answers itself. */
  servedBy = 'none';
  /** Whether another request may follow on the connection. */
  keep = false;
  /** Whether the client was told to send its body (100). */
  continued = false;
  readonly #socket: Socket;
  readonly #request: RequestHead;
  readonly #id: string;
  #framing: AnswerFraming = 'none';
  /** The head, until it goes out together with the first bytes of the body. */
  #head = '';

  constructor(socket: Socket, request: RequestHead, id: string, limitBytes: number) {
    this.#socket = socket;
    this.#request = request;
    this.#id = id;
    this.body = new Capture(limitBytes);
  }

  /** Whether the client learns the answer's end from the end of the connection. */
  get endsWithConnection(): boolean {
    return this.#framing === 'close';
  }

  /** Passes an interim answer on. */
  interim(interim: OutgoingAnswer): void {
    // RFC 9110 §15.2: not to a client that does not know them.
    if (this.#request.minorVersion === 0) return;
    if (interim.head.status === 100) this.continued = true;
    this.#socket.write(`${interim.text}\r\n`, 'latin1');
  }

  /** Tells a client that asked to go on with its body, in place of an upstream that cannot. */
  continueBody(): void {
    if (!this.#request.expectsContinue || this.continued) return;
    this.continued = true;
    this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
  }

  /** Begins the final answer, which came framed as `incoming`. Nothing is sent before `write`. */
  open(answer: OutgoingAnswer, incoming: AnswerFraming, server: { servedBy: string; reason: Reason | null }, mayKeep: boolean): void {
    const { head } = answer;
    const { servedBy, reason } = server;
    const modern = this.#request.minorVersion === 1;
    this.answer = answer;
    this.status = head.status;
    this.servedBy = servedBy;
    this.#framing = incoming === 'chunked' || incoming === 'close' ? (modern ? 'chunked' : 'close') : incoming;
    this.keep = mayKeep && this.#request.keepAlive && this.#framing !== 'close';
    let text = answer.text;
    // Both fields also where no body follows: in answers to HEAD and in 304 they tell of the one that a GET would bring.
    const wouldBeChunked = this.#framing === 'none' && head.chunked && head.status !== 204 && modern;
    if (this.#framing === 'chunked' || wouldBeChunked) text += 'Transfer-Encoding: chunked\r\n';
    else if (head.contentLength !== null && head.status !== 204) text += `Content-Length: ${head.contentLength}\r\n`;
    const connection = this.#connectionField();
    if (connection !== null) text += `Connection: ${connection}\r\n`;
    // Where the primary did not serve, the caller is told why.
    const why = reason === null ? '' : `x-driftline-reason: ${reason}\r\n`;
    this.#head = `${text}x-driftline-id: ${this.#id}\r\nx-driftline-served-by: ${servedBy}\r\n${why}\r\n`;
  }

  /** Sends body bytes, and the end of the body when `done`. Returns false when the client should be waited for. */
  write(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    for (const piece of pieces) this.body.keep(piece);
    const head = this.#head;
    this.#head = '';
    const chunked = this.#framing === 'chunked';
    return writeMessage(this.#socket, head, pieces, chunked, done && chunked ? lastChunk(trailers) : '');
  }

  /** Sends an answer of Driftline's own in place of one. */
  own(reason: Reason, error: string, mayKeep: boolean): void {
    this.status = REASON_STATUS[reason];
    this.keep = mayKeep && this.#request.keepAlive;
    const { head, body } = writeOwnAnswer({ status: this.status, reason, error, id: this.#id }, this.#connectionField());
    const bytes = Buffer.from(body, 'latin1');
    this.body.keep(bytes);
    writeMessage(this.#socket, head, this.#request.method === 'HEAD' ? [] : [bytes], false, '');
  }

  #connectionField(): string | null {
    if (!this.keep) return 'close';
    return this.#request.minorVersion === 0 ? 'keep-alive' : null;
  }
}
