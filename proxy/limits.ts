/**
 * How much and how long the data path bears with anyone. `node:net` sets no bounds of its own.
 */
import type { BreakerOptions, TrafficLimits } from '../contracts/policy.ts';

/** Times in milliseconds; counts per data thread. */
export interface Limits extends TrafficLimits {
  /** How long the rest of a refused request is read and thrown away, so that a reset does not overtake the answer. */
  readonly lingerMs: number;
  /** Calls over HTTP/2, of all connections together; more are refused (REFUSED_STREAM), as if they had never come. */
  readonly maxStreams: number;
  /** gRPC calls to one upstream at once; more are refused, as they wait for nothing. */
  readonly maxGrpcCalls: number;
  /** HTTP/2 connections of clients at once; the next one is told to go (ENHANCE_YOUR_CALM). */
  readonly maxSessions: number;
  /** Bytes of a stream that its sender may be ahead of its reader; none is told another figure while its session lasts. */
  readonly streamWindowBytes: number;
  /** An HTTP/2 connection, on either side, without a stream. */
  readonly sessionIdleMs: number;
  /** From then on a client's HTTP/2 connection takes no new streams (GOAWAY), so that load spreads anew. */
  readonly sessionAgeMs: number;
  /** A gRPC call in which nothing moves either way. */
  readonly streamIdleMs: number;
  /** Bytes held for clients and upstreams that are slow; and half as many again of copies. Less where the machine has less (`resources.ts`). */
  readonly maxHeldBytes: number;
}

/** What holds without a policy of what one may say; a test keeps the policy's defaults equal to these. */
export const DEFAULT_TRAFFIC_LIMITS: TrafficLimits = {
  maxClients: 1024,
  // No cap of its own: behind a gateway all calls come from one address.
  maxClientsPerAddress: 1024,
  headTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  keepAliveMs: 75_000,
  minBytesPerSecond: 240,
  rateGraceMs: 5_000,
  maxRequestBytes: Number.POSITIVE_INFINITY,
  maxUpstreamConnections: 1024,
  maxQueuedCalls: 1024,
  maxQueuedBytes: 16 * 1024 * 1024,
  queueTimeoutMs: 5_000,
  connectTimeoutMs: 3_000,
  // Below the five seconds after which common model servers hang up.
  upstreamIdleMs: 4_000,
};

/** What holds without a policy. */
export const DEFAULT_LIMITS: Limits = {
  ...DEFAULT_TRAFFIC_LIMITS,
  lingerMs: 2_000,
  maxStreams: 25_600,
  maxGrpcCalls: 3200,
  maxSessions: 256,
  streamWindowBytes: 256 * 1024,
  sessionIdleMs: 300_000,
  sessionAgeMs: 3_600_000,
  streamIdleMs: 300_000,
  maxHeldBytes: 1024 * 1024 * 1024,
};

export const DEFAULT_BREAKER: BreakerOptions = { failures: 5, share: 0.5, ofLast: 50, openMs: 2_000 };

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
/** Bytes of a request's body that are held whatever the analysis copies, so that the call can be sent again. */
export const MAX_REPLAY_BYTES = 64 * 1024;
/** Streams at once on one HTTP/2 connection, on either side. */
export const MAX_STREAMS = 100;
/** Fields of an HTTP/2 header list, pseudo-fields included. */
export const MAX_HEADER_PAIRS = 100;
/** What an HTTP/2 session may hold in buffers, header tables and unacknowledged frames. */
export const SESSION_MEMORY_MIB = 10;
/** Frames of 16 KiB lie in reads of 64 KiB, which stay in memory until the last of their frames is passed on. */
export const BYTES_KEPT_FOR_ONE = 4;
/** HTTP/2 connections to one upstream. */
export const MAX_UPSTREAM_SESSIONS = 32;
/** How long after a call's own deadline the upstream's word is still waited for. */
export const DEADLINE_GRACE_MS = 500;
/** `x-driftline-hop` above this is a loop. */
export const MAX_HOPS = 3;
/** Until the fallback's first answer byte. */
export const FALLBACK_TIMEOUT_MS = 10_000;
