/**
 * One attempt at a destination: with a deadline, and with every failure turned into words.
 */
import { DeliveryError } from '../contracts/errors.ts';
import type { Verdict } from '../contracts/exporter.ts';
import type { Timer } from './delivery.ts';

/** What an attempt came to. */
export type Attempt =
  | { readonly kind: 'answered'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'failed'; readonly reason: string; readonly code: string; readonly retryable: boolean };

/** Runs `work` until it answers, the deadline passes or `closed` fires; work that ignores its signal is left behind. Never throws. */
export async function attempt(
  work: (signal: AbortSignal) => Promise<readonly Verdict[]>,
  { timer, attemptMs, closed }: { timer: Timer; attemptMs: number; closed: AbortSignal },
): Promise<Attempt> {
  const deadline = new AbortController();
  const cancel = timer(attemptMs, () => deadline.abort());
  const signal = AbortSignal.any([closed, deadline.signal]);
  try {
    const verdicts = await Promise.race([work(signal), rejectWhenAborted(signal)]);
    if (!Array.isArray(verdicts)) throw new TypeError('send gave no list of verdicts');
    return { kind: 'answered', verdicts };
  } catch (error) {
    // The abort itself may surface as any error of the work's own; the deadline explains it better.
    if (deadline.signal.aborted) {
      return { kind: 'failed', code: 'timeout', reason: `no answer within ${attemptMs} ms; check that it is reachable`, retryable: true };
    }
    if (error instanceof DeliveryError) return { kind: 'failed', code: error.code, reason: error.message, retryable: error.retryable };
    // An error that nobody foresaw is a bug: the events stay, and the status says so.
    return { kind: 'failed', code: 'bug', reason: describe(error), retryable: true };
  } finally {
    cancel();
  }
}

/** An error in one line. */
export function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
