/**
 * Removes the content encoding of a captured body (RFC 9110 §8.4).
 */
import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { DecodeError } from '../../contracts/errors.ts';
import type { Header } from '../../contracts/exchange.ts';

/** Nobody encodes more often in earnest; each layer may cost `maxBytes` of work. */
const CODINGS_LIMIT = 3;

/** A field's value, joined by commas where it was sent several times (RFC 9110 §5.3), or null. */
export function fieldValue(headers: readonly Header[], name: string): string | null {
  let joined: string | null = null;
  for (const [field, value] of headers) {
    if (field.length === name.length && field.toLowerCase() === name) joined = joined === null ? value : `${joined}, ${value}`;
  }
  return joined;
}

/**
 * The body without gzip or deflate; the same bytes, not a copy, when none was applied.
 *
 * @param maxBytes largest output, bytes.
 * @throws DecodeError `content-encoding` for an unknown coding or data that is not what it claims; `inflated-too-large`.
 */
export function decodeContent(bytes: Uint8Array, headers: readonly Header[], maxBytes: number): Uint8Array {
  const field = fieldValue(headers, 'content-encoding');
  if (field === null || bytes.length === 0) return bytes;
  const codings = field
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > CODINGS_LIMIT) throw new DecodeError('content-encoding', `body: encoded more than ${CODINGS_LIMIT} times`);
  // They are listed in the order in which they were applied.
  return codings.reduceRight((decoded, coding) => inflate(decoded, coding, maxBytes), bytes);
}

function inflate(bytes: Uint8Array, coding: string, maxBytes: number): Uint8Array {
  const options = { maxOutputLength: Math.max(1, maxBytes) };
  try {
    if (coding === 'gzip' || coding === 'x-gzip') return gunzipSync(bytes, options);
    if (coding === 'deflate') return isZlib(bytes) ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
  } catch (cause) {
    if (cause instanceof RangeError && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DecodeError('inflated-too-large', `body: more than ${maxBytes} bytes once ${coding} is removed`, { cause });
    }
    throw new DecodeError('content-encoding', `body: not the ${coding} data that its header promises`, { cause });
  }
  throw new DecodeError('content-encoding', 'body: the content encoding is none of gzip, deflate, identity');
}

/** Some senders leave out the zlib wrapper of `deflate` (RFC 9110 §8.4.1.2); its two header bytes are a multiple of 31 (RFC 1950 §2.2). */
function isZlib(bytes: Uint8Array): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}
