/**
 * Reads the JSON body of a request or an answer.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { MessageBody } from '../../contracts/protocol.ts';
import { fieldValue } from './content.ts';
import { isObject, readJson, type Value, type ValueObject } from './json.ts';

/** Lower-case media type without parameters; null when none was sent. */
export function mediaType(body: MessageBody): string | null {
  const field = fieldValue(body.headers, 'content-type');
  return field === null ? null : (field.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/**
 * The body as a JSON value. Its media type is not asked: servers leave it out, and clients send JSON under any name.
 *
 * @throws DecodeError `event-stream` for server-sent events, and what `readJson` throws.
 */
export function readBody(body: MessageBody): Value {
  if (mediaType(body) === 'text/event-stream') {
    throw new DecodeError('event-stream', 'body: a stream of events, not one JSON value');
  }
  return readJson(body.bytes);
}

/**
 * The body as a JSON object.
 *
 * @throws DecodeError `unexpected-structure` when it is another JSON value, and what `readBody` throws.
 */
export function readObject(body: MessageBody): ValueObject {
  const value = readBody(body);
  if (!isObject(value)) throw unexpected('body: a JSON object should stand');
  return value;
}

/** The error for JSON that is not built as its protocol says. `message` must not hold any of the body's content. */
export function unexpected(message: string): DecodeError {
  return new DecodeError('unexpected-structure', message);
}
