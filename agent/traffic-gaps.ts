/**
 * How long it was silent between rows, over the last 168 hours that had any: the longest silence of each.
 */

const HOUR_MS = 3_600_000;
const HOURS_KEPT = 168;
const WEEK_MS = 168 * HOUR_MS;
/** A limit from history is never shorter: what comes every few milliseconds may well pause for a moment. */
const SHORTEST_LIMIT_MS = 60_000;
const FACTOR = 3;

/** Hours since the Unix epoch with the longest silence that ended in them, milliseconds; ascending. Plain data. */
export type Gaps = { readonly since: number | null; readonly hours: readonly (readonly [hour: number, longestMs: number])[] };

export const noGaps: Gaps = { since: null, hours: [] };

/** Takes a silence that ended now. */
export function seeGap(gaps: Gaps, silentMs: number, now: number): Gaps {
  const hour = Math.floor(now / HOUR_MS);
  const last = gaps.hours.at(-1);
  const since = gaps.since ?? now;
  if (last === undefined || hour > last[0]) return { since, hours: [...gaps.hours, [hour, silentMs] as const].slice(-HOURS_KEPT) };
  // A clock that was set back adds to the newest hour.
  if (silentMs <= last[1]) return gaps;
  return { since, hours: [...gaps.hours.slice(0, -1), [last[0], silentMs] as const] };
}

/** Three times the longest silence of the history, milliseconds; null while it spans less than a week. */
export function longestUsual({ since, hours }: Gaps): number | null {
  const newest = hours.at(-1);
  if (since === null || newest === undefined || (newest[0] + 1) * HOUR_MS - since < WEEK_MS) return null;
  return Math.max(SHORTEST_LIMIT_MS, FACTOR * Math.max(...hours.map(([, longestMs]) => longestMs)));
}
