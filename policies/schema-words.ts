/**
 * The vocabulary from which the policy's JSON Schema is put together.
 *
 * `title` and `examples` of a node are the words that a mistake uses: "must be a duration such as 30s or 5m".
 */
import { DURATION, SIZE, SPAN } from './durations.ts';

/** The part of JSON Schema (draft 7) that the policy's schema uses. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: { readonly [name: string]: JsonSchema | boolean };
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly propertyNames?: JsonSchema;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly JsonSchema[];
  readonly if?: JsonSchema;
  readonly then?: JsonSchema;
  readonly else?: JsonSchema;
}

/** The name of a thing inside a policy. */
export const NAME = '^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$';
/** The name of a secret, of a model, of a policy. */
export const REFERENCE = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

/** A map with known keys; any other key is a mistake. */
export function map(description: string, properties: JsonSchema['properties'] & object, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'object', additionalProperties: false, ...more, properties };
}

/** A list. */
export function list(description: string, items: JsonSchema, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'array', items, ...more };
}

/** Free words. */
export function text(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'string', minLength: 1, maxLength: 1000, ...more };
}

/** A name of letters, digits, `-`, `_` and `.`. */
export function name(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'string', title: 'a name of letters, digits, -, _ and .', examples: ['income'], pattern: NAME, ...more };
}

/** A name that another system takes as well: lower case, digits and `-`. */
export function reference(description: string, more: JsonSchema = {}): JsonSchema {
  return {
    description,
    type: 'string',
    title: 'a name of lower-case letters, digits and -',
    examples: ['credit-risk'],
    pattern: REFERENCE,
    ...more,
  };
}

/** One of a few words. */
export function choice(description: string, words: readonly unknown[], more: JsonSchema = {}): JsonSchema {
  return { description, enum: words, ...more };
}

/** A number from `minimum` to `maximum`. */
export function number(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'number', ...more };
}

/** A share, in [0, 1]. */
export function share(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'number', minimum: 0, maximum: 1, ...more };
}

/** A whole number above zero. */
export function count(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'integer', minimum: 1, maximum: 10_000_000, ...more };
}

/** Yes or no. */
export function flag(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'boolean', ...more };
}

/** `30s`, `5m`. */
export function duration(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'string', title: 'a duration', examples: ['500ms', '30s', '5m', '6h', '7d'], pattern: DURATION, ...more };
}

/** `2 windows`, `5m`. */
export function span(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'string', title: 'a number of windows or a duration', examples: ['2 windows', '5m'], pattern: SPAN, ...more };
}

/** `256KiB`, or bytes. */
export function size(description: string, more: JsonSchema = {}): JsonSchema {
  return {
    description,
    type: ['integer', 'string'],
    title: 'a size',
    examples: ['0', '64KiB', '1MiB'],
    minimum: 0,
    maximum: 2 ** 30,
    pattern: SIZE,
    ...more,
  };
}

/** A web address, in which `${NAME}` is replaced by the environment variable. */
export function url(description: string, more: JsonSchema = {}): JsonSchema {
  return { description, type: 'string', minLength: 1, maxLength: 2000, ...more };
}

/** In a map with a `type` (or another tag): what holds when it has this value, and where it is the default also without it. */
export function when(tag: string, value: string, then: JsonSchema, isDefault = false): JsonSchema {
  const condition = { properties: { [tag]: { const: value } } };
  return { if: isDefault ? condition : { ...condition, required: [tag] }, then };
}
