/**
 * What both ends of a gRPC call agree on besides the messages.
 *
 * Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), Requests and Responses.
 */

/** Whether a call's content type is gRPC's, and not that of gRPC-Web. */
export function isGrpcType(contentType: string): boolean {
  return /^application\/grpc(?:$|[+;])/i.test(contentType);
}

/** A `grpc-message` as it travels: visible ASCII but `%` stays as it is. */
export function percentEncoded(text: string): string {
  // Half a character, where a text was cut short, has no encoding.
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}
