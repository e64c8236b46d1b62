/**
 * Watches how late this thread's event loop runs.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const EVERY_MS = 5_000;

/**
 * Tells every five seconds by how many milliseconds nine of ten looks at the loop came too late at most: a loop that is throttled is late at each of
 * them, one that hiccups is not. The answer ends it.
 */
export function watchLoopDelay(tell: (delayMs: number) => void): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const timer = setInterval(() => {
    // The figures include the interval at which it looks.
    const delayMs = histogram.percentile(90) / 1e6 - RESOLUTION_MS;
    tell(histogram.count === 0 ? 0 : Math.max(0, delayMs));
    histogram.reset();
  }, EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    histogram.disable();
  };
}
