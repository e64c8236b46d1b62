/**
 * The chunked transfer coding (RFC 9112 §7.1): decoded incrementally, whatever way the bytes are split, and written anew.
 *
 * Chunk extensions are checked and left out; trailer fields are kept. Strict like the heads: CRLF only, no blanks around a size.
 */
import type { Header } from '../contracts/exchange.ts';
import { TOKEN } from './framing.ts';
import { MAX_CHUNK_LINE_BYTES, MAX_FIELDS, MAX_TRAILER_BYTES } from './limits.ts';

const SIZE_LINE =
  /^([0-9A-Fa-f]{1,12})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))?)*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNCLEAN = /[\0-\x08\x0a-\x1f\x7f]/;
/** Fields that must not stand in a trailer section, since they would change what was already acted upon (RFC 9110 §6.5.1). */
const NEVER_IN_TRAILERS = new Set(['content-length', 'transfer-encoding', 'host', 'connection', 'trailer']);

type State = 'size' | 'data' | 'data-end' | 'trailers' | 'done' | 'failed';

/** Decodes one chunked body. */
export class ChunkDecoder {
  #state: State = 'size';
  /** Bytes of the present chunk still to come. */
  #left = 0;
  /** The unfinished line, latin1, its CR included. */
  #line = '';
  #trailerBytes = 0;
  /** Bytes of size lines beyond the size itself, bounded over the whole body. */
  #extensionBytes = 0;
  readonly trailers: Header[] = [];
  /** What is wrong with the body, or null. */
  failure: string | null = null;

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Appends views of the body's bytes to `pieces`. Returns the index after the last byte that belongs to the body. */
  read(input: Buffer, from: number, pieces: Buffer[]): number {
    let at = from;
    while (at < input.length && this.#state !== 'done' && this.#state !== 'failed') {
      if (this.#state === 'data') {
        const end = Math.min(input.length, at + this.#left);
        pieces.push(input.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'data-end';
        continue;
      }
      const feed = input.indexOf(10, at);
      const end = feed === -1 ? input.length : feed + 1;
      const limit = this.#state === 'trailers' ? MAX_TRAILER_BYTES : MAX_CHUNK_LINE_BYTES;
      if (this.#line.length + end - at > limit) {
        this.#fail('a chunk line or trailer is too long');
        break;
      }
      this.#line += input.toString('latin1', at, end);
      at = end;
      if (feed !== -1) this.#endLine();
      else if (this.#state === 'data-end' && this.#line !== '\r') this.#fail('a chunk is longer than its size says');
    }
    return at;
  }

  #endLine(): void {
    const line = this.#line.slice(0, -2);
    if (!this.#line.endsWith('\r\n') || UNCLEAN.test(line)) {
      this.#fail('a line that does not end in CRLF');
      return;
    }
    this.#line = '';
    if (this.#state === 'size') this.#size(line);
    else if (this.#state === 'trailers') this.#trailer(line);
    else if (line !== '') this.#fail('a chunk is longer than its size says');
    else this.#state = 'size';
  }

  #size(line: string): void {
    const match = SIZE_LINE.exec(line);
    if (match === null) {
      this.#fail('a chunk size is not a hexadecimal number');
      return;
    }
    const digits = match[1]!;
    this.#extensionBytes += line.length - digits.length;
    if (this.#extensionBytes > MAX_TRAILER_BYTES) {
      this.#fail('too many chunk extensions');
      return;
    }
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left === 0 ? 'trailers' : 'data';
  }

  #trailer(line: string): void {
    if (line === '') {
      this.#state = 'done';
      return;
    }
    this.#trailerBytes += line.length;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name) || NEVER_IN_TRAILERS.has(name.toLowerCase())) {
      this.#fail('a trailer field is not allowed');
      return;
    }
    if (this.#trailerBytes > MAX_TRAILER_BYTES || this.trailers.length === MAX_FIELDS) {
      this.#fail('too many trailer fields');
      return;
    }
    this.trailers.push([name, line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]);
  }

  #fail(what: string): void {
    this.#state = 'failed';
    this.failure = what;
  }
}

/** The end of a chunked body: last chunk, trailer section, blank line. */
export function lastChunk(trailers: readonly Header[]): string {
  let text = '0\r\n';
  for (const [name, value] of trailers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}
