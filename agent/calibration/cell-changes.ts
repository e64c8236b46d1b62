/**
 * Changes of a column's cells that have a size: what a backtest injects, and what power is measured by.
 *
 * Numbers move by a function. Where all of a column are whole they stay whole: each is rounded up or down at random so that its mean is
 * kept, since fractions would be news of another kind, to a schema and to a test that looks at ties. Categories are mixed anew: the share
 * of the second most frequent one rises by so much, and the others give way alike.
 */
import type { Cell } from '../../contracts/record.ts';
import type { Random } from '../../detectors/performance/random.ts';
import { numberOf } from '../signals.ts';

/** What changes are measured in: a column as it is while nothing is wrong. */
export interface Summary {
  readonly mean: number;
  /** Of its numbers; 0 where they do not vary, or there are none. */
  readonly deviation: number;
  /** All of its numbers are whole. */
  readonly isWhole: boolean;
  /** Different values, most frequent first; missing ones are none. */
  readonly frequent: readonly Cell[];
  /** Share of the second most frequent one in what is present; 0 where there is none. */
  readonly secondShare: number;
}

/** Mean, standard deviation and most frequent values of a column. */
export function summaryOf(cells: readonly Cell[]): Summary {
  const values = cells.map(numberOf).filter((value) => value !== null);
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  const counts = new Map<Cell, number>();
  for (const cell of cells) if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const byCount = [...counts].sort((a, b) => b[1] - a[1]);
  const present = byCount.reduce((sum, [, count]) => sum + count, 0);
  return {
    mean,
    // A constant whose mean is rounded does not vary.
    deviation: byCount.length < 2 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length)),
    isWhole: values.every(Number.isInteger),
    frequent: byCount.map(([cell]) => cell),
    secondShare: (byCount[1]?.[1] ?? 0) / Math.max(1, present),
  };
}

/** Numbers changed, all else as it is. */
export function changedNumbers(cells: readonly Cell[], change: (value: number) => number, { isWhole }: Summary, random: Random): Cell[] {
  return cells.map((cell) => {
    const value = numberOf(cell);
    if (value === null) return cell;
    return isWhole ? Math.floor(change(value) + random.uniform()) : change(value);
  });
}

/** @param rise by which the share of the second most frequent value rises, in [0, 1 − `secondShare`] */
export function mixedAnew(cells: readonly Cell[], rise: number, { frequent, secondShare }: Summary, random: Random): Cell[] {
  const second = frequent[1];
  if (second === undefined) return [...cells];
  const part = rise / (1 - secondShare);
  return cells.map((cell) => (cell !== null && cell !== second && random.uniform() < part ? second : cell));
}
