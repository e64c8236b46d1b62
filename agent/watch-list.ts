/**
 * Which signals the policy watches with what: its monitors, resolved against the columns.
 */
import type { DetectorDefinition, StreamingDefinition, WindowedDefinition } from '../contracts/detector.ts';
import type { FindingKind } from '../contracts/finding.ts';
import type { Column, DetectorChoice, MonitorPolicy, Policy, PredictorChoice, QualityChoice } from '../contracts/policy.ts';
import { columnCheckOf, type ColumnCheck, isPerRow, ROW_SIGNALS, rowCheckOf } from '../contracts/quality.ts';
import { requestSignals } from '../contracts/signal.ts';
import { constantValue, shareRise } from '../detectors/data-quality.ts';
import { type BothSides, checksOf } from './quality-signals.ts';
import type { SignalType } from './signals.ts';
import { signalType } from './signals.ts';
import type { Slice } from './slices.ts';

/** One signal watched by one streaming detector. */
export interface StreamingWatch {
  readonly kind: 'streaming';
  readonly monitor: MonitorPolicy;
  readonly signal: string;
  /** Null = all rows. */
  readonly slice: Slice | null;
  /** What a finding is about. */
  readonly finds: FindingKind;
  readonly definition: StreamingDefinition;
  readonly choice: DetectorChoice;
}

/** One signal, or several together, tested at the end of each window. */
export interface WindowedWatch {
  readonly kind: 'windowed';
  readonly monitor: MonitorPolicy;
  /** `inputs`, `outputs` or `columns` (of both sides) for several. */
  readonly signal: string;
  /** Null = all rows. */
  readonly slice: Slice | null;
  /** What a finding is about. */
  readonly finds: FindingKind;
  /** The signals tested together; absent for one alone. */
  readonly members?: readonly { readonly signal: string; readonly isNumber: boolean }[];
  readonly definition: WindowedDefinition;
  readonly choice: DetectorChoice;
}

/** Probability columns from which performance is estimated at the end of each window. */
export interface PerformanceWatch {
  readonly kind: 'performance';
  readonly monitor: MonitorPolicy;
  /** `outputs.p` for two classes, else one a class. */
  readonly signals: readonly string[];
  readonly choice: PredictorChoice;
}

/** The coming of rows: silence, or far more or fewer than usual. */
export interface TrafficWatch {
  readonly kind: 'traffic';
  readonly monitor: MonitorPolicy;
  readonly signal: string;
  readonly choice: QualityChoice;
}

export type Watch = StreamingWatch | WindowedWatch | PerformanceWatch | TrafficWatch;

/** Tests of slices a window, over all monitors; slices beyond it are left out, the last ones first. */
const MOST_SLICE_TESTS = 2_000;

/**
 * Resolves the policy's monitors.
 *
 * @param columns the schema's columns, or those found in traffic
 */
export function watchList(
  policy: Policy,
  columns: { readonly inputs: readonly Column[]; readonly outputs: readonly Column[] },
  detectorOf: (type: string) => DetectorDefinition | null,
): Watch[] {
  const types = new Map<string, SignalType>(requestSignals.map(({ name }) => [name, 'number']));
  for (const side of ['inputs', 'outputs'] as const) {
    for (const column of columns[side]) types.set(`${side}.${column.name}`, signalType(column.type));
  }
  const watches: Watch[] = [];
  const addTogether = (monitor: MonitorPolicy, signals: readonly string[]) => {
    const choice = monitor.multivariate ?? null;
    const definition = choice === null ? null : detectorOf(choice.type);
    if (choice === null || definition?.kind !== 'windowed') return;
    const members = signals.flatMap((signal) => {
      const type = types.get(signal);
      return signal.startsWith('request.') || type === 'unwatched' || type === undefined ? [] : [{ signal, isNumber: type === 'number' }];
    });
    const watched = { monitor, signal: sideOf(members), slice: null, finds: 'drift', members, definition, choice } as const;
    if (members.length > 0) watches.push({ kind: 'windowed', ...watched });
  };
  for (const monitor of policy.monitors) {
    const add = (signal: string, choice: DetectorChoice | null) => {
      const definition = choice === null ? null : detectorOf(choice.type);
      if (choice === null || definition === null) return;
      const watched = { monitor, signal, slice: null, choice };
      if (definition.kind === 'windowed') watches.push({ kind: 'windowed', ...watched, finds: findsOn(signal, types), definition });
      // What has no value with each row is judged by windows only.
      else if (types.has(signal) || signal.startsWith('feedback.') || isPerRow(signal))
        watches.push({ kind: 'streaming', ...watched, finds: findsOn(signal, types), definition });
    };
    if (monitor.predictor !== null) {
      watches.push({ kind: 'performance', monitor, signals: namedSignals(monitor, types), choice: monitor.predictor });
    }
    if (monitor.needsFeedback) {
      add('feedback.error', monitor.error);
      add('feedback.reward', monitor.numeric);
      continue;
    }
    const signals =
      monitor.features === '*' ? [...types.keys()].filter((signal) => signal.startsWith('inputs.')) : namedSignals(monitor, types);
    for (const signal of signals) {
      const type = types.get(signal);
      if (type === 'number') add(signal, monitor.numeric);
      if (type === 'category') add(signal, monitor.categorical);
      if (type === undefined && isShare(signal)) add(signal, monitor.numeric);
    }
    addTogether(monitor, signals);
    if (monitor.quality !== null) watches.push(...qualityWatches(monitor, monitor.quality, signals, columns, types));
  }
  return watches;
}

