/**
 * Keeps the connections within the files that the process may open: what lies beyond is refused with an answer instead of an error.
 */
import { readFileSync } from 'node:fs';
import type { Limits } from './limits.ts';

/** Files that the rest of the program needs: threads, store, exporters, admin port, scorer. */
const RESERVED_FILES = 64;
const LEAST_CLIENTS = 8;

/** The same limits, with as many connections as `openFiles` allow; null = it is not known. */
export function withinOpenFiles(limits: Limits, openFiles: number | null): Limits {
  if (openFiles === null) return limits;
  // A call holds two: its client's and its upstream's.
  const most = Math.max(LEAST_CLIENTS, Math.floor((openFiles - RESERVED_FILES) / 2));
  return {
    ...limits,
    maxClients: Math.min(limits.maxClients, most),
    maxUpstreamConnections: Math.min(limits.maxUpstreamConnections, most),
  };
}

/** How many files this process may open; null where the system does not say. */
export function openFileLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    // Only Linux has the file.
    return null;
  }
}
