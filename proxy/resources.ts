/**
 * Keeps what is borne with within what the process has: what lies beyond is refused with an answer instead of an error, or being killed.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Limits } from './limits.ts';

/** Files that the rest of the program needs: threads, store, exporters, admin port, scorer. */
const RESERVED_FILES = 64;
const LEAST_CLIENTS = 8;
/** Of the memory, for what is held for the slow; and half as much again for copies. */
const HELD_SHARE = 1 / 8;

/** What a process may use. */
export interface Resources {
  /** Files open at once; null = it is not known. */
  readonly openFiles: number | null;
  readonly memoryBytes: number;
}

/** The same limits, with as much as one of `threads` data threads may take of `resources`. */
export function within(limits: Limits, { openFiles, memoryBytes }: Resources, threads: number): Limits {
  const maxHeldBytes = Math.min(limits.maxHeldBytes, Math.floor((memoryBytes * HELD_SHARE) / threads));
  if (openFiles === null) return { ...limits, maxHeldBytes };
  // A call holds two: its client's and its upstream's.
  const most = Math.max(LEAST_CLIENTS, Math.floor((openFiles - RESERVED_FILES) / 2 / threads));
  return {
    ...limits,
    maxHeldBytes,
    maxClients: Math.min(limits.maxClients, most),
    maxUpstreamConnections: Math.min(limits.maxUpstreamConnections, most),
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
