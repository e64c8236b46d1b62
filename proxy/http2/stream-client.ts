/**
 * An HTTP/2 stream as the client of an ordinary call: its request goes to an HTTP/1.1 upstream, and the answer comes back on the stream.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Header } from '../../contracts/exchange.ts';
import { Call } from '../call.ts';
import type { Caller } from '../caller.ts';
import type { DataPath } from '../data-path.ts';
import type { OutgoingRequest } from '../forward.ts';
import type { Evictable } from '../held.ts';
import { BYTES_KEPT_FOR_ONE } from '../limits.ts';
import { readTrailers } from './request-fields.ts';
import { StreamWriter } from './stream-writer.ts';

const NO_PIECES: readonly Buffer[] = [];

export class StreamClient implements Caller, Evictable {
  deadlineAt = Number.POSITIVE_INFINITY;
  bodyPaused = false;
  readonly #stream: ServerHttp2Stream;
  readonly #path: DataPath;
  /** Null once it has ended. */
  #call: Call | null;
  #trailers: readonly Header[] = [];
  #bodyBytes = 0;
  readonly #announcedBytes: number | null;

  /** `ended`: the head was all of the request. */
  constructor(path: DataPath, stream: ServerHttp2Stream, request: OutgoingRequest, ended: boolean) {
    this.#path = path;
    this.#stream = stream;
    this.#announcedBytes = request.head.contentLength;
    this.#call = new Call(path, this, new StreamWriter(stream, request.head, path, () => this.evict()));
    this.#call.start(request, Date.now(), performance.now());
    path.deadlines.add(this);
    stream.on('error', () => {});
    stream.on('close', () => this.#safely(() => this.#gone()));
    stream.on('drain', () => this.#safely(() => this.#call?.clientDrained()));
    this.#safely(() => {
      if (ended && (this.#announcedBytes ?? 0) > 0) this.#call?.bodyBroken('the body is shorter than its Content-Length');
      else this.#call?.begin(NO_PIECES, ended, []);
    });
    if (ended) return;
    stream.on('trailers', (_fields: unknown, _flags: number, raw: string[]) => this.#safely(() => this.#tail(raw)));
    stream.on('data', (piece: Buffer) => this.#safely(() => this.#piece(piece)));
    stream.on('end', () => this.#safely(() => this.#bodyEnd()));
  }

  pauseBody(): void {
    this.bodyPaused = true;
    // Until then the client may send so much, in frames among those of other streams.
    this.#path.held.hold(this, BYTES_KEPT_FOR_ONE * this.#path.limits.streamWindowBytes);
    this.#stream.pause();
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    this.#path.held.release(this);
    this.#stream.resume();
  }

  callEnded(): void {
    this.#leave();
    this.#stream.resume();
  }

  breakOff(): void {
    this.#leave();
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  destroy(): void {
    this.breakOff();
  }

  evict(): void {
    this.#safely(() => {
      if (this.#call !== null) this.#call.evict();
      else this.#stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  expire(): void {
    this.#safely(() => this.#call?.expire());
  }

  #piece(piece: Buffer): void {
    this.#bodyBytes += piece.length;
    if (this.#announcedBytes !== null && this.#bodyBytes > this.#announcedBytes) {
      this.#call?.bodyBroken('the body is longer than its Content-Length');
    } else this.#call?.body([piece], false, []);
  }

  #tail(raw: readonly string[]): void {
    const trailers = readTrailers(raw);
    if (trailers === null) this.#call?.bodyBroken('a trailer field is not allowed');
    else this.#trailers = trailers;
  }

  #bodyEnd(): void {
    // A reset ends the readable side too.
    if (this.#stream.aborted) return;
    if (this.#announcedBytes !== null && this.#bodyBytes < this.#announcedBytes) {
      this.#call?.bodyBroken('the body is shorter than its Content-Length');
    } else this.#call?.body(NO_PIECES, true, this.#trailers);
  }

  #gone(): void {
    const call = this.#call;
    this.#leave();
    call?.abort();
  }

  #leave(): void {
    this.#call = null;
    this.#path.deadlines.delete(this);
    this.#path.held.release(this);
  }

  /** Nothing that a client does may end more than its own stream. */
  #safely(what: () => void): void {
    try {
      what();
    } catch (fault) {
      this.#path.report(fault);
      const call = this.#call;
      this.#leave();
      call?.fault();
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }
}
