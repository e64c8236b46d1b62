/**
 * What a policy should say of each column of a data file: guesses, each with its reason.
 */
import type { ColumnType } from '../../contracts/policy.ts';
import { figure, percent } from '../compare/words.ts';
import type { DataColumn } from '../data/column.ts';
import { identifierOf, isProtected, personalByName, personalOf } from './personal.ts';

/** A column as the policy should know it. */
export interface GuessedColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Of a model's input or output: the tensor that carries it. */
  readonly tensor?: string;
  readonly index?: number;
  readonly required: boolean;
  readonly min: number | null;
  readonly max: number | null;
  readonly values: readonly string[] | null;
  readonly maxMissing: number | null;
  readonly maxUnseen: number | null;
  /** What a person should look at. */
  readonly review: readonly string[];
}

/** A column that the policy leaves out, and why. */
export interface LeftOut {
  readonly name: string;
  readonly kind: 'target' | 'identifier' | 'personal' | 'time' | 'empty' | 'unnameable';
  readonly why: string;
  /** What to do with it once the policy can, or null. */
  readonly propose: 'hash' | 'drop' | null;
}

/** What was guessed of a file. */
export interface Guess {
  readonly columns: readonly GuessedColumn[];
  readonly leftOut: readonly LeftOut[];
}

/** More categories than this are not listed. */
const MOST_VALUES = 50;
const MOST_VALUES_CHARACTERS = 2_000;
/** Characters of all lists together: a policy may have 1 MiB. */
const MOST_LISTED_CHARACTERS = 400_000;
/** Part of the seen range that is added at each end. */
const SLACK = 0.1;
/** Whole numbers of so few values may be codes. */
const FEW_LEVELS = 10;
/** Share of times from which a column of texts is one of times that may be absent: a date, or `never`. */
const MOST_TIMES = 0.05;
/** Rows without a missing value that make one remarkable. */
const ENOUGH_ROWS = 100;
const NUMBERS_SHOWN = 300;
const LONGEST_NAME = 200;

/** Guesses about all columns; `target` is the label, which no request carries. */
export function guessColumns(columns: readonly DataColumn[], target: string | null): Guess {
  const found: GuessedColumn[] = [];
  const leftOut: LeftOut[] = [];
  let characters = 0;
  for (const column of columns) {
    const out = reasonToLeaveOut(column, target);
    if (out !== null) leftOut.push({ name: column.name, ...out });
    else {
      const guess = guessOf(column, MOST_LISTED_CHARACTERS - characters);
      characters += JSON.stringify(guess.values ?? []).length;
      found.push(guess);
    }
  }
  return { columns: found, leftOut };
}

function reasonToLeaveOut(column: DataColumn, target: string | null): Omit<LeftOut, 'name'> | null {
  const { name, type, present, times } = column;
  if (name === target) return { kind: 'target', why: 'the label; it comes later, as feedback', propose: null };
  if (name.length > LONGEST_NAME || name.includes('${'))
    return { kind: 'unnameable', why: 'its name cannot stand in a policy', propose: null };
  if (present === 0) return { kind: 'empty', why: 'it has no value in any row', propose: null };
  const texts = textsOf(column);
  const distinct = type === 'text' || (column.distinct > 20 && column.distinct >= 0.9 * present);
  const personal = personalOf(name, texts, type === 'text' || type === 'time' || column.distinct > 20, distinct);
  if (personal !== null) {
    const why = personal.by === 'name' ? `by its name it may be ${personal.what}` : `its values look like ${personal.what}`;
    return { kind: 'personal', why, propose: personal.propose };
  }
  // Whole numbers alone: a measurement, too, has a new value in nearly every row.
  const identifier = type === 'number' && !column.integer ? null : identifierOf(name, texts, distinct);
  if (identifier !== null) return { kind: 'identifier', why: identifier, propose: 'hash' };
  if (column.rising && distinct)
    return { kind: 'identifier', why: 'it rises from row to row: a row number or an instant', propose: 'drop' };
  if (type === 'time') return { kind: 'time', why: 'time moves on by itself; there is no distribution to compare', propose: null };
  if (type !== 'number' && times > MOST_TIMES * present)
    return { kind: 'time', why: `${percent(times / present)} of its values are times, which move on by themselves`, propose: null };
  return null;
}

