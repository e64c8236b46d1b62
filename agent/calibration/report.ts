/**
 * What `driftline check` says of false alarms: how many are expected, which levels that comes from, and what the tests can see.
 */
import type { Policy } from '../../contracts/policy.ts';
import { duration, figure } from '../../policies/figures.ts';
import { readReferences, References } from '../reference.ts';
import { cellsOf } from '../watched-cells.ts';
import { WatchedSignals } from '../watched-signals.ts';
import { calibrate, expectedShare } from './calibrate.ts';
import type { Calibration, CalibrationTask, MonitorLevel } from './calibration.ts';
import { type Power, powerOf, tooCoarse } from './power.ts';
import { inRows } from './window-rows.ts';

/** Expected false alarms of a policy. */
export interface AlarmReport {
  readonly calibration: Calibration;
  /** In words: `30 d` or `100 windows`. */
  readonly period: string;
  /** In that period, of the levels whose share is known; null where none is. */
  readonly expected: number | null;
  /** The same of the levels that are written out alone. */
  readonly written: number;
  readonly allowed: number | null;
  /** The levels written out, and those whose share is known, go beyond the budget. */
  readonly exceeded: boolean;
  readonly power: readonly Power[];
  /** Tests that cannot alarm at their level, with the remedy. */
  readonly coarse: readonly string[];
  /** On what the figures do not cover, or cover on the safe side. */
  readonly remarks: readonly string[];
}

const SEED = 1;

/** @throws ConfigError when the reference file cannot be read. */
export async function reportAlarms(policy: Policy): Promise<AlarmReport> {
  const { inputs, outputs } = policy.schema;
  const watched = new WatchedSignals(policy, { inputs, outputs }, new References(policy, await readReferences(policy)).common);
  const task: CalibrationTask = { policy, ...watched.task(), rowsPerMs: null, seed: SEED };
  const calibration = calibrate(task);
  const counted = inRows(policy, null, inputs.length + outputs.length);
  const per = policy.falseAlarms?.per ?? null;
  // Without a rate or a budget a hundred windows are a measure that everybody can picture.
  const windows = calibration.windowsInPeriod ?? 100;
  const period =
    per?.unit === 'windows'
      ? `${per.count} windows`
      : calibration.windowsInPeriod === null
        ? '100 windows'
        : duration(per?.count ?? 30 * 86_400_000);
  const known = calibration.levels.filter(({ share }) => share !== null);
  const written = known
    .filter(({ method }) => method === 'written' || method === 'default')
    .reduce((sum, { share }) => sum + share! * windows, 0);
  const allowed = policy.falseAlarms?.atMost ?? null;
  return {
    calibration,
    period,
    expected: known.length === 0 ? null : expectedShare(calibration) * windows,
    written,
    allowed,
    exceeded: calibration.budget !== null && allowed !== null && written > allowed,
    ...(counted === null ? { power: [], coarse: [] } : powers({ ...task, policy: counted }, watched, calibration)),
    remarks: remarksOf(policy, counted !== null),
  };
}

function remarksOf({ window, seasonality = null, reference }: Policy, isCounted: boolean): string[] {
  const remarks: string[] = [];
  if (!isCounted)
    remarks.push('how many rows a window has is not known before there is traffic; add `traffic.expectedRows` to see its levels');
  if ((window.stepRows ?? window.stepMs ?? null) !== null)
    remarks.push(
      'windows overlap: each step counts as a window of its own, which is on the safe side; levels written out are counted on replays that overlap as well',
    );
  if (seasonality !== null)
    remarks.push(
      'levels come from replays of the reference; how far one week is like another is not in them: see `backtest` on some months',
    );
  if (reference.source === 'upstream')
    remarks.push(
      `levels come from replays of the first rows that ${reference.of} serves; until then monitors without a written level wait`,
    );
  return remarks;
}

