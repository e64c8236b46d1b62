/**
 * Notices that files may have changed.
 *
 * Watches their folders, since a watch on a file goes deaf when the file is replaced, as editors and Kubernetes' ConfigMaps and Secrets do
 * (there the file is a symbolic link through `..data`, which is swapped). A poll stands behind it for file systems without events.
 */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

export interface WatchTimes {
  readonly pollMs?: number | undefined;
  /** How long after an event the files are looked at, so that they are seldom half-written then. */
  readonly settleMs?: number | undefined;
}

/** Calls `look` now and then, and soon after every event, until the signal aborts. Timers and watchers do not keep the process alive. */
export function watchFiles(
  files: readonly string[],
  look: () => void,
  signal: AbortSignal,
  { pollMs = 2000, settleMs = 50 }: WatchTimes = {},
): void {
  if (signal.aborted) return;
  let settling: NodeJS.Timeout | null = null;
  const soon = () => {
    if (settling !== null) return;
    settling = setTimeout(() => {
      settling = null;
      look();
    }, settleMs).unref();
  };
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(files.map((file) => path.dirname(path.resolve(file))))) {
    try {
      const watcher = watch(folder, { persistent: false }, soon);
      watchers.push(watcher);
      // A folder that vanishes, or too many watches on the machine: the poll remains.
      watcher.on('error', () => watcher.close());
    } catch {
      // The same, at once.
    }
  }
  const poll = setInterval(look, pollMs).unref();
  signal.addEventListener(
    'abort',
    () => {
      clearInterval(poll);
      if (settling !== null) clearTimeout(settling);
      for (const watcher of watchers) watcher.close();
    },
    { once: true },
  );
}
