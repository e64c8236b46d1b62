/**
 * A small memory of a pure function of text. Clients and servers repeat their heads; reading one again costs several times a look-up.
 */
import { flat } from './flat.ts';
import { hashOf, isAt, viewOf } from './words.ts';

const MAX_ENTRIES = 256;
const MAX_KEY_CHARACTERS = 2048;
/** Of bytes that were read, by the upper bits of their hash. */
const PLACE_BITS = 8;
/** The least that is looked at by words. */
const MIN_BYTES = 4;

/** What was made of bytes that were read. */
interface Seen<T> {
  readonly bytes: DataView;
  readonly made: T;
}

export class Memo<T extends NonNullable<unknown> | null> {
  readonly #make: (text: string) => T;
  readonly #maxEntries: number;
  readonly #isCut: boolean;
  readonly #known = new Map<string, T>();
  /** What was read last of those that share a place. */
  readonly #seen: (Seen<T> | null)[] = Array.from({ length: 1 << PLACE_BITS }, () => null);

  /** @param options.isCut whether the texts are cut out of longer ones, all of which would stay in memory with them: then copies are kept */
  constructor(make: (text: string) => T, { maxEntries = MAX_ENTRIES, isCut = false } = {}) {
    this.#make = make;
    this.#maxEntries = maxEntries;
    this.#isCut = isCut;
  }

  get(text: string): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const kept = this.#isCut ? flat(text) : text;
    const made = this.#make(kept);
    if (text.length <= MAX_KEY_CHARACTERS) {
      // Heads that repeat come back at once; keeping track of which are older would cost more than it saves.
      if (this.#known.size >= this.#maxEntries) this.#known.clear();
      this.#known.set(kept, made);
    }
    return made;
  }

  /** The same for the latin1 text at `from` to `end`, of which no text is made if it was read before. */
  read(input: Buffer, from: number, end: number): T {
    const length = end - from;
    if (length < MIN_BYTES || length > MAX_KEY_CHARACTERS) return this.get(input.toString('latin1', from, end));
    const view = viewOf(input);
    const at = input.byteOffset + from;
    const place = hashOf(view, at, length) >>> (32 - PLACE_BITS);
    const seen = this.#seen[place]!;
    if (seen !== null && seen.bytes.byteLength === length && isAt(seen.bytes, view, at)) return seen.made;
    const made = this.get(input.toString('latin1', from, end));
    this.#seen[place] = { bytes: new DataView(new Uint8Array(input.subarray(from, end)).buffer), made };
    return made;
  }
}
