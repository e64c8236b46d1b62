/**
 * A place that calls can be sent to: an upstream or the fallback, with its connections, its places and its breaker.
 */
import type { Upstream } from '../contracts/policy.ts';
import type { Admission } from './admission.ts';
import type { Transport } from './attempt.ts';
import type { Breaker } from './breaker.ts';

export interface Target {
  readonly upstream: Upstream;
  /** The word for `x-driftline-served-by`. */
  readonly label: string;
  readonly transport: Transport;
  readonly admission: Admission;
  readonly breaker: Breaker | null;
}
