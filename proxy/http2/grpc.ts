/**
 * The words of gRPC over HTTP/2 that a proxy needs: status codes, deadlines, answers without a message.
 *
 * Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), Requests and Responses; gRPC status codes.
 */
import type { Reason } from '../reasons.ts';

const UNAVAILABLE = 14;

/** Codes other than UNAVAILABLE, which asks clients to try again. */
const CODES: { readonly [R in Reason]?: number } = {
  'bad-request': 13,
  'request-timeout': 4,
  loop: 9,
  internal: 13,
  deadline: 4,
};

const UNIT_MS: { readonly [unit: string]: number } = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** The status with which Driftline answers for this reason. */
function codeFor(reason: Reason): number {
  return CODES[reason] ?? UNAVAILABLE;
}

/** Milliseconds that a `grpc-timeout` allows; Infinity when there is none, or none that can be read. */
export function timeoutMs(value: string | null): number {
  const match = value === null ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * UNIT_MS[match[2]!]!;
}

/** `grpc-status`, `grpc-message` and our own fields, as trailers of an answer that had begun or as all of one. */
export function statusFields(reason: Reason, text: string, id: string): [name: string, value: string][] {
  return [
    ['grpc-status', String(codeFor(reason))],
    ['grpc-message', percentEncoded(text)],
    ['x-driftline-id', id],
    ['x-driftline-reason', reason],
  ];
}

/** Visible ASCII but `%` stays as it is. */
function percentEncoded(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));
}
