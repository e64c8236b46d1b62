/**
 * Answers that Driftline makes itself, in place of the model server.
 */

import type { Header } from '../contracts/exchange.ts';

const PHRASES: { readonly [status: number]: string } = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  508: 'Loop Detected',
};

export interface OwnAnswer {
  readonly status: number;
  /** The word for `x-driftline-reason`. */
  readonly reason: string;
  /** A sentence for a person; no content of the call. */
  readonly error: string;
  /** The prediction id; null when the request never became a call. */
  readonly id: string | null;
  /** Goes into Retry-After with status 503; one second when not given. */
  readonly retryAfterS?: number;
}

/** An answer in its parts: all ASCII, the body JSON `{error, reason, id}`. */
export interface OwnParts {
  readonly phrase: string;
  readonly fields: readonly Header[];
  readonly body: string;
}

/** `connection` is the field's value, or null to leave it out. */
export function ownAnswer(answer: OwnAnswer, connection: string | null): OwnParts {
  const { status, reason, error, id, retryAfterS = 1 } = answer;
  const body = `${JSON.stringify({ error, reason, id })}\n`;
  const fields: Header[] = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
  ];
  if (status === 503) fields.push(['Retry-After', String(retryAfterS)]);
  if (connection !== null) fields.push(['Connection', connection]);
  if (id !== null) fields.push(['x-driftline-id', id]);
  fields.push(['x-driftline-reason', reason]);
  return { phrase: PHRASES[status] ?? '', fields, body };
}

/** The same as text: the head with its blank line, and the body. */
export function writeOwnAnswer(answer: OwnAnswer, connection: string | null): { readonly head: string; readonly body: string } {
  const { phrase, fields, body } = ownAnswer(answer, connection);
  let head = `HTTP/1.1 ${answer.status} ${phrase}\r\n`;
  for (const [name, value] of fields) head += `${name}: ${value}\r\n`;
  return { head: `${head}\r\n`, body };
}
