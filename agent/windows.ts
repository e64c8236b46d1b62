/**
 * The open window of one model version: its newest rows, until there are enough or their time is over.
 *
 * A window is made of panes, one for a tumbling window and one a step for a sliding one: a row goes into the newest pane, a pane that ends
 * makes a window of the last ones, and nothing is moved. Windows by time end on multiples of their step since the Unix epoch, so that
 * those of a fleet cover the same stretch. One in which no row came since the last is not judged again.
 *
 * Of the state only where each pane begins is kept; its rows are in the store's records.
 */
import type { RowRange } from '../contracts/finding.ts';
import type { Json } from '../contracts/json.ts';
import type { WindowPolicy } from '../contracts/policy.ts';
import type { DriftlineRecord } from '../contracts/record.ts';
import { duration } from '../policies/figures.ts';
import { KeptRows, type SignalCells, type SignalColumns } from './kept-rows.ts';
import { signalNames } from './signal-names.ts';

/** Cells of a window that are kept, of the rows and of their control each: some 50 MB. */
export const MOST_WINDOW_CELLS = 2_000_000;
/** A record that comes so much after its pane has ended still counts in the next; beyond it, the clock was set back. */
const LATE_MS = 60_000;

/** A window that has ended: cells by signal, all of equal length. */
export interface ClosedWindow {
  readonly range: RowRange;
  readonly columns: SignalColumns;
  /** When each of the rows came. */
  readonly times: readonly number[];
  /** First row that no window before had. */
  readonly freshFrom: number;
  /** Rows that came, kept or not. */
  readonly rows: number;
  /** Why there are fewer rows than there should be, or null. */
  readonly note: string | null;
  /** What the control upstream served meanwhile; null where there is none. */
  readonly control: SignalColumns | null;
}

interface Pane {
  /** Everything from this row on, up to the next pane's, belongs here. */
  readonly startRow: number;
  /** By time: number of its step since the Unix epoch; null before its first row. */
  step: number | null;
  /** When its first row came. */
  openedAt: number | null;
  readonly rows: KeptRows;
  readonly control: KeptRows;
  /** Newest row, its own or the control's. */
  lastRow: number;
  /** Stretch of its rows; `toRow` before `fromRow` while there are none. */
  fromRow: number;
  toRow: number;
  fromAt: number;
  toAt: number;
}

/** What `snapshot` gives. */
interface State {
  readonly policy: string;
  readonly since: number | null;
  readonly panes: readonly {
    readonly startRow: number;
    readonly step: number | null;
    readonly openedAt: number | null;
  }[];
}

export interface WindowsOptions {
  readonly policy: WindowPolicy;
  /** Where to begin without a state: the next row. */
  readonly fromRow: number;
  /** Upstream whose rows are the control, if there is one. */
  readonly control?: string | null;
  readonly state?: Json | undefined;
  /** Told of what went otherwise than it should, for counting. */
  readonly count?: (what: string) => void;
  readonly mostCells?: number;
}

/** Rows in, windows out. */
export class Windows {
  readonly #policy: WindowPolicy;
  readonly #control: string | null;
  readonly #count: (what: string) => void;
  readonly #mostCells: number;
  /** Steps of a window. */
  readonly #steps: number;
  readonly #stepRows: number;
  readonly #stepMs: number | null;
  /** Oldest first; the last one is open. */
  #panes: Pane[];
  /** When the first row came, from which on windows can be whole. */
  #since: number | null = null;

  constructor({ policy, fromRow, control = null, state, count = () => {}, mostCells = MOST_WINDOW_CELLS }: WindowsOptions) {
    this.#policy = policy;
    this.#control = control;
    this.#count = count;
    this.#stepMs = (policy.spanMs ?? null) === null ? null : (policy.stepMs ?? policy.spanMs!);
    this.#stepRows = policy.stepRows ?? policy.rows;
    this.#steps = this.#stepMs === null ? policy.rows / this.#stepRows : policy.spanMs! / this.#stepMs;
    this.#mostCells = Math.floor(mostCells / this.#steps);
    // Written by this class; a window of other length begins anew.
    const kept = state as unknown as State | undefined;
    if (kept === undefined || kept === null || kept.policy !== JSON.stringify(policy)) {
      this.#panes = [this.#begin(fromRow)];
      return;
    }
    this.#since = kept.since;
    this.#panes = kept.panes.map(({ startRow, step, openedAt }) => ({ ...this.#begin(startRow), step, openedAt }));
  }

  /** Row from which on the records are needed after a restart. */
  get fromRow(): number {
    return this.#panes[0]!.startRow;
  }

  /** Rows in the open pane. */
  get rows(): number {
    return this.#open.rows.seen;
  }

