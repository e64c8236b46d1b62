/**
 * The signals that are no column: one value a call, where the call has one.
 */

/** A signal of calls. */
export interface RequestSignal {
  readonly name: string;
  /** Which way is good news. */
  readonly better: 'lower' | 'higher';
}

/**
 * `request.latency`, `request.timeToFirstByte` and `request.timeToFirstToken` in milliseconds from the request's first byte; a chat's
 * `request.tokensPerSecond`; `request.failed` is 0 or 1.
 */
export const requestSignals: readonly RequestSignal[] = [
  { name: 'request.latency', better: 'lower' },
  { name: 'request.failed', better: 'lower' },
  { name: 'request.timeToFirstByte', better: 'lower' },
  { name: 'request.timeToFirstToken', better: 'lower' },
  { name: 'request.tokensPerSecond', better: 'higher' },
];
