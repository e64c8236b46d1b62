/**
 * Takes a changed policy into use, or keeps the old one and says why.
 */
import type { Policy } from '../contracts/policy.ts';
import { watchPolicy } from '../policies/watch.ts';

/** How reloading went so far. */
export interface Reloads {
  readonly done: number;
  readonly failed: number;
  /** Why the newest one was refused; null when it was not. */
  readonly lastError: string | null;
}

export const neverReloaded: Reloads = { done: 0, failed: 0, lastError: null };

export interface ReloadOptions {
  readonly file: string;
  /** @throws ConfigError when the file is no policy. */
  readonly load: (file: string) => Policy;
  /** Hash of the policy in use. */
  readonly hash: string;
  /** Takes a policy into use; when it rejects, the old one must still be in use. */
  readonly use: (policy: Policy) => Promise<void>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Watches the file until the signal aborts; what is returned is kept up to date. One policy at a time is taken into use. */
export function reloadPolicy({ file, load, hash, use, log, signal }: ReloadOptions): Reloads {
  const reloads: { -readonly [K in keyof Reloads]: Reloads[K] } = { ...neverReloaded };
  const refuse = (error: unknown) => {
    reloads.failed++;
    reloads.lastError = error instanceof Error ? error.message : String(error);
    log(`policy: ${file} is broken, the old one goes on: ${reloads.lastError}`);
  };
  const accept = (policy: Policy) => {
    reloads.done++;
    reloads.lastError = null;
    log(`policy: ${file} reloaded (${policy.hash.slice(0, 12)}); exporters keep their settings until a restart`);
  };
  let turn = Promise.resolve();
  const onPolicy = (policy: Policy) => {
    turn = turn.then(() => use(policy)).then(() => accept(policy), refuse);
  };
  watchPolicy(file, load, { onPolicy, onBroken: refuse }, signal, { hash });
  return reloads;
}
