/**
 * A small memory of a pure function of text. Clients and servers repeat their heads; reading one again costs several times a look-up.
 */
const MAX_ENTRIES = 256;
const MAX_KEY_CHARACTERS = 2048;

interface Known<T> {
  /** The text as latin1. */
  readonly bytes: Buffer;
  readonly made: T;
}

export class Memo<T> {
  readonly #make: (text: string) => T;
  readonly #maxEntries: number;
  readonly #isCut: boolean;
  readonly #known = new Map<string, Known<T>>();
  /** What `read` found last: servers above all say the same again and again. */
  #last: Known<T> | null = null;

  /** @param options.isCut whether the texts are cut out of longer ones, all of which would stay in memory with them: then copies are kept */
  constructor(make: (text: string) => T, { maxEntries = MAX_ENTRIES, isCut = false } = {}) {
    this.#make = make;
    this.#maxEntries = maxEntries;
    this.#isCut = isCut;
  }

  get(text: string): T {
    return this.#find(text).made;
  }

  /** The same for the latin1 text at `from` to `end`. */
  read(input: Buffer, from: number, end: number): T {
    if (this.#last !== null && liesAt(this.#last.bytes, input, from, end)) return this.#last.made;
    this.#last = this.#find(input.toString('latin1', from, end));
    return this.#last.made;
  }

  #find(text: string): Known<T> {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    // The engine copies what it joins, and then cuts from that.
    const kept = this.#isCut ? ` ${text}`.slice(1) : text;
    const fresh = { bytes: Buffer.from(kept, 'latin1'), made: this.#make(kept) };
    if (text.length <= MAX_KEY_CHARACTERS) {
      // Heads that repeat come back at once; keeping track of which are older would cost more than it saves.
      if (this.#known.size >= this.#maxEntries) this.#known.clear();
      this.#known.set(kept, fresh);
    }
    return fresh;
  }
}

function liesAt(bytes: Buffer, input: Buffer, from: number, end: number): boolean {
  const { length } = bytes;
  if (length !== end - from) return false;
  for (let i = 0; i < length; i++) if (bytes[i] !== input[from + i]) return false;
  return true;
}
