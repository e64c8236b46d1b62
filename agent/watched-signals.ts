/**
 * Everything that a policy watches, held against its reference: the watches, slices included, and what the reference has of each.
 *
 * One place for the analysis and for `check`, so that both have the same tests.
 */
import type { Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { ROW_SIGNALS } from '../contracts/quality.ts';
import { detectorOf } from '../detectors/catalogue.ts';
import type { CalibrationTask } from './calibration/calibration.ts';
import { type BothSides, type CellsOf, QualitySignals } from './quality-signals.ts';
import type { Comparison, Reference } from './reference.ts';
import { Slices } from './slices.ts';
import { type Watch, type WindowedWatch, watchList, withSlices } from './watch-list.ts';
import { cellsOf, signalsOf, type WatchedCell } from './watched-cells.ts';

/** What is asked of a reference. */
export type ReferenceTable = Comparison & Pick<Reference, 'beside' | 'hash'>;

/** What windows are compared with, derived signals and slices included. */
export interface ComparedSignals {
  /** Values that there must be at least of a signal in all rows. */
  readonly minSamples: number;
  /** Null while there is nothing to compare with. */
  cells(signal: string): readonly Cell[] | null;
  /** What a watch is compared with: inside its slice, or rows across the signals that it watches together; null while there is nothing. */
  cellsOf(watch: WindowedWatch): readonly WatchedCell[] | null;
  /** What is left of a signal, or of the column it is about, where rows were not kept; null elsewhere. */
  sketch(signal: string): ReferenceSketch | null;
  /** The same object as long as the signal's cells are the same. */
  identity(signal: string): object | null;
}

/** The watches of a policy with these columns. */
export class WatchedSignals implements ComparedSignals {
  readonly minSamples = 0;
  readonly #policy: Policy;
  readonly columns: BothSides;
  readonly watches: readonly Watch[];
  readonly quality: QualitySignals;
  readonly slices: Slices;
  readonly #reference: ReferenceTable;
  /** Rows of the reference by slice, for each of its tables. */
  readonly #cut = new Map<ReadonlyMap<string, readonly Cell[]>, ReadonlyMap<string, readonly number[]>>();

  constructor(policy: Policy, columns: BothSides, reference: ReferenceTable) {
    this.#policy = policy;
    this.columns = columns;
    this.#reference = reference;
    this.quality = new QualitySignals(policy, columns, (signal) => reference.cells(signal));
    this.slices = new Slices(policy, columns, (signals) => {
      const table = signals[0] === undefined ? null : reference.beside(signals[0]);
      return table === null || !signals.every((signal) => table.has(signal)) ? null : (signal) => table.get(signal) ?? null;
    });
    this.watches = withSlices(watchList(policy, columns, detectorOf), this.slices.slices);
  }

  /** The reference of a signal, derived ones included; null while there is none. */
  cells(signal: string): readonly Cell[] | null {
    return this.quality.has(signal) ? this.quality.reference(signal) : this.#reference.cells(signal);
  }

  /** Its rows inside a slice: those of the table that the signal's own rows are of; null while there is none. */
  rowsOf(slice: string, signal: string): readonly number[] | null {
    const table = this.#tableOf(signal);
    if (table === null) return null;
    let cut = this.#cut.get(table);
    if (cut === undefined) {
      const rows = [...table.values()].reduce((most, cells) => Math.max(most, cells.length), 0);
      cut = this.slices.cut((name) => table.get(name) ?? null, rows).rows;
      this.#cut.set(table, cut);
    }
    return cut.get(slice) ?? [];
  }

  cellsOf(watch: WindowedWatch): readonly WatchedCell[] | null {
    return watch.members === undefined
      ? this.cellsIn(watch.slice?.name ?? null, watch.signal)
      : cellsOf(watch, (signal) => this.cells(signal));
  }

  /** The reference of a signal inside a slice (null = all rows); null while there is none. */
  cellsIn(slice: string | null, signal: string): readonly Cell[] | null {
    const cells = this.cells(signal);
    if (cells === null || slice === null) return cells;
    const rows = this.rowsOf(slice, signal);
    return rows === null ? null : cellsAt(cells, rows);
  }

  sketch(signal: string): ReferenceSketch | null {
    return this.#reference.sketch(this.quality.columnOf(signal) ?? signal);
  }

  identity(signal: string): object | null {
    const column = this.quality.columnOf(signal) ?? signal;
    const isOfRows = this.quality.has(signal) && column === signal;
    return isOfRows ? this : (this.#reference.sketch(column) ?? this.#reference.cells(column));
  }

  /** The same against something else; null, or the reference itself = the reference. */
  against(comparison: Comparison | null): ComparedSignals {
    return comparison === null || comparison === this.#reference ? this : new SignalsBeside(this, this.#policy, comparison);
  }

  hash(signal: string): string {
    return this.#reference.hash(this.quality.columnOf(signal) ?? signal);
  }

  /** What the levels depend on. */
  task(): Pick<CalibrationTask, 'columns' | 'cells' | 'slices' | 'sketched'> {
    const cells = new Map<string, readonly Cell[]>();
    const slices = new Map<string, Map<string, readonly number[]>>();
    const sketched = new Set<string>();
    for (const watch of this.watches) {
      if (watch.kind !== 'windowed' && watch.kind !== 'streaming') continue;
      for (const signal of watch.kind === 'windowed' ? signalsOf(watch) : [watch.signal]) {
        const known = this.cells(signal);
        if (known !== null) cells.set(signal, known);
        if (this.sketch(signal) !== null) sketched.add(signal);
      }
      if (watch.slice === null || watch.kind !== 'windowed' || !cells.has(watch.signal)) continue;
      const rows = slices.get(watch.slice.name) ?? new Map<string, readonly number[]>();
      rows.set(watch.signal, this.rowsOf(watch.slice.name, watch.signal) ?? []);
      slices.set(watch.slice.name, rows);
    }
    return {
      columns: this.columns,
      cells,
      sketched: [...sketched],
      slices: this.slices.slices.map((slice) => ({ slice, rows: slices.get(slice.name) ?? new Map() })),
    };
  }

  /** The cells of these signals in a table, derived where they must be. */
  derived(signals: Iterable<string>, table: CellsOf, rows: number): Map<string, readonly Cell[]> {
    const derived = new Map<string, readonly Cell[]>();
    for (const signal of signals) if (this.quality.has(signal)) derived.set(signal, this.quality.cells(signal, table, rows));
    return derived;
  }

  #tableOf(signal: string): ReadonlyMap<string, readonly Cell[]> | null {
    const column = this.quality.columnOf(signal);
    if (column !== null) return this.#reference.beside(column);
    if (signal !== ROW_SIGNALS.duplicates && signal !== ROW_SIGNALS.violations) return this.#reference.beside(signal);
    const input = this.columns.inputs[0];
    return input === undefined ? null : this.#reference.beside(`inputs.${input.name}`);
  }
}

/** Signals of a comparison that is not the reference: a control, a season. Columns of equal length lie row by row beside each other. */
class SignalsBeside implements ComparedSignals {
  readonly minSamples: number;
  readonly #slices: Slices;
  readonly #comparison: Comparison;
  readonly #quality: QualitySignals;
  /** Rows by slice, by the number of rows. */
  readonly #cut = new Map<number, ReadonlyMap<string, readonly number[]>>();

  constructor({ columns, slices }: WatchedSignals, policy: Policy, comparison: Comparison) {
    this.minSamples = comparison.minSamples;
    this.#slices = slices;
    this.#comparison = comparison;
    this.#quality = new QualitySignals(policy, columns, (signal) => comparison.cells(signal));
  }

  cells(signal: string): readonly Cell[] | null {
    return this.#quality.has(signal) ? this.#quality.reference(signal) : this.#comparison.cells(signal);
  }

  cellsOf(watch: WindowedWatch): readonly WatchedCell[] | null {
    if (watch.members !== undefined) return cellsOf(watch, (signal) => this.cells(signal));
    const cells = this.cells(watch.signal);
    return cells === null || watch.slice === null ? cells : cellsAt(cells, this.#rowsOf(watch.slice.name, cells.length));
  }

  sketch(signal: string): ReferenceSketch | null {
    return this.#comparison.sketch(this.#quality.columnOf(signal) ?? signal);
  }

  identity(signal: string): object | null {
    return this.#quality.has(signal) ? this : (this.#comparison.sketch(signal) ?? this.#comparison.cells(signal));
  }

  #rowsOf(slice: string, rows: number): readonly number[] {
    let cut = this.#cut.get(rows);
    if (cut === undefined) {
      const table: CellsOf = (signal) => {
        const cells = this.#comparison.cells(signal);
        return cells?.length === rows ? cells : null;
      };
      cut = this.#slices.cut(table, rows).rows;
      this.#cut.set(rows, cut);
    }
    return cut.get(slice) ?? [];
  }
}

/** The cells of some rows. */
export function cellsAt(cells: readonly Cell[], rows: readonly number[]): Cell[] {
  return rows.filter((row) => row < cells.length).map((row) => cells[row] ?? null);
}
