/**
 * Starting takes more memory than running: modules are compiled, the policy's schema becomes code. V8 would keep the pages for a process
 * that soon needs them again, which a sidecar does not. And what V8 lets a thread's memory grow to goes by what was left the last time.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then also what starts late has started. */
const AFTER_MS = 2_000;

/** Collects this thread's garbage and returns its pages, which takes some tens of milliseconds. */
export function returnMemory(): void {
  setFlagsFromString('--expose-gc');
  // The flag counts for contexts that are made from now on.
  const collect = runInNewContext('gc') as (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Does so soon, and once. Keeps no process alive. */
export function returnMemorySoon(): void {
  setTimeout(returnMemory, AFTER_MS).unref();
}
