/**
 * From ajv's errors to mistakes a person can mend: what is wrong, what to write instead, and where.
 */
import type { ErrorObject } from 'ajv';
import type { Mistake } from '../contracts/errors.ts';
import type { JsonSchema } from './schema-words.ts';
import { enumerate, remedyFor, suggest } from './suggest.ts';
import { findUnsupported } from './unsupported.ts';
import type { Part, Path } from './yaml.ts';

/** `file:line:column path message`; without a place, `file message`. */
export function formatMistake({ file, line, column, path, message }: Mistake): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return [place, path, message].filter((part) => part !== '').join(' ');
}

/** A mistake before its place is known. */
export interface Finding {
  /** `missing` and `too-many` are about a whole, in which nothing need be wrong by itself. */
  readonly kind: 'unsupported' | 'missing' | 'too-many' | 'wrong';
  readonly path: Path;
  readonly part: Part;
  readonly message: string;
}

/** What one of ajv's errors says to a person; null for those that only accompany others. Needs `verbose`. */
export function explain(error: ErrorObject, root: unknown): Finding | null {
  const path = pathOf(error.instancePath, root);
  // ajv's own parameters of each keyword, and our schema's nodes.
  const params = error.params as { [name: string]: unknown };
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  const wrong = (message: string, part: Part = 'value'): Finding => ({ kind: 'wrong', path, part, message });
  switch (error.keyword) {
    case 'if':
      return null;
    case 'additionalProperties': {
      const here = [...path, String(params.additionalProperty)];
      return refusedKey(here) ?? { ...wrong(unknownKey(here, Object.keys(schema.properties ?? {})), 'key'), path: here };
    }
    case 'false schema':
      return refusedKey(path) ?? wrong(strayKey(path, root), 'key');
    case 'required':
      return { ...wrong(`needs the key \`${params.missingProperty}\` — add it`), kind: 'missing' };
    case 'propertyNames':
      return {
        ...wrong(`must be ${schema.propertyNames?.title ?? 'a name'} — rename it`, 'key'),
        path: [...path, String(params.propertyName)],
      };
    case 'enum':
    case 'const':
      return refusedValue(path, error.data) ?? wrong(notOneOf(error.data, schema.enum ?? [schema.const]));
    case 'type':
    case 'pattern':
      // Errors of a pattern inside propertyNames come a second time, as `propertyNames`.
      if (error.propertyName !== undefined) return null;
      return refusedValue(path, error.data) ?? wrong(notLike(error.data, schema));
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
      return wrong(`is ${shown(error.data)} and must be ${BOUND[String(params.comparison)] ?? params.comparison} ${params.limit}`);
    case 'minItems':
    case 'minProperties':
      return wrong('is empty — add an entry, or remove the key');
    case 'maxItems':
    case 'maxProperties':
      return { ...wrong(`has too many entries — at most ${params.limit}`), kind: 'too-many' };
    case 'uniqueItems':
      return wrong(
        `has the same entry twice (${Math.min(Number(params.i), Number(params.j)) + 1} and ${Math.max(Number(params.i), Number(params.j)) + 1}) — keep one`,
      );
    case 'minLength':
      return wrong('is empty — write a text, or remove the key');
    case 'maxLength':
      return wrong(`is longer than ${params.limit} characters — shorten it`);
    default:
      return wrong(error.message ?? 'is wrong');
  }
}

/** Values that are not supported yet although they have the right form. */
export function refusedValues(root: unknown, path: Path = []): Finding[] {
  if (typeof root === 'object' && root !== null) {
    return Object.entries(root).flatMap(([key, value]) => refusedValues(value, [...path, Array.isArray(root) ? Number(key) : key]));
  }
  const refused = root === undefined ? null : refusedValue(path, root);
  return refused === null ? [] : [refused];
}

const BOUND: { readonly [comparison: string]: string } = { '>=': 'at least', '>': 'above', '<=': 'at most' };

function refusedKey(path: Path): Finding | null {
  const refused = findUnsupported(path);
  return refused === undefined
    ? null
    : { kind: 'unsupported', path, part: 'key', message: `\`${path.at(-1)}\` is not supported yet — ${refused.instead}` };
}

function refusedValue(path: Path, value: unknown): Finding | null {
  const refused = value === undefined ? undefined : findUnsupported(path, value);
  return refused === undefined
    ? null
    : { kind: 'unsupported', path, part: 'value', message: `${shown(value)} is not supported yet — ${refused.instead}` };
}

/** A value for a message: short, and on one line. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? `\`${value}\`` : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function unknownKey(path: Path, known: readonly string[]): string {
  const key = String(path.at(-1));
  if (key === '<<') return 'merge keys are off — write the keys out';
  return `unknown key \`${key}\` — ${remedyFor(key, known, 'remove it')}`;
}

/** A key of the schema that does not go with the map's `type` (or `source`). */
function strayKey(path: Path, root: unknown): string {
  const around = Object(at(root, path.slice(0, -1)));
  return `\`${path.at(-1)}\` does not go with ${shown(Reflect.get(around, 'source') ?? Reflect.get(around, 'type'))} — remove it`;
}

function notOneOf(value: unknown, words: readonly unknown[]): string {
  const known = words.map(String);
  const near = typeof value === 'string' ? suggest(value, known) : null;
  return `is ${shown(value)} and must be ${enumerate(known) || 'absent: no detector of this kind is known'}${near === null ? '' : ` — did you mean ${near}?`}`;
}

function notLike(value: unknown, schema: JsonSchema): string {
  const what = schema.title ?? typeInWords(schema.type);
  const such = schema.examples === undefined ? '' : `, such as ${enumerate(schema.examples.map(String))}`;
  return value === null ? `is empty and must be ${what}${such}` : `is ${shown(value)} and must be ${what}${such}`;
}

function typeInWords(type: JsonSchema['type']): string {
  const words: { [type: string]: string } = {
    string: 'a text (quote it)',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'true or false',
    object: 'a map of keys',
    array: 'a list',
  };
  const types = typeof type === 'string' ? [type] : (type ?? []);
  return enumerate(types.map((name) => words[name] ?? name));
}

/** A JSON pointer's steps; positions in lists as numbers. */
export function pathOf(pointer: string, root: unknown): (string | number)[] {
  const path: (string | number)[] = [];
  let value = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(key) : key);
    value = at(value, [key]);
  }
  return path;
}

/** The part of a document at a path, or undefined. */
export function at(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}