/**
 * The watches and the same for each slice: tests of windows, and streaming detectors of feedback, whose record knows its slices.
 *
 * A column is not tested in slices that it cuts itself: there it has one value. Tests of several columns together see all rows only.
 */
export function withSlices(watches: readonly Watch[], slices: readonly Slice[]): Watch[] {
  const sliced: Watch[] = [];
  for (const slice of slices) {
    const more = watches.flatMap((watch): Watch[] => {
      const isSliced =
        (watch.kind === 'windowed' && watch.members === undefined) || (watch.kind === 'streaming' && watch.signal.startsWith('feedback.'));
      return isSliced && !slice.by.some((signal) => signal === watch.signal || watch.signal.startsWith(`${signal}.`))
        ? [{ ...watch, slice }]
        : [];
    });
    if (sliced.length + more.length > MOST_SLICE_TESTS) break;
    sliced.push(...more);
  }
  return [...watches, ...sliced];
}

/** The data-quality checks of a monitor: of the columns it names (all their checks), of the signals it names, of whole rows. */
function qualityWatches(
  monitor: MonitorPolicy,
  quality: QualityChoice,
  signals: readonly string[],
  columns: BothSides,
  types: ReadonlyMap<string, SignalType>,
): Watch[] {
  const choice: DetectorChoice = { type: quality.type, options: {}, effectAtLeast: quality.effectAtLeast };
  const watched = new Set<string>();
  for (const signal of signals) {
    if (!types.has(signal)) watched.add(signal);
    const column = columnOf(signal, columns);
    if (column === null) continue;
    const checks: readonly ColumnCheck[] = [...checksOf(column), 'constant'];
    // A real column of such a name wins.
    for (const check of checks) if (quality.checks.includes(check) && !types.has(`${signal}.${check}`)) watched.add(`${signal}.${check}`);
  }
  for (const [check, signal] of Object.entries(ROW_SIGNALS))
    if (quality.checks.some((chosen) => chosen === check) && !types.has(signal)) watched.add(signal);
  return [...watched].map((signal): Watch => {
    if (signal === ROW_SIGNALS.freshness || signal === ROW_SIGNALS.rows) return { kind: 'traffic', monitor, signal, choice: quality };
    const definition = isShare(signal) ? shareRise : constantValue;
    return { kind: 'windowed', monitor, signal, slice: null, finds: 'quality', definition, choice };
  });
}

function columnOf(signal: string, columns: BothSides): Column | null {
  const [, side, name] = /^(inputs|outputs)\.(.+)$/s.exec(signal) ?? [];
  return side === undefined ? null : (columns[side as keyof BothSides].find((column) => column.name === name) ?? null);
}

/** Whether a signal of data quality is a 0 or 1 a row, of which a window has a share. */
function isShare(signal: string): boolean {
  return isPerRow(signal) || signal === ROW_SIGNALS.duplicates;
}

function findsOn(signal: string, types: ReadonlyMap<string, SignalType>): FindingKind {
  if (signal === 'request.failed') return 'failure';
  return types.has(signal) || signal.startsWith('feedback.') ? 'drift' : 'quality';
}

/** A bare name is a column, inputs before outputs; a name with a dot is a signal, or one of data quality. */
function namedSignals(monitor: MonitorPolicy, types: ReadonlyMap<string, SignalType>): string[] {
  if (monitor.features === '*') return [...types.keys()].filter((signal) => signal.startsWith('outputs.'));
  return monitor.features.flatMap((name) => {
    const found = [name, `inputs.${name}`, `outputs.${name}`].find((signal) => types.has(signal));
    if (found !== undefined) return [found];
    if (rowCheckOf(name) !== null) return [name];
    const derived = columnCheckOf(name);
    if (derived === null) return [];
    const column = [derived.column, `inputs.${derived.column}`, `outputs.${derived.column}`].find((signal) => types.has(signal));
    return column === undefined ? [] : [`${column}.${derived.check}`];
  });
}

function sideOf(members: readonly { readonly signal: string }[]): string {
  const side = ['inputs', 'outputs'].find((name) => members.every(({ signal }) => signal.startsWith(`${name}.`)));
  return side ?? 'columns';
}
