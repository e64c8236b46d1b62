/**
 * All monitors of a policy: who watches which signal, and what each says of a record, of feedback, of a full window.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Column, Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import type { Calibration, CalibrationTask } from './calibration/calibration.ts';
import { withLevels } from './calibration/levels.ts';
import { PerformanceMonitor } from './performance-monitor.ts';
import type { SignalCells } from './kept-rows.ts';
import type { Comparison, Reference } from './reference.ts';
import { numberOf, requestFailed } from './signals.ts';
import { RowPlace } from './row-place.ts';
import type { MonitorRow } from './store/commit.ts';
import type { Place } from './streaming-monitor.ts';
import { keyOf, StreamingMonitor } from './streaming-monitor.ts';
import { TrafficMonitor } from './traffic-monitor.ts';
import type { Watch } from './watch-list.ts';
import { WatchedSignals } from './watched-signals.ts';
import { WindowMonitor } from './window-monitor.ts';
import type { ClosedWindow } from './windows.ts';
import { cellsBySignal } from './windows.ts';

/** Monitors as they were stored, by key. */
export type StoredMonitors = ReadonlyMap<string, { readonly fingerprint: string; readonly state: Json }>;

/** Streams of what the model is asked, as against what it does: another version begins the others anew. */
function isOfData(watch: Watch): boolean {
  return watch.kind === 'traffic' || (watch.kind === 'streaming' && !/^(outputs|feedback|request)\./.test(watch.signal));
}

/** Remembers by signal; hands rows for the store to whoever asks. */
export class Monitors {
  readonly #policy: Policy;
  readonly #reference: Reference;
  readonly #log: (line: string) => void;
  /** Told of a missing or non-finite value that a streaming detector was spared. */
  readonly #skipped: (signal: string) => void;
  readonly #levels: () => Calibration | null;
  readonly #part: 'data' | 'model';
  #streaming = new Map<string, StreamingMonitor[]>();
  /** The signals of the last record and their monitors, which the next record mostly shares. */
  #arranged: readonly string[] | null = null;
  #monitors: readonly (readonly StreamingMonitor[] | null)[] = [];
  /** Those of its signals that are derived from columns. */
  #derived: readonly string[] = [];
  /** Whether any of its signals has a value with each row. */
  #watchesRows = false;
  #performance: PerformanceMonitor[] = [];
  #traffic: TrafficMonitor[] = [];
  #watched: WatchedSignals;
  #windowed: WindowMonitor | null = null;
  #rows = new Map<string, MonitorRow>();
  /** How the newest window's rows fell to the slices. */
  #sliced: Json = null;

  /**
   * @param options.levels those that the budget of false alarms sets, when they are there
   * @param options.part `data`: streams that go on when the model changes; `model`: the others, and what is judged window by window
   */
  constructor(options: {
    policy: Policy;
    reference: Reference;
    log: (line: string) => void;
    skipped: (signal: string) => void;
    levels: () => Calibration | null;
    part: 'data' | 'model';
  }) {
    this.#policy = options.policy;
    this.#reference = options.reference;
    this.#log = options.log;
    this.#skipped = options.skipped;
    this.#levels = options.levels;
    this.#part = options.part;
    this.#watched = new WatchedSignals(options.policy, this.columns, options.reference);
  }

  /** The schema's columns, or those found in traffic; empty while there are neither. */
  get columns(): { readonly inputs: readonly Column[]; readonly outputs: readonly Column[] } {
    const { inputs, outputs } = this.#policy.schema;
    const guessed = this.#reference.guessed;
    return {
      inputs: inputs.length > 0 ? inputs : (guessed?.inputs ?? []),
      outputs: outputs.length > 0 ? outputs : (guessed?.outputs ?? []),
    };
  }

  /** What the levels depend on. */
  get task(): Pick<CalibrationTask, 'columns' | 'cells' | 'slices' | 'sketched'> {
    return this.#watched.task();
  }

