/**
 * What `driftline check` says of false alarms: how many are expected, which levels that comes from, and what the tests can see.
 */
import type { Policy } from '../../contracts/policy.ts';
import { duration, figure, share } from '../../policies/figures.ts';
import { several } from '../compare/words.ts';
import { readReferences, References, remarksOnFiles } from '../reference.ts';
import { cellsOf } from '../watched-cells.ts';
import { WatchedSignals } from '../watched-signals.ts';
import { calibrate, expectedShare } from './calibrate.ts';
import { type Calibration, type CalibrationTask, MONTH_MS, type MonitorLevel, windowsIn } from './calibration.ts';
import { MOST_HEALTHY_ALARMS, type Power, powerOf, tooCoarse } from './power.ts';
import { streamPowerOf } from './stream-power.ts';
import { minSamplesOf } from '../window-monitor.ts';
import { inRows } from './window-rows.ts';

/** Expected false alarms of a policy. */
export interface AlarmReport {
  readonly calibration: Calibration;
  /** In words: `30 d` or `100 windows`. */
  readonly period: string;
  /** In that period, of the levels whose share is known; null where none is. */
  readonly expected: number | null;
  /** The same in 30 days; null also where the rate of traffic is not known. */
  readonly expectedInMonth: number | null;
  /** The same of the levels that are written out alone. */
  readonly written: number;
  /** By the budget, in its own period. */
  readonly allowed: number | null;
  /** That period in words; another than `period` where it is a time, and the rate of traffic is not known. Null without a budget. */
  readonly allowedPer: string | null;
  /** The levels written out, and those whose share is known, go beyond the budget. */
  readonly exceeded: boolean;
  readonly power: readonly Power[];
  /** Tests that cannot alarm at their level, with the remedy. */
  readonly coarse: readonly string[];
  /** Monitors that will judge nothing for want of a level, as they stand, with the reason. */
  readonly silent: readonly string[];
  /** On what the figures do not cover, or cover on the safe side. */
  readonly remarks: readonly string[];
}

const SEED = 1;
/** Tests of slices whose power is worked out: a quarter of a second each. Those by random splits take a hundred times as long. */
const MOST_SLICE_POWERS = 100;

/** @throws ConfigError when the reference file cannot be read. */
export async function reportAlarms(policy: Policy): Promise<AlarmReport> {
  const { inputs, outputs } = policy.schema;
  const files = await readReferences(policy);
  const watched = new WatchedSignals(policy, { inputs, outputs }, new References(policy, files).common);
  const task: CalibrationTask = { policy, ...watched.task(), rowsPerMs: null, seed: SEED };
  const calibration = calibrate(task);
  const counted = inRows(policy, null, inputs.length + outputs.length);
  const per = policy.falseAlarms?.per ?? null;
  const allowedPer = per === null ? null : per.unit === 'windows' ? `${per.count} windows` : duration(per.count);
  // Without a rate or a budget a hundred windows are a measure that everybody can picture.
  const windows = calibration.windowsInPeriod ?? 100;
  const period = calibration.windowsInPeriod === null ? '100 windows' : (allowedPer ?? duration(MONTH_MS));
  const month = windowsIn(policy, null, MONTH_MS);
  const known = calibration.levels.filter(({ share }) => share !== null);
  const written = known
    .filter(({ method }) => method === 'written' || method === 'default')
    .reduce((sum, { share }) => sum + share! * windows, 0);
  const allowed = policy.falseAlarms?.atMost ?? null;
  const nothing: Powers = { power: [], coarse: [], leftOut: 0 };
  const { power, coarse, leftOut } = counted === null ? nothing : powers({ ...task, policy: counted }, watched, calibration);
  return {
    calibration,
    period,
    expected: known.length === 0 ? null : expectedShare(calibration) * windows,
    expectedInMonth: known.length === 0 || month === null ? null : expectedShare(calibration) * month,
    written,
    allowed,
    allowedPer,
    exceeded: calibration.budget !== null && allowed !== null && written > allowed,
    power,
    coarse,
    silent: silentOf(policy, calibration),
    remarks: [
      ...remarksOnFiles(policy, files),
      ...remarksOf(policy, counted !== null),
      ...(leftOut === 0 ? [] : [`what ${several(leftOut, 'more test')} of slices can see is left out: it would take long to work out`]),
    ],
  };
}

