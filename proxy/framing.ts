/**
 * Strict reading of HTTP/1.1 heads (RFC 9112): a subset of what Node's own parser accepts, so that two readers of one
 * message never see two framings.
 *
 * Refused where the standard lets a recipient be lenient: bare LF, folded lines, blanks around a name, Content-Length beside
 * Transfer-Encoding, repeated or odd lengths, any transfer coding but `chunked`, transfer codings on HTTP/1.0 (§6.1, §6.3).
 */
import type { Header } from '../contracts/exchange.ts';
import { MAX_FIELDS } from './limits.ts';

/** Why a head is refused, and with what status a client is told. */
export interface Refusal {
  readonly kind: 'refused';
  readonly status: number;
  /** The word for `x-driftline-reason`. */
  readonly reason: string;
  readonly message: string;
}

interface Fields {
  /** In wire order. */
  readonly fields: readonly Header[];
  /** The names in lower case, same order. */
  readonly names: readonly string[];
  /** Null when the head has none. */
  readonly contentLength: number | null;
  readonly chunked: boolean;
  /** Options of all Connection fields, lower case. */
  readonly connection: readonly string[];
  /** Values of the Host fields. */
  readonly hosts: readonly string[];
  /** `CRLF`-separated field lines as they came. */
  readonly text: string;
}

export interface RequestHead extends Fields {
  readonly kind: 'request';
  readonly method: string;
  /** Origin form or `*`, an opaque string of visible ASCII. */
  readonly target: string;
  readonly minorVersion: 0 | 1;
  readonly framing: 'none' | 'length' | 'chunked';
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
}

export interface AnswerHead extends Fields {
  readonly kind: 'answer';
  /** 100 to 599. */
  readonly status: number;
  readonly reasonPhrase: string;
  readonly minorVersion: 0 | 1;
  readonly keepAlive: boolean;
}

/** How an answer's body ends (RFC 9112 §6.3). */
export type AnswerFraming = 'none' | 'length' | 'chunked' | 'close';

/** Bytes of the blank line that ends a head. */
export const HEAD_END_BYTES = 4;
const CR = 13;
const LF = 10;

/** RFC 9110 §5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: (.*))?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNCLEAN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const HOST = /^[A-Za-z0-9.\-_~!$&'()*+,;=%:[\]]*$/;
const DIGITS = /^\d{1,15}$/;
const FRAMING_NAME = /^(content-length|transfer-encoding)$/i;

/** Reads a request head, given as latin1 text without its final blank line. */
export function parseRequestHead(head: string): RequestHead | Refusal {
  if (UNCLEAN.test(head)) return bad('a control character or a line that does not end in CRLF');
  const lineEnd = endOfLine(head, 0);
  const line = REQUEST_LINE.exec(head.slice(0, lineEnd));
  if (line === null) return bad('the request line is not `METHOD target HTTP/1.1`');
  const [, method = '', target = '', major, minor] = line;
  if (major !== '1' || (minor !== '0' && minor !== '1')) return refuse(505, 'not-supported', 'only HTTP/1.1 and HTTP/1.0 are spoken here');
  const fields = parseFields(head, lineEnd + 2);
  return 'kind' in fields ? fields : requestHead(method, target, minor === '1' ? 1 : 0, fields, head.slice(lineEnd + 2));
}

/** A request head from its parts, whoever has read them; `text` is its field lines. */
export function requestHead(
  method: string,
  target: string,
  minorVersion: 0 | 1,
  fields: readonly Header[],
  text: string,
): RequestHead | Refusal {
  if (!METHODS.has(method)) return refuse(501, 'not-supported', 'this method is not passed on');
  // Absolute form is left out on purpose: it can name another host than Host does.
  if (target !== '*' ? !target.startsWith('/') || target.includes('#') : method !== 'OPTIONS') {
    return bad('the request target must be a path');
  }
  const found = readFields(fields, text);
  if ('kind' in found) return found;
  const { hosts, names, chunked, contentLength } = found;
  if (hosts.length > 1 || (minorVersion === 1 && hosts.length === 0)) return bad('exactly one Host is needed');
  if (hosts.length === 1 && !HOST.test(hosts[0]!)) return bad('Host is not a host');
  if (chunked && minorVersion === 0) return bad('Transfer-Encoding on HTTP/1.0');
  let expectsContinue = false;
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = fields[i]![1].toLowerCase();
    if (name === 'upgrade' && value.includes('websocket')) return refuse(501, 'not-supported', 'WebSocket is not passed on');
    if (name !== 'expect') continue;
    if (value !== '100-continue') return refuse(417, 'not-supported', 'only `Expect: 100-continue` can be met');
    expectsContinue = minorVersion === 1;
  }
  return {
    kind: 'request',
    method,
    target,
    minorVersion,
    framing: chunked ? 'chunked' : contentLength === null ? 'none' : 'length',
    keepAlive: keepsAlive(minorVersion, found.connection),
    expectsContinue,
    ...found,
  };
}

/** Reads the head of an answer, given as latin1 text without its final blank line. */
export function parseAnswerHead(head: string): AnswerHead | Refusal {
  if (UNCLEAN.test(head)) return bad('a control character or a line that does not end in CRLF');
  const lineEnd = endOfLine(head, 0);
  const line = STATUS_LINE.exec(head.slice(0, lineEnd));
  if (line === null) return bad('the status line is not `HTTP/1.1 NNN reason`');
  const fields = parseFields(head, lineEnd + 2);
  if ('kind' in fields) return fields;
  return answerHead(Number(line[2]), line[3] ?? '', line[1] === '1' ? 1 : 0, fields, head.slice(lineEnd + 2));
}

