/**
 * Where a body ends: reads one out of a connection's bytes by the framing that its head announced (RFC 9112 §6.3).
 */
import type { Header } from '../contracts/exchange.ts';
import { ChunkDecoder } from './chunks.ts';
import type { AnswerFraming } from './framing.ts';
import { pieceOf } from './reading.ts';

const NO_TRAILERS: readonly Header[] = [];
const NOTHING: readonly Buffer[] = [];

export class BodyReader {
  #chunks: ChunkDecoder | null = null;
  /** Views of the body's bytes in what was read last. */
  pieces: readonly Buffer[] = NOTHING;
  /** Bytes still to come; Infinity until the connection closes; unused with chunks. */
  #left = 0;

  /** Of the next body. `lengthBytes` counts only with framing `length`. */
  start(framing: AnswerFraming, lengthBytes: number): void {
    this.pieces = NOTHING;
    this.#chunks = framing === 'chunked' ? new ChunkDecoder() : null;
    this.#left = framing === 'length' ? lengthBytes : framing === 'close' ? Number.POSITIVE_INFINITY : 0;
  }

  /** Holds what was read last no more, nor the memory around it. */
  letGo(): void {
    this.pieces = NOTHING;
  }

  get done(): boolean {
    return this.#chunks === null ? this.#left === 0 : this.#chunks.done;
  }

  /** What is wrong with the body, or null. */
  get failure(): string | null {
    return this.#chunks === null ? null : this.#chunks.failure;
  }

  get trailers(): readonly Header[] {
    return this.#chunks === null ? NO_TRAILERS : this.#chunks.trailers;
  }

  /** Whether the end of the connection is the end of this body. */
  get endsWithConnection(): boolean {
    return this.#left === Number.POSITIVE_INFINITY;
  }

  /** Returns the index after the last byte that belongs to the body. */
  read(input: Buffer, from: number): number {
    if (this.#chunks !== null) {
      const pieces: Buffer[] = [];
      this.pieces = pieces;
      return this.#chunks.read(input, from, pieces);
    }
    const end = Math.min(input.length, from + this.#left);
    this.pieces = end === from ? NOTHING : pieceOf(input, from, end);
    this.#left -= end - from;
    return end;
  }
}
