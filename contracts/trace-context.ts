/**
 * W3C Trace Context, version 00: the one field that names a trace and a span in it.
 */

/** What a `traceparent` says. */
export interface TraceContext {
  /** 32 hexadecimal digits in lower case, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits in lower case, not all zero. */
  readonly spanId: string;
  /** Two hexadecimal digits; bit 0 is `sampled`. */
  readonly flags: string;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Reads a `traceparent`; null when it is not exactly one of version 00, which must then not be passed on (§3.2.2). */
export function parseTraceparent(value: string): TraceContext | null {
  const match = TRACEPARENT.exec(value);
  return match === null ? null : { traceId: match[1]!, spanId: match[2]!, flags: match[3]! };
}

/** Whether whoever sent it records the trace. */
export function isSampled({ flags }: TraceContext): boolean {
  return (Number.parseInt(flags, 16) & 1) === 1;
}
