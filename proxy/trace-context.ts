/**
 * The `traceparent` that goes upstream: a caller's trace is continued, or one is begun.
 */
import type { TraceContext } from '../contracts/trace-context.ts';
import { putRandomHex } from './random.ts';

/** The last one (W3C Trace Context §3.2): version, trace id, span id, flags. */
const traceparent = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`);
const TRACE_AT = 3;
const SPAN_AT = 36;
const FLAGS_AT = 53;

/**
 * The `traceparent` for the upstream: a new span of the given trace, or of a new one.
 * A trace begun here is marked sampled: unmarked, it would switch off the tracing of a model server that follows its parent.
 */
export function nextTraceparent(context: TraceContext | null): string {
  if (context === null) putRandomHex(traceparent, TRACE_AT, 32);
  else traceparent.write(context.traceId, TRACE_AT, 'latin1');
  putRandomHex(traceparent, SPAN_AT, 16);
  traceparent.write(context === null ? '01' : context.flags, FLAGS_AT, 'latin1');
  return traceparent.toString('latin1');
}