/** Of the tests of all rows; shares of bad rows and constants have no size of change that would say much. */
function powers(task: CalibrationTask, { watches: all }: WatchedSignals, { levels }: Calibration): Pick<AlarmReport, 'power' | 'coarse'> {
  const power: Power[] = [];
  const coarse: string[] = [];
  const watches = all.filter((watch) => watch.kind === 'windowed');
  for (const [name, family] of Map.groupBy(watches, ({ monitor }) => monitor.name)) {
    const level = levels.find((candidate) => candidate.kind === 'windowed' && candidate.monitor === name);
    if (level === undefined) continue;
    const ofAll = family.filter(({ slice }) => slice === null);
    // Each slice is corrected by itself, or all together.
    const tests = family[0]?.monitor.correction.family === 'slice' ? ofAll.length : family.length;
    for (const watch of ofAll.filter(({ finds }) => finds !== 'quality')) {
      const cells = cellsOf(watch, (signal) => task.cells.get(signal));
      const found = cells === null ? null : powerOf(task, level, { watch, cells, rows: null }, tests);
      if (found !== null) power.push(found);
      const reason = tooCoarse(watch, level, tests);
      if (reason !== null) coarse.push(`${name}: ${reason}`);
    }
  }
  return { power, coarse };
}

/** For a terminal, each line with its name in front. */
export function alarmLines({ calibration, period, expected, allowed, power, coarse, remarks }: AlarmReport): string[] {
  const { levels } = calibration;
  const remarkLines = remarks.map((remark) => `  note       ${remark}`);
  if (levels.length === 0) return remarkLines;
  const of = allowed === null ? '' : `, of the ${figure(allowed)} allowed`;
  const unknown = levels.filter(({ share, value }) => share === null && value !== null).length;
  const without = unknown === 0 ? '' : `; without ${unknown} level${unknown === 1 ? '' : 's'} whose share is not known`;
  const windows = calibration.windowsInPeriod ?? 100;
  return [
    `  alarms     ${expected === null ? 'an unknown number of' : figure(Number(expected.toPrecision(3)))} false ${expected === 1 ? 'alarm' : 'alarms'} expected in ${period}${of}${without}`,
    ...levels.map((level) => `  level      ${levelInWords(level, windows, period)}`),
    ...[...Map.groupBy(power, ({ monitor }) => monitor)].map(
      ([monitor, tests]) => `  power      ${monitor}: finds in 4 windows of 5 ${tests.map(powerInWords).join(', ')}`,
    ),
    ...coarse.map((reason) => `  silent     ${reason}`),
    ...remarkLines,
  ];
}

function levelInWords(level: MonitorLevel, windows: number, period: string): string {
  const { monitor, signal, detector, option, value, share, shareAtMost, method, extrapolated, why } = level;
  const what = signal === null ? `${monitor} (${detector})` : `${monitor}: ${detector} on ${signal}`;
  const set = value === null ? 'no level' : `${option} ${Number(value.toPrecision(3))}`;
  const costs =
    share === null
      ? ''
      : `, ${figure(Number((share * windows).toPrecision(3)))} in ${period}${shareAtMost === null ? '' : ` (at most ${figure(Number((shareAtMost * windows).toPrecision(3)))})`}`;
  const far = extrapolated ? '; rarer than the replays can count: it rests on the shape of their tail' : '';
  return `${what}: ${set} [${method}]${costs}; ${why}${far}`;
}

function powerInWords({ signal, unit, smallest }: Power): string {
  const name = signal.replace(/^inputs\./, '');
  if (smallest === null) return `nothing on ${name}`;
  const size = Number(smallest.toPrecision(2));
  return unit === 'sd' ? `${size} sd on ${name}` : `${figure(Number((100 * size).toPrecision(2)))} points on ${name}`;
}

/** For `--json`: without the laws, which are long and of no use outside. */
export function alarmJson({ calibration, ...report }: AlarmReport): object {
  const { levels, fingerprint: _, rowsPerMs: __, ...rest } = calibration;
  return { ...report, ...rest, levels: levels.map(({ laws: ___, ...level }) => level) };
}
