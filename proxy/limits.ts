/**
 * How much and how long the data path bears with anyone. `node:net` sets no bounds of its own.
 */

/** Times in milliseconds; counts per data thread. */
export interface Limits {
  /** Client connections open at once; the next one is told 503 and closed. */
  readonly maxClients: number;
  /** Connections to one upstream at once; a call beyond them fails as `overloaded`. */
  readonly maxUpstreamConnections: number;
  /** From the first byte of a head to its end, on either side. */
  readonly headTimeoutMs: number;
  /** Longest silence within a body, and longest wait for a reader that takes nothing. */
  readonly stallTimeoutMs: number;
  /** A client connection between two requests. */
  readonly keepAliveMs: number;
  readonly connectTimeoutMs: number;
  /** A pooled upstream connection between two calls. Below the five seconds after which common model servers hang up. */
  readonly upstreamIdleMs: number;
  /** How long the rest of a refused request is read and thrown away, so that a reset does not overtake the answer. */
  readonly lingerMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxClients: 1024,
  maxUpstreamConnections: 1024,
  headTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  keepAliveMs: 75_000,
  connectTimeoutMs: 3_000,
  upstreamIdleMs: 4_000,
  lingerMs: 2_000,
};

/** Bytes of a head, request or status line included. */
export const MAX_HEAD_BYTES = 64 * 1024;
export const MAX_FIELDS = 200;
/** Bytes of a chunk's size line, and of a whole trailer section. */
export const MAX_CHUNK_LINE_BYTES = 1024;
export const MAX_TRAILER_BYTES = 16 * 1024;
/** Interim (1xx) answers before the final one. */
export const MAX_INTERIM_ANSWERS = 32;
/** Bytes of pipelined requests kept while a call is running. */
export const MAX_PIPELINED_BYTES = 64 * 1024;
/** `x-driftline-hop` above this is a loop. */
export const MAX_HOPS = 3;
/** Until the fallback's first answer byte. */
export const FALLBACK_TIMEOUT_MS = 10_000;
