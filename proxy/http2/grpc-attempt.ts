/**
 * One try at having a gRPC call answered: a stream on one of the upstream's sessions, what comes of it, and what it means when it ends.
 */
import { type ClientHttp2Stream, constants } from 'node:http2';
import type { Header } from '../../contracts/exchange.ts';
import { MAX_INTERIM_ANSWERS } from '../limits.ts';
import type { Reason } from '../reasons.ts';
import { type GrpcAnswerHead, readAnswerHead, statusOf } from './grpc-heads.ts';
import { readTrailers } from './request-fields.ts';
import type { UpstreamSession } from './upstream-sessions.ts';

/** In this order: interim answers, the final head, parts, `done`. Nothing follows `done` or `failed`. */
export interface GrpcAttemptUser {
  /** Something else is waited for now: the stream has been opened. */
  moved(): void;
  drained(): void;
  interim(status: number): void;
  /** `ended`: the head is all of the answer. */
  answer(head: GrpcAnswerHead, ended: boolean): void;
  part(piece: Buffer): void;
  done(trailers: readonly Header[]): void;
  /** `resetCode`: of the stream, where it was reset alone. */
  failed(reason: Reason, resetCode: number | null): void;
  /** One of the above has thrown. */
  fault(fault: unknown): void;
}

/**
 * What is reset so has mostly broken HTTP/2 or our limits: nghttp2 resets what is malformed, Node a head that is too large. A server that does it by itself
 * cannot be told apart.
 */
const BAD_ANSWERS: readonly number[] = [constants.NGHTTP2_PROTOCOL_ERROR, constants.NGHTTP2_ENHANCE_YOUR_CALM];

export class GrpcAttempt {
  /** Whether nothing has come, and the connection has gone that had served a call before: it may have been closed from the other side meanwhile. */
  stale = false;
  /** Whether the server has certainly not acted on the call: by its own word (RFC 9113 §8.7), or because the call never left. */
  untaken = false;
  readonly #session: UpstreamSession;
  readonly #stream: ClientHttp2Stream;
  readonly #reused: boolean;
  /** Null once it is given up or has ended. */
  #user: GrpcAttemptUser | null;
  #interims = 0;
  /** Whether the final head has come. */
  #begun = false;
  #trailers: readonly Header[] = [];

  /** `sent`: what there is of the body; `ended`: it is all. */
  constructor(user: GrpcAttemptUser, session: UpstreamSession, head: readonly string[], sent: Buffer, ended: boolean) {
    this.#user = user;
    this.#session = session;
    this.#reused = session.reused;
    const stream = session.open(head, ended && sent.length === 0);
    this.#stream = stream;
    // `close` follows, and tells what it was.
    stream.on('error', () => {});
    // Raw fields are names and values in turn.
    stream.on('response', (_fields, flags, raw) => this.#tell((user) => this.#head(user, raw as unknown as readonly string[], flags)));
    stream.on('headers', (_fields, _flags, raw) => this.#tell((user) => this.#interim(user, raw as unknown as readonly string[])));
    stream.on('data', (piece: Buffer) => this.#tell((user) => user.part(piece)));
    stream.on('trailers', (_fields, _flags, raw) => this.#tell(() => this.#tail(raw as unknown as readonly string[])));
    stream.on('end', () => this.#tell((user) => this.#ended(user)));
    stream.on('drain', () => this.#tell((user) => user.drained()));
    stream.on('ready', () => this.#tell((user) => user.moved()));
    stream.on('close', () => this.#tell(() => this.#closed()));
    if (sent.length > 0) {
      stream.write(sent);
      if (ended) stream.end();
    }
  }

  /** Whether the upstream has taken the connection. */
  get connected(): boolean {
    return this.#session.connected;
  }

  /** Returns false when `drained` should be waited for. */
  send(piece: Buffer): boolean {
    return this.#stream.write(piece);
  }

  end(): void {
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Gives up; the call hears no more of it. */
  discard(code: number): void {
    this.#user = null;
    this.#stream.close(code);
  }

  #interim(user: GrpcAttemptUser, raw: readonly string[]): void {
    this.#interims++;
    if (this.#interims > MAX_INTERIM_ANSWERS) this.#fail('bad-answer', null);
    else user.interim(statusOf(raw));
  }

  #head(user: GrpcAttemptUser, raw: readonly string[], flags: number): void {
    const head = readAnswerHead(raw);
    if (head === null) {
      this.#fail('bad-answer', null);
      return;
    }
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    this.#begun = true;
    user.answer(head, ended);
    if (ended) this.#done(user, []);
  }

  #tail(raw: readonly string[]): void {
    const trailers = readTrailers(raw);
    if (trailers === null) this.#fail('bad-answer', null);
    else this.#trailers = trailers;
  }

  #ended(user: GrpcAttemptUser): void {
    const { aborted, rstCode } = this.#stream;
    // The readable side ends at a reset too; `close` tells which it was.
    if (this.#begun && !aborted && rstCode === constants.NGHTTP2_NO_ERROR) this.#done(user, this.#trailers);
  }

  /** The stream was reset, or its session has gone. */
  #closed(): void {
    const { id, rstCode = constants.NGHTTP2_NO_ERROR } = this.#stream;
    const { connected, lastTaken } = this.#session;
    const loss = this.#session.lossOf(this.#stream);
    if (!this.#begun && this.#interims === 0) {
      const refused = loss === null && rstCode === constants.NGHTTP2_REFUSED_STREAM;
      this.untaken = connected && (id === undefined || id > lastTaken || refused);
      this.stale = this.#reused && loss === 'reset';
    }
    if (loss !== null) this.#fail(loss, null);
    else this.#fail(BAD_ANSWERS.includes(rstCode) ? 'bad-answer' : 'reset', rstCode);
  }

  #done(user: GrpcAttemptUser, trailers: readonly Header[]): void {
    this.#user = null;
    // What is still to come of the request is of no use, and a server that says nothing more would keep the stream.
    if (!this.#stream.writableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    user.done(trailers);
  }

  #fail(reason: Reason, resetCode: number | null): void {
    const user = this.#user;
    this.discard(constants.NGHTTP2_CANCEL);
    user?.failed(reason, resetCode);
  }

  /** Nothing that an upstream does may end more than the call it does it to. */
  #tell(what: (user: GrpcAttemptUser) => void): void {
    const user = this.#user;
    if (user === null) return;
    try {
      what(user);
    } catch (fault) {
      user.fault(fault);
    }
  }
}