  /** Slices that are judged, and of each entry of the policy the rows of the newest window that fell outside them. */
  get sliced(): Json {
    return { slices: this.#watched.slices.slices.map(({ name }) => name), others: this.#sliced };
  }

  /**
   * Resolves the policy's monitors against the columns; again when the columns have become known. What runs goes on, what was
   * stored continues.
   *
   * @throws ConfigError when a predictor's file cannot be used.
   */
  resolve(stored: StoredMonitors): void {
    this.#watched = new WatchedSignals(this.#policy, this.columns, this.#reference);
    const watches = withLevels(this.#policy, this.#watched.watches, this.#levels()).filter(
      (watch) => isOfData(watch) === (this.#part === 'data'),
    );
    const running = new Map([...this.#streaming.values()].flat().map((monitor) => [monitor.key, monitor]));
    this.#streaming = new Map();
    for (const watch of watches) {
      if (watch.kind !== 'streaming') continue;
      const monitor = running.get(keyOf(watch)) ?? this.#begin(watch, stored);
      this.#streaming.set(watch.signal, [...(this.#streaming.get(watch.signal) ?? []), monitor]);
    }
    this.#arranged = null;
    const signals = [...this.#streaming.keys()];
    this.#derived = signals.filter((signal) => this.#watched.quality.has(signal));
    this.#watchesRows = signals.some((signal) => !/^(request|feedback)\./.test(signal));
    this.#performance = watches
      .filter((watch) => watch.kind === 'performance')
      .map((watch) => new PerformanceMonitor(this.#policy, watch, stored));
    const listening = new Map(this.#traffic.map((monitor) => [monitor.key, monitor]));
    this.#traffic = watches
      .filter((watch) => watch.kind === 'traffic')
      .map((watch) => listening.get(keyOf(watch)) ?? new TrafficMonitor(watch, stored.get(keyOf(watch))));
    this.#windowed = new WindowMonitor(this.#policy, this.#watched, new Map([...stored, ...this.#rows]), this.#levels());
  }

  /**
   * A record's values, to the streaming detectors.
   *
   * @param byCall places the signals that have one value a call
   */
  record(record: DriftlineRecord, byCall: Place, signals: SignalCells = cellsBySignal(record)): Finding[] {
    const findings: Finding[] = [];
    if (this.#streaming.size === 0) return findings;
    const failed = requestFailed(record);
    if (failed !== null) this.#ofCall('request.failed', Number(failed), byCall, findings);
    this.#ofCall('request.latency', record.latencyMs, byCall, findings);
    const { timing } = record;
    // Most calls have no tokens, and that is no missing value.
    if (timing !== undefined) this.#ofCall('request.timeToFirstByte', timing.firstByteMs, byCall, findings);
    if (typeof timing?.firstTokenMs === 'number') this.#ofCall('request.timeToFirstToken', timing.firstTokenMs, byCall, findings);
    if (typeof timing?.tokensPerSecond === 'number') this.#ofCall('request.tokensPerSecond', timing.tokensPerSecond, byCall, findings);
    if (!this.#watchesRows) return findings;
    const place = new RowPlace(record, byCall.observedRows);
    if (signals.signals !== this.#arranged) {
      this.#arranged = signals.signals;
      this.#monitors = signals.signals.map((signal) => this.#streaming.get(signal) ?? null);
    }
    for (let k = 0; k < this.#monitors.length; k++) {
      const monitors = this.#monitors[k]!;
      if (monitors !== null) this.#ofRows(monitors, signals.signals[k]!, signals.cells[k]!, place, findings);
    }
    if (this.#derived.length === 0) return findings;
    const columns = new Map(signals.signals.map((signal, k) => [signal, signals.cells[k]!]));
    const derived = this.#watched.derived(this.#derived, (signal) => columns.get(signal) ?? null, record.rows);
    for (const [signal, cells] of derived) this.#ofRows(this.#streaming.get(signal) ?? [], signal, cells, place, findings);
    return findings;
  }

  /** One value of a signal; a missing one is counted and goes no further. @param slice the slice it is in; null = of all rows */
  value(signal: string, value: number | null, place: Place, slice: string | null = null): Finding[] {
    const findings: Finding[] = [];
    const monitors = this.#streaming.get(signal)?.filter(({ watch }) => (watch.slice?.name ?? null) === slice) ?? [];
    if (monitors.length > 0) this.#observe(monitors, signal, value, place, findings);
    return findings;
  }

  /** One value that came for a row of a record, to the detectors of all rows and to those of the row's slices. */
  feedback(signal: string, value: number | null, place: Place, record: DriftlineRecord, row: number): Finding[] {
    const findings = this.value(signal, value, place);
    if (this.#streaming.get(signal)?.some(({ watch }) => watch.slice !== null) !== true) return findings;
    const { signals, cells } = cellsBySignal(record);
    const columns = new Map(signals.map((name, k) => [name, [cells[k]![row] ?? null]]));
    const { rows } = this.#watched.slices.cut((name) => columns.get(name) ?? null, 1);
    // How far back an observation of a slice lies is not kept: its change has no row.
    for (const slice of rows.keys()) findings.push(...this.value(signal, value, { ...place, back: () => null }, slice));
    return findings;
  }

  /** Rows that came, to those that watch for their coming. */
  came(record: DriftlineRecord, now: number): Finding[] {
    const findings: Finding[] = [];
    for (const monitor of this.#traffic) findings.push(...monitor.record(record, now));
    return findings;
  }

  /** Lets time pass. */
  tick(now: number): Finding[] {
    return this.#traffic.flatMap((monitor) => monitor.tick(now));
  }

  /** A full window, to the windowed tests and the performance estimates. `against`: where it is not compared with the reference. */
  window(window: ClosedWindow, against?: Comparison): Finding[] {
    const judged = this.#windowed?.judge(window, against);
    const findings = [...(judged?.findings ?? [])];
    for (const row of judged?.rows ?? []) this.#rows.set(row.key, row);
    if (judged !== undefined) this.#sliced = Object.fromEntries(judged.sliced.others);
    for (const monitor of this.#performance) {
      const { finding, row } = monitor.judge(window);
      findings.push(finding);
      this.#rows.set(row.key, row);
    }
    return findings;
  }

  /** Rows of every monitor that has something new. */
  take(): MonitorRow[] {
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    for (const monitor of [...this.#streaming.values(), this.#traffic].flat()) {
      const row = monitor.take();
      if (row !== null) rows.push(row);
    }
    return rows;
  }

  #observe(monitors: readonly StreamingMonitor[], signal: string, value: number | null, place: Place, findings: Finding[]): void {
    if (value === null) {
      this.#skipped(signal);
      return;
    }
    for (const monitor of monitors) {
      const finding = monitor.observe(value, place);
      if (finding !== null) findings.push(finding);
    }
  }

  #ofCall(signal: string, value: number, place: Place, findings: Finding[]): void {
    const monitors = this.#streaming.get(signal);
    if (monitors !== undefined) this.#observe(monitors, signal, value, place, findings);
  }

  #ofRows(monitors: readonly StreamingMonitor[], signal: string, cells: readonly Cell[], place: RowPlace, findings: Finding[]): void {
    for (place.row = 0; place.row < cells.length; place.row++)
      this.#observe(monitors, signal, numberOf(cells[place.row]!), place, findings);
  }

  #begin(watch: ConstructorParameters<typeof StreamingMonitor>[0], stored: StoredMonitors): StreamingMonitor {
    const monitor = new StreamingMonitor(watch, stored.get(keyOf(watch)));
    if (monitor.startedFresh !== null) this.#log(monitor.startedFresh);
    return monitor;
  }
}
