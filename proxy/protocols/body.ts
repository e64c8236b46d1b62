/**
 * Reads the body of a request or an answer as JSON: one value, or a stream of them.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { MessageBody } from '../../contracts/protocol.ts';
import { Memo } from '../memo.ts';
import { fieldValue } from './content.ts';
import { type Piece, readEvents, readLines } from './events.ts';
import { isObject, member, parseJson, readJson, readText, type Value, type ValueObject } from './json.ts';

/** What a body holds. */
export interface Spoken {
  /** The one value, or the stream's in order, errors among them left out. */
  readonly values: readonly Said[];
  readonly streamed: boolean;
  /** Whether the stream told of an error. */
  readonly failed: boolean;
}

/** One value, and how many bytes of the body had come when it was whole. */
export interface Said {
  readonly value: Value;
  readonly end: number;
}

const LINES = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
]);

/** Lower-case media type without parameters; null when none was sent. */
export function mediaType(body: MessageBody): string | null {
  const field = fieldValue(body.headers, 'content-type');
  return field === null ? null : mediaTypes.get(field);
}

const mediaTypes = new Memo((field) => (field.split(';', 1)[0] ?? '').trim().toLowerCase());

/** @throws DecodeError `truncated` when the copy is not the whole body. */
export function refuseTruncated({ truncated, bytes }: MessageBody): void {
  if (truncated === true) throw new DecodeError('truncated', `body: longer than the ${bytes.length} bytes copied; raise maxBodyBytes`);
}

/**
 * The text of a body that should be one JSON value. Its media type is not asked: servers leave it out, and clients send JSON under any name.
 *
 * @throws DecodeError `event-stream` for server-sent events, `truncated`, and what `readText` throws.
 */
export function bodyText(body: MessageBody): string {
  refuseTruncated(body);
  if (mediaType(body) === 'text/event-stream') {
    throw new DecodeError('event-stream', 'body: a stream of events, not one JSON value');
  }
  return readText(body.bytes);
}

/** The body as a JSON value. @throws DecodeError what `bodyText` and `parseJson` throw. */
export function readBody(body: MessageBody): Value {
  return parseJson(bodyText(body));
}

/**
 * The body as a JSON object.
 *
 * @throws DecodeError `unexpected-structure` when it is another JSON value, and what `readBody` throws.
 */
export function readObject(body: MessageBody): ValueObject {
  return parseObject(bodyText(body));
}

/** A body's text as a JSON object. @throws DecodeError `unexpected-structure` when it is another JSON value, and what `parseJson` throws. */
export function parseObject(text: string): ValueObject {
  const value = parseJson(text);
  if (!isObject(value)) throw unexpected('body: a JSON object should stand');
  return value;
}

/**
 * The body's values, whichever way they travelled: one JSON value, server-sent events, or a value a line (with or without a media type
 * that says so: LitServe sends none).
 *
 * @throws DecodeError `not-events`, `truncated`, and what `readJson` throws.
 */
export function readSpoken(body: MessageBody): Spoken {
  refuseTruncated(body);
  const type = mediaType(body);
  if (type === 'text/event-stream') return spoken(readEvents(body.bytes));
  if (type !== null && LINES.has(type)) return spoken(readLines(body.bytes));
  try {
    return { values: [{ value: readJson(body.bytes), end: body.bytes.length }], streamed: false, failed: false };
  } catch (error) {
    return spokenByLine(body.bytes) ?? rethrow(error);
  }
}

/** The error for JSON that is not built as its protocol says. `message` must not hold any of the body's content. */
export function unexpected(message: string): DecodeError {
  return new DecodeError('unexpected-structure', message);
}

function spoken(pieces: readonly Piece[]): Spoken {
  const values: Said[] = [];
  let failed = false;
  for (const { kind, data, end } of pieces) {
    const value = readJson(data);
    if (kind === 'error' || isError(value)) failed = true;
    else values.push({ value, end });
  }
  return { values, streamed: true, failed };
}

/** Whether a streamed value tells of an error rather than of a prediction; a number under that name is a column. */
function isError(value: Value): boolean {
  if (!isObject(value)) return false;
  const error = member(value, 'error');
  return isObject(error) || (typeof error === 'string' && error !== '');
}

/** Several values, each on a line of its own; null when that is not what the bytes are. */
function spokenByLine(bytes: Uint8Array): Spoken | null {
  const lines = readLines(bytes);
  if (lines.length < 2) return null;
  try {
    return spoken(lines);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function rethrow(error: unknown): never {
  throw error;
}
