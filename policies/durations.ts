/**
 * The words for amounts in a policy: durations (`5m`), sizes (`256KiB`) and spans (`2 windows` or a duration).
 */
import type { Span } from '../contracts/policy.ts';

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

// Seven digits keep days in milliseconds, and GiB in bytes, inside the integers that a double holds exactly.
/** Pattern of a duration; zero is none. */
export const DURATION = '^[1-9][0-9]{0,6}(ms|s|m|h|d)$';
/** Pattern of a size; zero is one. */
export const SIZE = '^(0|[1-9][0-9]{0,6})(B|KiB|MiB|GiB)$';
/** Pattern of a span; zero is none. */
export const SPAN = '^([1-9][0-9]{0,3} windows?|[1-9][0-9]{0,6}(ms|s|m|h|d))$';

/** Milliseconds. @throws RangeError when the text is no duration. */
export function parseDuration(text: string): number {
  return amount(text, DURATION, MS);
}

/** Bytes; a bare number is bytes already. @throws RangeError when the text is no size. */
export function parseSize(size: string | number): number {
  return typeof size === 'number' ? size : amount(size, SIZE, BYTES);
}

/** Closed windows or milliseconds. @throws RangeError when the text is no span. */
export function parseSpan(text: string): Span {
  const windows = /^([1-9][0-9]{0,3}) windows?$/.exec(text);
  return windows === null ? { unit: 'ms', count: parseDuration(text) } : { unit: 'windows', count: Number(windows[1]) };
}

function amount(text: string, pattern: string, units: { readonly [unit: string]: number }): number {
  const unit = /[A-Za-z]+$/.exec(text)?.[0] ?? '';
  const factor = units[unit];
  if (factor === undefined || !new RegExp(pattern).test(text)) throw new RangeError(`not an amount with a unit: ${text}`);
  return Number(text.slice(0, -unit.length)) * factor;
}
