/**
 * Windows counted in rows: replays of the reference know rows and no time.
 *
 * A window by time has as many rows as the usual rate brings in it; more than the memory holds are thinned, and it is what is left that
 * the tests see. Sliding windows overlap: of a level that is set each step counts as a window of its own, which is on the safe side;
 * a level that is written out is counted on replays that overlap as the windows do.
 */
import type { Policy, WindowPolicy } from '../../contracts/policy.ts';
import { duration } from '../../policies/figures.ts';
import { watchedShare } from '../keeping.ts';
import { MOST_WINDOW_CELLS } from '../windows.ts';

/** Rows that are watched in a millisecond, as the policy expects or as measured; null = neither is known, or nothing is watched. */
export function rateOf({ traffic }: Policy, measured: number | null): number | null {
  const expected = traffic.expectedRows ?? null;
  if (expected === null) return measured;
  return (watchedShare(traffic.sampling) * expected.count) / expected.perMs || null;
}

/**
 * The policy with its window in rows.
 *
 * @param columns watched or not, which share the memory of a window
 * @returns null while the window is by time and the rate is not known
 */
export function inRows(policy: Policy, measured: number | null, columns: number): Policy | null {
  const { rows, spanMs = null, maxAgeMs = null, stepRows = null, stepMs = null } = policy.window;
  const rate = rateOf(policy, measured);
  const perRow = Math.max(1, columns);
  if (spanMs === null) {
    const most = maxAgeMs === null || rate === null ? rows : Math.min(rows, Math.max(1, Math.round(rate * maxAgeMs)));
    return { ...policy, window: { rows: Math.min(most, Math.floor(MOST_WINDOW_CELLS / perRow)), stepRows: stepRows ?? most } };
  }
  if (rate === null) return null;
  const kept = Math.min(Math.round(rate * spanMs), Math.floor(MOST_WINDOW_CELLS / perRow));
  return { ...policy, window: { rows: Math.max(1, kept), stepRows: Math.max(1, Math.round(rate * (stepMs ?? spanMs))) } };
}

/** Rows from one window's end to the next. */
export function rowsAStep({ rows, stepRows = null }: WindowPolicy): number {
  return stepRows ?? rows;
}

/** `5000 rows or 6 h`, `1 h every 10 min`. */
export function windowInWords({ window }: Pick<Policy, 'window'>): string {
  const { rows, spanMs = null, maxAgeMs = null, stepRows = null, stepMs = null } = window;
  const length = spanMs === null ? `${rows} rows${maxAgeMs === null ? '' : ` or ${duration(maxAgeMs)}`}` : duration(spanMs);
  if (stepMs !== null) return `${length}, every ${duration(stepMs)}`;
  return stepRows === null ? length : `${length}, every ${stepRows} rows`;
}
