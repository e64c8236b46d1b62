/**
 * What happened to everything that was taken in: `accepted = stored + dropped(reason) + queued`, kept across restarts. Of the queued ones
 * only those are known here that are analysed and held; the others are still in the ring.
 */
import type { Json } from '../contracts/json.ts';
import type { DriftlineRecord, FeedbackFate } from '../contracts/record.ts';

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
  /** What the rings' own counters, which begin with the process, said last. */
  #leftOutSeen: { [reason: string]: number } = {};

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
    this.#drop(reason, 1);
  }

  /** Takes the rings' counters of what was left out, by reason; true when one has risen. */
  leftOut(totals: { readonly [reason: string]: number }): boolean {
    let risen = false;
    for (const [reason, total] of Object.entries(totals)) {
      const more = total - (this.#leftOutSeen[reason] ?? 0);
      if (more <= 0) continue;
      this.#drop(reason, more);
      this.#leftOutSeen[reason] = total;
      risen = true;
    }
    return risen;
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

  #drop(reason: string, count: number): void {
    this.#counts.accepted += count;
    bump(this.#counts.dropped, reason, count);
  }
}

function bump(counts: { [key: string]: number }, key: string, by = 1): void {
  counts[key] = (counts[key] ?? 0) + by;
}
