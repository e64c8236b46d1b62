/**
 * A record on its way into the store: made text at once, since what waits for a commit in one piece costs the garbage collector next to nothing,
 * and the same record as an object of forty small parts more than all that is done with it.
 */
import type { DriftlineRecord } from '../../contracts/record.ts';

/** What its row holds. */
export interface StoredRecord {
  readonly id: string;
  readonly requestId: string | null;
  readonly at: number;
  readonly firstRow: number | null;
  readonly rows: number;
  readonly kept: boolean;
  /** The whole record as JSON. */
  readonly body: string;
}

export function storedOf(record: DriftlineRecord): StoredRecord {
  const { id, requestId, at, firstRow, rows, keptFor } = record;
  return { id, requestId, at, firstRow, rows, kept: keptFor !== null, body: JSON.stringify(record) };
}

export function recordOf({ body }: { readonly body: unknown }): DriftlineRecord {
  // Written by `storedOf`.
  return JSON.parse(String(body)) as DriftlineRecord;
}
