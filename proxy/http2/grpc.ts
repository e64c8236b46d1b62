/**
 * The words of gRPC over HTTP/2 that a proxy needs: status codes, deadlines, answers without a message.
 *
 * Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), Requests and Responses; gRPC status codes.
 */
import { constants } from 'node:http2';
import { percentEncoded } from '../../contracts/grpc.ts';
import { REASON_TEXT, type Reason } from '../reasons.ts';

const INTERNAL = 13;
const UNAVAILABLE = 14;

/** Codes other than UNAVAILABLE, which asks clients to try again. */
const CODES: { readonly [R in Reason]?: number } = {
  'bad-request': INTERNAL,
  'request-timeout': 4,
  loop: 9,
  internal: INTERNAL,
  deadline: 4,
  // It may have been acted on.
  'bad-answer': INTERNAL,
};

/** Codes for which resets stand, other than INTERNAL (gRPC over HTTP2, "Errors"). */
const RESET_CODES: { readonly [resetCode: number]: number } = {
  [constants.NGHTTP2_REFUSED_STREAM]: UNAVAILABLE,
  [constants.NGHTTP2_CANCEL]: 1,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: 8,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: 7,
};

const UNIT_MS: { readonly [unit: string]: number } = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Calls of one message each way that ask for a prediction: those that the fallback can answer. */
const PREDICTIONS = new Set(['/inference.GRPCInferenceService/ModelInfer', '/tensorflow.serving.PredictionService/Predict']);

/** Whether the fallback may stand in for the model server. */
export function isPrediction(path: string): boolean {
  return PREDICTIONS.has(path);
}

function codeFor(reason: Reason, resetCode: number | null): number {
  return resetCode === null ? (CODES[reason] ?? UNAVAILABLE) : (RESET_CODES[resetCode] ?? INTERNAL);
}

/** Milliseconds that a `grpc-timeout` allows; Infinity when there is none, or none that can be read. */
export function timeoutMs(value: string | null): number {
  const match = value === null ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * UNIT_MS[match[2]!]!;
}

/**
 * `grpc-status`, `grpc-message` and our own fields, as trailers of an answer that had begun or as all of one. A reset of the server's keeps the meaning
 * that its code has for a client; null = there was none.
 */
export function statusFields(reason: Reason, resetCode: number | null, id: string): [name: string, value: string][] {
  return [
    ['grpc-status', String(codeFor(reason, resetCode))],
    ['grpc-message', percentEncoded(REASON_TEXT[reason])],
    ['x-driftline-id', id],
    ['x-driftline-reason', reason],
  ];
}
