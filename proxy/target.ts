/**
 * A place that calls can be sent to: an upstream or the fallback, with its connections, its places and its breaker.
 */
import type { Admission } from './admission.ts';
import type { Transport } from './attempt.ts';
import type { Breaker } from './breaker.ts';
import type { Destination } from './dial.ts';
import type { UpstreamSessions } from './http2/upstream-sessions.ts';

export interface Target {
  readonly upstream: Destination;
  /** The word for `x-driftline-served-by`. */
  readonly label: string;
  readonly transport: Transport;
  readonly admission: Admission;
  readonly breaker: Breaker | null;
  /** gRPC mostly has a port of its own, which fails by itself. */
  readonly grpc: { readonly sessions: UpstreamSessions; readonly breaker: Breaker | null };
}
