/**
 * Columns that may name or describe a person, by their names and by what their values look like. Guesses, for a person to review.
 *
 * Sources: ISO 13616 (IBAN, check by ISO 7064 mod 97-10); ISO/IEC 7812-1 annex B (card numbers, Luhn's check); Shannon 1948 (entropy).
 */
import { isIP } from 'node:net';

/** What a column seems to hold, and what to do with it. */
export interface Personal {
  /** In words: `an e-mail address`. */
  readonly what: string;
  /** `hash` where rows must stay joinable, `drop` where nothing is lost. */
  readonly propose: 'hash' | 'drop';
  /** What the guess rests on. */
  readonly by: 'name' | 'values';
}

interface Sign {
  readonly what: string;
  readonly propose: 'hash' | 'drop';
  /** On the words of the name, joined by single spaces. */
  readonly name?: RegExp;
  readonly value?: (text: string) => boolean;
  /** Whether the values must nearly all differ: `New York` is a category, `Ada Lovelace` is not. */
  readonly distinct?: boolean;
}

const SIGNS: readonly Sign[] = [
  {
    what: 'an e-mail address',
    propose: 'hash',
    name: /\b(e ?mail|mail address)s?\b/,
    value: (text) => /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i.test(text),
  },
  { what: 'an IBAN', propose: 'drop', name: /\biban\b/, value: isIban },
  { what: 'a payment card', propose: 'drop', name: /\b(credit ?card|card ?(number|no|num)|cc ?num(ber)?|pan|cvv|cvc)\b/, value: isCard },
  { what: 'an IP address', propose: 'hash', name: /\b(ip|ip ?addr(ess)?|client ?ip|remote ?addr)\b/, value: (text) => isIP(text) !== 0 },
  {
    what: 'a national identity or tax number',
    propose: 'drop',
    name: /\b(ssn|social security|national (id|number)|nino|passport|tax ?(id|number)|tin|vat ?id|personnummer|cpr|cpf|bsn|aadhaar|curp|nhs|driver'?s? licen[cs]e|id ?card)\b/,
    value: (text) => /^\d{3}-\d{2}-\d{4}$/.test(text),
  },
  {
    what: 'a phone number',
    propose: 'hash',
    name: /\b(phones?|telephone|tel|mobile|cell ?phone|fax|msisdn)( ?(no|num|number|nr))?$/,
    value: isPhone,
  },
  { what: 'a date of birth', propose: 'drop', name: /\b(dob|birth ?(day|date)|date of birth|born)\b/ },
  {
    what: 'a street address',
    propose: 'drop',
    name: /\b(street|address(es)?|addr|house ?number)( ?(line)?( ?\d)?)?$/,
    value: (text) =>
      /^\d+[a-z]? .*\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|way)\b/i.test(text) ||
      /(stra(ß|ss)e|str\.|weg|platz|gasse|allee) \d+/i.test(text),
  },
  { what: 'a postal code', propose: 'drop', name: /\b(zip|zip ?code|post(al)? ?code|plz)\b/ },
  { what: 'a place on the map', propose: 'drop', name: /^(lat|lon|lng|latitude|longitude|gps)( .*)?$|\b(latitude|longitude)$/ },
  {
    what: 'a person’s name',
    propose: 'drop',
    name: /^((first|last|middle|full|given|family|maiden|customer|client|patient|employee|contact|person|user|account holder|holder) ?names?|forename|surname|name)$/,
    value: (text) => /^\p{Lu}[\p{L}'’-]+( \p{Lu}\.?)?( (\p{Lu}[\p{L}'’-]+|von|van|de|der|da|di|bin|al))+$/u.test(text),
    distinct: true,
  },
  {
    what: 'an identifier of a person, device or session',
    propose: 'hash',
    name: /\b(user|customer|client|patient|member|subscriber|account|device|session|visitor|cookie|login|username|employee)( ?(id|no|num|number|key|ref|uuid|guid|hash))?$/,
  },
];

/** Words of a name that stand for an identifier of something. */
const IDENTIFIER_NAME =
  /(^| )(id|ids|uuid|guid|key|token|hash|ref|reference|index|row|rownum|row number|record|serial)$|^(pk|sk|unnamed \d+)$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** Groups against which models must not discriminate; they stay watched. */
