/**
 * Sets the levels of a policy from its budget of false alarms, by replaying the reference.
 *
 * The budget a window is shared out: first to the levels that are written out, as often as they alarm in replays, the rest in equal parts
 * to the monitors that are to be set (a monitor's streaming part counts as one, shared among its signals). An alarm is a window in which
 * a monitor finds anything, whether its alert fired before or not, or a drift of a streaming detector. Windowed tests get theirs in
 * families.ts, streaming detectors in streams.ts.
 *
 * Left out on the safe side: the effect floor, `for` and `clear`, which only take alarms away from a level that is set. They do count for
 * a level that is written out. Left out for want of knowledge: changes slower than the reference is long.
 */
import { ROW_SIGNALS } from '../../contracts/quality.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { figure } from '../../policies/figures.ts';
import { type TrafficWatch, watchList } from '../watch-list.ts';
import {
  type Calibration,
  type CalibrationTask,
  calibrationFingerprint,
  isOptionSet,
  isQSet,
  type MonitorLevel,
  windowsInPeriod,
} from './calibration.ts';
import { familyLevel, keptFamily, testFamilies } from './families.ts';
import { keptStream, NOTHING, streamLevel } from './streams.ts';
import { inRows } from './window-rows.ts';

/** Pure: the same task gives the same levels. */
export function calibrate(given: CalibrationTask): Calibration {
  const policy = inRows(given.policy, given.rowsPerMs, given.columns.inputs.length + given.columns.outputs.length);
  const fingerprint = calibrationFingerprint(given);
  if (policy === null) return { fingerprint, rowsPerMs: null, windowsInPeriod: null, rate: 'unknown', budget: null, levels: [] };
  const task = { ...given, policy };
  const watches = watchList(policy, task.columns, detectorOf);
  const families = testFamilies(task, watches);
  const streams = watches.filter((watch) => watch.kind === 'streaming');
  const traffic = watches.filter((watch) => watch.kind === 'traffic');
  const period = windowsInPeriod(given.policy, task.rowsPerMs);
  const allowed = policy.falseAlarms?.atMost ?? null;
  const budget = allowed === null || period.windowsInPeriod === null ? null : allowed / period.windowsInPeriod;

  const kept: MonitorLevel[] = [
    ...families.filter(({ monitor }) => !isQSet(policy, monitor)).map((family) => keptFamily(task, family)),
    ...streams.filter(({ choice }) => !isOptionSet(policy, choice)).map((watch) => keptStream(task, watch)),
  ];
  const openFamilies = families.filter(({ monitor }) => isQSet(policy, monitor));
  const openStreams = streams.filter(({ choice }) => isOptionSet(policy, choice));
  const units = openFamilies.length + new Set(openStreams.map(({ monitor }) => monitor.name)).size;
  const rest = budget === null ? null : budget - kept.reduce((sum, { share }) => sum + (share ?? 0), 0);
  const part = rest === null || units === 0 ? null : rest / units;
  const set: MonitorLevel[] = [
    ...openFamilies.map((family) => familyLevel(task, family, part)),
    ...openStreams.map((watch) => {
      const beside = openStreams.filter(({ monitor }) => monitor === watch.monitor).length;
      return streamLevel(task, watch, part === null ? null : part / beside);
    }),
  ];
  return { fingerprint, rowsPerMs: given.rowsPerMs, ...period, budget, levels: [...kept, ...set, ...traffic.map(trafficLevel)] };
}

/** Expected false alarms a window of all levels together, as far as they are known. */
export function expectedShare({ levels }: Calibration): number {
  return levels.reduce((sum, { share }) => sum + (share ?? 0), 0);
}

/** Judged by limits or by their own history: no replay of the reference tells how often it is wrong. */
function trafficLevel({ monitor, signal, choice }: TrafficWatch): MonitorLevel {
  const isFreshness = signal === ROW_SIGNALS.freshness;
  const stated = isFreshness ? choice.freshnessWithinMs !== null : choice.rows.atLeast !== null || choice.rows.atMost !== null;
  const history = isFreshness
    ? 'three times the longest silence of a week'
    : `${figure(choice.rows.factor)} times the usual rows of a unit`;
  return {
    ...NOTHING,
    monitor: monitor.name,
    kind: 'streaming',
    signal,
    detector: choice.type,
    option: isFreshness ? 'freshness.within in ms' : 'rows.factor',
    value: isFreshness ? choice.freshnessWithinMs : choice.rows.factor,
    method: 'unknown',
    why: stated ? 'a limit that was stated; its share is not known' : `by its own history (${history}); its share is not known`,
  };
}
