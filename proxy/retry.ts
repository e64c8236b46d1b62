/**
 * Which calls are sent a second time: `traffic.retry`, for every way in which a call travels.
 *
 * The policy guards against acting twice on one call. What the server has not acted on, by the transport's own word, has not failed, and goes again
 * whatever the policy says: RFC 9113 §8.7 allows that for any method.
 */
import type { Retry } from '../contracts/policy.ts';
import { MAX_REPLAY_BYTES } from './limits.ts';

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** What came of a request's body. */
export interface HeldBody {
  readonly totalBytes: number;
  /** Whether all of it is held. */
  readonly whole: boolean;
}

/** Whether a call of which nothing was answered may be sent again. @param untaken whether the server certainly has not acted on it */
export function maySendAgain(retry: Retry, method: string, body: HeldBody, untaken: boolean): boolean {
  if (!body.whole || body.totalBytes > MAX_REPLAY_BYTES) return false;
  return untaken || retry === 'all' || (retry === 'idempotent' && IDEMPOTENT.has(method));
}
