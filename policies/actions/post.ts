/**
 * One POST to a webhook's receiver: dials only what may be dialled, follows nowhere, waits no longer than allowed, reads little.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress, publicLookup, RefusedAddress } from './dialled.ts';

export interface Post {
  readonly url: string;
  readonly headers: { readonly [header: string]: string };
  readonly body: string;
  readonly allowPrivate: boolean;
  /** For the whole attempt, answer included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The look-up to check and use; the system's when not given. */
  readonly lookup?: LookupFunction;
}

export interface PostAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
  /** First bytes of the body as text. */
  readonly start: string;
}

const READ_BYTES = 1024;

/**
 * Sends and waits for the answer.
 *
 * @throws RefusedAddress when the target is not public and `allowPrivate` is not set
 * @throws Error for everything else that keeps an answer from coming; its message names no part of the URL's path or query
 */
export async function post(request: Post): Promise<PostAnswer> {
  const url = new URL(request.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Node looks up names only; an address in the URL goes straight to the socket.
  if (!request.allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) throw new RefusedAddress(host);
  const deadline = AbortSignal.timeout(request.timeoutMs);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const { promise, resolve, reject } = Promise.withResolvers<PostAnswer>();
  const sent = send(url, {
    method: 'POST',
    headers: { ...request.headers, 'content-length': String(Buffer.byteLength(request.body)), 'user-agent': 'driftline' },
    // A connection of its own: a pooled one would be a connection whose address was checked at another time.
    agent: false,
    signal: AbortSignal.any([deadline, request.signal]),
    ...(request.allowPrivate ? lookupOf(request.lookup) : { lookup: publicLookup(request.lookup) }),
  });
  sent.on('response', (answer) => {
    readStart(answer).then((start) => {
      resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] ?? null, start });
      sent.destroy();
    }, reject);
  });
  sent.on('error', reject);
  sent.end(request.body);
  try {
    return await promise;
  } catch (error) {
    if (deadline.aborted) throw new Error(`no answer within ${request.timeoutMs} ms`, { cause: error });
    throw error;
  }
}

function lookupOf(lookup: LookupFunction | undefined): { lookup?: LookupFunction } {
  return lookup === undefined ? {} : { lookup };
}

async function readStart(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    // Without an encoding set, a message yields buffers.
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes >= READ_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, READ_BYTES);
}
