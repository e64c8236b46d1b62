/**
 * The levels at which a policy's monitors alarm, and how often each does so while nothing is wrong.
 */
import { createHash } from 'node:crypto';
import type { DetectorChoice, MonitorPolicy, Policy } from '../../contracts/policy.ts';
import type { Column } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { NullLaw } from '../../detectors/null-law.ts';
import { watchedShare } from '../keeping.ts';
import type { Slice } from '../slices.ts';
import { inRows, rateOf, rowsAStep } from './window-rows.ts';

/** What calibration needs: plain data, so that it can run in a thread of its own. */
export interface CalibrationTask {
  readonly policy: Policy;
  readonly columns: { readonly inputs: readonly Column[]; readonly outputs: readonly Column[] };
  /** The reference by signal, oldest row first. */
  readonly cells: ReadonlyMap<string, readonly Cell[]>;
  /** The slices that are judged, each with its rows of the reference by signal. */
  readonly slices: readonly { readonly slice: Slice; readonly rows: ReadonlyMap<string, readonly number[]> }[];
  /** Signals of whose reference only a sketch is left: there is nothing to replay. */
  readonly sketched?: readonly string[];
  /** Measured rate of traffic; null = not measured. */
  readonly rowsPerMs: number | null;
  readonly seed: number;
}

/**
 * How a level came about. `written`: chosen by the user. `default`: there is no budget. `plain`: the p-value itself, rows being
 * independent, or taken as such where the reference is a sketch. `blocks`: replays of the reference in blocks. `guarantee`: the detector's
 * own, which needs no reference. `insufficient`: the reference does not allow a level; nothing is judged.
 * `unknown`: there is no reference to replay; the written or default level serves and its share is not counted.
 */
export type Method = 'written' | 'default' | 'plain' | 'blocks' | 'guarantee' | 'insufficient' | 'unknown';

/** One level: that of a monitor's windowed tests together, or of one signal's streaming detector. */
export interface MonitorLevel {
  readonly monitor: string;
  readonly kind: 'windowed' | 'streaming';
  /** Null for the tests of a window, which are judged together. */
  readonly signal: string | null;
  readonly detector: string;
  readonly method: Method;
  /** For people: why this method. */
  readonly why: string;
  /** `q`, or the detector's option that the level is. */
  readonly option: string;
  /** Null when there is none to be had. */
  readonly value: number | null;
  /** Expected false alarms a window of the policy; null = not known. */
  readonly share: number | null;
  /** Upper 95 % bound of a counted share; null where it was not counted. */
  readonly shareAtMost: number | null;
  /** Rows of a block; null where nothing was replayed. */
  readonly blockRows: number | null;
  /** The level lies beyond what the replays can show by themselves: it rests on the shape of their tail. */
  readonly extrapolated: boolean;
  /** `blocks`: how each signal's p-values are to be read. */
  readonly laws: { readonly [signal: string]: NullLaw };
}

/** Plain data; survives a JSON round trip. */
export interface Calibration {
  /** Changes with everything the levels depend on. */
  readonly fingerprint: string;
  /** Windows that close in the budget's period; null = the rate of traffic is not known. */
  readonly windowsInPeriod: number | null;
  /** Measured rate of traffic that it rests on; null = none was needed, or known. */
  readonly rowsPerMs: number | null;
  /** How `windowsInPeriod` is known. */
  readonly rate: 'windows' | 'expected' | 'measured' | 'unknown';
  /** False alarms a window that the policy allows; null without a budget or a rate. */
  readonly budget: number | null;
  readonly levels: readonly MonitorLevel[];
}

/** The option of a streaming detector that is its level. */
export interface LevelOption {
  readonly option: string;
  /** From where most alarms are to where fewest are; on a logarithmic scale. */
  readonly loosest: number;
  readonly strictest: number;
  /** The strictest where that is not strict enough, as dependence makes of a confidence no probability any more; absent = there is none. */
  readonly beyond?: number;
  /** A threshold with which alarms fall off exponentially: the detector's mean is that of all its values, and none has learned it badly for good. */
  readonly exponential?: true;
  /** An option that the level must not pass on the loose side. */
  readonly warning: string | null;
  /** Values replayed for each level tried, where that takes longer than usual. */
  readonly replayedValues?: number;
  /** How far apart levels lie that are not the same to the detector, as a factor; absent = every level is another. */
  readonly step?: number;
  /** Values over which the level is the chance of a false alarm, by the detector's own guarantee for independent values; absent = it has none. */
  readonly guaranteedOver?: (options: { readonly [name: string]: unknown }) => number;
}

