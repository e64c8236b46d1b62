/**
 * What a streaming detector can see: the smallest lasting change that it finds in four streams of five, within as many rows as a window has.
 *
 * Streams are the reference's rows, drawn in blocks; each detector has watched healthy ones for a while before the change. Streams in which it
 * alarms without any change tell nothing, and are left out. Changes are those of the windowed tests (`power.ts`), so that both can be
 * compared; a detector of changes of spread is shown such a one.
 */
import type { Level } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { variance } from '../../detectors/variance.ts';
import { Random } from '../../detectors/performance/random.ts';
import { numberOf } from '../signals.ts';
import type { StreamingWatch } from '../watch-list.ts';
import { type CalibrationTask, levelOptionOf, type MonitorLevel } from './calibration.ts';
import { changeOfColumn, type Power, powerFrom } from './power.ts';
import { drawRows } from './replays.ts';
import { streamOf } from './streams.ts';

const STREAMS = 40;
/** Healthy values before a change: windows of them, within bounds, and on until the detector has learned, if it does so in good time. */
const HEALTHY_WINDOWS = 3;
const LEAST_HEALTHY = 2_000;
const MOST_HEALTHY = 20_000;
const MOST_LEARNED = 200_000;

/** The power of a detector whose level is known; null also where there is no reference to replay, it never varied, or the detector learns for very long. */
export function streamPowerOf(task: CalibrationTask, level: MonitorLevel, watch: StreamingWatch): Power | null {
  if (level.method === 'insufficient') return null;
  const { values, blockRows } = streamOf(task, watch);
  if (values === null) return null;
  const change = changeOfColumn([...values], true, watch.choice.type === variance.type);
  if (change === null) return null;
  const { definition, choice } = watch;
  const option = levelOptionOf(choice.type)?.option;
  const isSet = option !== undefined && level.value !== null;
  const options = withDefaults(definition.options, { ...choice.options, ...(isSet ? { [option]: level.value } : {}) });
  const random = new Random(task.seed);
  const rows = task.policy.window.rows;
  const healthy = Math.min(MOST_HEALTHY, Math.max(LEAST_HEALTHY, HEALTHY_WINDOWS * rows));
  const streams = Array.from({ length: STREAMS }, () => {
    const detector = definition.create(options);
    const draw = (count: number) => Array.from(drawRows(random, values.length, blockRows, count), (row) => values[row]!);
    let drifts = 0;
    let seen = 0;
    // After a drift it learns anew.
    while (seen < healthy || (isLearning(detector.level) && seen < MOST_LEARNED)) {
      for (const value of draw(LEAST_HEALTHY)) if (detector.update(value) === 'drift') drifts++;
      seen += LEAST_HEALTHY;
    }
    return { hasLearned: drifts > 0 || !isLearning(detector.level), state: detector.snapshot(), next: draw(rows), seed: random.bits() };
  });
  if (!streams.every(({ hasLearned }) => hasLearned)) return null;
  const isFound = ({ state, next, seed }: (typeof streams)[number], size: number | null) => {
    const detector = definition.create(options, { state });
    const cells = size === null ? next : change.apply(next, size, new Random(seed));
    return cells.some((cell) => detector.update(numberOf(cell)!) === 'drift');
  };
  return powerFrom(watch, change, streams, isFound);
}

function isLearning(level: Level): boolean {
  return level === 'warming-up' || level === 'drift';
}
