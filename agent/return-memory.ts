/**
 * Starting takes more memory than running: modules are compiled, the policy's schema becomes code. V8 would keep the pages for a process
 * that soon needs them again, which a sidecar does not.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then also what starts late has started. */
const AFTER_MS = 2_000;

/** Soon collects this thread's garbage once and returns its pages, which takes some tens of milliseconds. Keeps no process alive. */
export function returnMemory(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    // The flag counts for contexts that are made from now on.
    const collect = runInNewContext('gc') as (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, AFTER_MS).unref();
}
