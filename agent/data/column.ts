/**
 * One column of a data file: its type, and the values of the rows that are kept. Counts are those of all rows.
 */
import type { Value } from './batch.ts';
import {
  BOOLEAN,
  type Cell,
  MISSING,
  NO_CELL,
  NUMBER,
  nestedText,
  readDate,
  readNumber,
  readText,
  readTypedText,
  TEXT,
  TIME,
} from './cell.ts';
import { RunningNumbers } from './running-numbers.ts';

/** `text`: nearly every value is another one (identifiers, free text); `empty`: nothing but missing values. */
export type DataType = 'number' | 'boolean' | 'category' | 'time' | 'text' | 'empty';

/** A column that was read to its end. */
export interface DataColumn {
  readonly name: string;
  readonly type: DataType;
  /** Rows of the file, and those of them that have a value here. */
  readonly rows: number;
  readonly present: number;
  /** Present values that are not of the type, infinities among them. */
  readonly invalid: number;
  /** Present values that are times, whatever the type. */
  readonly times: number;
  /** Words of CSV that were taken for no value (`NA`, `null` …), and in how many rows; blanks are none. */
  readonly missingWords: ReadonlyMap<string, number>;
  /** Whether all numbers are whole. */
  readonly integer: boolean;
  /** Whether whole numbers rise from row to row throughout: a row number or an instant. */
  readonly rising: boolean;
  /** Correlation of a number with that of the row before, over the whole file; null where there is none. */
  readonly autocorrelation: number | null;
  /** Smallest and largest number (or instant, milliseconds since the Unix epoch) of all rows; null without one. */
  readonly min: number | null;
  readonly max: number | null;
  /** Numbers of the kept rows, ascending; 0 and 1 for booleans, milliseconds since the Unix epoch for times. */
  readonly numbers: Float64Array;
  /** Kept rows by text; of columns that are not numbers, times or text. */
  readonly categories: ReadonlyMap<string, number>;
  /** Kept rows that have no value. */
  readonly missingKept: number;
  /** The value of a kept row, from 0 (the same rows in every column): a number, a text, or null where it is missing or not of the type. */
  readonly at: (slot: number) => number | string | null;
  /** Different values as far as they were counted; for numbers those of the kept rows. */
  readonly distinct: number;
  /** Some of the different texts, first ones first; for guesses about what they are. */
  readonly examples: readonly string[];
}

/** Different texts that are told apart; more make a column `text`. */
export const MOST_DISTINCT = 100_000;
/** Different numbers whose texts are remembered: more are a measurement. */
const MOST_NUMBER_WORDS = 1_000;
const MOST_EXAMPLES = 1_000;
/** Characters of a text that are kept. */
const LONGEST_TEXT = 200;
/** From this share on, values that differ are mistakes and not another type. */
const TYPICAL_SHARE = 0.95;
/** A column with more different texts than this, and than half its values, is no category. */
const FEW_DISTINCT = 50;

interface Word extends Cell {
  /** 1-based place among the words; 0 = the text is not told apart. */
  readonly code: number;
}

const LEADING_ZERO = /^[+-]?0\d+$/;

/** Gathers a column cell by cell. */
export class ColumnBuilder {
  readonly #name: string;
  readonly #typed: boolean;
  #kinds = new Uint8Array(1024);
  #numbers = new Float64Array(1024);
  #codes: Int32Array | null = null;
  readonly #words = new Map<string, Word>();
  readonly #texts: string[] = [];
  readonly #missingWords = new Map<string, number>();
  readonly #tally = [0, 0, 0, 0, 0, 0];
  #numberWords = 0;
  #overflow = false;
  #leadingZeros = 0;
  readonly #numbersSeen = new RunningNumbers();
  readonly #timesSeen = new RunningNumbers();

  /** @param typed whether a text is a text, as in Parquet and JSON, or may stand for a number, as in CSV */
  constructor(name: string, typed: boolean) {
    this.#name = name;
    this.#typed = typed;
  }

