/**
 * Rows of a unit of time against the units that are like it: at the same time of the week, or of the day.
 */
import type { QualityChoice } from '../contracts/policy.ts';
import { figure } from '../policies/figures.ts';

/** A unit of the wall clock, numbered since the Unix epoch, and its rows. Plain data. */
export type Counted = readonly [unit: number, rows: number];

const DAY_MS = 86_400_000;
const WEEKS_KEPT = 4;
const FEWEST_OF_WEEK = 3;
const FEWEST_OF_DAY = 5;
const SPREADS = 6;
/** Standard deviation of a normal law over its MAD. */
const PER_MAD = 1.4826;
const ROOTS = 5;

/** The history with one unit more; what is older than four weeks goes. */
export function keepCount(history: readonly Counted[], counted: Counted, perMs: number): readonly Counted[] {
  const [newest] = counted;
  const oldest = newest - (WEEKS_KEPT * 7 * DAY_MS) / perMs;
  return [...history.filter(([unit]) => unit >= oldest && unit < newest), counted];
}

/** How a unit compares. `bound`: what it was held against; `usual`: that in words, with its own separator. */
export function judgeCount(
  history: readonly Counted[],
  [unit, rows]: Counted,
  { perMs, atLeast, atMost, factor }: QualityChoice['rows'],
): { readonly level: 'drift' | 'stable' | 'insufficient'; readonly bound: number | null; readonly usual: string } {
  if (atLeast !== null && rows < atLeast) return { level: 'drift', bound: atLeast, usual: ` (at least ${figure(atLeast)} are due)` };
  if (atMost !== null && rows > atMost) return { level: 'drift', bound: atMost, usual: ` (at most ${figure(atMost)} are due)` };
  const like = alike(history, unit, perMs);
  if (like === null) {
    const isBounded = atLeast !== null || atMost !== null;
    return { level: isBounded ? 'stable' : 'insufficient', bound: atLeast ?? atMost, usual: isBounded ? '' : ', no like units yet' };
  }
  const logs = like.rows.map((count) => Math.log(count + 1));
  const middle = medianOf(logs);
  const spread = PER_MAD * medianOf(logs.map((log) => Math.abs(log - middle)));
  const usually = Math.expm1(middle);
  const distance = Math.log(rows + 1) - middle;
  const isFar =
    Math.abs(distance) >= Math.log(factor) &&
    Math.abs(distance) > SPREADS * spread &&
    Math.abs(rows - usually) > ROOTS * Math.sqrt(usually + 1);
  // A bound that was stated on a side is the user's word on it.
  const isStated = distance < 0 ? atLeast !== null : atMost !== null;
  const usual = ` (usual ${figure(Math.round(usually))}, the median of ${like.rows.length} at this time of the ${like.of})`;
  return { level: isFar && !isStated ? 'drift' : 'stable', bound: usually * factor ** Math.sign(distance), usual };
}

function alike(history: readonly Counted[], unit: number, perMs: number): { readonly rows: number[]; readonly of: 'week' | 'day' } | null {
  const at = (periodMs: number) => history.filter(([other]) => ((unit - other) * perMs) % periodMs === 0).map(([, rows]) => rows);
  const ofWeek = at(7 * DAY_MS);
  if (ofWeek.length >= FEWEST_OF_WEEK) return { rows: ofWeek, of: 'week' };
  const ofDay = at(DAY_MS);
  return ofDay.length >= FEWEST_OF_DAY ? { rows: ofDay, of: 'day' } : null;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
