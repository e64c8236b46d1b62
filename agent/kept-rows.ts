/**
 * Rows in memory, column by column, never more than a limit: beyond it an even sample stays.
 */
import type { Cell } from '../contracts/record.ts';
import { MOST_LEARNED_COLUMNS } from './columns.ts';

/** Columns of both sides together; a schema's are never so many that names without end could push them out. */
const MOST_SIGNALS = 2 * MOST_LEARNED_COLUMNS;

const MOST_THINNING = 30;

/** A record's cells by signal, in two lists of one order. Records of the same columns mostly share the list of signals itself. */
export interface SignalCells {
  readonly signals: readonly string[];
  readonly cells: readonly (readonly Cell[])[];
}

/** Cells by signal, all of equal length. */
export type SignalColumns = ReadonlyMap<string, readonly Cell[]>;

/** How much is kept. */
export interface KeptLimit {
  readonly rows?: number;
  readonly cells?: number;
}

/** Rows as they were kept. */
export interface Kept {
  readonly columns: SignalColumns;
  /** When each row came; milliseconds since the Unix epoch. */
  readonly times: readonly number[];
  /** Rows that were added. */
  readonly seen: number;
}

/**
 * Which rows stay depends on their numbers alone, so that the same rows put in again, at any cut, leave the same. Each thinning halves
 * them by a hash and not by every second one: clients that take turns would otherwise lose one of them.
 */
export class KeptRows implements Kept {
  readonly #mostRows: number;
  readonly #mostCells: number;
  #columns = new Map<string, Cell[]>();
  #numbers: number[] = [];
  #times: number[] = [];
  #thinning = 0;
  #seen = 0;
  /** The signals of the last row and where their cells go; null for one too many. */
  #signals: readonly string[] | null = null;
  #places: readonly (Cell[] | null)[] = [];

  constructor({ rows = Number.POSITIVE_INFINITY, cells = Number.POSITIVE_INFINITY }: KeptLimit) {
    this.#mostRows = rows;
    this.#mostCells = cells;
  }

  get columns(): SignalColumns {
    return this.#columns;
  }

  get times(): readonly number[] {
    return this.#times;
  }

  get seen(): number {
    return this.#seen;
  }

  /** Rows that stayed. */
  get rows(): number {
    return this.#numbers.length;
  }

  /** One of 2^thinning rows stayed. */
  get thinning(): number {
    return this.#thinning;
  }

  /** @param index the row inside the record, whose number among all rows is `number` */
  add(number: number, at: number, { signals, cells }: SignalCells, index: number): void {
    this.#seen++;
    if (signals !== this.#signals) this.#arrange(signals);
    if (!staysAt(number, this.#thinning)) return;
    const places = this.#places;
    let filled = 0;
    for (let k = 0; k < places.length; k++) {
      const column = places[k]!;
      if (column === null) continue;
      column.push(cells[k]![index] ?? null);
      filled++;
    }
    this.#numbers.push(number);
    this.#times.push(at);
    if (filled < this.#columns.size)
      for (const column of this.#columns.values()) if (column.length < this.#numbers.length) column.push(null);
    if (this.#isTooMuch()) this.#halve();
  }

  /** Finds the signals' columns, which the rows that follow mostly share. */
  #arrange(signals: readonly string[]): void {
    this.#signals = signals;
    this.#places = signals.map((signal) => {
      const known = this.#columns.get(signal);
      if (known !== undefined) return known;
      if (this.#columns.size >= MOST_SIGNALS) return null;
      // A column that appears later was missing until now.
      const column = new Array<Cell>(this.#numbers.length).fill(null);
      this.#columns.set(signal, column);
      return column;
    });
  }

  #isTooMuch(): boolean {
    const rows = this.#numbers.length;
    return rows > this.#mostRows || rows * this.#columns.size > this.#mostCells;
  }

  #halve(): void {
    // The hash has no more bits; so many rows are never kept.
    if (this.#thinning === MOST_THINNING) return;
    const thinning = ++this.#thinning;
    const stays = this.#numbers.map((number) => staysAt(number, thinning));
    const only = <T>(list: readonly T[]) => list.filter((_, place) => stays[place]);
    for (const [signal, column] of this.#columns) this.#columns.set(signal, only(column));
    this.#signals = null;
    this.#times = only(this.#times);
    this.#numbers = only(this.#numbers);
  }

  /**
   * The rows of several, one after another, thinned alike. One alone is given as it is: it is not to be added to any more.
   *
   * @returns `newest`: how many of them are the last one's
   */
  static joined(parts: readonly KeptRows[]): Kept & { readonly newest: number } {
    const [first, ...others] = parts;
    if (first !== undefined && others.length === 0)
      return { columns: first.columns, times: first.times, seen: first.seen, newest: first.rows };
    const thinning = Math.max(0, ...parts.map((part) => part.thinning));
    const columns = new Map<string, Cell[]>();
    for (const part of parts) for (const signal of part.#columns.keys()) columns.set(signal, []);
    const times: number[] = [];
    let seen = 0;
    let newest = 0;
    for (const part of parts) {
      seen += part.seen;
      const places = part.#numbers.flatMap((number, place) => (part.thinning === thinning || staysAt(number, thinning) ? [place] : []));
      newest = places.length;
      for (const place of places) times.push(part.#times[place]!);
      for (const [signal, column] of columns) {
        const cells = part.#columns.get(signal);
        for (const place of places) column.push(cells?.[place] ?? null);
      }
    }
    return { columns, times, seen, newest };
  }
}

/** Whether the row of this number outlasts so many halvings. */
function staysAt(number: number, thinning: number): boolean {
  return thinning === 0 || (mixed(number) & ((1 << thinning) - 1)) === 0;
}

/** The finalizer of MurmurHash3, public domain: each bit of the number moves every bit of the hash. */
function mixed(number: number): number {
  let hash = (number ^ Math.imul(Math.floor(number / 2 ** 32), 0x9e3779b1)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
