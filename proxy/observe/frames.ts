/**
 * Takes one direction of an HTTP/2 connection apart into frames (RFC 9113 §4, §6), however its bytes are split.
 *
 * Only what calls are made of is read: header blocks, data, resets. DATA is passed on in pieces and never gathered; of anything else only
 * the length counts.
 */
import { MAX_HEAD_BYTES } from '../limits.ts';
import { Unobservable } from './unobservable.ts';

/** Who is told what came, in order. */
export interface FrameSink {
  /** A whole header block, continuations joined; `ended`: nothing follows on this stream in this direction. */
  headers(stream: number, block: Buffer, ended: boolean): void;
  /** A block that announces a stream of the server's own; it must be decoded for the table's sake. */
  promise(block: Buffer): void;
  /** A view of body bytes, padding left out; possibly empty at the end. */
  data(stream: number, piece: Buffer, ended: boolean): void;
  reset(stream: number): void;
}

const HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const PUSH_PROMISE = 5;
const CONTINUATION = 9;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;
/** Parts of one header block. */
const MAX_CONTINUATIONS = 64;
const NOTHING = Buffer.alloc(0);

export class FrameReader {
  readonly #sink: FrameSink;
  #step: 'header' | 'pad-length' | 'data' | 'whole' | 'skip' = 'header';
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Payload bytes still to come; of DATA without the padding, which is in `#padding`. */
  #left = 0;
  #padding = 0;
  /** A header or payload that came in part, and how much of it. */
  #partial: Buffer | null = null;
  #partialBytes = 0;
  /** Bytes that the last `#take` took out of its input. */
  #taken = 0;
  /** A header block that goes on in the next frame. */
  #block: Buffer[] | null = null;
  #blockBytes = 0;
  #blockEnds = false;
  #blockPromises = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws Unobservable when these are no frames, or a header block is too large. */
  read(input: Buffer): void {
    let at = 0;
    for (;;) {
      switch (this.#step) {
        case 'header': {
          const taken = this.#take(input, at, HEADER_BYTES);
          if (taken === null) return;
          at += this.#taken;
          this.#begin(taken);
          break;
        }
        case 'pad-length': {
          if (at === input.length) return;
          this.#padding = input[at++]!;
          this.#left -= 1 + this.#padding;
          if (this.#left < 0) throw new Unobservable('unreadable', 'more padding than payload');
          this.#step = 'data';
          break;
        }
        case 'data': {
          const end = Math.min(input.length, at + this.#left);
          const whole = end - at === this.#left;
          const ended = whole && (this.#flags & END_STREAM) !== 0;
          if (end > at || ended) this.#sink.data(this.#stream, input.subarray(at, end), ended);
          this.#left -= end - at;
          at = end;
          if (!whole) return;
          this.#left = this.#padding;
          this.#step = 'skip';
          break;
        }
        case 'skip': {
          const end = Math.min(input.length, at + this.#left);
          this.#left -= end - at;
          at = end;
          if (this.#left > 0) return;
          this.#step = 'header';
          break;
        }
        case 'whole': {
          const payload = this.#take(input, at, this.#left);
          if (payload === null) return;
          at += this.#taken;
          this.#step = 'header';
          this.#whole(payload);
          break;
        }
      }
      if (at === input.length && this.#step === 'header') return;
    }
  }

  #begin(header: Buffer): void {
    this.#left = header.readUIntBE(0, 3);
    this.#type = header[3]!;
    this.#flags = header[4]!;
    const stream = header.readUInt32BE(5) & 0x7fffffff;
    this.#padding = 0;
    const type = this.#type;
    // §6.10: nothing comes between the parts of a block.
    const goesOn = type === CONTINUATION && stream === this.#stream;
    this.#stream = stream;
    if ((this.#block !== null || type === CONTINUATION) && !(goesOn && this.#block !== null))
      throw new Unobservable('unreadable', 'a header block is broken into');
    if (type === DATA) {
      if (this.#stream === 0) throw new Unobservable('unreadable', 'data of no stream');
      this.#step = (this.#flags & PADDED) === 0 ? 'data' : 'pad-length';
      if (this.#step === 'pad-length' && this.#left === 0) throw new Unobservable('unreadable', 'padding without a length');
    } else if (type === HEADERS || type === CONTINUATION || type === PUSH_PROMISE || type === RST_STREAM) {
      if (this.#left + this.#blockBytes > MAX_HEAD_BYTES) throw new Unobservable('too-large', 'a header block is too large');
      this.#step = 'whole';
    } else this.#step = 'skip';
  }

  #whole(payload: Buffer): void {
    switch (this.#type) {
      case RST_STREAM:
        this.#sink.reset(this.#stream);
        return;
      case CONTINUATION:
        this.#blockPart(payload);
        return;
    }
    const promises = this.#type === PUSH_PROMISE;
    const padded = (this.#flags & PADDED) !== 0;
    const from = (padded ? 1 : 0) + (promises ? 4 : (this.#flags & PRIORITY) === 0 ? 0 : 5);
    const to = payload.length - (padded ? (payload[0] ?? 0) : 0);
    if (from > to) throw new Unobservable('unreadable', 'a header frame is too short');
    this.#blockPromises = promises;
    this.#blockEnds = !promises && (this.#flags & END_STREAM) !== 0;
    this.#blockPart(payload.subarray(from, to));
  }

  #blockPart(part: Buffer): void {
    if ((this.#flags & END_HEADERS) === 0) {
      this.#block ??= [];
      if (this.#block.length === MAX_CONTINUATIONS) throw new Unobservable('too-large', 'a header block has too many parts');
      // A copy of its own: the frame's memory may be that of a much larger read.
      this.#block.push(Buffer.from(part));
      this.#blockBytes += part.length;
      return;
    }
    const block = this.#block === null ? part : Buffer.concat([...this.#block, part]);
    this.#block = null;
    this.#blockBytes = 0;
    if (this.#blockPromises) this.#sink.promise(block);
    else this.#sink.headers(this.#stream, block, this.#blockEnds);
  }

  /** The next `bytes` bytes in one piece; null when they have not all come, and then what has is kept. */
  #take(input: Buffer, at: number, bytes: number): Buffer | null {
    const here = Math.min(input.length - at, bytes - this.#partialBytes);
    this.#taken = here;
    if (this.#partial === null) {
      if (here === bytes) return bytes === 0 ? NOTHING : input.subarray(at, at + bytes);
      this.#partial = Buffer.allocUnsafe(bytes);
    }
    input.copy(this.#partial, this.#partialBytes, at, at + here);
    this.#partialBytes += here;
    if (this.#partialBytes < bytes) return null;
    const whole = this.#partial;
    this.#partial = null;
    this.#partialBytes = 0;
    return whole;
  }
}
