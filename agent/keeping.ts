/**
 * Which records stay. All are watched; those that neither the sampling rate takes nor `keepAlways` names are held until nothing needs them
 * any more, and may be kept after all when feedback comes.
 *
 * To estimate something of all calls from what is kept, leave out what is kept for its feedback and weigh the others by
 * 1 / `samplingProbability` (Horvitz, Thompson. Journal of the American Statistical Association 47, 1952). Of the calls with feedback, where
 * `keepAlways` names it, all are kept and count alike.
 */
import type { Policy, Sampling } from '../contracts/policy.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import { isSampled } from '../proxy/sampling.ts';

/** What a record says of its being kept. */
export type Kept = Pick<DriftlineRecord, 'samplingProbability' | 'keptFor'>;

/** Until when a held record is needed. */
export interface Needed {
  /** Held records that came before are let go in any case. */
  readonly retainedFrom: number;
  /** Held records that came before get no feedback any more; null = they never get any. */
  readonly feedbackFrom: number | null;
  /** Rows before are in no open window. */
  readonly fromRow: number;
}

const ALL: Kept = { samplingProbability: 1, keptFor: 'sampled' };
const HELD: Kept = { samplingProbability: 0, keptFor: null };

/** Whether a record stays, and how likely one like it does. */
export function keepingOf(record: Pick<DriftlineRecord, 'id' | 'violations' | 'outcome' | 'status' | 'reason'>, sampling: Sampling): Kept {
  const { rate, keepAlways } = sampling;
  if (rate >= 1) return ALL;
  if (record.violations.length > 0 && keepAlways.includes('schema_violation')) return always('schema_violation');
  if (isUpstreamError(record) && keepAlways.includes('upstream_error')) return always('upstream_error');
  return isSampled(record.id, rate) ? { samplingProbability: rate, keptFor: 'sampled' } : HELD;
}

/** A held record that is kept after all, since feedback has come for it. */
export function keptForFeedback(record: DriftlineRecord): DriftlineRecord {
  return { ...record, ...always('has_feedback') };
}

/** Whether feedback for this record is watched: where only some of it is joined, those that the rate takes stand for all. */
export function isFeedbackWatched({ id }: DriftlineRecord, { rate, keepAlways }: Sampling): boolean {
  return keepAlways.includes('has_feedback') || isSampled(id, rate);
}

/** Share of the calls that the monitors see. */
export function watchedShare({ rate, keepAlways }: Sampling): number {
  return keepAlways.length === 0 ? rate : 1;
}

/** Until when held records are needed, by a policy. */
export function needed({ traffic, feedback, retention }: Policy, now: number, fromRow: number): Needed {
  const waits = traffic.sampling.keepAlways.includes('has_feedback');
  return { retainedFrom: now - retention.eventsMs, feedbackFrom: waits ? now - feedback.ttlMs : null, fromRow };
}

function always(reason: Exclude<Kept['keptFor'], 'sampled' | null>): Kept {
  return { samplingProbability: 1, keptFor: reason };
}

/** The server failed or was not reached, even where the fallback answered, or the call was given up. */
function isUpstreamError({ outcome, status, reason }: Pick<DriftlineRecord, 'outcome' | 'status' | 'reason'>): boolean {
  return outcome !== 'answered' || status >= 500 || (reason !== null && reason !== 'route');
}
