/**
 * Removes the content encoding of a captured body (RFC 9110 §8.4).
 */
import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
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

/** What is left of a body after its content encoding is removed may be so many times larger, once it is larger than `SMALL_BYTES`. */
const RATIO_LIMIT = 100;
const SMALL_BYTES = 1024 * 1024;

/** How to remove each coding. A copy that was cut off gives what comes out of it. */
const DECODERS: { readonly [coding: string]: (bytes: Uint8Array, maxOutputLength: number, truncated: boolean) => Uint8Array } = {
  gzip: (bytes, maxOutputLength, truncated) => gunzipSync(bytes, { maxOutputLength, ...zlibEnd(truncated) }),
  deflate: (bytes, maxOutputLength, truncated) =>
    (isZlib(bytes) ? inflateSync : inflateRawSync)(bytes, { maxOutputLength, ...zlibEnd(truncated) }),
  br: (bytes, maxOutputLength, truncated) =>
    brotliDecompressSync(bytes, { maxOutputLength, ...(truncated ? { finishFlush: constants.BROTLI_OPERATION_FLUSH } : {}) }),
  zstd: (bytes, maxOutputLength, truncated) =>
    zstdDecompressSync(bytes, { maxOutputLength, ...(truncated ? { finishFlush: constants.ZSTD_e_flush } : {}) }),
};

/**
 * The body without its content encoding (gzip, deflate with and without its zlib wrapper, br, zstd, several on one another); the same
 * bytes, not a copy, when none was applied.
 *
 * @param maxBytes largest output, bytes.
 * @param truncated whether the bytes are only the first of the body: then what they hold is what can be had.
 * @throws DecodeError `content-encoding` for an unknown coding or data that is not what it claims; `inflated-too-large` beyond
 * `maxBytes`, `inflated-ratio` beyond 100 times the size.
 */
export function decodeContent(bytes: Uint8Array, headers: readonly Header[], maxBytes: number, truncated = false): Uint8Array {
  const field = fieldValue(headers, 'content-encoding');
  if (field === null || bytes.length === 0) return bytes;
  const codings = field
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > CODINGS_LIMIT) throw new DecodeError('content-encoding', `body: encoded more than ${CODINGS_LIMIT} times`);
  // They are listed in the order in which they were applied.
  return codings.reduceRight((decoded, coding) => inflate(decoded, coding, maxBytes, truncated), bytes);
}

function inflate(bytes: Uint8Array, name: string, maxBytes: number, truncated: boolean): Uint8Array {
  const coding = name.replace(/^x-/, '');
  const decoder = Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined;
  if (decoder === undefined) {
    throw new DecodeError('content-encoding', `body: the content encoding is none of ${Object.keys(DECODERS).join(', ')}, identity`);
  }
  const byRatio = Math.max(SMALL_BYTES, RATIO_LIMIT * bytes.length);
  try {
    return decoder(bytes, Math.max(1, Math.min(maxBytes, byRatio)), truncated);
  } catch (cause) {
    if (cause instanceof RangeError && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      if (byRatio < maxBytes) {
        throw new DecodeError('inflated-ratio', `body: more than ${RATIO_LIMIT} times its size once ${coding} is removed`, { cause });
      }
      throw new DecodeError('inflated-too-large', `body: more than ${maxBytes} bytes once ${coding} is removed`, { cause });
    }
    throw new DecodeError('content-encoding', `body: not the ${coding} data that its header promises`, { cause });
  }
}

function zlibEnd(truncated: boolean): { readonly finishFlush?: number } {
  return truncated ? { finishFlush: constants.Z_SYNC_FLUSH } : {};
}

/** Some senders leave out the zlib wrapper of `deflate` (RFC 9110 §8.4.1.2); its two header bytes are a multiple of 31 (RFC 1950 §2.2). */
function isZlib(bytes: Uint8Array): boolean {
  const [method = 0, flags = 0] = bytes;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}
