/** The predictor tests' data sets as typed tables. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { type Table, takeRows } from '../../detectors/performance/table.ts';

/** A table and what is known of its rows. */
export interface KnownRows {
  readonly table: Table;
  readonly labels: Int32Array;
  /** Other columns, by name, as text. */
  readonly cells: ReadonlyMap<string, readonly string[]>;
}

const ELEC2 = new URL('../../agent/demo/elec2.csv.gz', import.meta.url);
const ACS = new URL('../golden/predictor/acs.csv.gz', import.meta.url);
const DIGITS = new URL('../golden/predictor/digits.csv.gz', import.meta.url);

/** New South Wales electricity, the first 17,000 half-hours (three columns are constant there), every third. */
export function elec2(): KnownRows {
  const numbers = ['period', 'nswprice', 'nswdemand'];
  return subset(read(ELEC2, { numbers, categories: [], label: 'class' }), (row) => row < 17_000 && row % 3 === 0);
}

/** American Community Survey; `cells` has `year`. */
export function acs(): KnownRows {
  const categories = ['MAR', 'RELP', 'DIS', 'ESP', 'CIT', 'MIG', 'MIL', 'SEX', 'RAC1P'];
  return read(ACS, { numbers: ['AGEP', 'SCHL'], categories, label: 'employed' });
}

/** Handwritten digits, ten classes. */
export function digits(): KnownRows {
  return read(DIGITS, { numbers: Array.from({ length: 64 }, (_, place) => `p${place}`), categories: [], label: 'digit' });
}

/** The rows for which `keep` holds. */
export function subset(known: KnownRows, keep: (row: number) => boolean): KnownRows {
  const rows = Int32Array.from({ length: known.table.rows }, (_, row) => row).filter(keep);
  return {
    table: takeRows(known.table, rows),
    labels: rows.map((row) => known.labels[row]!),
    cells: new Map([...known.cells].map(([name, cells]) => [name, Array.from(rows, (row) => cells[row]!)])),
  };
}

function read(url: URL, { numbers, categories, label }: { numbers: string[]; categories: string[]; label: string }): KnownRows {
  const [header, ...rows] = parse(gunzipSync(readFileSync(url))) as string[][];
  const cells = new Map(header!.map((name, at) => [name, rows.map((row) => row[at]!)]));
  const columns = [
    ...numbers.map((name) => ({ kind: 'number' as const, name, values: Float64Array.from(cells.get(name)!, Number) })),
    ...categories.map((name) => ({ kind: 'category' as const, name, values: cells.get(name)! })),
  ];
  return { table: { rows: rows.length, columns }, labels: Int32Array.from(cells.get(label)!, Number), cells };
}
