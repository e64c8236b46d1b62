/**
 * Reads the elements of a list from JSON text without making anything else of it: scalars, nested or not.
 *
 * What is read is what the general reader would read; where only that can tell, this says so.
 */
import type { Scalar } from '../../contracts/tensor.ts';
import { isDigit } from './json.ts';

/** Decimal digits that a double holds whatever they are; an integer of more may lie beyond 2^53. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);

/** No tensor is nested so deeply; what is, the general reader refuses at some depth. */
const MOST_NESTED = 32;
const WORDS = [
  ['null', null],
  ['true', true],
  ['false', false],
] as const;

/** The place of the next character that is no blank. */
export function afterBlanks(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = text.charCodeAt(++at));
  return at;
}

/** Exactly so many numbers of a list and its end, and none that only the general reader can read. */
export function numbersOf(count: number): RegExp {
  const blanks = '[ \\t\\n\\r]*';
  const number = `${blanks}-?(?:0|[1-9]\\d{0,${EXACT_DIGITS - 1}})(?:\\.\\d+)?(?:[eE][+-]?\\d+)?${blanks}`;
  return new RegExp(`${number}(?:,${number}){${count - 1}}\\]`, 'y');
}

/**
 * Reads as many scalars as the array is long, nested to any depth, from behind an opening bracket on.
 *
 * @returns the place behind the closing bracket; -1 where there is anything else, or a number that needs the general reader.
 */
export function readElements(text: string, from: number, data: Scalar[]): number {
  let at = from;
  let index = 0;
  for (let depth = 1; ; ) {
    at = afterBlanks(text, at);
    const code = text.charCodeAt(at);
    if (code === 0x5b /* [ */) {
      if (++depth > MOST_NESTED) return -1;
      at++;
      continue;
    }
    if (index === data.length) return -1;
    at = isDigit(code) || code === 0x2d /* - */ ? readNumber(text, at, data, index) : readOther(text, at, data, index);
    if (at === -1) return -1;
    index++;
    for (;;) {
      at = afterBlanks(text, at);
      const next = text.charCodeAt(at++);
      if (next === 0x2c /* , */) break;
      if (next !== 0x5d /* ] */) return -1;
      if (--depth === 0) return index === data.length ? at : -1;
    }
  }
}

/** Digits that a double holds are put together and divided once, which rounds as reading the text does; others the engine reads. */
function readNumber(text: string, from: number, data: Scalar[], index: number): number {
  const negative = text.charCodeAt(from) === 0x2d; /* - */
  const first = negative ? from + 1 : from;
  let at = first;
  let value = 0;
  let code = text.charCodeAt(at);
  for (; isDigit(code); code = text.charCodeAt(++at)) value = value * 10 + (code - 0x30);
  const whole = at - first;
  if (whole === 0 || (whole > 1 && text.charCodeAt(first) === 0x30) /* 0 */) return -1;
  let fraction = 0;
  if (code === 0x2e /* . */) {
    for (code = text.charCodeAt(++at); isDigit(code); code = text.charCodeAt(++at)) value = value * 10 + (code - 0x30);
    fraction = at - first - whole - 1;
    if (fraction === 0) return -1;
  }
  if (code === 0x65 /* e */ || code === 0x45 /* E */) {
    const sign = text.charCodeAt(++at);
    if (sign === 0x2b /* + */ || sign === 0x2d /* - */) at++;
    const exponent = at;
    while (isDigit(text.charCodeAt(at))) at++;
    if (at === exponent) return -1;
    data[index] = Number(text.slice(from, at));
  } else if (whole + fraction <= EXACT_DIGITS) {
    data[index] = (negative ? -value : value) / POWERS[fraction]!;
  } else {
    if (fraction === 0) return -1;
    data[index] = Number(text.slice(from, at));
  }
  return at;
}

function readOther(text: string, from: number, data: Scalar[], index: number): number {
  if (text.charCodeAt(from) === 0x22 /* " */) return readString(text, from, data, index);
  for (const [word, value] of WORDS) {
    if (!text.startsWith(word, from)) continue;
    data[index] = value;
    return from + word.length;
  }
  return -1;
}

function readString(text: string, from: number, data: Scalar[], index: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c /* \ */) at++;
    if (code !== 0x22 /* " */) continue;
    try {
      // Not a slice, which would keep the whole text for as long as the element is kept.
      data[index] = JSON.parse(text.slice(from, at + 1)) as string;
      return at + 1;
    } catch {
      return -1;
    }
  }
  return -1;
}
