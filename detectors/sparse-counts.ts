/**
 * Two rows of counts of which some columns are nearly empty: how they are tested, and over which columns an effect is taken.
 *
 * The law of χ² holds for filled cells only (Cochran 1954), so columns that are expected less than `minExpected` times in the smaller row are
 * pooled into one. Where that is too small as well, it is held against all others by Fisher's exact test, and the others are tested without
 * it; p is twice the smaller p-value (Bonferroni). Which columns are pooled depends on their totals alone, and given those both p-values hold.
 *
 * Expected counts are low where one row is many times the other's: a category that was rare in a large reference is pooled however frequent it
 * is in the window now. An effect may not depend on that. It is taken over the columns that would be filled were both rows of the
 * smaller one's size, the others pooled and, still too few, counted as the rarest: a single odd row makes no distance.
 *
 * Source: Cochran. Some Methods for Strengthening the Common χ² Tests. Biometrics 10, 1954; fisher-exact.ts.
 */
import { fisherExact } from './fisher-exact.ts';

/** Two rows of counts over the same columns: the window's, then the reference's. */
export type Counts = readonly [readonly number[], readonly number[]];

/** What a test of a table says. */
export interface TableVerdict {
  readonly statistic: number;
  readonly pValue: number;
  readonly degreesOfFreedom: number;
}

/**
 * A test for filled columns, of counts that may be sparse; null where a row is empty or nothing varies.
 *
 * @param minExpected 0 pools none
 */
export function testSparse(counts: Counts, minExpected: number, test: (filled: Counts) => TableVerdict | null): TableVerdict | null {
  const [n, m] = [totalOf(counts[0]), totalOf(counts[1])];
  if (n === 0 || m === 0) return null;
  // A column's expected count in the smaller row is its total times that row's share.
  const { filled, pool, weight, enough } = pooled(counts, 1, 1, (minExpected * (n + m)) / Math.min(n, m));
  if (weight === 0 || weight >= enough) return varied(test(weight === 0 ? filled : withColumn(filled, pool)));
  const others: readonly [number, number] = [n - pool[0], m - pool[1]];
  const exact = fisherExact([
    [pool[0], others[0]],
    [pool[1], others[1]],
  ]).pValue;
  const rest = varied(test(filled));
  if (rest !== null) return { ...rest, pValue: Math.min(1, 2 * Math.min(rest.pValue, exact)) };
  const both = varied(test(withColumn([[others[0]], [others[1]]], pool)));
  return both === null ? null : { ...both, pValue: exact };
}

/** The columns over which an effect is taken; neither row is empty. */
export function poolAlike(counts: Counts, minExpected: number): Counts {
  const [n, m] = [totalOf(counts[0]), totalOf(counts[1])];
  // Shares of both rows added up, over their common denominator: whole numbers decide.
  const { filled, pool, weight, enough } = pooled(counts, m, n, 2 * minExpected * Math.max(n, m));
  if (weight === 0) return filled;
  if (weight >= enough || filled[0].length < 2) return withColumn(filled, pool);
  let rarest = 0;
  const weightOf = (column: number) => filled[0][column]! * m + filled[1][column]! * n;
  for (let column = 1; column < filled[0].length; column++) if (weightOf(column) < weightOf(rarest)) rarest = column;
  const merged = (row: readonly number[], more: number) => row.map((count, column) => (column === rarest ? count + more : count));
  return [merged(filled[0], pool[0]), merged(filled[1], pool[1])];
}

interface Pooled {
  readonly filled: Counts;
  /** All other columns as one. */
  readonly pool: readonly [number, number];
  readonly weight: number;
  readonly enough: number;
}

/** Columns whose weighted total is `enough`, and the others together. */
function pooled([first, second]: Counts, firstWeight: number, secondWeight: number, enough: number): Pooled {
  const filled: [number[], number[]] = [[], []];
  const pool: [number, number] = [0, 0];
  for (const [column, count] of first.entries()) {
    const other = second[column]!;
    if (count * firstWeight + other * secondWeight >= enough) {
      filled[0].push(count);
      filled[1].push(other);
    } else {
      pool[0] += count;
      pool[1] += other;
    }
  }
  return { filled, pool, weight: pool[0] * firstWeight + pool[1] * secondWeight, enough };
}

function withColumn([first, second]: Counts, [count, other]: readonly [number, number]): Counts {
  return [
    [...first, count],
    [...second, other],
  ];
}

function varied(verdict: TableVerdict | null): TableVerdict | null {
  return verdict === null || verdict.degreesOfFreedom === 0 ? null : verdict;
}

function totalOf(row: readonly number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}
