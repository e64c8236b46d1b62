/**
 * Takes streams apart: server-sent events, and values a line.
 *
 * Source: WHATWG HTML §9.2.6, interpretation of an event stream.
 * Deviation: an event that the end of the stream cuts off before its blank line counts; servers leave that line out after the last one.
 */
import { DecodeError } from '../../contracts/errors.ts';

/** The data of one event, or one line. */
export interface Piece {
  /** `message`, or the name that the event gives itself. */
  readonly kind: string;
  /** A view where the event has one line of data. */
  readonly data: Uint8Array;
  /** Bytes of the stream up to the end of this piece. */
  readonly end: number;
}

/** OpenAI's end mark. */
const DONE = '[DONE]';
/** A stream of empty events costs 7 bytes each, and an object here. */
const PIECES_LIMIT = 20_000;

const LF = 0x0a;
const CR = 0x0d;

/**
 * The events that carry data, the end mark left out.
 *
 * @throws DecodeError `not-events` when there is text but no event in it; `too-many-events`.
 */
export function readEvents(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  let kind = 'message';
  let data: Uint8Array[] = [];
  let fields = 0;
  let others = 0;
  const dispatch = (end: number) => {
    if (data.length > 0) add(pieces, { kind, data: joined(data), end });
    kind = 'message';
    data = [];
  };
  for (const { line, end } of lines(bytes)) {
    if (line.length === 0) {
      dispatch(end);
      continue;
    }
    const colon = line.indexOf(0x3a);
    const name = Buffer.from(line.buffer, line.byteOffset, colon === -1 ? line.length : colon).toString('latin1');
    const value = colon === -1 ? line.subarray(line.length) : line.subarray(colon + (line[colon + 1] === 0x20 ? 2 : 1));
    if (name === 'data') data.push(value);
    else if (name === 'event') kind = Buffer.from(value).toString('utf8');
    else if (name !== '' && name !== 'id' && name !== 'retry') others++;
    if (name === 'data' || name === 'event') fields++;
  }
  dispatch(bytes.length);
  if (fields === 0 && others > 0) throw new DecodeError('not-events', 'body: announced as events, and there is none in it');
  return pieces;
}

/**
 * The lines that are not blank.
 *
 * @throws DecodeError `too-many-events`.
 */
export function readLines(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (const { line, end } of lines(bytes)) {
    if (line.some((byte) => byte !== 0x20 && byte !== 0x09)) add(pieces, { kind: 'message', data: line, end });
  }
  return pieces;
}

function add(pieces: Piece[], piece: Piece): void {
  if (piece.data.length === DONE.length && Buffer.from(piece.data).toString('latin1') === DONE) return;
  if (pieces.length === PIECES_LIMIT) throw new DecodeError('too-many-events', `body: more than ${PIECES_LIMIT} events`);
  pieces.push(piece);
}

function* lines(bytes: Uint8Array): Generator<{ readonly line: Uint8Array; readonly end: number }> {
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte !== LF && byte !== CR) continue;
    const line = bytes.subarray(start, at);
    if (byte === CR && bytes[at + 1] === LF) at++;
    start = at + 1;
    yield { line, end: start };
  }
  if (start < bytes.length) yield { line: bytes.subarray(start), end: bytes.length };
}

/** The lines of one event's data, a line feed between them. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return only;
  return Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.of(LF), part])));
}