  /** Takes the next row's cell; `slot` is its place among the kept rows, or -1. */
  add(value: Value, slot: number): void {
    const word = this.#wordOf(value);
    this.#tally[word.kind]!++;
    if (word.kind === NUMBER) this.#numbersSeen.add(word.number);
    else if (word.kind === TIME) this.#timesSeen.add(word.number);
    if (slot >= 0) this.#keep(slot, word);
  }

  /** @param rows of the file; @param kept how many of them are kept */
  finish(rows: number, kept: number): DataColumn {
    const [, numbers = 0, infinite = 0, booleans = 0, times = 0, texts = 0] = this.#tally;
    const present = numbers + infinite + booleans + times + texts;
    const type = this.#typeOf(present);
    const valid = { number: numbers, boolean: booleans, time: times, category: present, text: present, empty: 0 }[type];
    const ordered = this.#numbersOf(type, kept);
    const categories = type === 'category' || type === 'boolean' ? this.#categories(type, kept) : new Map<string, number>();
    let missingKept = 0;
    for (let slot = 0; slot < kept; slot++) if (this.#kindAt(slot) === MISSING) missingKept++;
    const seen = type === 'number' ? this.#numbersSeen : null;
    const range = (type === 'time' ? this.#timesSeen : seen)?.range ?? null;
    return {
      name: this.#name,
      type,
      rows,
      present,
      invalid: present - valid,
      times,
      missingWords: this.#missingWords,
      integer: seen?.integer ?? false,
      rising: seen?.integer === true && seen.rising,
      autocorrelation: seen?.autocorrelation ?? null,
      min: range?.min ?? null,
      max: range?.max ?? null,
      numbers: ordered,
      categories,
      missingKept,
      at: (slot) => this.#valueAt(type, slot),
      distinct: wantedKind(type) === null ? this.#texts.length : distinctOf(ordered),
      examples: this.#texts.slice(0, MOST_EXAMPLES),
    };
  }

  #wordOf(value: Value): Word {
    switch (typeof value) {
      case 'undefined':
        return plain(NO_CELL);
      case 'number':
        return plain(readNumber(value));
      case 'bigint':
        return plain(readNumber(Number(value)));
      case 'boolean':
        return this.#intern(value ? 'true' : 'false', { kind: BOOLEAN, number: Number(value) });
      case 'object':
        if (value === null) return plain(NO_CELL);
        return value instanceof Date ? plain(readDate(value)) : this.#intern(nestedText(value), { kind: TEXT, number: Number.NaN });
      case 'string':
        return this.#words.get(value) ?? this.#textWord(value);
    }
  }

  #textWord(text: string): Word {
    if (this.#typed) return this.#intern(text, readTypedText(text));
    const trimmed = text.trim();
    const cell = readText(trimmed);
    if (cell.kind === MISSING) {
      if (trimmed !== '') this.#missingWords.set(trimmed, (this.#missingWords.get(trimmed) ?? 0) + 1);
      return plain(cell);
    }
    if (cell.kind === NUMBER) {
      if (LEADING_ZERO.test(trimmed)) this.#leadingZeros++;
      if (this.#numberWords >= MOST_NUMBER_WORDS) return plain(cell);
      this.#numberWords++;
    }
    return this.#intern(trimmed, cell);
  }

  #intern(text: string, cell: Cell): Word {
    const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
    const known = this.#words.get(short);
    if (known !== undefined) return known;
    if (this.#texts.length >= MOST_DISTINCT) {
      this.#overflow = true;
      return plain(cell);
    }
    this.#texts.push(short);
    const word = { ...cell, code: this.#texts.length };
    this.#words.set(short, word);
    return word;
  }

  #keep(slot: number, { code, kind, number }: Word): void {
    if (slot >= this.#kinds.length) this.#grow(slot + 1);
    this.#kinds[slot] = kind;
    this.#numbers[slot] = number;
    if (code > 0) this.#codes ??= new Int32Array(this.#kinds.length);
    if (this.#codes !== null) this.#codes[slot] = code;
  }

  #grow(wanted: number): void {
    const length = Math.max(wanted, 2 * this.#kinds.length);
    const kinds = new Uint8Array(length);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    const numbers = new Float64Array(length);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    if (this.#codes === null) return;
    const codes = new Int32Array(length);
    codes.set(this.#codes);
    this.#codes = codes;
  }

  /** Rows before the column first appeared have no value. */
  #kindAt(slot: number): number {
    return this.#kinds[slot] ?? MISSING;
  }

  #typeOf(present: number): DataType {
    const [, numbers = 0, infinite = 0, booleans = 0, times = 0] = this.#tally;
    if (present === 0) return 'empty';
    if (booleans === present) return 'boolean';
    // Postal codes and the like: numbers do not begin with a zero.
    if (numbers > 0 && this.#leadingZeros === 0 && numbers + infinite >= TYPICAL_SHARE * present) return 'number';
    if (times >= TYPICAL_SHARE * present) return 'time';
    if (this.#overflow) return 'text';
    const distinct = this.#texts.length;
    return distinct > FEW_DISTINCT && distinct > present / 2 ? 'text' : 'category';
  }

  #numbersOf(type: DataType, kept: number): Float64Array {
    const wanted = wantedKind(type);
    if (wanted === null) return new Float64Array(0);
    const found = new Float64Array(kept);
    let count = 0;
    for (let slot = 0; slot < kept; slot++) {
      if (this.#kindAt(slot) === wanted && !Number.isNaN(this.#numbers[slot])) found[count++] = this.#numbers[slot]!;
    }
    return found.slice(0, count).sort();
  }

  #categories(type: DataType, kept: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (let slot = 0; slot < kept; slot++) {
      if (this.#kindAt(slot) === MISSING) continue;
      // True and TRUE are one.
      const text = type === 'boolean' ? String(this.#numbers[slot] === 1) : this.#textAt(slot);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    return counts;
  }

  /** Of a kept row that has a value. */
  #textAt(slot: number): string {
    const code = this.#codes?.[slot] ?? 0;
    const number = this.#numbers[slot]!;
    if (code > 0) return this.#texts[code - 1]!;
    return this.#kindAt(slot) === TIME && !Number.isNaN(number) ? new Date(number).toISOString() : String(number);
  }

  #valueAt(type: DataType, slot: number): number | string | null {
    const kind = this.#kindAt(slot);
    if (kind === MISSING) return null;
    if (type === 'category' || type === 'text') return this.#textAt(slot);
    const wanted = wantedKind(type);
    const number = this.#numbers[slot]!;
    return kind === wanted && Number.isFinite(number) ? number : null;
  }
}

/** The kind of a cell that is of the type, where the type is one of numbers. */
function wantedKind(type: DataType): number | null {
  return type === 'number' ? NUMBER : type === 'time' ? TIME : type === 'boolean' ? BOOLEAN : null;
}

/** How often each of some ascending numbers occurs, by its text. */
export function countsOfNumbers(ascending: Float64Array): Map<string, number> {
  const counts = new Map<string, number>();
  for (let from = 0; from < ascending.length; ) {
    const value = ascending[from]!;
    let to = from + 1;
    while (to < ascending.length && ascending[to] === value) to++;
    counts.set(String(value), to - from);
    from = to;
  }
  return counts;
}

function distinctOf(ascending: Float64Array): number {
  let distinct = 0;
  for (let place = 0; place < ascending.length; place++) if (place === 0 || ascending[place] !== ascending[place - 1]) distinct++;
  return distinct;
}

function plain(cell: Cell): Word {
  return { ...cell, code: 0 };
}
