/**
 * The levels of streaming detectors: those that stand, and those that the budget sets.
 */
import { withDefaults } from '../../contracts/options.ts';
import { FEWEST_BLOCKS, findDependence } from '../../detectors/dependence.ts';
import { Random } from '../../detectors/performance/random.ts';
import { numberOf } from '../signals.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { type CalibrationTask, levelOptionOf, type MonitorLevel } from './calibration.ts';
import { clusteredInterval } from './intervals.ts';
import { levelFor, streamShare } from './stream-level.ts';
import { rowsAStep } from './window-rows.ts';

/** What a level is about. */
export type LevelBase = Pick<MonitorLevel, 'monitor' | 'kind' | 'signal' | 'detector' | 'option'>;

const LONGER = 10;

/** A level that is not to be had. */
export const NOTHING = { value: null, share: null, shareAtMost: null, blockRows: null, extrapolated: false, laws: {} };

function ofStream({ monitor, signal, choice }: StreamingWatch, option: string): LevelBase {
  return { monitor: monitor.name, kind: 'streaming', signal, detector: choice.type, option };
}

interface Stream {
  readonly values: Float64Array;
  readonly blockRows: number;
  readonly dependent: boolean;
  readonly why: string;
}

/** Why there is no stream to replay, and whether it is known that its values depend on each other. */
interface NoStream {
  readonly values: null;
  readonly blockRows: null;
  readonly dependent: boolean;
  readonly why: string;
}

/** A signal's reference as a stream. */
export function streamOf({ policy, cells, sketched }: CalibrationTask, { signal }: StreamingWatch): Stream | NoStream {
  const none = (why: string, dependent: boolean): NoStream => ({ values: null, blockRows: null, dependent, why });
  if (sketched?.includes(signal) === true)
    return none(`only a sketch is left of the reference of ${signal}, without rows to replay`, false);
  const values = Float64Array.from((cells.get(signal) ?? []).map(numberOf).filter((value) => value !== null));
  if (values.length < 100) return none(`there is no reference of ${signal} to replay`, false);
  const middle = values.toSorted()[Math.floor(values.length / 2)]!;
  const found = findDependence([values, values.map((value) => Math.abs(value - middle))], policy.window.rows);
  const blockRows = policy.falseAlarms?.blockRows ?? longBlock(found.blockRows, values.length);
  if (blockRows === null)
    return none(
      `rows of ${signal} depend on each other beyond what blocks of its reference keep; give a longer one, or set falseAlarms.blocks`,
      true,
    );
  if (values.length / blockRows < FEWEST_BLOCKS)
    return none(`the reference of ${signal} has fewer than ${FEWEST_BLOCKS} blocks of ${rowsInWords(blockRows)}`, true);
  const dependent = found.dependent || blockRows > 1;
  return {
    values,
    blockRows,
    dependent,
    why: dependent ? `replays in blocks of ${rowsInWords(blockRows)}` : 'replays of single rows, which are independent',
  };
}

/** Blocks far longer than the dependence: what makes a streaming detector alarm is a rare long spell, which shorter ones would cut. */
function longBlock(blockRows: number | null, rows: number): number | null {
  if (blockRows === null || blockRows === 1) return blockRows;
  return Math.max(blockRows, Math.min(LONGER * blockRows, Math.floor(rows / FEWEST_BLOCKS)));
}

/** A streaming detector's level that stands: how often it alarms on replays. */
export function keptStream(task: CalibrationTask, watch: StreamingWatch): MonitorLevel {
  const { options, value } = ofOptions(watch);
  const base = { ...ofStream(watch, options), value, extrapolated: false, laws: {} };
  const isBudgeted = (task.policy.falseAlarms ?? null) !== null;
  const kept = { ...base, method: isBudgeted ? 'written' : 'default' } as const;
  const about = isBudgeted ? 'written out' : 'the default or written out';
  const stream = streamOf(task, watch);
  const over = guaranteedOver(watch, stream);
  if (over !== null && value !== null)
    return {
      ...kept,
      why: `${about}; ${guaranteeInWords(watch, stream)}`,
      share: (value / over) * rowsAStep(task.policy.window),
      shareAtMost: null,
      blockRows: null,
    };
  if (stream.values === null)
    return { ...base, method: 'unknown', why: `${stream.why}: its share is not known`, share: null, shareAtMost: null, blockRows: null };
  const { drifts, stretches, values } = streamShare(watch, {}, stream, new Random(task.seed));
  const perWindow = rowsAStep(task.policy.window) / values;
  const [, most] = clusteredInterval(stretches, values / stretches.length);
  return {
    ...kept,
    why: `${about}; its share by ${stream.why}`,
    share: drifts * perWindow,
    shareAtMost: most * values * perWindow,
    blockRows: stream.blockRows,
  };
}

/** A streaming detector's level from its part of the budget a window. */
export function streamLevel(task: CalibrationTask, watch: StreamingWatch, part: number | null): MonitorLevel {
  const base = ofStream(watch, ofOptions(watch).options);
  const stream = streamOf(task, watch);
  const over = guaranteedOver(watch, stream);
  // Without a reference (labels, calls) the default serves: it is better watched by the book than not at all.
  if (stream.values === null && over === null)
    return {
      ...base,
      ...NOTHING,
      method: 'unknown',
      why: `${stream.why}: the default serves, and its share is not known`,
      value: ofOptions(watch).value,
    };
  const refuse = (why: string): MonitorLevel => ({ ...base, ...NOTHING, method: 'insufficient', why });
  if (part === null) return refuse('the rate of traffic is not known yet: a budget in time says nothing of a window');
  if (part <= 0) return refuse('the levels written out use up the whole budget');
  const perValue = part / rowsAStep(task.policy.window);
  if (over !== null) {
    const value = Math.min(levelOptionOf(watch.choice.type)!.loosest, perValue * over);
    const share = (value / over) * rowsAStep(task.policy.window);
    return { ...base, ...NOTHING, method: 'guarantee', why: guaranteeInWords(watch, stream), value, share };
  }
  const found = stream.values === null ? null : levelFor(watch, stream, perValue, new Random(task.seed));
  if (found === null || stream.values === null)
    return refuse(
      `no ${base.option} keeps ${watch.choice.type} on ${watch.signal} within its share; allow more false alarms, or take a windowed test`,
    );
  const beyond = levelOptionOf(watch.choice.type)?.guaranteedOver === undefined ? '' : '; its own guarantee does not cover them';
  return {
    ...base,
    ...NOTHING,
    method: 'blocks',
    why: `${stream.why}${beyond}`,
    value: found.value,
    share: part,
    blockRows: stream.blockRows,
    extrapolated: found.extrapolated,
  };
}

/** Values over which the level is a chance by the detector's own guarantee; null where it has none, or values depend on each other. */
function guaranteedOver({ choice, definition }: StreamingWatch, { dependent }: Stream | NoStream): number | null {
  if (dependent) return null;
  return levelOptionOf(choice.type)?.guaranteedOver?.(withDefaults(definition.options, choice.options)) ?? null;
}

function guaranteeInWords({ signal }: StreamingWatch, { values }: Stream | NoStream): string {
  const of =
    values === null
      ? `for values of ${signal} that do not depend on each other, which no reference shows`
      : 'as the reference’s values are independent';
  return `its share by the detector’s own guarantee, ${of}`;
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
