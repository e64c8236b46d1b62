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

/** @param isWritten whether it is going to be; else it becomes text only if a label asks for it */
export function storedOf(record: DriftlineRecord, isWritten = true): StoredRecord {
  const { id, requestId, at, firstRow, rows, keptFor } = record;
  const row = { id, requestId, at, firstRow, rows, kept: keptFor !== null };
  if (isWritten) return { ...row, body: JSON.stringify(record) };
  return {
    ...row,
    get body() {
      return JSON.stringify(record);
    },
  };
}

/** @param body as `storedOf` made it */
export function recordOf({ body }: { readonly body: unknown }): DriftlineRecord {
  return JSON.parse(String(body)) as DriftlineRecord;
}
