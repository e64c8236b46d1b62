/**
 * The subset of JSONPath that a policy may use to name a column: `$.a.b`, `$.a[0]`, `$[*].a`, `$['a b']`, and as last step of a flat
 * object of numbers the derived `max_key` and `max_value`.
 *
 * Source: RFC 9535 §2.3.1 to §2.3.3 (name, wildcard and index selectors).
 * Deviation: `[*]` goes through lists only, and a value that is no list counts as the one element of a list, since servers answer a
 * single row bare.
 */
import { ConfigError } from '../../contracts/errors.ts';
import { isList, isObject, member, type Value, type ValueObject } from './json.ts';

/** One step down into a value. */
export type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' };

/** What a path leads to. */
export interface Selection {
  /** Values in order, null where a row lacks the member. One value, unless `listed`. */
  readonly values: readonly Value[];
  /** Whether a list was gone through, so that the values are rows. */
  readonly listed: boolean;
  /** Whether the body had anything there. */
  readonly found: boolean;
}

const STEP = /\.([\p{L}\p{N}_$-]+)|\[(?:(\d{1,5})|(\*)|'((?:[^'\\]|\\['\\])*)'|"((?:[^"\\]|\\["\\])*)")\]/uy;

/**
 * Reads a path.
 *
 * @throws ConfigError `json-path` when the text is none of the subset.
 */
export function compilePath(text: string): readonly Step[] {
  const steps: Step[] = [];
  let at = text.startsWith('$') ? 1 : -1;
  while (at >= 0 && at < text.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(text);
    if (found === null) {
      at = -1;
      break;
    }
    const [, name, index, all, single, double] = found;
    if (index !== undefined) steps.push({ kind: 'index', index: Number(index) });
    else if (all !== undefined) steps.push({ kind: 'all' });
    else steps.push({ kind: 'key', key: name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1') });
    at = STEP.lastIndex;
  }
  if (at < 0) throw new ConfigError('json-path', `path ${text}: write it as $.a.b, $.a[0], $[*].a or $['a b']`);
  return steps;
}

/** Follows a path into a value. */
export function select(value: Value, path: readonly Step[]): Selection {
  const values: Value[] = [];
  let listed = false;
  let found = false;
  const walk = (here: Value | undefined, depth: number): void => {
    const step = path[depth];
    if (step === undefined) {
      found ||= here !== undefined;
      values.push(here ?? null);
    } else if (step.kind === 'all' && isList(here)) {
      listed = true;
      found ||= here.length === 0;
      for (const inner of here) walk(inner, depth + 1);
    } else {
      walk(step.kind === 'all' ? here : take(here, step, depth === path.length - 1), depth + 1);
    }
  };
  walk(value, 0);
  return { values, listed, found };
}

function take(value: Value | undefined, step: Exclude<Step, { kind: 'all' }>, last: boolean): Value | undefined {
  if (step.kind === 'index') return isList(value) ? value[step.index] : undefined;
  if (!isObject(value)) return undefined;
  const own = member(value, step.key);
  if (own !== undefined || !last) return own;
  if (step.key === 'max_key') return largest(value)?.[0];
  if (step.key === 'max_value') return largest(value)?.[1];
  return undefined;
}

/** The member with the largest number, the first among equals; undefined when no member is a number. */
function largest(object: ValueObject): readonly [string, number | bigint] | undefined {
  let best: readonly [string, number | bigint] | undefined;
  for (const [key, value] of Object.entries(object)) {
    if ((typeof value !== 'number' && typeof value !== 'bigint') || Number.isNaN(value)) continue;
    if (best === undefined || value > best[1]) best = [key, value];
  }
  return best;
}
