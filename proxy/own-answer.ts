/**
 * Answers that Driftline makes itself, in place of the model server.
 */

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

/** The head (with its blank line) and the JSON body `{error, reason, id}`, both ASCII. `connection` is the field's value, or null to leave it out. */
export function writeOwnAnswer(answer: OwnAnswer, connection: string | null): { readonly head: string; readonly body: string } {
  const { status, reason, error, id, retryAfterS = 1 } = answer;
  const body = `${JSON.stringify({ error, reason, id })}\n`;
  let head = `HTTP/1.1 ${status} ${PHRASES[status] ?? ''}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  if (status === 503) head += `Retry-After: ${retryAfterS}\r\n`;
  if (connection !== null) head += `Connection: ${connection}\r\n`;
  if (id !== null) head += `x-driftline-id: ${id}\r\n`;
  return { head: `${head}x-driftline-reason: ${reason}\r\n\r\n`, body };
}
