/**
 * Keeps what is borne with within what the process has: what lies beyond is refused with an answer instead of an error, or being killed.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Limits } from './limits.ts';
import { LINGERING_SHARE } from './refusals.ts';

/** Files that the rest of the program needs: threads, store, exporters, admin port, scorer. */
const RESERVED_FILES = 64;
const LEAST_CLIENTS = 8;
const LEAST_CALLS = 64;
const LEAST_SESSIONS = 16;
/** Of the memory, for what is held for the slow; and half as much again for copies. */
const HELD_SHARE = 1 / 8;
const MIB = 1024 * 1024;
/** Calls over HTTP/2: what each may have in buffers that are counted nowhere, its own and those of the next reads, and as much again of garbage. */
const MEMORY_A_CALL = 2 * MIB;
const MEMORY_A_SESSION = 4 * MIB;
/** The default of HTTP/2. */
const LEAST_WINDOW_BYTES = 64 * 1024;
const MEMORY_A_WINDOW_BYTE = 4096;

/** What a process may use. */
export interface Resources {
  /** Files open at once; null = it is not known. */
  readonly openFiles: number | null;
  readonly memoryBytes: number;
}

/** The same limits, with as much as one of `threads` data threads may take of `resources`. */
export function within(limits: Limits, { openFiles, memoryBytes }: Resources, threads: number): Limits {
  const share = memoryBytes / threads;
  const byMemory = (limit: number, memoryOfOne: number, least: number) => Math.min(limit, Math.max(least, Math.floor(share / memoryOfOne)));
  const bounded = {
    ...limits,
    maxHeldBytes: byMemory(limits.maxHeldBytes, 1 / HELD_SHARE, 0),
    maxStreams: byMemory(limits.maxStreams, MEMORY_A_CALL, LEAST_CALLS),
    maxGrpcCalls: byMemory(limits.maxGrpcCalls, MEMORY_A_CALL, LEAST_CALLS),
    maxSessions: byMemory(limits.maxSessions, MEMORY_A_SESSION, LEAST_SESSIONS),
    streamWindowBytes: byMemory(limits.streamWindowBytes, MEMORY_A_WINDOW_BYTE, LEAST_WINDOW_BYTES),
  };
  if (openFiles === null) return bounded;
  // A call holds two: its client's and its upstream's; and some who are refused linger.
  const most = Math.max(LEAST_CLIENTS, Math.floor((openFiles - RESERVED_FILES) / (2 + LINGERING_SHARE) / threads));
  return {
    ...bounded,
    maxClients: Math.min(bounded.maxClients, most),
    maxUpstreamConnections: Math.min(bounded.maxUpstreamConnections, most),
  };
}

/** Those of this process: its container's, where it is in one. */
export function resources(): Resources {
  const container = process.constrainedMemory();
  return { openFiles: openFileLimit(), memoryBytes: container > 0 ? Math.min(container, totalmem()) : totalmem() };
}

function openFileLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    // Only Linux has the file.
    return null;
  }
}
