/**
 * How a data file of any format is read: as stretches of rows, column by column.
 */

/** A cell as the file gives it. Null = absent; dates may be invalid. */
export type Value = string | number | bigint | boolean | Date | object | null | undefined;

/** Some rows that follow each other. */
export interface Batch {
  readonly rows: number;
  /** Columns that have a cell in this batch; further ones may come later where the format allows it. */
  readonly columns: readonly string[];
  /** The cells of one column, `[rows]`; decoded when asked for. @throws ConfigError for what is wrong with the file there. */
  column(name: string): ArrayLike<Value> | Promise<ArrayLike<Value>>;
}

/** A data file that is read as it comes. */
export interface DataStream {
  readonly format: 'csv' | 'json-lines' | 'parquet';
  /** Whether cells carry their type; those of CSV are all text. */
  readonly typed: boolean;
  /** Columns known at the start; in the file's order. */
  readonly columns: readonly string[];
  /** To be read once; `return()` closes the file. @throws ConfigError naming the file, and its line where it has lines. */
  readonly batches: AsyncGenerator<Batch, void, undefined>;
}

/** Most columns that are read; as many as a policy may have. */
export const MOST_COLUMNS = 2_000;
