/**
 * Replays data through the analysis line, and measures on replays of the reference how often it alarms for nothing and what it misses.
 */
import type { Alert } from '../../contracts/alert.ts';
import { ConfigError } from '../../contracts/errors.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Policy, WindowPolicy } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';
import { windowsInPeriod } from '../calibration/calibration.ts';
import { clusteredInterval, proportionInterval } from '../calibration/intervals.ts';
import { inRows, rowsAStep } from '../calibration/window-rows.ts';
import { blockRowsOf, draw, type HealthyRows, referenceOf } from './healthy-rows.ts';
import { type BacktestLine, type Outcome, Workshop } from './line.ts';
import type { Rows } from './rows.ts';
import { smallestFound, trialsOf } from './trials.ts';

/** What is asked for. */
export interface BacktestOptions {
  readonly policy: Policy;
  readonly referenceFile: ReadonlyMap<string, readonly Cell[]>;
  /** True answers beside the rows of the reference file; null where it has none. */
  readonly referenceLabels: readonly Cell[] | null;
  readonly rows: Rows;
  /** On how the files were read. */
  readonly remarks?: readonly string[];
  readonly seed: number;
  /** Replays of the reference, and changes injected of each size. */
  readonly runs: number;
  /** Called with the steps done and those there are. */
  readonly progress: (done: number, total: number) => void;
}

