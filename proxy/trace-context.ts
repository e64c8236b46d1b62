/**
 * The `traceparent` that goes upstream: a caller's trace is continued, or one is begun.
 */
import type { TraceContext } from '../contracts/trace-context.ts';
import { randomHex } from './random.ts';

/**
 * The `traceparent` for the upstream: a new span of the given trace, or of a new one.
 * A trace begun here is marked sampled: unmarked, it would switch off the tracing of a model server that follows its parent.
 */
export function nextTraceparent(context: TraceContext | null): string {
  return context === null ? `00-${randomHex(16)}-${randomHex(8)}-01` : `00-${context.traceId}-${randomHex(8)}-${context.flags}`;
}
