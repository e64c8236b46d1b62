/**
 * Raw rows as a client sends them, by column: what is corrupted before a model ever encodes it.
 */

/** A numeric column; NaN is a missing value. */
export interface NumberColumn {
  readonly kind: 'number';
  readonly name: string;
  readonly values: Float64Array;
}

/** A column of tokens; null is a missing value. */
export interface CategoryColumn {
  readonly kind: 'category';
  readonly name: string;
  readonly values: readonly (string | null)[];
}

export type Column = NumberColumn | CategoryColumn;

/** Columns of equal length. */
export interface Table {
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** A copy with the named rows, in the order given; a row may come twice. */
export function takeRows(table: Table, rows: Int32Array): Table {
  const columns = table.columns.map((column): Column => {
    // Plain loops: this runs for every cell of every batch, and `from` with a callback takes several times as long.
    if (column.kind === 'number') {
      const values = new Float64Array(rows.length);
      for (let place = 0; place < rows.length; place++) values[place] = column.values[rows[place]!]!;
      return { ...column, values };
    }
    const values = new Array<string | null>(rows.length);
    for (let place = 0; place < rows.length; place++) values[place] = column.values[rows[place]!] ?? null;
    return { ...column, values };
  });
  return { rows: rows.length, columns };
}
