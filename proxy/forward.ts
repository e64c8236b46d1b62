/**
 * Builds the heads that go out. Framing is written anew and never copied; hop-by-hop fields end here (RFC 9110 §7.6.1).
 *
 * Everything here depends on the incoming head alone, so the result is remembered with it: callers repeat their heads.
 */
import type { Header } from '../contracts/exchange.ts';
import { parseTraceparent, type TraceContext } from '../contracts/trace-context.ts';
import { flat } from './flat.ts';
import type { AnswerHead, RequestHead } from './framing.ts';

/** A request head made ready for any number of equal requests. */
export interface OutgoingRequest {
  readonly head: RequestHead;
  /** Request line and fields, each with its CRLF; id, hop, trace and, on `needsHost`, Host are still to be added. */
  readonly text: string;
  /** The same as latin1, with the hop, up to where the value of `x-driftline-id` begins. */
  readonly bytes: Buffer;
  readonly needsHost: boolean;
  /** The id that the caller chose, or null. */
  readonly callerId: string | null;
  readonly trace: TraceContext | null;
  /** The `x-driftline-hop` to send. */
  readonly hop: number;
  readonly captured: CapturedHead;
}

/** What goes on record of a request's head. */
export interface CapturedHead {
  readonly method: string;
  readonly path: string;
  /** Method, path and `CRLF`-separated field lines without secrets, one after the other; flat. */
  readonly text: string;
}

/** An answer head made ready for any number of equal answers. */
export interface OutgoingAnswer {
  readonly head: AnswerHead;
  /** Status line and fields, each with its CRLF; framing, Connection, id and server are still to be added. */
  readonly text: string;
  /** The same as latin1, with Content-Length where there is one, up to where the value of `x-driftline-id` begins. */
  readonly bytes: Buffer;
  /** Field lines for the record, without secrets; flat. */
  readonly capturedFields: string;
}

/** Fields that are about one connection. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy',
]);
/** Written anew below or by the call; what a caller sends under these names goes no further. */
const DROPPED_FROM_REQUESTS = new Set([...HOP_BY_HOP, 'content-length', 'x-driftline-id', 'x-driftline-hop', 'traceparent']);
export const DROPPED_FROM_ANSWERS = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'x-driftline-id',
  'x-driftline-served-by',
  'x-driftline-reason',
]);
const GUARDED = new Set([...DROPPED_FROM_REQUESTS, 'host', 'expect', 'trailer', 'tracestate', 'x-request-id', 'ce-id', 'authorization']);
/** Not removable by naming them in Connection: the message would change its meaning. */
const IMMUNE = new Set(['host', 'expect']);
/** Fields whose values are not recorded. */
const SECRET = new Set(['authorization', 'cookie', 'set-cookie', 'proxy-authorization']);
const VISIBLE_ID = /^[\x21-\x7e]{1,128}$/;

/** Prepares a request for the upstream. */
export function prepareRequest(head: RequestHead): OutgoingRequest {
  const parents = valuesOf(head, 'traceparent');
  const trace = parents.length === 1 ? parseTraceparent(parents[0]!) : null;
  let text = `${head.method} ${head.target} HTTP/1.1\r\n`;
  for (let i = 0; i < head.names.length; i++) {
    const name = head.names[i]!;
    if (DROPPED_FROM_REQUESTS.has(name) || isNamed(head, name)) continue;
    if (isDisguised(name)) continue;
    if (name === 'tracestate' && trace === null) continue;
    if (name === 'expect' && !head.expectsContinue) continue;
    text += line(head, i);
  }
  if (head.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  else if (head.contentLength !== null) text += `Content-Length: ${head.contentLength}\r\n`;
  const hop =
    1 + valuesOf(head, 'x-driftline-hop').reduce((most, value) => (/^\d+$/.test(value) ? Math.max(most, Number(value)) : most), 0);
  return {
    head,
    text,
    bytes: Buffer.from(`${text}x-driftline-hop: ${hop}\r\nx-driftline-id: `, 'latin1'),
    needsHost: head.hosts.length === 0,
    callerId: firstValid(valuesOf(head, 'x-request-id')) ?? firstValid(valuesOf(head, 'ce-id')),
    trace,
    hop,
    captured: { method: head.method, path: head.target, text: flat(head.method + head.target + withoutSecrets(head)) },
  };
}

/** Prepares an answer, interim or final, for the client. */
export function prepareAnswer(head: AnswerHead): OutgoingAnswer {
  let text = `HTTP/1.1 ${head.status} ${head.reasonPhrase}\r\n`;
  for (let i = 0; i < head.names.length; i++) {
    const name = head.names[i]!;
    if (!DROPPED_FROM_ANSWERS.has(name) && !isNamed(head, name)) text += line(head, i);
  }
  const length = head.contentLength === null || head.status === 204 ? '' : `Content-Length: ${head.contentLength}\r\n`;
  return { head, text, bytes: Buffer.from(`${text}${length}x-driftline-id: `, 'latin1'), capturedFields: flat(withoutSecrets(head)) };
}

/**
 * Whether a name with `_` would become, on servers that map `_` to `-` (Python's WSGI), a field that frames the message or is ours.
 * Other names with `_` are ordinary: Ray Serve chooses a model by `serve_multiplexed_model_id`.
 */
export function isDisguised(name: string): boolean {
  return name.includes('_') && GUARDED.has(name.toLowerCase().replaceAll('_', '-'));
}

function line(head: RequestHead | AnswerHead, i: number): string {
  const [name, value] = head.fields[i]!;
  return `${name}: ${value}\r\n`;
}

function isNamed(head: RequestHead | AnswerHead, name: string): boolean {
  return head.connection.length > 0 && head.connection.includes(name) && !IMMUNE.has(name);
}

function valuesOf(head: RequestHead, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < head.names.length; i++) if (head.names[i] === name) values.push(head.fields[i]![1]);
  return values;
}

function firstValid(ids: readonly string[]): string | null {
  return ids.find((id) => VISIBLE_ID.test(id)) ?? null;
}

function withoutSecrets(head: RequestHead | AnswerHead): string {
  if (!head.names.some((name) => SECRET.has(name))) return head.text;
  return recordedLines(head.fields);
}

/** Fields as they go on record: a line each, all but the last with their CRLF, and without secrets. */
export function recordedLines(fields: readonly Header[]): string {
  return fields.map(([name, value]) => `${name}: ${SECRET.has(name.toLowerCase()) ? '' : value}`).join('\r\n');
}
