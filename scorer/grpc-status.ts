/**
 * How an answer of a model server ends as one of gRPC.
 *
 * Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), Responses; gRPC status codes.
 */

const OK = 0;
const UNKNOWN = 2;
/** What the statuses that the scorer refuses with are in gRPC. */
const CODES: { readonly [status: number]: number } = { 200: OK, 400: 3, 404: 5, 413: 8, 415: 12, 500: 13, 501: 12, 503: 14 };

/** Whether a call's content is gRPC's, and not in gRPC-Web's clothes. */
export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(?:$|[+;])/i.test(contentType ?? '');
}

/** The fields after the messages; `message` says why it is no success. */
export function grpcTrailers(status: number, message: string | null): { [name: string]: string } {
  const code = CODES[status] ?? UNKNOWN;
  // Visible ASCII but `%` stays as it is.
  const said = message?.replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
  return { 'grpc-status': String(code), ...(said === undefined ? {} : { 'grpc-message': said }) };
}
