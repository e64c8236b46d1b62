/**
 * Reads the body of `POST /v1/feedback`: one object, or one a line (NDJSON).
 */
import type { Feedback, FeedbackKind } from '../../contracts/record.ts';

export const FEEDBACK_BODY_BYTES = 1024 * 1024;
export const FEEDBACK_LINES = 10_000;

/** A line that is no feedback, 1-based. */
export interface RejectedLine {
  readonly line: number;
  readonly reason: string;
}

const KINDS: readonly FeedbackKind[] = ['label', 'reward', 'decision'];
const KNOWN = new Set<string>(['id', 'row', 'at', ...KINDS]);
const LONGEST_ID = 128;

/** Every line is either accepted or rejected with its reason. */
export function readFeedback(text: string, receivedAt: number): { accepted: Feedback[]; rejected: RejectedLine[] } {
  const accepted: Feedback[] = [];
  const rejected: RejectedLine[] = [];
  for (const { line, value } of lines(text)) {
    const read = value instanceof SyntaxError ? 'not JSON' : readLine(value, receivedAt);
    if (typeof read === 'string') rejected.push({ line, reason: read });
    else accepted.push(read);
  }
  return { accepted, rejected };
}

/** A body that is one JSON text (perhaps over several lines) is one line. */
function lines(text: string): { line: number; value: unknown }[] {
  if (text.trim() === '') return [];
  const whole = parse(text);
  if (!(whole instanceof SyntaxError)) return [{ line: 1, value: whole }];
  return text
    .split('\n')
    .map((part, index) => ({ part, line: index + 1 }))
    .filter(({ part }) => part.trim() !== '')
    .map(({ part, line }) => ({ line, value: parse(part) }));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

function readLine(value: unknown, receivedAt: number): Feedback | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'must be an object {"id": …, "label"|"reward"|"decision": …}';
  const line = value as { readonly [key: string]: unknown };
  const unknown = Object.keys(line).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) return `unknown key ${JSON.stringify(unknown.slice(0, 40))}; known are ${[...KNOWN].join(', ')}`;
  if (typeof line.id !== 'string' || line.id === '' || line.id.length > LONGEST_ID) return 'id must be the text of x-driftline-id';
  const kinds = KINDS.filter((kind) => line[kind] !== undefined);
  const kind = kinds[0];
  if (kind === undefined || kinds.length > 1) return 'must have exactly one of label, reward, decision';
  const given = line[kind];
  if (given !== null && typeof given === 'object') return `${kind} must be a number, text, true or false`;
  if (kind === 'reward' && (typeof given !== 'number' || !Number.isFinite(given))) return 'reward must be a finite number';
  if (given === null) return `${kind} must not be null`;
  if (line.row !== undefined && !(Number.isInteger(line.row) && Number(line.row) >= 0)) return 'row must be a whole number from 0';
  const at = line.at === undefined ? null : instant(line.at);
  if (at !== null && Number.isNaN(at)) return 'at must be an ISO 8601 time or milliseconds since 1970';
  return {
    id: line.id,
    kind,
    value: given as string | number | boolean,
    row: line.row === undefined ? null : Number(line.row),
    at,
    receivedAt,
  };
}

function instant(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}
