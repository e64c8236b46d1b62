/**
 * Changes that a backtest makes to healthy rows, each in several sizes: mean, spread, category mix, missing values, units.
 */
import type { Column } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { Random } from '../../detectors/performance/random.ts';
import { numberOf, signalType } from '../signals.ts';

/** A change in one size. */
export interface InjectedChange {
  readonly kind: 'mean' | 'spread' | 'category mix' | 'missing' | 'unit';
  /** For people: `+0.5 sd`. */
  readonly size: string;
  readonly fits: (column: Column) => boolean;
  /** @param reference the column's healthy cells, from which middle and deviation come */
  readonly apply: (cells: readonly Cell[], reference: Summary, random: Random) => Cell[];
}

/** What changes are measured in. */
export interface Summary {
  readonly mean: number;
  readonly deviation: number;
  /** Categories, most frequent first. */
  readonly frequent: readonly Cell[];
}

const isMeasured = ({ type }: Column) => type === 'number' || type === 'integer';
const isCategory = ({ type }: Column) => signalType(type) === 'category' || type === 'boolean';
const isWatched = ({ type }: Column) => signalType(type) !== 'unwatched';

/** Mean, standard deviation and most frequent values of a column. */
export function summaryOf(cells: readonly Cell[]): Summary {
  const values = cells.map(numberOf).filter((value) => value !== null);
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = values.length === 0 ? 0 : Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const counts = new Map<Cell, number>();
  for (const cell of cells) if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  return { mean, deviation, frequent: [...counts].sort((a, b) => b[1] - a[1]).map(([cell]) => cell) };
}

function ofNumbers(cells: readonly Cell[], change: (value: number) => number): Cell[] {
  return cells.map((cell) => {
    const value = numberOf(cell);
    return value === null ? cell : change(value);
  });
}

/** All of them. */
export const injectedChanges: readonly InjectedChange[] = [
  ...[0.25, 0.5, 1, 2].map(
    (size): InjectedChange => ({
      kind: 'mean',
      size: `+${size} sd`,
      fits: isMeasured,
      apply: (cells, { deviation }) => ofNumbers(cells, (value) => value + size * deviation),
    }),
  ),
  ...[1.25, 1.5, 2].map(
    (factor): InjectedChange => ({
      kind: 'spread',
      size: `× ${factor}`,
      fits: isMeasured,
      apply: (cells, { mean }) => ofNumbers(cells, (value) => mean + factor * (value - mean)),
    }),
  ),
  ...[0.05, 0.1, 0.25].map(
    (part): InjectedChange => ({
      kind: 'category mix',
      size: `${100 * part} points`,
      fits: isCategory,
      apply: (cells, { frequent }, random) =>
        cells.map((cell) => (cell !== null && random.uniform() < part ? (frequent[Math.min(1, frequent.length - 1)] ?? cell) : cell)),
    }),
  ),
  ...[0.05, 0.2, 0.5].map(
    (part): InjectedChange => ({
      kind: 'missing',
      size: `${100 * part} %`,
      fits: isWatched,
      apply: (cells, _, random) => cells.map((cell) => (random.uniform() < part ? null : cell)),
    }),
  ),
  ...(
    [
      ['lb for kg (× 2.2)', (value: number) => 2.2046 * value],
      ['°F for °C', (value: number) => 1.8 * value + 32],
      ['× 100', (value: number) => 100 * value],
    ] as const
  ).map(([size, change]): InjectedChange => ({ kind: 'unit', size, fits: isMeasured, apply: (cells) => ofNumbers(cells, change) })),
];
