/**
 * What a windowed test can see: the smallest change that it finds in four windows of five, at its window and its level.
 *
 * Numbers are shifted as a whole, in standard deviations of the reference. Where there are few different values (categories, flags), a
 * share of the rows moves to another value instead. The test stands alone with its change: the p-values corrected with it are 1.
 */
import { withDefaults } from '../../contracts/options.ts';
import type { Cell } from '../../contracts/record.ts';
import { calibratedP } from '../../detectors/null-law.ts';
import { adjust } from '../../detectors/multiple-testing.ts';
import { Random } from '../../detectors/performance/random.ts';
import { numberOf } from '../signals.ts';
import { valuesOf } from '../window-monitor.ts';
import type { CalibrationTask, MonitorLevel } from './calibration.ts';
import { drawRows, type Watched } from './replays.ts';

/** The smallest change a test finds. */
export interface Power {
  readonly monitor: string;
  readonly signal: string;
  readonly detector: string;
  readonly unit: 'sd' | 'share';
  /** In standard deviations of the reference, or a share in [0, 1]; null = none that was tried is found. */
  readonly smallest: number | null;
}

const FOUND = 0.8;
const WINDOWS = 40;
const MOST_SD = 16;
/** Up to so many different values a shift of all of them would be no small change, however small. */
const FEW_VALUES = 20;
const STEPS = 7;

/** The power of one test of a monitor whose level is known; null also for a column that never varied, which has no measure of a change. */
export function powerOf(task: CalibrationTask, level: MonitorLevel, { watch, cells }: Watched, tests: number): Power | null {
  if (level.value === null || level.blockRows === null || new Set(cells).size < 2) return null;
  const { policy, seed } = task;
  const { definition, choice, monitor } = watch;
  const random = new Random(seed);
  const test = definition.prepare(withDefaults(definition.options, choice.options), valuesOf(watch, cells));
  const law = level.laws[watch.signal];
  const others = new Array<number>(tests - 1).fill(1);
  const isSignificant = (pValue: number) => adjust(monitor.correction.method, [pValue, ...others])[0]! <= level.value!;
  const windows = Array.from({ length: WINDOWS }, () => ({
    cells: Array.from(drawRows(random, cells.length, level.blockRows!, policy.window.rows), (row) => cells[row] ?? null),
    seed: random.bits(),
  }));
  const change = changeOf(cells, choice === monitor.numeric);
  const isSeen = (size: number) => {
    let found = 0;
    for (const window of windows) {
      const values = valuesOf(watch, change.apply(window.cells, size, new Random(window.seed)));
      const result = values.length < policy.minSamples ? null : test.test(values);
      if (result === null || result.effect < (choice.effectAtLeast ?? 0)) continue;
      if (isSignificant(law === undefined ? result.pValue : calibratedP(law, result.pValue))) found++;
    }
    return found >= FOUND * WINDOWS;
  };
  let high = change.most / 256;
  while (!isSeen(high)) {
    if (high >= change.most)
      return { monitor: monitor.name, signal: watch.signal, detector: choice.type, unit: change.unit, smallest: null };
    high = Math.min(change.most, 2 * high);
  }
  let low = high / 2;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (isSeen(middle)) high = middle;
    else low = middle;
  }
  return { monitor: monitor.name, signal: watch.signal, detector: choice.type, unit: change.unit, smallest: high };
}

/** A change that comes in sizes. */
interface Change {
  readonly unit: Power['unit'];
  readonly most: number;
  readonly apply: (cells: readonly Cell[], size: number, random: Random) => Cell[];
}

function changeOf(cells: readonly Cell[], isNumeric: boolean): Change {
  const counts = new Map<Cell, number>();
  for (const cell of cells) if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  if (isNumeric && counts.size > FEW_VALUES) {
    const deviation = deviationOf(cells);
    return {
      unit: 'sd',
      most: MOST_SD,
      apply: (window, size) =>
        window.map((cell) => {
          const value = numberOf(cell);
          return value === null ? cell : value + size * deviation;
        }),
    };
  }
  // From all values to the second most frequent one.
  const usual = [...counts].sort((a, b) => b[1] - a[1]);
  const target = usual[Math.min(usual.length - 1, 1)]?.[0] ?? null;
  return { unit: 'share', most: 1, apply: (window, size, random) => window.map((cell) => (random.uniform() < size ? target : cell)) };
}

/** Standard deviation of a column's numbers; 1 where they do not vary. */
export function deviationOf(cells: readonly Cell[]): number {
  const values = cells.map(numberOf).filter((value) => value !== null);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return deviation > 0 ? deviation : 1;
}
