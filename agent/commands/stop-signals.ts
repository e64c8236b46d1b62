/**
 * Ctrl-C and SIGTERM: the first one ends gently, another one at once.
 */

/**
 * A terminal, systemd and `timeout` signal the launcher and the program together, and the launcher passes its own on: what comes so close behind the
 * first is the same wish. The second one was seen 5 to 10 ms after the first, under npm as without it, and 101 ms at most with a tenth of a core. Who
 * has read that once more ends at once takes longer.
 */
const SAME_WISH_MS = 250;

/**
 * Calls `stop` at the first signal; at a later one ends the process as soon as `last` has resolved. The answer takes the listeners away.
 */
export function onStopSignal(stop: (signal: NodeJS.Signals) => void, last: () => Promise<void> = async () => {}): () => void {
  let firstAt: number | null = null;
  const hear = (signal: NodeJS.Signals) => {
    if (firstAt !== null) {
      if (performance.now() - firstAt > SAME_WISH_MS) last().finally(() => process.exit(process.exitCode ?? 130));
      return;
    }
    firstAt = performance.now();
    stop(signal);
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return () => {
    process.off('SIGINT', hear);
    process.off('SIGTERM', hear);
  };
}
