/**
 * Sends all traffic to another upstream or to the fallback, and believes it only when reading the route back says so.
 *
 * Doing it twice is doing it once, so a repeat after a restart is harmless.
 */
import { defineAction } from '../../contracts/action.ts';
import { plain } from '../figures.ts';

export const rollback = defineAction({
  type: 'rollback',
  summary: 'Switches the route to another upstream or to the fallback, then verifies it.',
  prepare: (action) => ({ to: action.to }),
  perform: async (action, decision, tools) => {
    // The payload is what `prepare` made; it counts even when the policy names another target by now.
    const { to } = decision.payload as { readonly to: string };
    try {
      const { before, after } = await within(action.verifyWithinMs, tools.signal, tools.route(to));
      if (after !== to) return { kind: 'failed', reason: `the route reads back ${plain(after, 64)}, not ${to}` };
      return { kind: 'done', result: before === after ? `${after} already` : `${before} → ${after}` };
    } catch (error) {
      return { kind: 'failed', reason: error instanceof Error ? plain(error.message) : 'the route could not be switched' };
    }
  },
});

/** @throws Error when the time is over, or all work is being stopped, before the promise settles. */
async function within<T>(limitMs: number, stop: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not verified within ${limitMs} ms`)), limitMs);
  const stopped = (): void => reject(new Error('stopped before it was verified'));
  if (stop.aborted) stopped();
  stop.addEventListener('abort', stopped, { once: true });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', stopped);
  }
}
