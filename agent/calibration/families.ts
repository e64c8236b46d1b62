/**
 * The levels of a monitor's windowed tests: q from the budget, and how often a q that stands alarms.
 *
 * - Rows independent: q is the share itself. Simes' inequality: with the correction over m tests, some test of a healthy window is at or
 *   below q with probability at most q, for tests that are independent or depend positively on each other.
 * - Rows dependent: the same q, for p-values that were calibrated signal by signal on block replays (see null-law.ts).
 *
 * Source: Simes. Biometrika 73, 1986; Benjamini, Yekutieli. Annals of Statistics 29, 2001 (positive dependence).
 */
import type { MonitorPolicy, Policy } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import { type Dependence, FEWEST_BLOCKS, findDependence } from '../../detectors/dependence.ts';
import { type NullLaw, nullLaw, scoreOf } from '../../detectors/null-law.ts';
import { Random } from '../../detectors/performance/random.ts';
import { familiesOf } from '../correction.ts';
import { categoryOf, numberOf } from '../signals.ts';
import { type Watch, withSlices } from '../watch-list.ts';
import { cellsOf, signalsOf } from '../watched-cells.ts';
import { minSamplesOf } from '../window-monitor.ts';
import { countAlarms } from './alarms.ts';
import type { CalibrationTask, MonitorLevel } from './calibration.ts';
import { clusteredInterval } from './intervals.ts';
import { lawKey } from './levels.ts';
import { type Replays, replayTests, type Watched } from './replays.ts';
import { type LevelBase, NOTHING, rowsInWords } from './streams.ts';
import { rowsAStep } from './window-rows.ts';

/** Tests that a monitor's replays may take, so that wide tables take no longer than narrow ones. */
const MOST_TESTS = 15_000;
/** A test of several columns together takes the time of so many of one. */
const TESTS_TOGETHER = 75;
const MOST_REFERENCES = 60;
const MOST_WINDOWS = 1_200;
/** Categories that are each looked at for dependence. */
const CATEGORIES_VIEWED = 3;

/** A monitor's windowed tests, which are corrected together or slice by slice. */
export interface Family {
  readonly monitor: MonitorPolicy;
  /** Types of its tests, in words. */
  readonly detector: string;
  readonly watched: readonly Watched[];
  /** Signals of whose reference only a sketch is left. */
  readonly sketched: readonly string[];
}

/** Every monitor's tests with the cells of their references. @param task its windows in rows */
export function testFamilies(task: CalibrationTask, watches: readonly Watch[]): Family[] {
  const { policy } = task;
  const withinSlices = withSlices(
    watches,
    task.slices.map(({ slice }) => slice),
  );
  const rowsBySlice = new Map(task.slices.map(({ slice, rows }) => [slice.name, rows]));
  return [
    ...Map.groupBy(
      withinSlices.filter((watch) => watch.kind === 'windowed'),
      (watch) => watch.monitor,
    ),
  ].map(
    ([monitor, of]): Family => ({
      monitor,
      detector: [...new Set(of.map(({ choice }) => choice.type))].join(', '),
      watched: of.flatMap((watch) => {
        const cells = cellsOf(watch, (signal) => task.cells.get(signal));
        const rows = watch.slice === null ? null : (rowsBySlice.get(watch.slice.name)?.get(watch.signal) ?? []);
        // What has too few rows in the reference is not judged, and is no test.
        const isFew = rows !== null && rows.length < minSamplesOf(policy, watch);
        return cells === null || cells.length === 0 || isFew ? [] : [{ watch, cells, rows: rows === null ? null : new Set(rows) }];
      }),
      sketched: of.flatMap(signalsOf).filter((signal) => task.sketched?.includes(signal) === true),
    }),
  );
}

/** Found in the reference: whether rows depend on each other, or what the policy says of it. */
function dependenceOf(policy: Policy, watched: readonly Watched[]): Dependence & { readonly rows: number } {
  const rows = Math.min(...watched.map(({ cells }) => cells.length));
  // Slices are views of the same rows.
  const found = findDependence(watched.filter(({ rows: of }) => of === null).flatMap(viewsOf), policy.window.rows);
  const blockRows = policy.falseAlarms?.blockRows ?? null;
  return blockRows === null ? { ...found, rows } : { ...found, dependent: true, blockRows, rows };
}

