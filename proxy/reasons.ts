/**
 * Why a call was not served by the primary: the words of `x-driftline-reason`, records and counters, with the status each one gets.
 */
export const REASON_STATUS = {
  'connect-refused': 502,
  'connect-timeout': 504,
  'connect-failed': 502,
  /** The TLS handshake failed: an untrusted or expired certificate, or no common version. */
  'tls-failed': 502,
  reset: 502,
  'no-answer': 504,
  'bad-answer': 502,
  overloaded: 503,
  'circuit-open': 503,
  loop: 508,
  /** The body's sender broke the framing or stalled inside it. */
  'bad-request': 400,
  'request-timeout': 408,
  'body-too-large': 413,
  /** A gRPC call's own deadline passed without the upstream's word. */
  deadline: 504,
  /** The answer broke off after its head had been passed on. */
  truncated: 502,
  /** Served by the fallback because the route says so. */
  route: 503,
  /** A fault of Driftline itself, kept inside its call. */
  internal: 500,
} as const;

export type Reason = keyof typeof REASON_STATUS;

/** Why a client's HTTP/2 session ended: `client` closed it or vanished. */
export const SESSION_ENDS = ['client', 'drain', 'idle', 'age', 'flood', 'protocol-error', 'overloaded'] as const;

export type SessionEnd = (typeof SESSION_ENDS)[number];

/**
 * Why a connection is not observed from some point on, its bytes going on all the same: TLS inside, another protocol after an upgrade, bytes
 * that are not plainly HTTP, more than is kept for reading, a fault of our own.
 */
export const UNOBSERVED = ['tls', 'upgrade', 'unreadable', 'too-large', 'fault'] as const;

export type Unobserved = (typeof UNOBSERVED)[number];

/** In the order of their counters. */
// The keys of a literal are exactly its type's keys.
export const REASONS = Object.keys(REASON_STATUS) as readonly Reason[];

export const REASON_TEXT: { readonly [R in Reason]: string } = {
  'connect-refused': 'the model server refuses connections',
  'connect-timeout': 'the model server did not accept a connection in time',
  'connect-failed': 'no connection to the model server came about',
  'tls-failed': 'no TLS connection to the model server came about',
  reset: 'the model server closed the connection without an answer',
  'no-answer': 'the model server did not answer in time',
  'bad-answer': 'the model server sent something that is not an HTTP answer',
  overloaded: 'too many calls at once',
  'circuit-open': 'the model server failed too often and is left alone for a moment',
  loop: 'the call has passed through too many Driftline proxies; the upstream leads back here',
  'bad-request': 'the request body is not framed as its head says',
  'request-timeout': 'the request body stopped arriving, or came too slowly',
  'body-too-large': 'the request body is larger than the policy allows',
  deadline: 'the call’s deadline has passed',
  truncated: 'the answer broke off',
  route: 'the route points to the fallback',
  internal: 'a fault inside Driftline',
};