const PROTECTED_NAME =
  /\b(sex|gender|race|ethnicity|ethnic|religion|religious|nationality|native country|disability|disabled|orientation|marital status|pregnan(t|cy)|union|political|sexual|health|diagnosis)\b/;

/** Share of the values that must look alike. */
const LEAST_SHARE = 0.8;
const LEAST_VALUES = 5;
const LOOKED_AT = 300;
/** Bits a character from which a text of a dozen or more is no word. */
const HIGH_ENTROPY = 2.8;

/**
 * What a column seems to hold, or null.
 *
 * @param values some of its different texts
 * @param telling whether its values can name someone by themselves: a category of a few values seldom does, whatever it is called
 * @param distinct whether nearly all values differ
 */
export function personalOf(name: string, values: readonly string[], telling: boolean, distinct: boolean): Personal | null {
  const sign = signOf(name);
  const some = values.slice(0, LOOKED_AT);
  for (const one of SIGNS) {
    const { what, propose, value, distinct: mustDiffer } = one;
    // Where the name says the same as the values, they may be few.
    if (value === undefined || some.length < LEAST_VALUES || (mustDiffer === true && !distinct && one !== sign)) continue;
    if (some.filter((text) => value(text.trim())).length >= LEAST_SHARE * some.length) return { what, propose, by: 'values' };
  }
  return telling && sign !== null ? { what: sign.what, propose: sign.propose, by: 'name' } : null;
}

/** What a column seems to hold by its name alone, or null. */
export function personalByName(name: string): string | null {
  return signOf(name)?.what ?? null;
}

function signOf(name: string): Sign | null {
  const words = wordsOf(name);
  return SIGNS.find((one) => one.name?.test(words)) ?? null;
}

/** Why a column seems to identify something, in words, or null. */
export function identifierOf(name: string, values: readonly string[], distinct: boolean): string | null {
  const some = values.slice(0, LOOKED_AT).map((text) => text.trim());
  if (some.length >= LEAST_VALUES && some.filter((text) => UUID.test(text)).length >= LEAST_SHARE * some.length)
    return 'its values are UUIDs';
  if (!distinct) return null;
  if (some.length >= LEAST_VALUES && some.filter(isRandomText).length >= LEAST_SHARE * some.length)
    return 'its values are random texts, and nearly all differ';
  return IDENTIFIER_NAME.test(wordsOf(name)) ? 'by its name, and nearly all values differ' : null;
}

/** Whether the name is that of a group protected by law. */
export function isProtected(name: string): boolean {
  return PROTECTED_NAME.test(wordsOf(name));
}

/** `customerID`, `customer_id`, `customer.id` → `customer id`. */
function wordsOf(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[^\p{L}\p{N}']+/gu, ' ')
    .trim()
    .toLowerCase();
}

function isPhone(text: string): boolean {
  const digits = text.replace(/\D/g, '').length;
  // Without a plus or something between the digits it is any number.
  return (
    digits >= 7 &&
    digits <= 15 &&
    /^\+?[\d\s().\-/]+$/.test(text) &&
    (/^\+/.test(text) || /\d[\s().\-/]+\d/.test(text)) &&
    !/^\d+\.\d+$|^\d{4}-\d{2}-\d{2}|^\d{1,2}[./]\d{1,2}[./]\d{4}/.test(text)
  );
}

function isIban(text: string): boolean {
  const plain = text.replaceAll(' ', '').toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z\d]{11,30}$/.test(plain)) return false;
  let rest = 0;
  for (const letter of plain.slice(4) + plain.slice(0, 4)) {
    const value = Number.parseInt(letter, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

function isCard(text: string): boolean {
  const plain = text.replace(/[ -]/g, '');
  if (!/^[2-6]\d{12,18}$/.test(plain)) return false;
  let sum = 0;
  for (let place = 0; place < plain.length; place++) {
    const digit = Number(plain[plain.length - 1 - place]);
    const doubled = place % 2 === 1 ? 2 * digit : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

function isRandomText(text: string): boolean {
  if (text.length < 8 || /\s/.test(text) || !/\d/.test(text) || !/^[\w+/=:.-]+$/.test(text) || Number.isFinite(Number(text))) return false;
  return text.length < 12 ? /^[0-9a-f]{8,}$/i.test(text) : entropyOf(text) >= HIGH_ENTROPY;
}

/** Bits a character, by the text's own frequencies. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
