/**
 * A small memory of a pure function of text. Clients and servers repeat their heads; reading one again costs several times a look-up.
 */
const MAX_ENTRIES = 256;
const MAX_KEY_CHARACTERS = 2048;

export class Memo<T> {
  readonly #make: (text: string) => T;
  readonly #known = new Map<string, T>();

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  get(text: string): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = this.#make(text);
    if (text.length <= MAX_KEY_CHARACTERS) {
      // Heads that repeat come back at once; keeping track of which are older would cost more than it saves.
      if (this.#known.size >= MAX_ENTRIES) this.#known.clear();
      this.#known.set(text, made);
    }
    return made;
  }
}
