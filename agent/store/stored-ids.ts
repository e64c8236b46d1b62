/**
 * Which ids are surely not in the store, without asking it at every call.
 *
 * Ids that Driftline gives grow with time (UUID, version 7). So at nearly every call the id lies in the gap between the greatest that is
 * stored so far and the first of a time to come, which there is only where callers make ids of their own.
 */
import { uuidV7Start } from '../../proxy/random.ts';
import type { StoreReader } from './read.ts';

/** What is asked of the store. */
type Ids = Pick<StoreReader, 'has' | 'lastIdBefore' | 'firstIdFrom'>;

/** Follows the gap around the present. */
export class StoredIds {
  readonly #reader: Ids;
  /** No stored id lies between the two, in the order of their text; null = none is greater. */
  #from = '';
  #to: string | null = null;

  /** @param now milliseconds since the Unix epoch */
  constructor(reader: Ids, now: number) {
    this.#reader = reader;
    this.#look(uuidV7Start(now));
  }

  /** Whether a record of this id is in the store. */
  has(id: string): boolean {
    if (id > this.#from && (this.#to === null || id < this.#to)) return false;
    return this.#reader.has(id);
  }

  /** To be called when records were committed. */
  committed(ids: Iterable<string>, now: number): void {
    const present = uuidV7Start(now);
    if (this.#to !== null && this.#to < present) {
      this.#look(present);
      return;
    }
    for (const id of ids) {
      if (id <= this.#from || (this.#to !== null && id >= this.#to)) continue;
      if (id < present) this.#from = id;
      else this.#to = id;
    }
  }

  #look(present: string): void {
    this.#from = this.#reader.lastIdBefore(present) ?? '';
    this.#to = this.#reader.firstIdFrom(present);
  }
}
