/**
 * Reads an HTTP/2 connection along, from its preface on: header blocks by our own HPACK, each stream a call, gRPC or not.
 */
import type { Header } from '../../contracts/exchange.ts';
import type { DataPath } from '../data-path.ts';
import { recordedLines } from '../forward.ts';
import { fieldsOf } from '../http2/answer-fields.ts';
import { readRequestFields, readTrailers } from '../http2/request-fields.ts';
import type { Reason } from '../reasons.ts';
import { FrameReader, type FrameSink } from './frames.ts';
import { HpackDecoder } from './hpack.ts';
import { ObservedCall } from './observed-call.ts';
import type { Tap } from './tap.ts';
import { Unobservable } from './unobservable.ts';

/** Streams at once; servers allow a hundred as a rule, some any number. */
const MAX_STREAMS = 1024;
const PREFACE_BYTES = 24;
const NO_TRAILERS: readonly Header[] = [];

export class Http2Tap implements Tap {
  readonly #path: DataPath;
  readonly #calls = new Map<number, ObservedCall>();
  readonly #requests = new HpackDecoder();
  readonly #answers = new HpackDecoder();
  readonly #clientFrames: FrameReader;
  readonly #serverFrames: FrameReader;
  /** Bytes of the preface still to come; it was recognized before. */
  #preface = PREFACE_BYTES;

  constructor(path: DataPath) {
    this.#path = path;
    const reset = (stream: number, how: (call: ObservedCall) => void) => {
      const call = this.#calls.get(stream);
      if (call !== undefined) this.#end(stream, () => how(call));
    };
    const client: FrameSink = {
      headers: (stream, block, ended) => this.#request(stream, this.#requests.decode(block), ended),
      promise: () => {},
      data: (stream, piece) => this.#calls.get(stream)?.body(piece),
      reset: (stream) => reset(stream, (call) => call.abandoned()),
    };
    const server: FrameSink = {
      headers: (stream, block, ended) => this.#answer(stream, this.#answers.decode(block), ended),
      // What a server sends unasked is no call, but its names are in the table from here on.
      promise: (block) => void this.#answers.decode(block),
      data: (stream, piece, ended) => this.#answerData(stream, piece, ended),
      reset: (stream) => reset(stream, (call) => call.failed('reset')),
    };
    this.#clientFrames = new FrameReader(client);
    this.#serverFrames = new FrameReader(server);
  }

  get idle(): boolean {
    return this.#calls.size === 0;
  }

  fromClient(bytes: Buffer): void {
    const skipped = Math.min(this.#preface, bytes.length);
    this.#preface -= skipped;
    if (skipped < bytes.length) this.#clientFrames.read(skipped === 0 ? bytes : bytes.subarray(skipped));
  }

  fromServer(bytes: Buffer): void {
    this.#serverFrames.read(bytes);
  }

  clientEnded(): void {}

  serverEnded(): void {
    this.#endAll('reset');
  }

  closed(reason: Reason | null): void {
    this.#endAll(reason);
  }

  lose(): void {
    for (const call of this.#calls.values()) call.lost();
    this.#calls.clear();
  }

  #request(stream: number, raw: readonly string[], ended: boolean): void {
    // Trailers of a request, or a stream that was given up below.
    if (this.#calls.has(stream) || raw[0]?.startsWith(':') !== true) return;
    const fields = readRequestFields(raw, ended);
    const request = fields === null ? null : this.#path.requests.get(fields.head);
    if (request === null || 'kind' in request) {
      // One stream only: what the others carry is as readable as before.
      const upgrade = raw.includes(':protocol') || raw[raw.indexOf(':method') + 1] === 'CONNECT';
      this.#path.counters.unobservedBy(upgrade ? 'upgrade' : 'unreadable');
      return;
    }
    if (this.#calls.size === MAX_STREAMS) throw new Unobservable('too-large', 'too many streams at once');
    this.#calls.set(stream, new ObservedCall(this.#path, request, Date.now(), performance.now()));
  }

  #answer(stream: number, raw: readonly string[], ended: boolean): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    if (call.isAnswered) {
      const trailers = readTrailers(raw);
      if (trailers === null) this.#end(stream, () => call.failed('bad-answer'));
      else if (ended) this.#end(stream, () => call.done(trailers));
      return;
    }
    const status = raw[0] === ':status' ? Number(raw[1]) : Number.NaN;
    if (!Number.isInteger(status) || status < 100 || status > 599) {
      this.#end(stream, () => call.failed('bad-answer'));
      return;
    }
    if (status < 200) return;
    call.answered(status, recordedLines(fieldsOf(raw)));
    if (ended) {
      call.answer([]);
      this.#end(stream, () => call.done(NO_TRAILERS));
    }
  }

  #answerData(stream: number, piece: Buffer, ended: boolean): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    call.answer([piece]);
    if (ended) this.#end(stream, () => call.done(NO_TRAILERS));
  }

  #end(stream: number, how: () => void): void {
    this.#calls.delete(stream);
    how();
  }

  #endAll(reason: Reason | null): void {
    for (const call of this.#calls.values()) {
      if (reason === null) call.abandoned();
      else call.failed(reason);
    }
    this.#calls.clear();
  }
}
