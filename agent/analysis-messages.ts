/**
 * What the main thread and the analysis thread say to each other.
 */
import type { Policy } from '../contracts/policy.ts';
import type { Feedback } from '../contracts/record.ts';
import type { Counts } from './accounting.ts';

/** Handed over when the thread starts. */
export interface AnalysisStart {
  readonly stateDirectory: string;
  readonly policy: Policy;
  /** One ring a data thread. */
  readonly rings: readonly SharedArrayBuffer[];
  /** Where the thread tells how late its event loop runs. */
  readonly loopDelay: SharedArrayBuffer;
}

export type ToAnalysis =
  | { readonly kind: 'feedback'; readonly token: number; readonly lines: readonly Feedback[] }
  | { readonly kind: 'policy'; readonly token: number; readonly policy: Policy }
  | { readonly kind: 'collect-garbage'; readonly token: number }
  | { readonly kind: 'close' };

export type FromAnalysis =
  /** How the state was found: see `openState`, and how its counts stood. */
  | { readonly kind: 'ready'; readonly setAside: string | null; readonly atStart: Counts }
  /** There is more in the store. */
  | { readonly kind: 'committed' }
  /** The message of this token is done; feedback is committed. `error` says why it failed. */
  | { readonly kind: 'done'; readonly token: number; readonly error: string | null }
  | { readonly kind: 'log'; readonly line: string };
