/**
 * What a windowed test can see: the smallest change that it finds in four windows of five, at its window and its level.
 *
 * Windows in which it alarms without any change tell nothing, and are left out; where they are half of all, there is no such figure.
 *
 * Numbers are shifted as a whole, in standard deviations of the reference. Where there are few different values (categories, flags), the
 * share of one rises instead: the second most frequent, by so many points. Columns tested together move together. The test stands alone with its change: the p-values corrected with it are 1.
 */
import { withDefaults } from '../../contracts/options.ts';
import type { Cell } from '../../contracts/record.ts';
import { calibratedP } from '../../detectors/null-law.ts';
import { adjust } from '../../detectors/multiple-testing.ts';
import { Random } from '../../detectors/performance/random.ts';
import type { StreamingWatch, WindowedWatch } from '../watch-list.ts';
import { valuesOf, type WatchedCell } from '../watched-cells.ts';
import { minSamplesOf, prepareTest } from '../window-monitor.ts';
import type { CalibrationTask, MonitorLevel } from './calibration.ts';
import { changedNumbers, mixedAnew, summaryOf } from './cell-changes.ts';
import { lawKey } from './levels.ts';
import { drawRows, type Watched } from './replays.ts';

/** The smallest change a test or a detector finds. */
export interface Power {
  readonly monitor: string;
  readonly signal: string;
  /** Null = all rows; of a slice its rows change. */
  readonly slice: string | null;
  readonly detector: string;
  readonly kind: MonitorLevel['kind'];
  /** Share of windows, or of streams as long, in which it alarms although nothing has changed. */
  readonly healthyAlarms: number;
  readonly unit: 'sd' | 'share' | 'spread';
  /** In standard deviations of the reference, or what a share in [0, 1] rises by, or by what part distances from the mean grow; null = none that was tried is found, or too few windows are quiet. */
  readonly smallest: number | null;
}

const FOUND = 0.8;
const WINDOWS = 40;
/** Share of them that may alarm while nothing has changed. */
export const MOST_HEALTHY_ALARMS = 1 / 2;
const MOST_SD = 16;
/** Up to so many different values a shift of all of them would be no small change, however small. */
const FEW_VALUES = 20;
const STEPS = 7;

/** The power of one test of a monitor whose level is known; null also for a column that never varied, which has no measure of a change. */
export function powerOf(task: CalibrationTask, level: MonitorLevel, watched: Watched, tests: number): Power | null {
  const { watch, rows } = watched;
  if (level.value === null || level.blockRows === null) return null;
  const cells = rows === null ? watched.cells : watched.cells.filter((_, row) => rows.has(row));
  const change = changeOf(watch, cells);
  if (change === null) return null;
  const { policy, seed } = task;
  const { choice, monitor } = watch;
  const random = new Random(seed);
  const test = prepareTest(watch, valuesOf(watch, cells));
  const law = level.laws[lawKey(watch)];
  const others = new Array<number>(tests - 1).fill(1);
  const isSignificant = (pValue: number) => adjust(monitor.correction.method, [pValue, ...others])[0]! <= level.value!;
  const minSamples = minSamplesOf(policy, watch);
  const alarms = (window: readonly WatchedCell[]) => {
    const values = valuesOf(watch, window);
    const result = values.length < minSamples ? null : test.test(values);
    if (result === null || result.effect < (choice.effectAtLeast ?? 0)) return false;
    return isSignificant(law === undefined ? result.pValue : calibratedP(law, result.pValue, result.score));
  };
  const windows = Array.from({ length: WINDOWS }, () => {
    const drawn = drawRows(random, watched.cells.length, level.blockRows!, policy.window.rows);
    const inside = rows === null ? drawn : drawn.filter((row) => rows.has(row));
    return { cells: Array.from(inside, (row) => watched.cells[row] ?? null), seed: random.bits() };
  });
  const isFound = (window: (typeof windows)[number], size: number | null) =>
    alarms(size === null ? window.cells : change.apply(window.cells, size, new Random(window.seed)));
  return powerFrom(watch, change, windows, isFound, tooCoarse(watch, level, tests) === null);
}

/** @param isFound whether it alarms with a change of that size, or with none (null) @param canAlarm where it cannot, nothing is tried */
export function powerFrom<One>(
  { monitor, signal, slice, choice, kind }: WindowedWatch | StreamingWatch,
  { unit, most }: Pick<Change<unknown>, 'unit' | 'most'>,
  all: readonly One[],
  isFound: (one: One, size: number | null) => boolean,
  canAlarm = true,
): Power {
  const quiet = all.filter((one) => !isFound(one, null));
  const healthyAlarms = 1 - quiet.length / all.length;
  const smallest = healthyAlarms > MOST_HEALTHY_ALARMS || !canAlarm ? null : smallestSeen(quiet, isFound, most);
  return { monitor: monitor.name, signal, slice: slice?.name ?? null, detector: choice.type, kind, healthyAlarms, unit, smallest };
}

