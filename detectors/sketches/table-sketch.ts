/**
 * The sketches of a table's columns, by name.
 */
import { SnapshotError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import { SnapshotReader } from '../snapshot.ts';
import { ColumnSketch } from './column-sketch.ts';

const KIND = 'table-sketch';

/** Sketched columns of equally many rows. */
export class TableSketch {
  readonly #columns: ReadonlyMap<string, ColumnSketch>;
  #rows = 0;

  /** @param columns empty ones, or those of `rows` rows */
  constructor(columns: ReadonlyMap<string, ColumnSketch>, rows = 0) {
    this.#columns = columns;
    this.#rows = rows;
  }

  get rows(): number {
    return this.#rows;
  }

  get columns(): ReadonlyMap<string, ColumnSketch> {
    return this.#columns;
  }

  /** One row; `cell` gives the value of a column. */
  update(cell: (name: string) => number | string | null): void {
    this.#rows++;
    for (const [name, column] of this.#columns) column.update(cell(name));
  }

  /** Takes the other's rows as its own. @throws SnapshotError when its columns are others, or counted in other bins */
  merge(other: TableSketch): void {
    if (other.#columns.size !== this.#columns.size) throw otherColumns(other.#columns.keys());
    for (const name of this.#columns.keys()) if (!other.#columns.has(name)) throw otherColumns(other.#columns.keys());
    // On a copy first: what refuses in the middle must not leave half a sum.
    for (const [name, column] of this.#columns) ColumnSketch.restore(column.snapshot()).merge(other.#columns.get(name)!);
    for (const [name, column] of this.#columns) column.merge(other.#columns.get(name)!);
    this.#rows += other.#rows;
  }

  snapshot(): Json {
    const columns = [...this.#columns].map(([name, column]): Json => [name, column.snapshot()]);
    return { detector: KIND, rows: this.#rows, columns };
  }

  /** @throws SnapshotError when the state is not one of these */
  static restore(state: Json): TableSketch {
    const read = new SnapshotReader(KIND, state);
    const rows = read.count('rows');
    // The reader has made sure that it is an object.
    const list = (state as JsonObject).columns;
    if (!Array.isArray(list)) return read.refuse('columns');
    const columns = new Map<string, ColumnSketch>();
    for (const entry of list) {
      const [name, column = null] = Array.isArray(entry) && entry.length === 2 ? entry : [];
      if (typeof name !== 'string' || columns.has(name)) return read.refuse('columns');
      const sketch = ColumnSketch.restore(column);
      const { n, missing } = sketch.reference();
      if (n + missing !== rows) read.refuse('rows');
      columns.set(name, sketch);
    }
    return new TableSketch(columns, rows);
  }
}

function otherColumns(names: Iterable<string>): SnapshotError {
  return new SnapshotError('other-sketch', `${KIND}: columns ${[...names].slice(0, 5).join(', ')} do not add to others`);
}