/** Series in which dependence would show: a number and its distance from the middle, or a category's ones and zeros. */
function viewsOf({ watch, cells }: Watched): Float64Array[] {
  // Made by `cellsOf`: rows where there are members, cells elsewhere.
  if (watch.members === undefined) return viewsOfColumn(cells as readonly Cell[], watch.choice === watch.monitor.numeric);
  return watch.members.flatMap(({ isNumber }, place) =>
    viewsOfColumn(
      (cells as readonly (readonly Cell[])[]).map((row) => row[place] ?? null),
      isNumber,
    ),
  );
}

function viewsOfColumn(cells: readonly Cell[], isNumber: boolean): Float64Array[] {
  if (isNumber) {
    const values = Float64Array.from(cells.map(numberOf).filter((value) => value !== null));
    const middle = values.toSorted()[Math.floor(values.length / 2)] ?? 0;
    return [values, values.map((value) => Math.abs(value - middle))];
  }
  const categories = cells.map(categoryOf).filter((value) => value !== null);
  const counts = new Map<string, number>();
  for (const category of categories) counts.set(category, (counts.get(category) ?? 0) + 1);
  const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, CATEGORIES_VIEWED);
  return frequent.map(([category]) => Float64Array.from(categories, (value) => Number(value === category)));
}

/**
 * Replays of a family, as many as the number of its tests allows.
 *
 * @param stepRows from one window to the next, where they overlap; by default each stands by itself
 */
export function replaysOf(task: CalibrationTask, watched: readonly Watched[], blockRows: number, stepRows?: number): Replays {
  const { policy, seed } = task;
  const tests = watched.reduce((sum, { watch }) => sum + (watch.members === undefined ? 1 : TESTS_TOGETHER), 0);
  const windows = Math.max(200, Math.min(MOST_WINDOWS, Math.floor(MOST_TESTS / tests)));
  const references = Math.min(MOST_REFERENCES, Math.max(20, Math.floor(windows / 20)));
  const size = { references, windows: Math.ceil(windows / references) };
  const minSamples = (watch: Watched['watch']) => minSamplesOf(policy, watch);
  return replayTests(
    watched,
    { blockRows, windowRows: policy.window.rows, stepRows: stepRows ?? policy.window.rows, minSamples, size },
    new Random(seed),
  );
}

function ofFamily({ monitor, detector }: Family): LevelBase {
  return { monitor: monitor.name, kind: 'windowed', signal: null, detector, option: 'q' };
}

/** A q that stands: how often it alarms in replays, its floor and its `for` included. */
export function keptFamily(task: CalibrationTask, family: Family): MonitorLevel {
  const { policy } = task;
  const { monitor, watched } = family;
  const { q } = monitor.correction;
  const method = monitor.correction.written === true ? 'written' : 'default';
  const base = { ...ofFamily(family), method, extrapolated: false, laws: {}, value: q } as const;
  const about = method === 'written' ? 'written out' : 'the default, since there is no budget';
  if (watched.length === 0 || family.sketched.length > 0)
    return {
      ...base,
      why: `${about}; ${family.sketched.length > 0 ? 'the reference is a sketch, without rows to replay: its share is not known' : 'without a reference file its share is not known yet'}`,
      share: null,
      shareAtMost: null,
      blockRows: null,
    };
  const dependence = dependenceOf(policy, watched);
  const blockRows = dependence.blockRows ?? Math.max(1, Math.floor(dependence.rows / FEWEST_BLOCKS));
  const replays = replaysOf(task, watched, blockRows, rowsAStep(policy.window));
  const alarms = countAlarms(monitor, watched, replays);
  const windows = replays.flat().length;
  // Those against one reference share its chance, and overlapping ones their rows.
  const [, most] = clusteredInterval(alarms, windows / replays.length);
  const doubt = dependence.blockRows === null ? '; the reference changes too slowly for that: the true share is larger' : '';
  return {
    ...base,
    why: `${about}; its share by ${windows} replays in blocks of ${rowsInWords(blockRows)}${doubt}`,
    share: alarms.reduce((sum, count) => sum + count, 0) / windows,
    shareAtMost: most,
    blockRows,
  };
}

