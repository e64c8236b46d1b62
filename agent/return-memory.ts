/**
 * Starting takes more memory than running: modules are compiled, the policy's schema becomes code. V8 would keep the pages for a process
 * that soon needs them again, which a sidecar does not.
 */
import { collectGarbage } from '../proxy/collect-garbage.ts';

/** By then also what starts late has started. */
const AFTER_MS = 2_000;

/** Soon collects this thread's garbage once. Keeps no process alive. */
export function returnMemory(): void {
  setTimeout(collectGarbage, AFTER_MS).unref();
}
