/**
 * The analysis line under a virtual clock: the code that judges live traffic, fed with rows, on a store that is thrown away.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Policy } from '../../contracts/policy.ts';
import type { Cell, Columns } from '../../contracts/record.ts';
import { Analysis } from '../analyse.ts';
import { calibrate } from '../calibration/calibrate.ts';
import { type Calibration, type CalibrationTask, calibrationFingerprint } from '../calibration/calibration.ts';
import { rateOf } from '../calibration/window-rows.ts';
import { Committer } from '../store/commit.ts';
import { openMemory, openState } from '../store/open.ts';
import { StoreReader } from '../store/read.ts';
import type { Rows } from './rows.ts';

/** What came of some rows. */
export interface Outcome {
  /** Alerts in each of their states, in order. */
  readonly alerts: readonly Alert[];
  readonly windows: readonly Finding[];
  /** Alerts that began to fire, or fire on with something that was found in these rows. */
  readonly alarms: readonly Alert[];
}

/** Rows of one record of a replay; a window's end inside a record is where it would be anyway. */
const ROWS_AT_ONCE = 20;
const ROWS_A_COMMIT = 100;
/** 1 January 2026: a replay looks the same whenever it is made. */
export const BEGINNING = 1_767_225_600_000;
const USUAL_MS_PER_ROW = 1_000;
/** After which the analysis ends a window by time. */
const SETTLED_MS = 2_000;
/**
 * Where rows came at times of their own the analysis looks at the clock all the while, a second apart, or more where that would be so many looks;
 * beyond a minute it would take the time between two of them for a sleep.
 */
const MANY_LOOKS = 200_000;
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;

/** Opens lines over one temporary store each; remembers calibrations among them, since they take seconds. */
export class Workshop {
  readonly #policy: Policy;
  readonly #file: ReadonlyMap<string, readonly Cell[]>;
  readonly #calibrations = new Map<string, Calibration>();
  /** Rows in a millisecond of the virtual clock. */
  readonly rowsPerMs: number;
  /** What the lines had to say. */
  readonly log = new Set<string>();

  /** @param times of the rows that are judged; they set the rate of replays, where the policy expects none */
  constructor(policy: Policy, referenceFile: ReadonlyMap<string, readonly Cell[]>, times: Rows['times'] = []) {
    this.#policy = policy;
    this.#file = referenceFile;
    const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
    this.rowsPerMs = rateOf(policy, span > 0 ? (times.length - 1) / span : 1 / USUAL_MS_PER_ROW)!;
  }

  /** Levels as the lines have them. */
  calibrate(task: CalibrationTask): Calibration {
    const key = `${calibrationFingerprint(task)} ${task.rowsPerMs}`;
    const known = this.#calibrations.get(key) ?? calibrate(task);
    this.#calibrations.set(key, known);
    return known;
  }

  /**
   * @param kept whether what is committed is written, so that labels find their records; without it memory and disk stay free
   * @param begins when its first row comes
   */
  open(kept: boolean, begins = BEGINNING): BacktestLine {
    return new BacktestLine(
      this.#policy,
      this.#file,
      { kept, begins, rowsPerMs: this.rowsPerMs },
      (task) => this.calibrate(task),
      (line) => this.log.add(line),
    );
  }
}

/** One analysis with its store and its clock. */
export class BacktestLine {
  readonly #analysis: Analysis;
  readonly #committer: Committer | null;
  readonly #directory: string | null;
  readonly #close: () => void;
  readonly #policy: Policy;
  readonly #msPerRow: number;
  readonly #begins: number;
  #now: number;
  #lookedAt: number;
  #rows = 0;

  constructor(
    policy: Policy,
    referenceFile: ReadonlyMap<string, readonly Cell[]>,
    { kept, begins, rowsPerMs }: { kept: boolean; begins: number; rowsPerMs: number },
    calibrateTask: (task: CalibrationTask) => Calibration,
    log: (line: string) => void,
  ) {
    this.#policy = policy;
    this.#msPerRow = 1 / rowsPerMs;
    this.#begins = begins;
    this.#now = begins;
    this.#lookedAt = begins;
    // What is not written needs no file.
    this.#directory = kept ? mkdtempSync(path.join(tmpdir(), 'driftline-backtest-')) : null;
    const db = this.#directory === null ? openMemory() : openState(this.#directory).db;
    const reader = new StoreReader(db);
    this.#committer = kept ? new Committer(db) : null;
    this.#close = () => db.close();
    const referenceFiles = { main: { columns: referenceFile, sketches: new Map(), sha256: '', thinned: null }, versions: new Map() };
    this.#analysis = new Analysis({ policy, referenceFiles, reader, now: () => this.#now, log, calibrate: calibrateTask, isWritten: kept });
  }

