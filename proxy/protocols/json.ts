/**
 * JSON as model servers really send it: bare `NaN`, `Infinity` and `-Infinity` are numbers, integers beyond 2^53 keep every digit.
 * Everything else is as strict as RFC 8259.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Scalar } from '../../contracts/tensor.ts';

/** A JSON value whose integers may be bigint and whose numbers need not be finite. */
export type Value = Scalar | readonly Value[] | ValueObject;

/** A JSON object. Keys such as `__proto__` are plain own properties: read them with `member`, never with a bare index. */
export interface ValueObject {
  readonly [key: string]: Value;
}

/** Deeper nesting is refused, so that code walking a value may recurse. */
const DEPTH_LIMIT = 100;

/** Longer integers become numbers: no server has them, and making a bigint takes quadratic time. */
const BIGINT_DIGITS = 40;

/** Shorter integers lie below 2^53 and are exact as numbers. */
const LONG_DIGITS = 16;

const NUMBER = /-?(?:Infinity|(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)/y;
const BLANKS = /[ \t\n\r]*/y;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads bytes as JSON.
 *
 * @throws DecodeError `empty-body`; `not-utf8`; `not-json` with the offset of the first wrong character; `too-deep`.
 */
export function readJson(bytes: Uint8Array): Value {
  return parseJson(readText(bytes));
}

/** The text of bytes that should be JSON. @throws DecodeError `empty-body`; `not-utf8`. */
export function readText(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new DecodeError('empty-body', 'body: nothing in it');
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new DecodeError('not-utf8', 'body: not UTF-8 text, so not JSON', { cause });
  }
}

/**
 * Reads text as JSON.
 *
 * @throws DecodeError `not-json` with the offset of the first wrong character; `too-deep`.
 */
export function parseJson(text: string): Value {
  if (!survey(text).longInteger) {
    try {
      // The engine's own parser refuses bare NaN and Infinity, so what it accepts here is exact.
      return JSON.parse(text) as Value;
    } catch {
      // The tolerant reader says what is wrong, or reads what the strict one could not.
    }
  }
  return new Reader(text).read();
}

/** Whether a value is one element, neither list nor object. */
export function isScalar(value: Value | undefined): value is Scalar {
  return value !== undefined && (typeof value !== 'object' || value === null);
}

/** Whether a value is a JSON object. */
export function isObject(value: Value | undefined): value is ValueObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is a JSON list. */
export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** An object's own member; undefined where there is none, whatever the prototype holds. */
export function member(object: ValueObject, key: string): Value | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * One pass over the text: refuses what is nested too deeply and tells whether an integer outside strings may lie beyond 2^53.
 *
 * It agrees with both parsers about every character up to the first mistake, so neither meets a value deeper than this allows.
 */
function survey(text: string): { readonly longInteger: boolean } {
  let depth = 0;
  let longInteger = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) {
      const start = at;
      while (isDigit(text.charCodeAt(at + 1))) at++;
      // Digits after a point are a fraction, however many they are.
      if (at - start + 1 >= LONG_DIGITS && text.charCodeAt(start - 1) !== 0x2e /* . */) longInteger = true;
    } else if (code === 0x22 /* " */) {
      at = endOfString(text, at);
    } else if (code === 0x5b /* [ */ || code === 0x7b /* { */) {
      depth++;
      if (depth > DEPTH_LIMIT) throw new DecodeError('too-deep', `body: nested deeper than ${DEPTH_LIMIT} levels at offset ${at}`);
    } else if (code === 0x5d /* ] */ || code === 0x7d /* } */) {
      depth--;
    }
  }
  return { longInteger };
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Offset of the quote that closes the string opened at `start`, or the text's length. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22 /* " */) return at;
    if (code === 0x5c /* \ */) at++;
  }
  return text.length;
}

/** A recursive-descent reader; its depth is bounded by `survey`. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Value {
    const value = this.#value();
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('more text after the value');
    return value;
  }

  #value(): Value {
    this.#blanks();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object();
      case '[':
        return this.#list();
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      case 'N':
        return this.#word('NaN', Number.NaN);
      default:
        return this.#number();
    }
  }

  #object(): ValueObject {
    const object: { [key: string]: Value } = {};
    this.#at++;
    this.#blanks();
    if (this.#take('}')) return object;
    do {
      this.#blanks();
      if (this.#text[this.#at] !== '"') this.#fail('a key should stand');
      const key = this.#string();
      this.#blanks();
      if (!this.#take(':')) this.#fail('a colon should stand');
      const value = this.#value();
      // Plain assignment to this key would change the prototype instead of adding a member.
      if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
      this.#blanks();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail('a comma or a closing brace should stand');
    return object;
  }

  #list(): Value[] {
    const list: Value[] = [];
    this.#at++;
    this.#blanks();
    if (this.#take(']')) return list;
    do {
      list.push(this.#value());
      this.#blanks();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail('a comma or a closing bracket should stand');
    return list;
  }

  #string(): string {
    const end = endOfString(this.#text, this.#at);
    const literal = this.#text.slice(this.#at, end + 1);
    try {
      const text: unknown = JSON.parse(literal);
      if (typeof text === 'string') {
        this.#at = end + 1;
        return text;
      }
    } catch {
      // Reported below, with our own words and offset.
    }
    return this.#fail('a string is not closed or holds a character that must be escaped');
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) return this.#fail('a value should stand');
    this.#at = NUMBER.lastIndex;
    const [literal, fraction, exponent] = found;
    const number = Number(literal);
    const exact = fraction !== undefined || exponent !== undefined || Number.isSafeInteger(number) || literal.endsWith('y');
    return exact || literal.length > BIGINT_DIGITS ? number : BigInt(literal);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('a value should stand');
    this.#at += word.length;
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #blanks(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.exec(this.#text);
    this.#at = BLANKS.lastIndex;
  }

  #fail(what: string): never {
    throw new DecodeError('not-json', `body: ${what} at offset ${this.#at}`);
  }
}