/** An answer head from its parts, whoever has read them; `text` is its field lines. */
export function answerHead(
  status: number,
  reasonPhrase: string,
  minorVersion: 0 | 1,
  fields: readonly Header[],
  text: string,
): AnswerHead | Refusal {
  if (status < 100 || status > 599) return bad('the status is none');
  const found = readFields(fields, text);
  if ('kind' in found) return found;
  if (found.chunked && minorVersion === 0) return bad('Transfer-Encoding on HTTP/1.0');
  return { kind: 'answer', status, reasonPhrase, minorVersion, keepAlive: keepsAlive(minorVersion, found.connection), ...found };
}

/** How the body of an answer to `method` ends. */
export function answerFraming(answer: AnswerHead, method: string): AnswerFraming {
  const { status } = answer;
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none';
  if (answer.chunked) return 'chunked';
  return answer.contentLength === null ? 'close' : 'length';
}

/** Whether an unfinished head can no longer become a good one, because a line ended without CR. */
export function hasBareLineFeed(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    if (at === 0 || bytes[at - 1] !== 13) return true;
  }
  return false;
}

/** Where a head that begins at `from` has its `CRLF CRLF`, or -1. */
export function endOfHead(input: Buffer, from: number): number {
  // Looks for the last of the four bytes: any byte that is none of them rules out all places that it would lie in.
  for (let at = from + 3; at < input.length; ) {
    const byte = input[at];
    if (byte === LF) {
      if (input[at - 1] === CR && input[at - 2] === LF && input[at - 3] === CR) return at - 3;
      at += 2;
    } else at += byte === CR ? 1 : 4;
  }
  return -1;
}

/** Names and values in turn, as Node gives them, as pairs. */
export function flatPairs(flat: readonly string[]): Header[] {
  return flat.flatMap((name, i): Header[] => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []));
}

/** Field lines that were checked before, as pairs. */
export function splitFields(text: string): Header[] {
  const fields: Header[] = [];
  for (let at = 0; at < text.length; ) {
    const end = endOfLine(text, at);
    const colon = text.indexOf(':', at);
    fields.push([text.slice(at, colon), trimBlanks(text, colon + 1, end)]);
    at = end + 2;
  }
  return fields;
}

function parseFields(head: string, from: number): Header[] | Refusal {
  const fields: Header[] = [];
  for (let at = from; at < head.length; ) {
    const end = endOfLine(head, at);
    const colon = head.indexOf(':', at);
    const name = colon === -1 || colon > end ? '' : head.slice(at, colon);
    // A folded line begins with a blank and a blank before the colon ends the name: neither is a token (§5.1, §5.2).
    if (!TOKEN.test(name)) return bad('a field line is not `name: value`');
    if (fields.length === MAX_FIELDS) return tooManyFields();
    // Readers differ on a TAB beside these two values, so none is borne.
    if (FRAMING_NAME.test(name) && head.slice(colon, end).includes('\t')) return bad(`${name} with a TAB`);
    fields.push([name, trimBlanks(head, colon + 1, end)]);
    at = end + 2;
  }
  return fields;
}

/** What the fields say of framing and connection. */
function readFields(fields: readonly Header[], text: string): Fields | Refusal {
  if (fields.length > MAX_FIELDS) return tooManyFields();
  const names: string[] = [];
  const connection: string[] = [];
  const hosts: string[] = [];
  let contentLength: number | null = null;
  let chunked = false;
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    names.push(lower);
    switch (lower) {
      case 'host':
        hosts.push(value);
        break;
      case 'connection':
        for (const option of value.toLowerCase().split(',')) connection.push(trimBlanks(option, 0, option.length));
        break;
      case 'content-length':
        if (contentLength !== null) return bad('Content-Length is given twice');
        if (!DIGITS.test(value)) return bad('Content-Length is not a number');
        contentLength = Number(value);
        break;
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked') {
          return refuse(501, 'not-supported', 'the only transfer coding is `chunked`, once');
        }
        chunked = true;
        break;
    }
  }
  if (chunked && contentLength !== null) return bad('Content-Length beside Transfer-Encoding');
  return { fields, names, contentLength, chunked, connection, hosts, text };
}

export const HEAD_TOO_LARGE: Refusal = refuse(431, 'head-too-large', 'the head is larger than 64 KiB');

function tooManyFields(): Refusal {
  return refuse(431, 'head-too-large', `more than ${MAX_FIELDS} fields`);
}

function keepsAlive(minorVersion: 0 | 1, connection: readonly string[]): boolean {
  if (connection.includes('close')) return false;
  return minorVersion === 1 || connection.includes('keep-alive');
}

function endOfLine(text: string, from: number): number {
  const at = text.indexOf('\r\n', from);
  return at === -1 ? text.length : at;
}

/** Cuts spaces and tabs only; `trim` would also cut the no-break space, a byte that belongs to the value. */
function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function bad(message: string): Refusal {
  return refuse(400, 'bad-request', message);
}

function refuse(status: number, reason: string, message: string): Refusal {
  return { kind: 'refused', status, reason, message };
}
