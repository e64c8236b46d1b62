/**
 * Changes that a backtest makes to healthy rows, each in several sizes: mean, spread, category mix, missing values, units.
 */
import type { Column } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { Random } from '../../detectors/performance/random.ts';
import { changedNumbers, mixedAnew, type Summary } from '../calibration/cell-changes.ts';
import { signalType } from '../signals.ts';

/** A change in one size. */
export interface InjectedChange {
  readonly kind: 'mean' | 'spread' | 'category mix' | 'missing' | 'unit';
  /** For people: `+0.5 sd`; `10 points` = the share of a category rises by 0.1. */
  readonly size: string;
  /** Whether the column is of the kind, and would change: a constant has no spread to grow, and no second category. */
  readonly fits: (column: Column, reference: Summary) => boolean;
  /** @param reference the column's healthy cells, from which middle and deviation come */
  readonly apply: (cells: readonly Cell[], reference: Summary, random: Random) => Cell[];
}

const isMeasured = ({ type }: Column) => type === 'number' || type === 'integer';
const isCategory = ({ type }: Column) => signalType(type) === 'category' || type === 'boolean';
const isWatched = ({ type }: Column) => signalType(type) !== 'unwatched';

/** All of them. */
export const injectedChanges: readonly InjectedChange[] = [
  ...[0.25, 0.5, 1, 2].map(
    (size): InjectedChange => ({
      kind: 'mean',
      size: `+${size} sd`,
      fits: (column, { deviation }) => isMeasured(column) && deviation > 0,
      apply: (cells, of, random) => changedNumbers(cells, (value) => value + size * of.deviation, of, random),
    }),
  ),
  ...[1.25, 1.5, 2].map(
    (factor): InjectedChange => ({
      kind: 'spread',
      size: `× ${factor}`,
      fits: (column, { deviation }) => isMeasured(column) && deviation > 0,
      apply: (cells, of, random) => changedNumbers(cells, (value) => of.mean + factor * (value - of.mean), of, random),
    }),
  ),
  ...[0.05, 0.1, 0.25].map(
    (rise): InjectedChange => ({
      kind: 'category mix',
      size: `${100 * rise} points`,
      fits: (column, { frequent }) => isCategory(column) && frequent.length > 1,
      apply: (cells, of, random) => mixedAnew(cells, rise, of, random),
    }),
  ),
  ...[0.05, 0.2, 0.5].map(
    (part): InjectedChange => ({
      kind: 'missing',
      size: `${100 * part} %`,
      fits: (column, { frequent }) => isWatched(column) && frequent.length > 0,
      apply: (cells, _, random) => cells.map((cell) => (random.uniform() < part ? null : cell)),
    }),
  ),
  ...(
    [
      ['lb for kg (× 2.2)', (value: number) => 2.2046 * value],
      ['°F for °C', (value: number) => 1.8 * value + 32],
      ['× 100', (value: number) => 100 * value],
    ] as const
  ).map(
    ([size, change]): InjectedChange => ({
      kind: 'unit',
      size,
      fits: (column, { mean, deviation }) => isMeasured(column) && (deviation > 0 || change(mean) !== mean),
      apply: (cells, of, random) => changedNumbers(cells, change, of, random),
    }),
  ),
];
