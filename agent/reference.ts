/**
 * What counts as normal: columns from a file, or learned from the first rows of traffic and then frozen.
 */
import { createHash } from 'node:crypto';
import type { Json } from '../contracts/json.ts';
import type { Column, Policy } from '../contracts/policy.ts';
import type { Cell, DriftlineRecord } from '../contracts/record.ts';
import type { ReferenceSketch } from '../contracts/sketch.ts';
import { MOST_LEARNED_COLUMNS } from './columns.ts';
import { isSketchFile, type SketchedColumn } from './reference-sketch.ts';
import { guessColumn } from './signals.ts';
import { readTable } from './table.ts';

/** Rows that are learned from traffic for columns which a reference file does not have (outputs, mostly). */
const LEARNED_ROWS = 1_000;
/** More reference rows than this are thinned evenly: the tests gain nothing from them. */
const MOST_ROWS = 100_000;

/** Both sides together, of whatever names came. */
const MOST_SIGNALS = 2 * MOST_LEARNED_COLUMNS;

/** The reference as it is kept in the store. */
interface Learned {
  readonly frozen: boolean;
  readonly columns: { readonly [signal: string]: readonly Cell[] };
}

/** Reference columns by signal (`inputs.age`). */
export class Reference {
  readonly #file: ReadonlyMap<string, readonly Cell[]>;
  readonly #sketches: ReadonlyMap<string, SketchedColumn>;
  readonly #rows: number;
  #learned = new Map<string, Cell[]>();
  #learnedRows = 0;
  #frozen = false;
  #guessed: { inputs: readonly Column[]; outputs: readonly Column[] } | null = null;

  /**
   * @param file columns of the reference file; empty without one
   * @param state what `snapshot` gave, when the traffic's part was already frozen
   * @param sketches columns of a reference file without rows
   */
  constructor(
    policy: Policy,
    file: ReadonlyMap<string, readonly Cell[]>,
    state?: Json,
    sketches: ReadonlyMap<string, SketchedColumn> = new Map(),
  ) {
    this.#file = file;
    this.#sketches = sketches;
    this.#rows = policy.reference.source === 'traffic' ? policy.reference.rows : LEARNED_ROWS;
    const kept = state as Learned | undefined;
    if (kept?.frozen === true) {
      this.#learned = new Map(Object.entries(kept.columns).map(([signal, cells]) => [signal, [...cells]]));
      this.#freeze();
    }
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Rows still wanted from traffic before it is frozen. */
  get wanted(): number {
    return this.#frozen ? 0 : this.#rows - this.#learnedRows;
  }

  /** Columns found in traffic, for a policy without a schema; null until frozen. */
  get guessed(): { readonly inputs: readonly Column[]; readonly outputs: readonly Column[] } | null {
    return this.#guessed;
  }

  /** What is left of a signal's reference where its rows were not kept; null elsewhere. */
  sketch(signal: string): ReferenceSketch | null {
    return this.#sketches.get(signal)?.sketch ?? null;
  }

  /** Cells of a signal, or null while it is being learned, when it is unknown, and where there is only a sketch of it. */
  cells(signal: string): readonly Cell[] | null {
    if (this.#sketches.has(signal)) return null;
    return this.#file.get(signal) ?? (this.#frozen ? (this.#learned.get(signal) ?? null) : null);
  }

  /** Values that are no surprise: the cells, or the categories of a sketch that kept each of them apart. */
  known(signal: string): readonly Cell[] | null {
    const categories = this.sketch(signal)?.categories ?? null;
    return categories === null || categories.other !== null ? this.cells(signal) : [...categories.counts.keys()];
  }

  /** Short hash of a signal's reference, for fingerprints. */
  hash(signal: string): string {
    const sketched = this.#sketches.get(signal);
    if (sketched !== undefined) return sketched.hash;
    const cells = this.cells(signal);
    return cells === null ? 'none' : createHash('sha256').update(JSON.stringify(cells)).digest('hex').slice(0, 16);
  }

  /** Takes an answered record's rows; true when this record completed the reference. */
  learn(record: DriftlineRecord): boolean {
    if (this.#frozen || record.rows === 0 || record.undecoded !== null || Object.keys(record.outputs).length === 0) return false;
    const taken = Math.min(record.rows, this.#rows - this.#learnedRows);
    for (const side of ['inputs', 'outputs'] as const) {
      for (const [name, cells] of Object.entries(record[side])) {
        const signal = `${side}.${name}`;
        let column = this.#learned.get(signal);
        if (column === undefined) {
          // Names that change from call to call are no columns, and must not fill the memory.
          if (this.#learned.size >= MOST_SIGNALS) continue;
          column = new Array<Cell>(this.#learnedRows).fill(null);
          this.#learned.set(signal, column);
        }
        for (let row = 0; row < taken; row++) column.push(cells[row] ?? null);
      }
    }
    this.#learnedRows += taken;
    for (const column of this.#learned.values()) while (column.length < this.#learnedRows) column.push(null);
    if (this.#learnedRows < this.#rows) return false;
    this.#freeze();
    return true;
  }

  snapshot(): Json {
    return { frozen: this.#frozen, columns: this.#frozen ? Object.fromEntries(this.#learned) : {} };
  }

  #freeze(): void {
    this.#frozen = true;
    const side = (prefix: string) =>
      [...this.#learned]
        .filter(([signal]) => signal.startsWith(prefix))
        .map(([signal, cells]) => guessColumn(signal.slice(prefix.length), cells));
    this.#guessed = { inputs: side('inputs.'), outputs: side('outputs.') };
  }
}

/**
 * Reads the policy's reference file, if it has one with rows: a CSV whose columns are named as the schema's.
 *
 * @throws ConfigError when the file cannot be read, or lacks every column of the schema.
 */
export async function readReference(policy: Policy): Promise<Map<string, readonly Cell[]>> {
  const columns = new Map<string, readonly Cell[]>();
  if (policy.reference.source !== 'file' || isSketchFile(policy.reference.path)) return columns;
  const table = await readTable(policy.reference.path);
  const step = Math.max(1, Math.ceil(table.rows.length / MOST_ROWS));
  const rows = table.rows.filter((_, index) => index % step === 0);
  for (const side of ['inputs', 'outputs'] as const) {
    for (const column of policy.schema[side]) {
      const index = table.columns.indexOf(column.name);
      if (index < 0) continue;
      columns.set(
        `${side}.${column.name}`,
        rows.map((row) => fileCell(column, row[index] ?? '')),
      );
    }
  }
  return columns;
}

function fileCell(column: Column, text: string): Cell {
  if (text === '') return null;
  if (column.type === 'boolean') return /^(true|1)$/i.test(text) ? true : /^(false|0)$/i.test(text) ? false : text;
  return column.type === 'number' || column.type === 'integer' ? Number(text) : text;
}
