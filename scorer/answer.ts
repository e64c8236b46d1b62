/**
 * How an answer of the scorer leaves: over HTTP/1.1, over HTTP/2, or as one of gRPC, which ends with a status of its own.
 *
 * Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), Responses; gRPC status codes.
 */
import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Header } from '../contracts/exchange.ts';
import { percentEncoded } from '../contracts/grpc.ts';

export interface Answer {
  readonly status: number;
  /** Why it is no success. */
  readonly why?: string;
  readonly contentType: string | null;
  readonly bytes: Uint8Array | string;
  readonly headers?: readonly Header[];
}

/** gRPC's codes for the statuses that the scorer answers with. */
const CODES: { readonly [status: number]: number } = { 200: 0, 400: 3, 404: 5, 408: 4, 413: 8, 415: 12, 500: 13, 501: 12, 503: 14 };
const UNKNOWN = 2;

export function json(status: number, body: unknown): Answer {
  return body === null
    ? { status, contentType: null, bytes: '' }
    : { status, contentType: 'application/json', bytes: JSON.stringify(body) };
}

export function send(response: ServerResponse, answer: Answer): void {
  const headers = headersOf(answer);
  // A body that was not read to its end leaves the connection at an unknown place.
  if (!response.req.complete) headers.connection = 'close';
  response.writeHead(answer.status, headers).end(answer.bytes);
}

/** Nothing happens where one has been sent, or the caller is gone. */
export function sendOverHttp2(stream: ServerHttp2Stream, answer: Answer, isGrpc: boolean): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const { status, bytes, why } = answer;
  if (!isGrpc) {
    stream.respond({ ':status': status, ...headersOf(answer) });
    // To HEAD the head is all.
    if (stream.writableEnded) setImmediate(() => release(stream));
    else {
      stream.once('finish', () => setImmediate(() => release(stream)));
      stream.end(bytes);
    }
    return;
  }
  const trailers = {
    'grpc-status': String(CODES[status] ?? UNKNOWN),
    ...(why === undefined ? {} : { 'grpc-message': percentEncoded(why) }),
  };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => {
    if (stream.destroyed || stream.closed) return;
    stream.sendTrailers(trailers);
    // They leave in an immediate of their own; a reset must not overtake them.
    setImmediate(() => release(stream));
  });
  stream.end(why === undefined ? bytes : '');
}

/** What still comes of a request that is answered is of no use (RFC 9113 §8.1). */
function release(stream: ServerHttp2Stream): void {
  if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
}

function headersOf({ contentType, bytes, headers = [] }: Answer): { [name: string]: string | number } {
  const type = contentType === null ? {} : { 'content-type': contentType };
  return { 'content-length': Buffer.byteLength(bytes), ...type, ...Object.fromEntries(headers) };
}
