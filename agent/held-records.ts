/**
 * Records that are watched and not kept: feedback may have one kept after all, and what nothing needs any more is let go, little by little.
 */
import type { Policy } from '../contracts/policy.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import type { Accounting } from './accounting.ts';
import { keptForFeedback, needed } from './keeping.ts';
import type { Batch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import { inferenceEvent } from './told-events.ts';

/** Those that are let go with one commit at most. */
const LET_GO_AT_ONCE = 2_000;

export interface HeldRecordsOptions {
  readonly policy: Policy;
  readonly reader: StoreReader;
  readonly accounting: Accounting;
  readonly now: () => number;
}

/** Writes what becomes of them into the batch. */
export class HeldRecords {
  readonly #options: HeldRecordsOptions;
  /** Whether they are due to be looked through. */
  #isDue = false;

  constructor(options: HeldRecordsOptions) {
    this.#options = options;
  }

  /** Time has passed: some may be needed no more. */
  tick(): void {
    this.#isDue = true;
  }

  /** Keeps a record for which feedback came; one that is kept already stays as it is. */
  keep(record: DriftlineRecord, { promoted, events }: Batch): void {
    if (record.keptFor !== null || promoted.has(record.id)) return;
    const kept = keptForFeedback(record);
    promoted.set(record.id, kept);
    this.#options.accounting.promoted();
    events.push(inferenceEvent(kept));
  }

  /**
   * Lets go of what nothing needs, but of nothing that this very batch keeps. Called last, right before the batch is committed.
   *
   * @param neededFromRow rows from this one on are in open windows, or are still learned from
   * @returns whether any went
   */
  letGo(batch: Batch, neededFromRow: () => number): boolean {
    // What a failed commit has not removed is still in the store.
    if (!this.#isDue || batch.letGo.length > 0) return false;
    const { policy, reader, accounting, now } = this.#options;
    const due = reader.letGo(needed(policy, now(), neededFromRow()), LET_GO_AT_ONCE);
    const places = due.filter(({ id }) => !batch.promoted.has(id)).map(({ seq }) => seq);
    batch.letGo.push(...places);
    accounting.letGo(places.length);
    this.#isDue = due.length === LET_GO_AT_ONCE && places.length > 0;
    return places.length > 0;
  }
}