/** A q from the budget. */
export function familyLevel(task: CalibrationTask, family: Family, part: number | null): MonitorLevel {
  const { policy } = task;
  const { monitor, watched } = family;
  const base = ofFamily(family);
  const refuse = (why: string, blockRows: number | null = null): MonitorLevel => ({
    ...base,
    ...NOTHING,
    method: 'insufficient',
    why,
    blockRows,
  });
  if (part === null) return refuse('the rate of traffic is not known yet: a budget in time says nothing of a window');
  if (part <= 0) return refuse('the levels written out use up the whole budget');
  if (family.sketched.length > 0) return sketchedLevel(family, part);
  if (watched.length === 0) return refuse('the reference is still to be learned');
  const dependence = dependenceOf(policy, watched);
  const { rows } = dependence;
  // Without a correction each test takes its own part of the budget, and each slice that is corrected by itself.
  const slices = watched.map(({ watch }) => ({ slice: watch.slice?.name ?? null }));
  const q = Math.min(0.5, part / (monitor.correction.method === 'none' ? watched.length : familiesOf(monitor.correction, slices)));
  const share = Math.min(0.5, part);
  if (!dependence.dependent) {
    const slow =
      rows < 5 * policy.window.rows ? `; changes over more than ${Math.floor(rows / 5)} rows cannot be seen in a reference of ${rows}` : '';
    const why = `rows are independent in the reference’s order (${testInWords(dependence)})${slow}`;
    return {
      ...base,
      method: 'plain',
      why: why + ofSlices(watched),
      value: q,
      share,
      shareAtMost: null,
      blockRows: 1,
      extrapolated: false,
      laws: {},
    };
  }
  const { blockRows } = dependence;
  const found = blockRows !== null && policy.falseAlarms?.blockRows === blockRows ? 'as the policy says' : testInWords(dependence);
  if (blockRows === null)
    return refuse(
      `rows depend on each other (${found}) and no block up to ${Math.floor(rows / FEWEST_BLOCKS)} rows keeps that; give a longer reference, or set falseAlarms.blocks`,
    );
  const blocks = rows / blockRows;
  if (blocks < FEWEST_BLOCKS)
    return refuse(
      `the reference has ${Math.floor(blocks)} blocks of ${rowsInWords(blockRows)}, and ${FEWEST_BLOCKS} are needed; give a longer one`,
      blockRows,
    );
  const replays = replaysOf(task, watched, blockRows).flat();
  const laws: { [signal: string]: NullLaw } = {};
  for (const [index, { watch }] of watched.entries()) {
    const scores = replays.map((results) => results[index] ?? null).filter((result) => result !== null);
    const law = nullLaw(
      scores.map(({ pValue, score }) => score ?? scoreOf(pValue)),
      blocks,
    );
    if (law === null)
      return refuse(
        `${lawKey(watch)}: its healthy windows differ beyond what p-values can tell, or have too few values; use smaller windows or leave it out`,
        blockRows,
      );
    laws[lawKey(watch)] = law;
  }
  const why = `rows depend on each other (${found}): ${replays.length} replays in ${Math.floor(blocks)} blocks of ${rowsInWords(blockRows)}`;
  const extrapolated = (q / watched.length) * replays.length < 10;
  return { ...base, method: 'blocks', why: why + ofSlices(watched), value: q, share, shareAtMost: null, blockRows, extrapolated, laws };
}

function ofSlices(watched: readonly Watched[]): string {
  const slices = new Set(watched.flatMap(({ watch }) => watch.slice?.name ?? [])).size;
  return slices === 0 ? '' : `; ${watched.length} tests a window, those of ${slices} slice${slices === 1 ? '' : 's'} among them`;
}

/** Without rows whether they depend on each other cannot be known; the level is right where they do not, and its share is not known. */
function sketchedLevel(family: Family, part: number): MonitorLevel {
  const { monitor, watched, sketched } = family;
  const tests = new Set([...sketched, ...watched.map(({ watch }) => watch.signal)]).size;
  return {
    ...ofFamily(family),
    ...NOTHING,
    method: 'plain',
    why: 'the reference is a sketch, without rows to replay in blocks: the p-value itself, which keeps the budget only where rows are independent; a reference with rows would be replayed',
    value: Math.min(0.5, monitor.correction.method === 'none' ? part / tests : part),
    extrapolated: false,
    laws: {},
  };
}

function testInWords({ test, pValue }: Dependence): string {
  if (test === null) return 'nothing varies';
  const name = { 'ljung-box': 'Ljung–Box', 'close-pairs': 'pairs of rare rows', 'kruskal-wallis': 'Kruskal–Wallis between windows' }[test];
  return `${name} p ${pValue < 1e-4 ? '< 0.0001' : pValue.toFixed(4)}`;
}
