/**
 * What happened to everything that was taken in: `accepted = stored + dropped(reason) + queued`, kept across restarts. Of the queued ones
 * only those are known here that are analysed and held; the others are still in the ring.
 */
import type { Json } from '../contracts/json.ts';
import type { DriftlineRecord, FeedbackFate } from '../contracts/record.ts';
import type { ProxyCounters } from '../proxy/counters.ts';

/** The counts, as `/v1/status` shows them. */
export interface Counts {
  /** Predictions that were answered, failed or aborted, and so were due to be recorded. */
  accepted: number;
  /** Other calls that passed (health, metadata …); nothing is recorded of them. */
  notPredictions: number;
  /** Calls that came out of the ring and were decided on, predictions or not. */
  settled: number;
  stored: number;
  /** Analysed, and neither kept nor let go so far. */
  held: number;
  dropped: { [reason: string]: number };
  /** Of the dropped ones those that never came into a ring, by reason. */
  leftOut: { [reason: string]: number };
  /** Analysed calls by outcome, by who answered, and those whose bodies could not be decoded by reason. */
  outcomes: { [outcome: string]: number };
  servedBy: { [name: string]: number };
  undecoded: { [reason: string]: number };
  violations: { [kind: string]: number };
  feedback: { [fate: string]: number };
  /** Missing and non-finite values that a streaming detector was spared, by signal. */
  skippedValues: { [signal: string]: number };
  /** What windows took otherwise than it came: `time-clamped`, `clock-set`, `clock-set-back`, `thinned`. */
  irregular: { [what: string]: number };
}

/** Calls over the state's whole life as the data threads count them: those that came into a ring, and those that were left out, by reason. */
export interface Passed {
  readonly captured: number;
  readonly leftOut: { readonly [reason: string]: number };
}

/** @param atStart as the counts stood when the process began */
export function passedSince(atStart: Counts, { exchanges, ringFull, shed, sampledOut }: ProxyCounters): Passed {
  const leftOut = { ...atStart.leftOut };
  for (const [why, count] of Object.entries({ 'ring-full': ringFull, shed, 'sampled-out': sampledOut })) bump(leftOut, why, count);
  return { captured: atStart.settled + exchanges, leftOut };
}

/** Calls in the ring, or in what is not committed. */
export function unsettledOf(counts: Counts, { captured }: Passed): number {
  return Math.max(0, captured - counts.settled);
}

/** Counts what was left out beyond what is counted; true when there was something. */
export function countLeftOut(counts: Counts, { leftOut }: Pick<Passed, 'leftOut'>): boolean {
  let risen = false;
  for (const [reason, total] of Object.entries(leftOut)) {
    const more = total - (counts.leftOut[reason] ?? 0);
    if (more <= 0) continue;
    counts.accepted += more;
    bump(counts.dropped, reason, more);
    bump(counts.leftOut, reason, more);
    risen = true;
  }
  return risen;
}

/** Counts as dropped what nobody will analyse any more, predictions or not, since that was not looked at; true when there was something. */
export function countLost(counts: Counts, passed: Passed): boolean {
  const risen = countLeftOut(counts, passed);
  const lost = unsettledOf(counts, passed);
  if (lost === 0) return risen;
  counts.settled += lost;
  counts.accepted += lost;
  bump(counts.dropped, 'internal', lost);
  return true;
}

/** The counts as `Accounting` snapshots them; zero for what is not there. */
export function readCounts(state: Json | undefined): Counts {
  const kept = (state ?? {}) as Partial<Counts>;
  return {
    accepted: kept.accepted ?? 0,
    notPredictions: kept.notPredictions ?? 0,
    settled: kept.settled ?? 0,
    stored: kept.stored ?? 0,
    held: kept.held ?? 0,
    dropped: { ...kept.dropped },
    leftOut: { ...kept.leftOut },
    outcomes: { ...kept.outcomes },
    servedBy: { ...kept.servedBy },
    undecoded: { ...kept.undecoded },
    violations: { ...kept.violations },
    feedback: { ...kept.feedback },
    skippedValues: { ...kept.skippedValues },
    irregular: { ...kept.irregular },
  };
}

/** Counts one state directory's life; a restart goes on with the last committed figures. */
export class Accounting {
  readonly #counts: Counts;

  constructor(state: Json | undefined) {
    this.#counts = readCounts(state);
  }

  get accepted(): number {
    return this.#counts.accepted;
  }

  notAPrediction(): void {
    this.#counts.settled++;
    this.#counts.notPredictions++;
  }

  /** A record, kept or held. */
  recorded(record: DriftlineRecord): void {
    this.#counts.settled++;
    this.#counts.accepted++;
    this.#counts[record.keptFor === null ? 'held' : 'stored']++;
    bump(this.#counts.outcomes, record.outcome);
    bump(this.#counts.servedBy, record.servedBy);
    if (record.undecoded !== null) bump(this.#counts.undecoded, record.undecoded);
    for (const violation of record.violations) bump(this.#counts.violations, violation.kind, violation.rows);
  }

  /** A held record that is kept after all. */
  promoted(): void {
    this.#counts.held--;
    this.#counts.stored++;
  }

  /** Held records that are let go. */
  letGo(count: number): void {
    this.#counts.held -= count;
    bump(this.#counts.dropped, 'sampled-out', count);
  }

  /** A prediction of which no record is made. */
  dropped(reason: string): void {
    this.#counts.settled++;
    this.#counts.accepted++;
    bump(this.#counts.dropped, reason);
  }

  /** Takes what was left out in all, by reason; true when it has risen. */
  leftOut(leftOut: Passed['leftOut']): boolean {
    return countLeftOut(this.#counts, { leftOut });
  }

  feedback(fate: FeedbackFate): void {
    bump(this.#counts.feedback, fate);
  }

  skippedValue(signal: string): void {
    bump(this.#counts.skippedValues, signal);
  }

  irregular(what: string): void {
    bump(this.#counts.irregular, what);
  }

  snapshot(): Json {
    // Numbers and objects of numbers.
    return structuredClone(this.#counts) as unknown as Json;
  }
}

/** Counts `by` more under `key`. */
export function bump(counts: { [key: string]: number }, key: string, by = 1): void {
  counts[key] = (counts[key] ?? 0) + by;
}