function guessOf(column: DataColumn, characters: number): GuessedColumn {
  const { name, type, rows, present, distinct } = column;
  const missing = 1 - present / rows;
  const review: string[] = [];
  const bare = { name, min: null, max: null, values: null, maxUnseen: null };
  const always = missing === 0 && rows >= ENOUGH_ROWS;
  const presence = {
    required: always,
    maxMissing: missing === 0 ? null : Math.min(1, Math.ceil(Number((200 * missing + 1).toFixed(6))) / 100),
  };
  if (missing > 0) review.push(`${percent(missing)} missing so far`);
  const personal = personalByName(name);
  // Few values of a telling name: a handful of people, or the makes of their phones. A flag names nobody.
  if (personal !== null && type !== 'boolean' && (type === 'category' || distinct > 2))
    review.push(`by its name it may be ${personal}; leave it out if it names someone`);
  if (isProtected(name)) review.push('may be a group protected by law; decide whether it may be stored');
  if (column.invalid > 0) review.push(`${column.invalid} values were no ${type === 'number' ? 'numbers' : type}`);
  switch (type) {
    case 'number': {
      const [seenMin, seenMax] = [column.min ?? 0, column.max ?? 0];
      if (seenMin === seenMax) review.unshift(`constant so far (${figure(seenMin)}): leave it out if it says nothing`);
      else review.unshift(`seen ${figure(seenMin)} to ${figure(seenMax)}`);
      if (column.integer && distinct <= FEW_LEVELS && distinct > 2)
        review.push(`only ${distinct} different whole numbers: \`categorical\` if they are codes`);
      return { ...bare, ...presence, ...rangeOf(column), type: column.integer ? 'integer' : 'number', review };
    }
    case 'boolean':
      if (distinct === 1) review.unshift('constant so far: leave it out if it says nothing');
      return { ...bare, ...presence, type: 'boolean', review };
    case 'category': {
      const values = [...column.categories.keys()].filter((text) => text !== '').sort();
      const length = JSON.stringify(values).length;
      if (column.missingWords.size > 0) review.push(wordsInWords(column.missingWords));
      if (values.length === 1) review.unshift('constant so far: leave it out if it says nothing');
      if (values.length > 0 && values.length <= MOST_VALUES && length <= Math.min(MOST_VALUES_CHARACTERS, characters)) {
        review.unshift(`all values seen in ${rows.toLocaleString('en-US')} rows`);
        return { ...bare, ...presence, type: 'categorical', values, maxUnseen: 0.01, review };
      }
      review.unshift(`${distinct.toLocaleString('en-US')} different values, too many to list; those of the reference are known`);
      return { ...bare, ...presence, type: 'categorical', maxUnseen: 0.05, review };
    }
    default:
      review.unshift('free text: nothing is compared, and it is stored as it comes; leave it out if it may name someone');
      return { ...bare, ...presence, type: 'text', review };
  }
}

/** `NA` of a file without types may be nothing, or Namibia. */
function wordsInWords(words: ReadonlyMap<string, number>): string {
  const some = [...words].slice(0, 3).map(([word, rows]) => `\`${word}\` in ${rows.toLocaleString('en-US')}`);
  return `read as missing: ${some.join(', ')} rows; list such a word under \`values\` where it is a category`;
}

/** The seen range with some room, in round numbers; shares keep to [0, 1], and what was never negative may not become so. */
function rangeOf({ min: seenMin, max: seenMax, integer }: DataColumn): { min: number; max: number } | { min: null; max: null } {
  if (seenMin === null || seenMax === null) return { min: null, max: null };
  const isShare = seenMin >= 0 && seenMax <= 1;
  if (isShare && seenMin !== seenMax) return { min: 0, max: 1 };
  const span = seenMax - seenMin || Math.abs(seenMax) || 1;
  // Beyond this there are no numbers left to give room with.
  if (!(span < 1e300)) return { min: null, max: null };
  const step = integer ? Math.max(1, 10 ** (Math.floor(Math.log10(span)) - 1)) : 10 ** (Math.floor(Math.log10(span)) - 1);
  const round = (value: number, to: (value: number) => number) => Number((to(value / step) * step).toPrecision(12));
  const min = round(seenMin - SLACK * span, Math.floor);
  const max = round(seenMax + SLACK * span, Math.ceil);
  return { min: Math.min(seenMin, seenMin >= 0 ? Math.max(0, min) : min), max: Math.max(seenMax, seenMax <= 0 ? Math.min(0, max) : max) };
}

function textsOf({ type, numbers, integer, examples }: DataColumn): readonly string[] {
  if (type !== 'number') return examples;
  if (!integer) return [];
  // Evenly over the range: ascending numbers begin alike.
  const step = Math.max(1, Math.floor(numbers.length / NUMBERS_SHOWN));
  return Array.from({ length: Math.min(NUMBERS_SHOWN, numbers.length) }, (_, place) => String(numbers[place * step]));
}
