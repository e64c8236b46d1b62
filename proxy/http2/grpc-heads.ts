/**
 * The two heads of a gRPC call, as `node:http2` takes and gives them: names and values in turn.
 */
import type { Destination } from '../dial.ts';
import { DROPPED_FROM_ANSWERS, type OutgoingRequest, recordedLines } from '../forward.ts';
import type { Identity } from '../identity.ts';
import { MAX_HEAD_BYTES } from '../limits.ts';
import { fieldsBelow, fieldsOf } from './answer-fields.ts';

/** The head that goes to the upstream. */
export function upstreamHead(
  { head, text, needsHost, hop }: OutgoingRequest,
  { id, traceparent }: Identity,
  upstream: Destination,
): string[] {
  const endpoint = upstream.grpc ?? upstream;
  const fields = fieldsBelow(text);
  // `host` becomes `:authority` again.
  const at = fields.indexOf('host');
  const authority = needsHost || at === -1 ? `${endpoint.host}:${endpoint.port}` : fields.splice(at, 2)[1]!;
  return [
    ...[':method', 'POST', ':scheme', endpoint.secure === true ? 'https' : 'http', ':authority', authority, ':path', head.target],
    ...fields,
    ...['te', 'trailers', 'x-driftline-id', id, 'x-driftline-hop', String(hop), 'traceparent', traceparent],
  ];
}

/** The head of a final answer. */
export interface GrpcAnswerHead {
  /** 200 to 599. */
  readonly status: number;
  /** The fields that go on to the client. */
  readonly passed: string[];
  /** Field lines for the record, without secrets. */
  readonly captured: string;
}

/** Reads an answer's head; null when its status is none, or it is too large. */
export function readAnswerHead(raw: readonly string[]): GrpcAnswerHead | null {
  const status = statusOf(raw);
  if (!Number.isInteger(status) || status < 200 || status > 599) return null;
  const passed: string[] = [];
  let bytes = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    // As in a line of its own.
    bytes += name.length + value.length + 4;
    if (!name.startsWith(':') && !DROPPED_FROM_ANSWERS.has(name)) passed.push(name, value);
  }
  // `node:http2` knows the limit only once the server has acknowledged our settings.
  if (bytes > MAX_HEAD_BYTES) return null;
  return { status, passed, captured: recordedLines(fieldsOf(raw)) };
}

/** NaN where there is none. */
export function statusOf(raw: readonly string[]): number {
  return Number(raw[raw.indexOf(':status') + 1]);
}
