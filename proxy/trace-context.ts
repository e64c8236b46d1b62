/**
 * W3C Trace Context, version 00: a caller's trace is continued, or one is begun.
 */
import { randomHex } from './random.ts';

/** The trace that a call belongs to. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** Two hexadecimal digits; bit 0 is `sampled`. */
  readonly flags: string;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Reads a `traceparent`; null when it is not exactly one of version 00, which must then not be passed on (§3.2.2). */
export function parseTraceparent(value: string): TraceContext | null {
  const match = TRACEPARENT.exec(value);
  return match === null ? null : { traceId: match[1]!, flags: match[2]! };
}

/**
 * The `traceparent` for the upstream: a new span of the given trace, or of a new one.
 * A trace begun here is marked sampled: unmarked, it would switch off the tracing of a model server that follows its parent.
 */
export function nextTraceparent(context: TraceContext | null): string {
  return context === null ? `00-${randomHex(16)}-${randomHex(8)}-01` : `00-${context.traceId}-${randomHex(8)}-${context.flags}`;
}