  get #open(): Pane {
    return this.#panes.at(-1)!;
  }

  snapshot(): Json {
    const panes = this.#panes.map(({ startRow, step, openedAt }) => ({ startRow, step, openedAt }));
    return { policy: JSON.stringify(this.#policy), since: this.#since, panes };
  }

  /** Puts a stored record's rows back; in order, before anything is added. */
  restore(record: DriftlineRecord): void {
    if (record.firstRow === null) return;
    const signals = cellsBySignal(record);
    for (let index = 0; index < record.rows; index++) {
      const number = record.firstRow + index;
      const pane = this.#panes.findLast(({ startRow }) => startRow <= number);
      if (pane !== undefined) this.#put(pane, record, number, timeOf(record), signals, index);
    }
  }

  /**
   * Adds a record's rows and gives the windows that ended with or before them.
   *
   * @param time when it came, as the clock has it
   */
  add(record: DriftlineRecord, time = timeOf(record), signals: SignalCells = cellsBySignal(record)): ClosedWindow[] {
    if (record.firstRow === null) return [];
    const closed = this.advance(time);
    const isControl = this.#isControl(record);
    const { thinning } = this.#open.rows;
    for (let index = 0; index < record.rows; index++) {
      const pane = this.#open;
      this.#put(pane, record, record.firstRow + index, time, signals, index);
      if (isControl) continue;
      this.#since ??= time;
      pane.openedAt ??= time;
      if (this.#stepMs !== null) pane.step ??= Math.floor(time / this.#stepMs);
      else if (pane.rows.seen === this.#stepRows) closed.push(...this.#end(null));
    }
    if (this.#open.rows.thinning > thinning) this.#count('thinned');
    return closed;
  }

  /** Lets time pass: at most one window ends, however far the clock went. */
  advance(time: number): ClosedWindow[] {
    const pane = this.#open;
    const { maxAgeMs = null } = this.#policy;
    if (pane.openedAt === null) return [];
    if (this.#stepMs !== null) {
      const step = Math.floor(time / this.#stepMs);
      if (step > pane.step!) return this.#end(null);
      if (time >= pane.step! * this.#stepMs - LATE_MS) return [];
      this.#count('clock-set-back');
      const closed = this.#end(null);
      // What came under the other clock is no past of what comes now.
      this.#panes = [this.#open];
      this.#since = null;
      return closed;
    }
    if (maxAgeMs === null) return [];
    if (time < pane.openedAt - LATE_MS) {
      this.#count('clock-set-back');
      pane.openedAt = time;
    }
    if (time - pane.openedAt < maxAgeMs) return [];
    return this.#end(`low power: ${pane.rows.seen} of ${this.#policy.rows} rows came within ${duration(maxAgeMs)}`);
  }

  #isControl({ servedBy }: DriftlineRecord): boolean {
    return this.#control !== null && servedBy === this.#control;
  }

  #put(pane: Pane, record: DriftlineRecord, number: number, time: number, signals: SignalCells, index: number): void {
    pane.lastRow = number;
    if (this.#isControl(record)) {
      // Concurrent means what it says: nothing of before the first row that is to be compared.
      if (pane.rows.seen > 0) pane.control.add(number, time, signals, index);
      return;
    }
    pane.rows.add(number, time, signals, index);
    if (pane.rows.seen === 1) {
      pane.fromRow = number;
      pane.fromAt = record.at;
    }
    pane.toRow = number;
    pane.toAt = record.at;
  }

  /** Ends the open pane, and with it a window where there is something new in it. */
  #end(short: string | null): ClosedWindow[] {
    const last = this.#open;
    const first = last.step === null ? 0 : last.step - this.#steps + 1;
    const panes = this.#stepMs === null ? this.#panes : this.#panes.filter(({ step }) => step !== null && step >= first);
    const isWhole = this.#stepMs !== null || panes.length === this.#steps;
    const window = isWhole ? [this.#window(panes, last, short ?? this.#partly(first))] : [];
    this.#panes = [...panes.slice(-(this.#steps - 1) || panes.length), this.#begin(last.lastRow + 1)];
    return window;
  }

  #window(panes: readonly Pane[], last: Pane, short: string | null): ClosedWindow {
    const { columns, times, seen, newest } = KeptRows.joined(panes.map(({ rows }) => rows));
    const { fromRow, fromAt } = panes[0]!;
    const thinned = times.length < seen ? `an even sample of ${times.length} of ${seen} rows` : null;
    return {
      range: { fromRow, toRow: last.toRow, fromAt, toAt: last.toAt },
      columns,
      times,
      freshFrom: times.length - newest,
      rows: seen,
      note: [short, thinned].filter((part) => part !== null).join('; ') || null,
      control: this.#control === null ? null : KeptRows.joined(panes.map(({ control }) => control)).columns,
    };
  }

  /** Of a window by time that began before the first row came. */
  #partly(firstStep: number): string | null {
    if (this.#stepMs === null || this.#since === null) return null;
    const missedMs = this.#since - firstStep * this.#stepMs;
    const spanMs = this.#steps * this.#stepMs;
    return missedMs > spanMs / 10 ? `low power: covers the last ${duration(spanMs - missedMs)} of ${duration(spanMs)}` : null;
  }

  #begin(startRow: number): Pane {
    return {
      startRow,
      step: null,
      openedAt: null,
      rows: new KeptRows({ cells: this.#mostCells }),
      control: new KeptRows({ cells: this.#mostCells }),
      lastRow: startRow - 1,
      fromRow: startRow,
      toRow: startRow - 1,
      fromAt: 0,
      toAt: 0,
    };
  }
}

/** A window of these rows and nothing more to be said of it. */
export function windowOf(range: RowRange, columns: SignalColumns): ClosedWindow {
  const rows = [...columns.values()][0]?.length ?? 0;
  return { range, columns, times: new Array<number>(rows).fill(range.toAt), freshFrom: 0, rows, note: null, control: null };
}

/** When a record came to us: its call's end, since calls of any length are told in the order of their ends. */
export function timeOf({ at, latencyMs }: Pick<DriftlineRecord, 'at' | 'latencyMs'>): number {
  return at + latencyMs;
}

/** The record's columns as signals. */
export function cellsBySignal({ inputs, outputs }: DriftlineRecord): SignalCells {
  return {
    signals: signalNames(Object.keys(inputs), Object.keys(outputs)),
    cells: [...Object.values(inputs), ...Object.values(outputs)],
  };
}
