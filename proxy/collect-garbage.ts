/**
 * Collecting garbage when nothing else would: V8 does so when it is asked for memory, and knows nothing of a container's limit.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collect: Collect | null = null;

/** Collects all of this thread's garbage and returns its pages, which stops the thread for some tens of milliseconds. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    // The flag counts for contexts that are made from now on.
    collect = runInNewContext('gc') as Collect;
  }
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
