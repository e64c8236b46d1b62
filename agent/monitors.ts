/**
 * All monitors of a policy: who watches which signal, and what each says of a record, of feedback, of a full window.
 */
import type { Finding } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { Column, Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import type { Calibration, CalibrationTask } from './calibration/calibration.ts';
import { withLevels } from './calibration/levels.ts';
import { PerformanceMonitor } from './performance-monitor.ts';
import type { Comparison, Reference } from './reference.ts';
import { numberOf, requestFailed } from './signals.ts';
import { RowPlace } from './row-place.ts';
import type { MonitorRow } from './store/commit.ts';
import type { Place } from './streaming-monitor.ts';
import { keyOf, StreamingMonitor } from './streaming-monitor.ts';
import { watchList } from './watch-list.ts';
import { WindowMonitor } from './window-monitor.ts';
import { signalsOf } from './watched-cells.ts';
import type { ClosedWindow } from './windows.ts';
import { cellsBySignal } from './windows.ts';

/** Monitors as they were stored, by key. */
export type StoredMonitors = ReadonlyMap<string, { readonly fingerprint: string; readonly state: Json }>;

/** What the model does, as against what it is asked: another version begins these anew. */
function isOfModel(signal: string): boolean {
  return /^(outputs|feedback|request)\./.test(signal);
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
  #performance: PerformanceMonitor[] = [];
  #windowed: WindowMonitor | null = null;
  #rows = new Map<string, MonitorRow>();

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

  /** What levels are worked out from. */
  get task(): Pick<CalibrationTask, 'columns' | 'cells' | 'sketched'> {
    return { columns: this.columns, cells: this.referenceCells, sketched: this.sketched };
  }

  /** The reference of every watched signal that has one. */
  get referenceCells(): Map<string, readonly Cell[]> {
    const cells = new Map<string, readonly Cell[]>();
    for (const watch of watchList(this.#policy, this.columns, detectorOf)) {
      if (watch.kind === 'performance') continue;
      for (const signal of watch.kind === 'windowed' ? signalsOf(watch) : [watch.signal]) {
        const known = this.#reference.cells(signal);
        if (known !== null) cells.set(signal, known);
      }
    }
    return cells;
  }

  /** Watched signals of whose reference only a sketch is left. */
  get sketched(): string[] {
    const watches = watchList(this.#policy, this.columns, detectorOf).filter((watch) => watch.kind !== 'performance');
    return [...new Set(watches.map(({ signal }) => signal))].filter((signal) => this.#reference.sketch(signal) !== null);
  }

  /**
   * Resolves the policy's monitors against the columns; again when the columns have become known. What runs goes on, what was
   * stored continues.
   *
   * @throws ConfigError when a predictor's file cannot be used.
   */
  resolve(stored: StoredMonitors): void {
    const watches = withLevels(this.#policy, watchList(this.#policy, this.columns, detectorOf), this.#levels()).filter(
      (watch) => (watch.kind === 'streaming' && !isOfModel(watch.signal)) === (this.#part === 'data'),
    );
    const running = new Map([...this.#streaming.values()].flat().map((monitor) => [monitor.key, monitor]));
    this.#streaming = new Map();
    for (const watch of watches) {
      if (watch.kind !== 'streaming') continue;
      const monitor = running.get(keyOf(watch)) ?? this.#begin(watch, stored);
      this.#streaming.set(watch.signal, [...(this.#streaming.get(watch.signal) ?? []), monitor]);
    }
    this.#performance = watches
      .filter((watch) => watch.kind === 'performance')
      .map((watch) => new PerformanceMonitor(this.#policy, watch, stored));
    const windowed = watches.filter((watch) => watch.kind === 'windowed');
    this.#windowed = new WindowMonitor(this.#policy, windowed, this.#reference, new Map([...stored, ...this.#rows]), this.#levels());
  }

  /** A record's values, to the streaming detectors. `byCall` places the signals that have one value a call. */
  record(record: DriftlineRecord, byCall: Place): Finding[] {
    if (this.#streaming.size === 0) return [];
    const failed = requestFailed(record);
    const findings = [
      ...(failed === null ? [] : this.value('request.failed', Number(failed), byCall)),
      ...this.value('request.latency', record.latencyMs, byCall),
      ...timings(record).flatMap(([signal, value]) => this.value(signal, value, byCall)),
    ];
    const place = new RowPlace(record, byCall.observedRows);
    for (const [signal, cells] of cellsBySignal(record)) {
      const monitors = this.#streaming.get(signal);
      if (monitors === undefined) continue;
      for (place.row = 0; place.row < cells.length; place.row++)
        this.#observe(monitors, signal, numberOf(cells[place.row]!), place, findings);
    }
    return findings;
  }

  /** One value of a signal; a missing one is counted and goes no further. */
  value(signal: string, value: number | null, place: Place): Finding[] {
    const findings: Finding[] = [];
    const monitors = this.#streaming.get(signal);
    if (monitors !== undefined) this.#observe(monitors, signal, value, place, findings);
    return findings;
  }

  /** A full window, to the windowed tests and the performance estimates. `against`: where it is not compared with the reference. */
  window(window: ClosedWindow, against?: Comparison): Finding[] {
    const judged = this.#windowed?.judge(window, against) ?? { findings: [], rows: [] };
    const findings = [...judged.findings];
    for (const row of judged.rows) this.#rows.set(row.key, row);
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
    for (const monitor of [...this.#streaming.values()].flat()) {
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

  #begin(watch: ConstructorParameters<typeof StreamingMonitor>[0], stored: StoredMonitors): StreamingMonitor {
    const monitor = new StreamingMonitor(watch, stored.get(keyOf(watch)));
    if (monitor.startedFresh !== null) this.#log(monitor.startedFresh);
    return monitor;
  }
}

/** The times that this call has; most have no tokens, and that is no missing value. */
function timings({ timing }: DriftlineRecord): readonly (readonly [signal: string, value: number])[] {
  if (timing === undefined) return [];
  const all = [
    ['request.timeToFirstByte', timing.firstByteMs],
    ['request.timeToFirstToken', timing.firstTokenMs],
    ['request.tokensPerSecond', timing.tokensPerSecond],
  ] as const;
  return all.flatMap(([signal, value]) => (value === null ? [] : [[signal, value] as const]));
}
