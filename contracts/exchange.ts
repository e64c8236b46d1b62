/**
 * The captured bytes of one call, as the data thread hands them over.
 */

/** A header field as it travelled: name in the sender's case, value without surrounding blanks. */
export type Header = readonly [name: string, value: string];

/** A bounded copy of a body. */
export interface CapturedBody {
  /** At most the capture limit; content encoding not removed, chunk framing removed, gRPC's five-byte prefixes kept. */
  readonly bytes: Uint8Array;
  /** Bytes that travelled, kept or not. */
  readonly totalBytes: number;
  /** By `proxy/fingerprint.ts`, of all bytes that travelled; only where not all of them are kept. */
  readonly fingerprint?: number;
}

/** When an answer's bytes came, in milliseconds since the request's first byte. */
export interface AnswerTiming {
  readonly firstByteMs: number;
  readonly lastByteMs: number;
  /** Reads in which the answer came: about one a chunk where chunks come apart, fewer where they come together. */
  readonly reads: number;
  /** Longest time between two reads; 0 with one. */
  readonly longestGapMs: number;
  /** The first reads, oldest first, each with the body bytes (framing removed) that had come by then; empty with one read. */
  readonly marks: readonly { readonly ms: number; readonly bytes: number }[];
}

/** How a call ended: answered by a server, answered by Driftline itself with an error, or left by the client. */
export type Outcome = 'answered' | 'failed' | 'aborted';

export interface Exchange {
  /** The prediction id: what `x-driftline-id` told the caller. An observed caller is told none: then it is the caller's own, or one for the record. */
  readonly id: string;
  /** First byte of the request, milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** From the first request byte to the last answer byte. */
  readonly latencyMs: number;
  readonly method: string;
  /** Request target as sent, query included. */
  readonly path: string;
  /** Status sent to the client; 0 when it left before any. */
  readonly status: number;
  /** `primary`, another upstream's name, `fallback`, or `none` when Driftline answered with an error itself. */
  readonly servedBy: string;
  readonly outcome: Outcome;
  /** Why the primary did not serve (`connect-refused`, `no-answer`, `reset` …); null when it did. Set beside `servedBy: fallback` too. */
  readonly reason: string | null;
  /** The W3C trace context sent upstream; of an observed call a span of the caller's trace, empty where it brought none. */
  readonly traceparent: string;
  readonly requestHeaders: readonly Header[];
  readonly responseHeaders: readonly Header[];
  /** Fields after the body; gRPC's status stands here, or in the headers of an answer without a body. Absent = none. */
  readonly responseTrailers?: readonly Header[];
  readonly request: CapturedBody;
  readonly response: CapturedBody;
  /** Absent where no byte of an answer came from a server, or nobody took the time. */
  readonly timing?: AnswerTiming;
}