/** The smallest size that is found in four of five, from a 256th of the largest on; null = not even that is. Larger ones are taken to be found as well. */
function smallestSeen<One>(quiet: readonly One[], isFound: (one: One, size: number) => boolean, most: number): number | null {
  const isSeen = (size: number) => {
    let found = 0;
    for (const [index, one] of quiet.entries()) {
      // Those still to come can no longer make it four of five.
      if (found + quiet.length - index < FOUND * quiet.length) return false;
      if (isFound(one, size)) found++;
    }
    return found >= FOUND * quiet.length;
  };
  let high = most / 256;
  while (!isSeen(high)) {
    if (high >= most) return null;
    high = Math.min(most, 2 * high);
  }
  let low = high / 2;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (isSeen(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Why a test by random splits can never be significant by itself at its level, with the remedy; null where it can.
 *
 * @param tests corrected together
 */
export function tooCoarse({ definition, choice, signal, monitor }: WindowedWatch, level: MonitorLevel, tests: number): string | null {
  const { permutations } = withDefaults(definition.options, choice.options) as { readonly permutations?: number };
  // Calibrated p-values go on beyond the smallest one, by the shape of their law.
  if (permutations === undefined || level.value === null || level.method === 'blocks') return null;
  const smallest = 1 / (permutations + 1);
  const needed = monitor.correction.method === 'none' ? level.value : level.value / tests;
  if (smallest <= needed) return null;
  const enough = Math.ceil(1 / needed) - 1;
  const most = definition.options.permutations?.type === 'integer' ? (definition.options.permutations.maximum ?? Infinity) : Infinity;
  const remedy = enough <= most ? `raise permutations to ${enough}` : 'use larger windows, fewer columns, or a test with an exact p-value';
  return `${choice.type} on ${signal}: with ${permutations} permutations p is never below ${Number(smallest.toPrecision(2))}, and ${Number(needed.toPrecision(2))} is needed; ${remedy}`;
}

/** A change that comes in sizes, to the cells of a window. */
interface Change<C> {
  readonly unit: Power['unit'];
  readonly most: number;
  readonly apply: (cells: readonly C[], size: number, random: Random) => C[];
}

/** Null where nothing ever varied. Of several columns, all numbers move together, or all categories where there is no number. */
function changeOf(watch: WindowedWatch, cells: readonly WatchedCell[]): Change<WatchedCell> | null {
  // Made by `cellsOf`: rows where there are members, cells elsewhere.
  if (watch.members === undefined)
    return changeOfColumn(cells as readonly Cell[], watch.choice === watch.monitor.numeric) as Change<WatchedCell> | null;
  const column = (rows: readonly WatchedCell[], place: number) => (rows as readonly (readonly Cell[])[]).map((row) => row[place] ?? null);
  const changes = watch.members.map(({ isNumber }, place) => changeOfColumn(column(cells, place), isNumber));
  const unit = changes.some((change) => change?.unit === 'sd') ? 'sd' : 'share';
  const moving = changes.map((change) => (change?.unit === unit ? change : null));
  const most = Math.min(...moving.flatMap((change) => change?.most ?? []));
  if (most === Infinity) return null;
  return {
    unit,
    most,
    apply: (rows, size, random) => {
      const columns = moving.map((change, place) => change?.apply(column(rows, place), size, random) ?? column(rows, place));
      return rows.map((_, row) => columns.map((values) => values[row] ?? null));
    },
  };
}

/** Null where it never varied. @param ofSpread numbers spread out instead of moving */
export function changeOfColumn(cells: readonly Cell[], isNumeric: boolean, ofSpread = false): Change<Cell> | null {
  const summary = summaryOf(cells);
  const { frequent, mean, deviation, secondShare } = summary;
  if (frequent.length < 2) return null;
  if (isNumeric && frequent.length > FEW_VALUES) {
    const change = (value: number, size: number) => value + size * (ofSpread ? value - mean : deviation);
    return {
      unit: ofSpread ? 'spread' : 'sd',
      most: MOST_SD,
      apply: (window, size, random) => changedNumbers(window, (value) => change(value, size), summary, random),
    };
  }
  return { unit: 'share', most: 1 - secondShare, apply: (window, size, random) => mixedAnew(window, size, summary, random) };
}
