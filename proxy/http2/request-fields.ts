/**
 * The fields of an HTTP/2 request, turned into the text of an HTTP/1.1 head.
 *
 * That text then goes through the same strict reader as any other head, so that what is refused, what is passed on and what is added is
 * decided in one place. Here stands only what HTTP/2 has of its own (RFC 9113 §8.2, §8.3), and that no field may break out of its line.
 */

import { isGrpcType } from '../../contracts/grpc.ts';
import { MAX_TRAILER_BYTES } from '../limits.ts';

/** What the request is, as far as it must be known before its head is read. */
export interface RequestFields {
  /** Request line and field lines, without the final blank line. */
  readonly head: string;
  /** Whether it is a gRPC call: gRPC's content type, and `te: trailers`. */
  readonly grpc: boolean;
}

/** RFC 9113 §8.2.2; `te: trailers` is the one exception. */
const CONNECTION_SPECIFIC = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const PSEUDO = new Set([':method', ':scheme', ':authority', ':path']);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNCLEAN_VALUE = /[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;

/**
 * Reads names and values in turn, as they came. Null: the message is malformed, and its stream is to be reset (RFC 9113 §8.1.1).
 *
 * @param ended whether the request has no body; otherwise one without a length is announced as chunked.
 */
export function readRequestFields(raw: readonly string[], ended: boolean): RequestFields | null {
  const pseudo = new Map<string, string>();
  const cookies: string[] = [];
  let lines = '';
  let host: string | null = null;
  let hasLength = false;
  let grpc = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (UNCLEAN_VALUE.test(value)) return null;
    if (name.startsWith(':')) {
      // All of them come before the first field, each once (§8.3).
      if (!PSEUDO.has(name) || pseudo.has(name) || lines !== '' || cookies.length > 0 || host !== null) return null;
      pseudo.set(name, value);
      continue;
    }
    if (!NAME.test(name) || CONNECTION_SPECIFIC.has(name)) return null;
    if (name === 'te' && value !== 'trailers') return null;
    if (name === 'cookie') {
      // Crumbs are one field again in HTTP/1.1 (§8.2.3).
      cookies.push(value);
      continue;
    }
    if (name === 'host') {
      if (host !== null) return null;
      host = value;
      continue;
    }
    if (name === 'content-length') hasLength = true;
    if (name === 'content-type') grpc = isGrpcType(value);
    lines += `${name}: ${value}\r\n`;
  }
  const method = pseudo.get(':method');
  const path = pseudo.get(':path');
  const scheme = pseudo.get(':scheme');
  if (method === undefined || path === undefined || path === '' || (scheme !== 'http' && scheme !== 'https')) return null;
  const authority = pseudo.get(':authority') ?? host;
  // Two names for one server: somebody would act on the other one (§8.3.1).
  if (authority === null || authority === '' || (host !== null && host.toLowerCase() !== authority.toLowerCase())) return null;
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n${lines}`;
  if (cookies.length > 0) head += `cookie: ${cookies.join('; ')}\r\n`;
  grpc &&= method === 'POST';
  if (!ended && !hasLength && !grpc) head += 'transfer-encoding: chunked\r\n';
  return { head: head.slice(0, -2), grpc };
}

/** Trailer fields as they came; null when one of them is malformed or is no trailer, or when they are too many. */
export function readTrailers(raw: readonly string[]): [name: string, value: string][] | null {
  const trailers: [string, string][] = [];
  let bytes = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (!NAME.test(name) || UNCLEAN_VALUE.test(value) || CONNECTION_SPECIFIC.has(name)) return null;
    if (name === 'host' || name === 'content-length') return null;
    bytes += name.length + value.length + 2;
    trailers.push([name, value]);
  }
  return bytes > MAX_TRAILER_BYTES ? null : trailers;
}
