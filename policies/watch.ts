/**
 * Hot reload: notices that the policy's file changed, and hands over the new policy, or why it is not one.
 *
 * What counts is the content's hash, not the event that told of a change.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '../contracts/errors.ts';
import type { Policy } from '../contracts/policy.ts';
import { watchFiles } from './watch-files.ts';

/** Who is told. */
export interface PolicyWatchHandlers {
  /** The file holds another policy now. */
  readonly onPolicy: (policy: Policy) => void;
  /** The file changed and is no policy; the old one goes on. */
  readonly onBroken: (error: ConfigError) => void;
}

export interface PolicyWatchOptions {
  /** Hash of the policy in use; default: of the file as it is now. */
  readonly hash?: string;
  readonly pollMs?: number;
  /** How long after an event the file is read, so that it is seldom half-written then. */
  readonly settleMs?: number;
}

/** What became of the file so far. */
export interface PolicyWatch {
  readonly reloaded: number;
  readonly broken: number;
  /** Why the file as it is now is not in use; null = it is. */
  readonly failure: ConfigError | null;
}

/** Hash of a file that is not there. */
const ABSENT = 'absent';

/**
 * Watches until the signal aborts. The timers and the watcher do not keep the process alive.
 *
 * @param load throws ConfigError when the file is no policy; anything else it throws is told as a policy that is broken, too
 */
export function watchPolicy(
  file: string,
  load: (file: string) => Policy,
  handlers: PolicyWatchHandlers,
  signal: AbortSignal,
  { hash, pollMs, settleMs }: PolicyWatchOptions = {},
): PolicyWatch {
  const state = { reloaded: 0, broken: 0, failure: null as ConfigError | null };
  if (signal.aborted) return state;
  let seen = hash ?? hashOf(file);
  /** Of the policy in use. */
  let used = seen;

  const look = () => {
    const now = hashOf(file);
    if (now === seen) return;
    seen = now;
    // Mended by going back: the policy in use is the file's again.
    if (now === used) {
      state.failure = null;
      return;
    }
    let policy: Policy;
    try {
      policy = load(file);
    } catch (error) {
      // Reading a policy must never end the proxy, not even by a fault of ours.
      const failure =
        error instanceof ConfigError ? error : new ConfigError('policy-fault', `policy: ${file}: ${String(error)}`, [], error);
      state.broken++;
      state.failure = failure;
      handlers.onBroken(failure);
      return;
    }
    // Between the two readings it may have changed again.
    seen = policy.hash;
    used = policy.hash;
    state.failure = null;
    state.reloaded++;
    handlers.onPolicy(policy);
  };
  watchFiles([file], look, signal, { pollMs, settleMs });
  return state;
}

function hashOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return ABSENT;
  }
}