/** Only what a reference says that is there, at a rate that is known: elsewhere the level is still to come. */
function silentOf({ reference }: Policy, { levels, rate }: Calibration): string[] {
  if (reference.source !== 'file' || rate === 'unknown') return [];
  return levels
    .filter(({ method }) => method === 'insufficient')
    .map(({ monitor, detector, signal, why }) => `${monitor}: ${detector}${signal === null ? '' : ` on ${signal}`} judges nothing: ${why}`);
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

/** What tests can see, and of how many tests of slices that is not worked out. */
interface Powers extends Pick<AlarmReport, 'power' | 'coarse'> {
  readonly leftOut: number;
}

/** Shares of bad rows and constants have no size of change that would say much, and slices with few rows in the reference are not judged. */
function powers(task: CalibrationTask, signals: WatchedSignals, { levels }: Calibration): Powers {
  const power: Power[] = [];
  const coarse: string[] = [];
  let ofSlices = 0;
  let leftOut = 0;
  const watches = signals.watches.filter((watch) => watch.kind === 'windowed');
  for (const [{ name, correction }, family] of Map.groupBy(watches, ({ monitor }) => monitor)) {
    const level = levels.find((candidate) => candidate.kind === 'windowed' && candidate.monitor === name);
    if (level === undefined) continue;
    for (const watch of family.filter(({ finds }) => finds !== 'quality')) {
      const { slice } = watch;
      // Each slice is corrected by itself, or all together.
      const tests = correction.family === 'slice' ? family.filter((other) => other.slice === slice).length : family.length;
      const cells = cellsOf(watch, (signal) => task.cells.get(signal));
      const rows = slice === null ? null : new Set(signals.rowsOf(slice.name, watch.signal));
      const isJudged = cells !== null && (rows === null || rows.size >= minSamplesOf(task.policy, watch));
      const isLong = slice !== null && (ofSlices === MOST_SLICE_POWERS || 'permutations' in watch.definition.options);
      const found = isJudged && !isLong ? powerOf(task, level, { watch, cells, rows }, tests) : null;
      if (found !== null) power.push(found);
      if (slice !== null && isJudged && isLong) leftOut++;
      else if (slice !== null && isJudged) ofSlices++;
      const reason = slice === null ? tooCoarse(watch, level, tests) : null;
      if (reason !== null) coarse.push(`${name}: ${reason}`);
    }
  }
  for (const watch of signals.watches.filter((one) => one.kind === 'streaming')) {
    const { name } = watch.monitor;
    const level = levels.find(({ kind, monitor, signal }) => kind === 'streaming' && monitor === name && signal === watch.signal);
    const found = level === undefined ? null : streamPowerOf(task, level, watch);
    if (found !== null) power.push(found);
  }
  return { power, coarse, leftOut };
}

/** For a terminal, each line with its name in front. */
export function alarmLines(report: AlarmReport): string[] {
  const { calibration, period, power, coarse, remarks } = report;
  const { levels } = calibration;
  const remarkLines = remarks.map((remark) => `  note       ${remark}`);
  if (levels.length === 0) return remarkLines;
  const windows = calibration.windowsInPeriod ?? 100;
  return [
    `  alarms     ${expectedInWords(report)}`,
    ...levels.map((level) => `  level      ${levelInWords(level, windows, period)}`),
    ...[...Map.groupBy(power, whereInWords)].map(([where, tests]) => `  power      ${where} ${tests.map(powerInWords).join(', ')}`),
    ...coarse.map((reason) => `  silent     ${reason}`),
    ...remarkLines,
  ];
}

/** `0.5 false alarms expected in 100 windows, of the 1 allowed; 7.5 in 30 d`. */
function expectedInWords({ calibration, period, expected, expectedInMonth, allowed, allowedPer }: AlarmReport): string {
  const count = (value: number) => figure(Number(value.toPrecision(3)));
  const many = expected === null ? 'an unknown number of' : count(expected);
  const parts = [`${many} false ${expected === 1 ? 'alarm' : 'alarms'} expected in ${period}`];
  if (allowed !== null && allowedPer === period) parts[0] += `, of the ${figure(allowed)} allowed`;
  else if (allowed !== null)
    parts.push(
      `${figure(allowed)} allowed in ${allowedPer}: how many windows that is, the rate of traffic says (\`traffic.expectedRows\`)`,
    );
  if (expectedInMonth !== null && period !== duration(MONTH_MS)) parts.push(`${count(expectedInMonth)} in ${duration(MONTH_MS)}`);
  const unknown = calibration.levels.filter(({ share: of, value }) => of === null && value !== null).length;
  if (unknown > 0) parts.push(`without ${several(unknown, 'level')} whose share is not known`);
  return parts.join('; ');
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

function whereInWords({ monitor, slice, kind, detector }: Power): string {
  const where = slice === null ? monitor : `${monitor} in ${slice}`;
  return kind === 'windowed'
    ? `${where}: finds in 4 windows of 5`
    : `${where} (${detector}): finds within a window’s rows in 4 streams of 5`;
}

function powerInWords({ signal, healthyAlarms, unit, smallest }: Power): string {
  const name = signal.replace(/^inputs\./, '');
  if (smallest === null && healthyAlarms > MOST_HEALTHY_ALARMS)
    return `nothing on ${name}, as ${share(healthyAlarms)} of healthy windows alarm`;
  if (smallest === null) return `nothing on ${name}`;
  const size = Number(smallest.toPrecision(2));
  switch (unit) {
    case 'sd':
      return `${size} sd on ${name}`;
    case 'spread':
      return `spread × ${Number((1 + smallest).toPrecision(2))} on ${name}`;
    case 'share':
      return `${figure(Number((100 * size).toPrecision(2)))} points on ${name}`;
  }
}

/** For `--json`: without the laws, which are long and of no use outside. */
export function alarmJson({ calibration, ...report }: AlarmReport): object {
  const { levels, fingerprint: _, rowsPerMs: __, ...rest } = calibration;
  return { ...report, ...rest, levels: levels.map(({ laws: ___, ...level }) => level) };
}
