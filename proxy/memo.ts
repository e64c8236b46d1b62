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
  readonly #known = new Map<string, Known<T>>();
  /** What `read` found last: servers above all say the same again and again. */
  #last: Known<T> | null = null;

  constructor(make: (text: string) => T) {
    this.#make = make;
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
    const fresh = { bytes: Buffer.from(text, 'latin1'), made: this.#make(text) };
    if (text.length <= MAX_KEY_CHARACTERS) {
      // Heads that repeat come back at once; keeping track of which are older would cost more than it saves.
      if (this.#known.size >= MAX_ENTRIES) this.#known.clear();
      this.#known.set(text, fresh);
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