  /** Rows fed so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Alerts that fire now. */
  get firing(): readonly Alert[] {
    return this.#analysis.openAlerts.filter(({ state }) => state === 'firing');
  }

  /**
   * Feeds rows `from` to `to` (without it). Labels follow their record at once, which is a single row where it is kept. Between rows that came
   * at times of their own the analysis looks at the clock, as it does when nothing comes.
   */
  feed({ columns, labels, times }: Rows, from: number, to: number): Outcome {
    const alerts: Alert[] = [];
    const windows: Finding[] = [];
    const before = this.#rows;
    const atOnce = times === undefined && (labels === null || this.#committer === null) ? ROWS_AT_ONCE : 1;
    const lookMs = times === undefined ? Infinity : lookMsFor(times[to - 1]! - times[from]!);
    for (let row = from; row < to; row += atOnce) {
      const rows = Math.min(atOnce, to - row);
      const id = `row-${this.#rows}`;
      const now = times?.[row] ?? this.#evenly();
      while (this.#lookedAt + lookMs < now) {
        this.#now = this.#lookedAt + lookMs;
        this.#commit(alerts, windows);
      }
      this.#now = now;
      const inputs = sideOf(columns, 'inputs', row, rows);
      const outputs = sideOf(columns, 'outputs', row, rows);
      this.#analysis.observeDecoded({
        id,
        requestId: null,
        at: this.#now,
        model: this.#policy.model.name,
        version: null,
        servedBy: 'primary',
        status: 200,
        outcome: 'answered',
        reason: null,
        protocol: null,
        undecoded: null,
        latencyMs: 0,
        method: 'POST',
        path: '/',
        traceparent: '00-0000000000000000000000000000000b-000000000000000b-00',
        rows,
        inputs,
        outputs,
      });
      this.#rows += rows;
      for (let at = 0; at < rows; at++) {
        const label = labels?.[row + at] ?? null;
        if (label !== null) this.#analysis.feedback({ id, kind: 'label', value: label, row: at, at: null, receivedAt: this.#now });
      }
      if (this.#rows % ROWS_A_COMMIT < atOnce || row + atOnce >= to) this.#commit(alerts, windows);
    }
    // A window by time that ends with these rows ends before the next come.
    this.#now = (times === undefined ? this.#evenly() : this.#now) + SETTLED_MS;
    this.#commit(alerts, windows);
    const began = alerts.filter(({ state }) => state === 'firing');
    const on = this.firing.filter(({ latest }) => latest.level === 'drift' && latest.observedRows > before);
    return { alerts, windows, alarms: [...began, ...on] };
  }

  /** Safe twice. */
  close(): void {
    this.#close();
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true });
  }

  /** When the next row comes at an even rate. */
  #evenly(): number {
    return Math.round(this.#begins + this.#rows * this.#msPerRow);
  }

  #commit(alerts: Alert[], windows: Finding[]): void {
    this.#lookedAt = this.#now;
    this.#analysis.tick();
    const batch = this.#analysis.take();
    if (batch === null) return;
    alerts.push(...batch.alerts);
    windows.push(...batch.windows);
    this.#committer?.commit(batch);
    this.#analysis.committed();
  }
}

/** Whole milliseconds from one look to the next over such a span. */
export function lookMsFor(spanMs: number): number {
  return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, Math.ceil(spanMs / MANY_LOOKS)));
}

function sideOf(columns: Rows['columns'], side: 'inputs' | 'outputs', from: number, count: number): Columns {
  const found: { [name: string]: readonly Cell[] } = {};
  for (const [signal, cells] of columns) {
    if (signal.startsWith(`${side}.`)) found[signal.slice(side.length + 1)] = cells.slice(from, from + count);
  }
  return found;
}