/** A share that was counted, with its 95 % bounds. */
export interface Counted {
  readonly count: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** What became of one change in one size. */
export interface Injected {
  readonly kind: string;
  readonly size: string;
  /** Runs that began while an alert on the changed column fired: they tell nothing of the change, and count for none of the rest. */
  readonly alreadyFiring: number;
  /** Null where all of them did. */
  readonly missed: Counted | null;
  /** Windows until the first alert on the changed column, the changed window counting one, of those that were found. */
  readonly delayWindows: Delay | null;
  /** Changed rows until then, in steps of a record of the replay (20 rows). */
  readonly delayRows: Delay | null;
}

/** Of the changes that were found; the lower one of two in the middle. */
export interface Delay {
  readonly median: number;
  readonly most: number;
}

/** The findings of a backtest. Plain data. */
export interface Backtest {
  readonly policy: string;
  readonly seed: number;
  readonly runs: number;
  readonly rows: number;
  readonly windowRows: number;
  /** Alerts that fired on the data, in order. */
  readonly fired: readonly Fired[];
  /** Each window's word on each signal. */
  readonly windows: readonly Judged[];
  /** Windows of replays in which something was found, and its alert fired, though nothing was wrong. */
  readonly falseAlarms: Counted;
  /** The share that the policy allows; null without a budget or a rate of traffic. */
  readonly allowed: number | null;
  /** Rows of a block of the replays, of so many reference rows. */
  readonly blockRows: number;
  readonly referenceRows: number;
  readonly injected: readonly Injected[];
  /** Smallest size of each kind from which on four in five were found; null = no size was. */
  readonly smallest: readonly { readonly kind: string; readonly size: string | null }[];
  /** Kinds that nothing fits: there is no such column, or there are no labels. */
  readonly leftOut: readonly string[];
  /** What the analysis had to say. */
  readonly remarks: readonly string[];
}

/** An alert when it began to fire. */
export interface Fired {
  readonly monitor: string;
  readonly signal: string;
  /** Null = all rows. */
  readonly slice: string | null;
  readonly detector: string;
  readonly kind: string;
  readonly severity: string;
  /** Row of the data, from 0. */
  readonly row: number;
  /** Milliseconds since the Unix epoch; null where rows have no times. */
  readonly at: number | null;
  /** First row of the change by the detector's estimate; null where it has none. */
  readonly sinceRow: number | null;
  readonly note: string | null;
}

/** One finding of a window, short. */
export interface Judged {
  readonly monitor: string;
  readonly signal: string;
  /** Null = all rows. */
  readonly slice: string | null;
  readonly fromRow: number;
  readonly toRow: number;
  readonly level: Finding['level'];
  readonly adjustedP: number | null;
  readonly effect: number | null;
}

/** Healthy windows before a change, so that detectors which learn have learned; and windows in which it may be found. */
const HEALTHY_WINDOWS = 3;
const CHANGED_WINDOWS = 6;
/** Windows of one replay for false alarms. */
const REPLAYED_WINDOWS = 50;
/** Rows from one window’s end to the next that can be drawn; minutes a run even so. */
const MOST_STEP_ROWS = 3_000_000;

/** Runs everything; the same options give the same findings. @throws ConfigError when the data cannot serve */
export async function backtest(options: BacktestOptions): Promise<Backtest> {
  const { policy, rows, seed, runs } = options;
  const workshop = new Workshop(policy, options.referenceFile, rows.times);
  // The rate is that of the virtual clock, so there always are rows.
  const inRowsWindow = inRows(policy, workshop.rowsPerMs, 1)!.window;
  const stepRows = rowsAStep(inRowsWindow);
  if (stepRows > MOST_STEP_ROWS) {
    const isExpected = (policy.traffic.expectedRows ?? null) !== null;
    const measured = rows.times === undefined ? 'one row a second, as nothing tells another rate' : 'the rate of the data';
    const rate = isExpected ? 'the rate that traffic.expectedRows tells' : measured;
    throw new ConfigError(
      'too-many-rows',
      `a window has ${stepRows.toLocaleString('en-US')} rows at ${rate}: more than replays can hold; take a shorter window, or ${isExpected ? 'correct it' : 'say traffic.expectedRows'}`,
    );
  }
  const reference = referenceOf(options);
  const { trials, leftOut } = trialsOf(reference);
  const total = 1 + runs * (1 + trials.length);
  let done = 0;
  const step = async () => {
    options.progress(++done, total);
    // Lets the terminal and a stop signal have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  };

  const outcome = withLine(workshop.open(true, rows.times?.[0]), (line) => line.feed(rows, 0, rows.count));
  await step();
  const blockRows = blockRowsOf(policy, inRowsWindow.rows, reference);
  const random = new Random(seed);
  const alarming: number[] = [];
  for (let run = 0; run < runs; run++) {
    const alarms = withLine(workshop.open(false), (line) => {
      settle(line, { policy, window: inRowsWindow, reference, blockRows, random });
      let count = 0;
      for (let window = 0; window < REPLAYED_WINDOWS; window++) {
        const drawn = draw(reference, random, blockRows, stepRows);
        if (line.feed(drawn, 0, drawn.count).alarms.length > 0) count++;
      }
      return count;
    });
    alarming.push(alarms);
    await step();
  }
  const injected: Injected[] = [];
  for (const { kind, size, targets } of trials) {
    const delays: Delayed[] = [];
    let alreadyFiring = 0;
    for (let run = 0; run < runs; run++) {
      // Every column has its turn.
      const { signal, apply } = targets[run % targets.length]!;
      const delay = withLine(workshop.open(false), (line): Delayed | 'already firing' | null => {
        settle(line, { policy, window: inRowsWindow, reference, blockRows, random });
        if (line.firing.some((alert) => sees(alert.signal, signal))) return 'already firing';
        const begin = line.rows;
        for (let window = 1; window <= CHANGED_WINDOWS; window++) {
          const changed = apply(draw(reference, random, blockRows, stepRows), random);
          const alert = firingsOf(line.feed(changed, 0, changed.count)).find((alert) => sees(alert.signal, signal));
          if (alert !== undefined) return { windows: window, rows: alert.latest.observedRows - begin };
        }
        return null;
      });
      if (delay === 'already firing') alreadyFiring++;
      else if (delay !== null) delays.push(delay);
      await step();
    }
    injected.push({
      kind,
      size,
      alreadyFiring,
      missed: alreadyFiring === runs ? null : counted(runs - alreadyFiring - delays.length, runs - alreadyFiring),
      delayWindows: delayOf(delays.map(({ windows }) => windows)),
      delayRows: delayOf(delays.map(({ rows }) => rows)),
    });
  }
  const { windowsInPeriod: windows } = windowsInPeriod(policy, null);
  return {
    policy: policy.name,
    seed,
    runs,
    rows: rows.count,
    windowRows: inRowsWindow.rows,
    fired: firingsOf(outcome).map((alert) => fired(alert, rows.times !== undefined)),
    windows: outcome.windows.map(judged),
    falseAlarms: countedInRuns(alarming, REPLAYED_WINDOWS),
    allowed: (policy.falseAlarms ?? null) === null || windows === null ? null : policy.falseAlarms!.atMost / windows,
    blockRows,
    referenceRows: reference.rows.count,
    injected,
    smallest: smallestFound(injected),
    leftOut,
    remarks: [...(options.remarks ?? []), ...[...workshop.log].sort()],
  };
}

/** How long one change went unnoticed. */
interface Delayed {
  readonly windows: number;
  readonly rows: number;
}

function delayOf(delays: number[]): Delay | null {
  delays.sort((a, b) => a - b);
  return delays.length === 0 ? null : { median: delays[Math.floor((delays.length - 1) / 2)]!, most: delays.at(-1)! };
}

/** Whether an alert on the one is about the other: `inputs` is all of its columns together, `columns` those of both sides, `inputs.age.missing` one. */
function sees(alerted: string, signal: string): boolean {
  const isTogether = alerted === '*' || alerted === 'columns' || signal.startsWith(`${alerted}.`);
  return alerted === signal || isTogether || alerted.startsWith(`${signal}.`);
}

/** Feeds healthy rows until there is a reference and every detector has begun. What is found here does not count; what fires goes on. */
function settle(
  line: BacktestLine,
  {
    policy,
    window,
    reference,
    blockRows,
    random,
  }: { policy: Policy; window: WindowPolicy; reference: HealthyRows; blockRows: number; random: Random },
): void {
  // A learned reference is learned from the very rows that the replays are drawn from.
  if (policy.reference.source === 'traffic') line.feed(reference.rows, 0, reference.rows.count);
  const step = rowsAStep(window);
  const rest = (step - (line.rows % step)) % step;
  for (const count of [rest, HEALTHY_WINDOWS * Math.max(step, window.rows)]) {
    const drawn = draw(reference, random, blockRows, count);
    line.feed(drawn, 0, drawn.count);
  }
}

function withLine<T>(line: BacktestLine, use: (line: BacktestLine) => T): T {
  try {
    return use(line);
  } finally {
    line.close();
  }
}

/** The moments at which alerts begin to fire. */
function firingsOf({ alerts }: Outcome): Alert[] {
  const seen = new Set<string>();
  return alerts.filter((alert) => {
    if (alert.state !== 'firing' || alert.startsAt !== alert.changedAt || seen.has(alert.id)) return false;
    seen.add(alert.id);
    return true;
  });
}

function fired(alert: Alert, timed: boolean): Fired {
  const { monitor, signal, slice, detector, kind, severity, latest, since } = alert;
  const at = timed ? alert.startsAt : null;
  return { monitor, signal, slice, detector, kind, severity, row: latest.observedRows - 1, at, sinceRow: since.row, note: latest.note };
}

function judged({ monitor, signal, slice, window, level, adjustedP, effect }: Finding): Judged {
  return { monitor, signal, slice, fromRow: window?.fromRow ?? 0, toRow: window?.toRow ?? 0, level, adjustedP, effect };
}

/** Windows of one run share its reference and its detectors. */
function countedInRuns(counts: readonly number[], of: number): Counted {
  const [low, high] = clusteredInterval(counts, of);
  const count = counts.reduce((sum, one) => sum + one, 0);
  return { ...counted(count, counts.length * of), low, high };
}

function counted(count: number, of: number): Counted {
  const [low, high] = proportionInterval(count, of);
  return { count, of, share: of === 0 ? 0 : count / of, low, high };
}
