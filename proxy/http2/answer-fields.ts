/**
 * Field lines as `node:http2` takes them: names and values in turn, in lower case.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Header } from '../../contracts/exchange.ts';
import { HOP_BY_HOP } from '../forward.ts';
import { flatPairs, splitFields } from '../framing.ts';
import { type WaitingRoom, watchUnfetched } from './unfetched.ts';

/** The fields below a start line, made ready by `forward.ts` or `own-answer.ts`; each line ends in CRLF. */
export function fieldsBelow(text: string): string[] {
  return splitFields(text.slice(text.indexOf('\r\n') + 2).replace(/\r\n$/, '')).flatMap(([name, value]) => [name.toLowerCase(), value]);
}

/** As pairs, without the pseudo-header fields. */
export function fieldsOf(raw: readonly string[]): Header[] {
  return flatPairs(raw).filter(([name]) => !name.startsWith(':'));
}

/**
 * Fields as `sendTrailers` takes them: the values of a repeated name together, and none about a connection, which HTTP/2 has not (RFC 9113 §8.2.2) and
 * `node:http2` throws at.
 */
export function asObject(fields: readonly Header[]): { [name: string]: string[] } {
  const object: { [name: string]: string[] } = Object.create(null);
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower)) continue;
    object[lower] ??= [];
    object[lower].push(value);
  }
  return object;
}

/** Whether an answer can still be sent: a stream is destroyed a moment before it says so. */
export function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

/** Sends the head; unless that is all (`endStream`), `endAnswer` or a reset must follow. */
export function respond(stream: ServerHttp2Stream, status: number, fields: readonly string[], endStream: boolean): void {
  // Waiting for trailers even where none will come: otherwise a reset in the midst of a body would be preceded by an end of the stream, and
  // a broken answer would look like a whole one. A date of our own would be one that the server did not send.
  if (!isOpen(stream)) return;
  const options = { endStream, waitForTrailers: !endStream, sendDate: false };
  // Without a listener, `node:http2` sends trailers by itself, and throws when the stream was reset.
  if (!endStream) stream.on('wantTrailers', () => {});
  stream.respond([':status', String(status), ...fields], options);
}

/**
 * Ends an answer, with trailers where there are any. What still comes of the request is of no use to anyone then, and its sender is
 * told so (RFC 9113 §8.1). A fault ends the stream alone.
 */
export function endAnswer(stream: ServerHttp2Stream, trailers: readonly Header[], path: WaitingRoom): void {
  stream.once('wantTrailers', () => {
    if (!isOpen(stream)) return;
    try {
      stream.sendTrailers(asObject(trailers));
      // They leave in an immediate of their own; a reset must not overtake them.
      setImmediate(() => release(stream));
    } catch (fault) {
      path.report(fault);
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  });
  stream.end();
  watchUnfetched(path, stream);
}

/** Ends the reading of a request that is answered. */
export function release(stream: ServerHttp2Stream): void {
  if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
}