/** By type. Ranges end where a detector says nothing any more. */
const LEVEL_OPTIONS: { readonly [type: string]: LevelOption } = {
  adwin: { option: 'delta', loosest: 0.3, strictest: 1e-12, beyond: 1e-300, warning: null },
  // Its statistic is a whole number of sample values, and neighbours have p-values this far apart.
  kswin: { option: 'alpha', loosest: 0.05, strictest: 1e-16, warning: null, replayedValues: 200_000, step: 3 },
  'hddm-a': { option: 'driftConfidence', loosest: 0.05, strictest: 1e-15, warning: 'warningConfidence' },
  'hddm-w': { option: 'driftConfidence', loosest: 0.05, strictest: 1e-15, warning: 'warningConfidence' },
  ddm: { option: 'driftThreshold', loosest: 2, strictest: 50, warning: 'warningThreshold' },
  eddm: { option: 'beta', loosest: 0.95, strictest: 0.05, warning: 'alpha' },
  'page-hinkley': { option: 'threshold', loosest: 1, strictest: 1e7, exponential: true, warning: null },
  cusum: { option: 'threshold', loosest: 2, strictest: 1e5, warning: null },
  variance: { option: 'threshold', loosest: 2, strictest: 1e5, warning: null },
  'e-detector': { option: 'alpha', loosest: 0.1, strictest: 1e-15, warning: null, guaranteedOver: () => 1 },
  'confidence-sequence': {
    option: 'alpha',
    loosest: 0.5,
    strictest: 1e-15,
    warning: null,
    guaranteedOver: ({ epoch }) => Number(epoch),
  },
};

/** Null for a detector whose level cannot be set from a budget. */
export function levelOptionOf(type: string): LevelOption | null {
  return Object.hasOwn(LEVEL_OPTIONS, type) ? LEVEL_OPTIONS[type]! : null;
}

/** Whether the budget sets q of this monitor. */
export function isQSet(policy: Policy, monitor: MonitorPolicy): boolean {
  return (policy.falseAlarms ?? null) !== null && monitor.correction.written !== true;
}

/** Whether the budget sets the level of this streaming detector. */
export function isOptionSet(policy: Policy, choice: DetectorChoice): boolean {
  const option = levelOptionOf(choice.type)?.option;
  return (policy.falseAlarms ?? null) !== null && option !== undefined && !(choice.written ?? []).includes(option);
}

/** Windows that end in the budget's period, each step of a sliding one counted; of a window by time, once its rows are known. */
export function windowsInPeriod(policy: Policy, rowsPerMs: number | null): Pick<Calibration, 'windowsInPeriod' | 'rate'> {
  const per = policy.falseAlarms?.per ?? null;
  const window = inRows(policy, rowsPerMs, 1)?.window ?? null;
  const isByTime = (policy.window.spanMs ?? null) !== null;
  const isMeasured = (policy.traffic.expectedRows ?? null) === null;
  if (per?.unit === 'windows' && window !== null)
    return { windowsInPeriod: per.count, rate: isByTime && isMeasured ? 'measured' : 'windows' };
  const windows = windowsIn(policy, rowsPerMs, per?.unit === 'ms' ? per.count : MONTH_MS);
  return { windowsInPeriod: windows, rate: windows === null ? 'unknown' : isMeasured ? 'measured' : 'expected' };
}

/** Windows that end in a time, each step of a sliding one counted; null while the rate of traffic is not known. */
export function windowsIn(policy: Policy, rowsPerMs: number | null, ms: number): number | null {
  const rate = rateOf(policy, rowsPerMs);
  const window = inRows(policy, rowsPerMs, 1)?.window ?? null;
  return rate === null || window === null ? null : (rate * ms) / rowsAStep(window);
}

/** What is meant by a month: 30 days. */
export const MONTH_MS = 30 * 86_400_000;

/** What the levels depend on, but for the measured rate of traffic. */
export function calibrationFingerprint({ policy, columns, cells, slices, sketched = [] }: Omit<CalibrationTask, 'rowsPerMs'>): string {
  const { falseAlarms, window, minSamples, monitors, traffic } = policy;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([5, falseAlarms, window, minSamples, monitors, policy.slices, traffic.expectedRows, columns]));
  // Their rows follow from the columns, but for the tables that these are of.
  hash.update(JSON.stringify(slices.map(({ slice, rows }) => [slice, [...rows].map(([signal, of]) => [signal, of.length])])));
  const share = watchedShare(traffic.sampling);
  if (share < 1) hash.update(JSON.stringify({ share }));
  if (sketched.length > 0) hash.update(JSON.stringify(sketched));
  for (const [signal, values] of [...cells].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(JSON.stringify([signal, values]));
  return hash.digest('hex').slice(0, 16);
}
