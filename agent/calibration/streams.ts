/**
 * The levels of streaming detectors: those that stand, and those that the budget sets.
 */
import { FEWEST_BLOCKS, findDependence } from '../../detectors/dependence.ts';
import { Random } from '../../detectors/performance/random.ts';
import { numberOf } from '../signals.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { type CalibrationTask, levelOptionOf, type MonitorLevel } from './calibration.ts';
import { proportionInterval } from './intervals.ts';
import { levelFor, streamShare } from './stream-level.ts';
import { rowsAStep } from './window-rows.ts';

/** What a level is about. */
export type LevelBase = Pick<MonitorLevel, 'monitor' | 'kind' | 'signal' | 'detector' | 'option'>;

/** A level that is not to be had. */
export const NOTHING = { value: null, share: null, shareAtMost: null, blockRows: null, extrapolated: false, laws: {} };

function ofStream({ monitor, signal, choice }: StreamingWatch, option: string): LevelBase {
  return { monitor: monitor.name, kind: 'streaming', signal, detector: choice.type, option };
}

interface Stream {
  readonly values: Float64Array;
  readonly blockRows: number;
  readonly why: string;
}

/** A signal's reference as a stream; text when it cannot serve. */
function streamOf({ policy, cells, sketched }: CalibrationTask, { signal }: StreamingWatch): Stream | string {
  if (sketched?.includes(signal) === true) return `only a sketch is left of the reference of ${signal}, without rows to replay`;
  const values = Float64Array.from((cells.get(signal) ?? []).map(numberOf).filter((value) => value !== null));
  if (values.length < 100) return `there is no reference of ${signal} to replay`;
  const middle = values.toSorted()[Math.floor(values.length / 2)]!;
  const found = findDependence([values, values.map((value) => Math.abs(value - middle))], policy.window.rows);
  const blockRows = policy.falseAlarms?.blockRows ?? found.blockRows;
  if (blockRows === null) return `rows of ${signal} depend on each other beyond what blocks of its reference keep`;
  if (values.length / blockRows < FEWEST_BLOCKS)
    return `the reference of ${signal} has fewer than ${FEWEST_BLOCKS} blocks of ${rowsInWords(blockRows)}`;
  return {
    values,
    blockRows,
    why: found.dependent ? `replays in blocks of ${rowsInWords(blockRows)}` : 'replays of single rows, which are independent',
  };
}

/** A streaming detector's level that stands: how often it alarms on replays. */
export function keptStream(task: CalibrationTask, watch: StreamingWatch): MonitorLevel {
  const { options, value } = ofOptions(watch);
  const base = { ...ofStream(watch, options), value, extrapolated: false, laws: {} };
  const stream = streamOf(task, watch);
  const isBudgeted = (task.policy.falseAlarms ?? null) !== null;
  if (typeof stream === 'string')
    return { ...base, method: 'unknown', why: `${stream}: its share is not known`, share: null, shareAtMost: null, blockRows: null };
  const { drifts, values } = streamShare(watch, {}, stream, new Random(task.seed));
  const perWindow = rowsAStep(task.policy.window) / values;
  const [, most] = proportionInterval(drifts, values);
  return {
    ...base,
    method: isBudgeted ? 'written' : 'default',
    why: `${isBudgeted ? 'written out' : 'the default or written out'}; its share by ${stream.why}`,
    share: drifts * perWindow,
    shareAtMost: most * values * perWindow,
    blockRows: stream.blockRows,
  };
}

/** A streaming detector's level from its part of the budget a window. */
export function streamLevel(task: CalibrationTask, watch: StreamingWatch, part: number | null): MonitorLevel {
  const base = ofStream(watch, ofOptions(watch).options);
  const stream = streamOf(task, watch);
  // Without a reference (labels, calls) the default serves: it is better watched by the book than not at all.
  if (typeof stream === 'string')
    return {
      ...base,
      ...NOTHING,
      method: 'unknown',
      why: `${stream}: the default serves, and its share is not known`,
      value: ofOptions(watch).value,
    };
  const refuse = (why: string): MonitorLevel => ({ ...base, ...NOTHING, method: 'insufficient', why });
  if (part === null) return refuse('the rate of traffic is not known yet: a budget in time says nothing of a window');
  if (part <= 0) return refuse('the levels written out use up the whole budget');
  const found = levelFor(watch, stream, part / rowsAStep(task.policy.window), new Random(task.seed));
  if (found === null) return refuse(`no ${base.option} keeps ${watch.choice.type} on ${watch.signal} within its share`);
  return {
    ...base,
    ...NOTHING,
    method: 'blocks',
    why: stream.why,
    value: found.value,
    share: part,
    blockRows: stream.blockRows,
    extrapolated: found.extrapolated,
  };
}

function ofOptions({ choice, definition }: StreamingWatch): { options: string; value: number | null } {
  const option = levelOptionOf(choice.type)?.option ?? null;
  const schema = option === null ? undefined : definition.options[option];
  const value = option === null ? undefined : (choice.options[option] ?? schema?.default);
  return { options: option ?? 'its options', value: typeof value === 'number' ? value : null };
}

/** `48 rows`. */
export function rowsInWords(rows: number): string {
  return rows === 1 ? 'single rows' : `${rows} rows`;
}
