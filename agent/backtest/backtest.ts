/**
 * Replays data through the analysis line, and measures on replays of the reference how often it alarms for nothing and what it misses.
 */
import type { Alert } from '../../contracts/alert.ts';
import { ConfigError } from '../../contracts/errors.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Column, Policy, WindowPolicy } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import { FEWEST_BLOCKS, findDependence } from '../../detectors/dependence.ts';
import { Random } from '../../detectors/performance/random.ts';
import { windowsInPeriod } from '../calibration/calibration.ts';
import { proportionInterval } from '../calibration/intervals.ts';
import { drawRows } from '../calibration/replays.ts';
import { inRows, rowsAStep } from '../calibration/window-rows.ts';
import { isSketchFile } from '../reference-sketch.ts';
import { guessColumn, numberOf } from '../signals.ts';
import { injectedChanges, type Summary, summaryOf } from './changes.ts';
import { type BacktestLine, type Outcome, Workshop } from './line.ts';
import type { Rows } from './rows.ts';

/** What is asked for. */
export interface BacktestOptions {
  readonly policy: Policy;
  readonly referenceFile: ReadonlyMap<string, readonly Cell[]>;
  readonly rows: Rows;
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
  readonly missed: Counted;
  /** Windows until the first alert on the changed column, the changed window counting one, of those that were found. */
  readonly delayWindows: { readonly median: number; readonly most: number } | null;
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
  /** Windows of replays in which something fired though nothing was wrong. */
  readonly falseAlarms: Counted;
  /** The share that the policy allows; null without a budget or a rate of traffic. */
  readonly allowed: number | null;
  /** Rows of a block of the replays, of so many reference rows. */
  readonly blockRows: number;
  readonly referenceRows: number;
  readonly injected: readonly Injected[];
  /** Kinds that no column fits. */
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

/** Runs everything; the same options give the same findings. @throws ConfigError when the data cannot serve */
export async function backtest(options: BacktestOptions): Promise<Backtest> {
  const { policy, rows, seed, runs } = options;
  const workshop = new Workshop(policy, options.referenceFile);
  // The rate is that of the virtual clock, so there always are rows.
  const inRowsWindow = inRows(policy, workshop.rowsPerMs, 1)!.window;
  const stepRows = rowsAStep(inRowsWindow);
  const reference = referenceOf(options);
  const changes = injectedChanges.filter((change) => [...reference.columns.keys()].some((column) => change.fits(column)));
  const total = 1 + runs * (1 + changes.length);
  let done = 0;
  const step = async () => {
    options.progress(++done, total);
    // Lets the terminal and a stop signal have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  };

  const outcome = withLine(workshop, true, (line) => line.feed(rows, 0, rows.count));
  await step();
  const blockRows = blockRowsOf(policy, inRowsWindow.rows, reference);
  const random = new Random(seed);
  let alarming = 0;
  for (let run = 0; run < runs; run++) {
    alarming += withLine(workshop, false, (line) => {
      settle(line, { policy, window: inRowsWindow, reference, blockRows, random });
      let count = 0;
      for (let window = 0; window < REPLAYED_WINDOWS; window++) {
        const drawn = draw(reference, random, blockRows, stepRows);
        if (firingsOf(line.feed(drawn, 0, drawn.count)).length > 0) count++;
      }
      return count;
    });
    await step();
  }
  const injected: Injected[] = [];
  for (const change of changes) {
    const fitting = [...reference.columns].filter(([column]) => change.fits(column));
    const delays: number[] = [];
    for (let run = 0; run < runs; run++) {
      // Every column has its turn.
      const [, { signal, summary }] = fitting[run % fitting.length]!;
      const delay = withLine(workshop, false, (line) => {
        settle(line, { policy, window: inRowsWindow, reference, blockRows, random });
        for (let window = 1; window <= CHANGED_WINDOWS; window++) {
          const drawn = draw(reference, random, blockRows, stepRows);
          const columns = new Map(drawn.columns);
          columns.set(signal, change.apply(columns.get(signal)!, summary, random));
          const fired = firingsOf(line.feed({ ...drawn, columns }, 0, drawn.count));
          if (fired.some((alert) => sees(alert.signal, signal))) return window;
        }
        return null;
      });
      if (delay !== null) delays.push(delay);
      await step();
    }
    delays.sort((a, b) => a - b);
    injected.push({
      kind: change.kind,
      size: change.size,
      missed: counted(runs - delays.length, runs),
      delayWindows: delays.length === 0 ? null : { median: delays[Math.floor((delays.length - 1) / 2)]!, most: delays.at(-1)! },
    });
  }
  const { windowsInPeriod: windows } = windowsInPeriod(policy, null);
  const kinds = new Set(changes.map(({ kind }) => kind));
  return {
    policy: policy.name,
    seed,
    runs,
    rows: rows.count,
    windowRows: inRowsWindow.rows,
    fired: firingsOf(outcome).map(fired),
    windows: outcome.windows.map(judged),
    falseAlarms: counted(alarming, runs * REPLAYED_WINDOWS),
    allowed: (policy.falseAlarms ?? null) === null || windows === null ? null : policy.falseAlarms!.atMost / windows,
    blockRows,
    referenceRows: reference.rows.count,
    injected,
    leftOut: [...new Set(injectedChanges.map(({ kind }) => kind))].filter((kind) => !kinds.has(kind)),
    remarks: [...workshop.log].sort(),
  };
}

/** Whether an alert on the one is about the other: `inputs` is all of its columns together, `columns` those of both sides. */
function sees(alerted: string, signal: string): boolean {
  return alerted === signal || alerted === '*' || alerted === 'columns' || signal.startsWith(`${alerted}.`);
}

interface HealthyRows {
  readonly rows: Rows;
  readonly columns: ReadonlyMap<Column, { readonly signal: string; readonly summary: Summary }>;
}

/** The rows that count as normal: the reference file's, or the first ones of the data as they would be learned. */
function referenceOf({ policy, referenceFile, rows }: BacktestOptions): HealthyRows {
  let source = referenceFile;
  if (policy.reference.source === 'traffic') {
    const learned = policy.reference.rows;
    if (rows.count < learned)
      throw new ConfigError('too-few-rows', `the data has ${rows.count} rows, and the policy learns its reference from ${learned}`);
    if (![...rows.columns.keys()].some((signal) => signal.startsWith('outputs.'))) {
      throw new ConfigError(
        'no-outputs',
        'the data has no output column, and a reference is learned from answered calls only; add the model’s outputs, or give the policy a reference file',
      );
    }
    source = new Map([...rows.columns].map(([signal, cells]) => [signal, cells.slice(0, learned)]));
  }
  if (policy.reference.source === 'file' && isSketchFile(policy.reference.path))
    throw new ConfigError(
      'no-rows',
      `${policy.reference.path}: is a sketch, and a backtest replays rows; name a reference with rows for it (driftline init without --sketch writes one)`,
    );
  const [first] = source.values();
  if (first === undefined) throw new ConfigError('no-reference', 'the reference file has none of the policy’s columns');
  const { inputs, outputs } = policy.schema;
  const columns = new Map<Column, { signal: string; summary: Summary }>();
  for (const [signal, cells] of source) {
    const [side, name] = [signal.slice(0, signal.indexOf('.')), signal.slice(signal.indexOf('.') + 1)];
    const column = (side === 'inputs' ? inputs : outputs).find((candidate) => candidate.name === name) ?? guessColumn(name, cells);
    if (side === 'inputs') columns.set(column, { signal, summary: summaryOf(cells) });
  }
  return { rows: { count: first.length, columns: source, labels: null }, columns };
}

/** As the policy says, or as the rows themselves ask for. */
function blockRowsOf(policy: Policy, windowRows: number, { rows, columns }: HealthyRows): number {
  const chosen = policy.falseAlarms?.blockRows ?? null;
  if (chosen !== null) return chosen;
  const series = [...columns].flatMap(([{ type }, { signal }]) =>
    type === 'number' || type === 'integer'
      ? [Float64Array.from((rows.columns.get(signal) ?? []).map(numberOf).filter((value) => value !== null))]
      : [],
  );
  return findDependence(series, windowRows).blockRows ?? Math.max(1, Math.floor(rows.count / FEWEST_BLOCKS));
}

/** Feeds healthy rows until there is a reference and every detector has begun. What fires here does not count. */
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

function draw({ rows }: HealthyRows, random: Random, blockRows: number, count: number): Rows {
  const drawn = drawRows(random, rows.count, blockRows, count);
  return {
    count,
    labels: null,
    columns: new Map([...rows.columns].map(([signal, cells]) => [signal, Array.from(drawn, (row) => cells[row] ?? null)])),
  };
}

function withLine<T>(workshop: Workshop, kept: boolean, use: (line: BacktestLine) => T): T {
  const line = workshop.open(kept);
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

function fired(alert: Alert): Fired {
  const { monitor, signal, slice, detector, kind, severity, latest, since } = alert;
  return { monitor, signal, slice, detector, kind, severity, row: latest.observedRows - 1, sinceRow: since.row, note: latest.note };
}

function judged({ monitor, signal, slice, window, level, adjustedP, effect }: Finding): Judged {
  return { monitor, signal, slice, fromRow: window?.fromRow ?? 0, toRow: window?.toRow ?? 0, level, adjustedP, effect };
}

function counted(count: number, of: number): Counted {
  const [low, high] = proportionInterval(count, of);
  return { count, of, share: of === 0 ? 0 : count / of, low, high };
}
