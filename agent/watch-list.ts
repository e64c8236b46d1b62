/**
 * Which signals the policy watches with what: its monitors, resolved against the columns.
 */
import type { DetectorDefinition, StreamingDefinition, WindowedDefinition } from '../contracts/detector.ts';
import type { Column, DetectorChoice, MonitorPolicy, Policy, PredictorChoice } from '../contracts/policy.ts';
import { requestSignals } from '../contracts/signal.ts';
import type { SignalType } from './signals.ts';
import { signalType } from './signals.ts';

/** One signal watched by one streaming detector. */
export interface StreamingWatch {
  readonly kind: 'streaming';
  readonly monitor: MonitorPolicy;
  readonly signal: string;
  readonly definition: StreamingDefinition;
  readonly choice: DetectorChoice;
}

/** One signal, or several together, tested at the end of each window. */
export interface WindowedWatch {
  readonly kind: 'windowed';
  readonly monitor: MonitorPolicy;
  /** `inputs`, `outputs` or `columns` (of both sides) for several. */
  readonly signal: string;
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

export type Watch = StreamingWatch | WindowedWatch | PerformanceWatch;

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
    if (members.length > 0) watches.push({ kind: 'windowed', monitor, signal: sideOf(members), members, definition, choice });
  };
  for (const monitor of policy.monitors) {
    const add = (signal: string, choice: DetectorChoice | null) => {
      const definition = choice === null ? null : detectorOf(choice.type);
      if (choice === null || definition === null) return;
      if (definition.kind === 'streaming') watches.push({ kind: 'streaming', monitor, signal, definition, choice });
      else watches.push({ kind: 'windowed', monitor, signal, definition, choice });
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
    }
    addTogether(monitor, signals);
  }
  return watches;
}

/** A bare name is a column, inputs before outputs; a name with a dot is a signal. */
function namedSignals(monitor: MonitorPolicy, types: ReadonlyMap<string, SignalType>): string[] {
  if (monitor.features === '*') return [...types.keys()].filter((signal) => signal.startsWith('outputs.'));
  return monitor.features.flatMap((name) => {
    const found = [name, `inputs.${name}`, `outputs.${name}`].find((signal) => types.has(signal));
    return found === undefined ? [] : [found];
  });
}

function sideOf(members: readonly { readonly signal: string }[]): string {
  const side = ['inputs', 'outputs'].find((name) => members.every(({ signal }) => signal.startsWith(`${name}.`)));
  return side ?? 'columns';
}
