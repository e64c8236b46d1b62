/**
 * Where the observations of a signal stand: the newest are in the open batch, those before in the store.
 */
import type { DriftlineRecord, Feedback } from '../contracts/record.ts';
import type { Batch } from './store/commit.ts';
import type { StoreReader } from './store/read.ts';
import type { Place } from './streaming-monitor.ts';

/** Where to look. */
export interface Surroundings {
  readonly batch: Batch;
  readonly reader: StoreReader;
  readonly observedRows: number;
}

/** For signals that have one value a call. */
export function placeOfCall(record: DriftlineRecord, { batch, reader, observedRows }: Surroundings): Place {
  const { records } = batch;
  const back = (k: number) => {
    const found = records[records.length - k] ?? reader.recordBack(k - records.length);
    return found === null ? null : { row: found.firstRow ?? observedRows, at: found.at };
  };
  return { at: record.at, observedRows, back };
}

/** For signals that have one value a joined line of feedback. */
export function placeOfFeedback(feedback: Feedback, { batch, reader, observedRows }: Surroundings): Place {
  const { joined } = batch;
  const back = (k: number) => {
    const row = joined[joined.length - k]?.dataRow ?? reader.labelRowBack(feedback.kind, k - joined.length);
    return row === null ? null : { row, at: reader.atOfRow(row) ?? feedback.receivedAt };
  };
  return { at: feedback.receivedAt, observedRows, back };
}
