/**
 * The demo's data: Elec2, divided into the rows the model was trained on and the rows that are sent.
 */
import { packageFile } from '../package-file.ts';
import { readTable } from '../table.ts';

/** Rows the model and its reference come from: the first 20 %. `train.py` states the same number. */
export const TRAINING_ROWS = 9_062;
export const FEATURES = ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'] as const;

/** The column that the broken feed sends in other units, and the factor. */
export const FAULTY_COLUMN = 'nswprice';
const FAULT_FACTOR = 100;

/** One half hour of the market. */
export interface MarketRow {
  readonly inputs: { readonly [feature: string]: number };
  /** 1 = the price goes up. */
  readonly label: number;
}

/** Training rows and sent rows, in time order. */
export async function readStream(): Promise<{ training: MarketRow[]; sent: MarketRow[] }> {
  const table = await readTable(packageFile('agent/demo/elec2.csv.gz'));
  const positions = FEATURES.map((feature) => table.columns.indexOf(feature));
  const labelAt = table.columns.indexOf('class');
  const rows = table.rows.map((cells) => ({
    inputs: Object.fromEntries(FEATURES.map((feature, index) => [feature, Number(cells[positions[index] ?? -1])])),
    label: Number(cells[labelAt]),
  }));
  return { training: rows.slice(0, TRAINING_ROWS), sent: rows.slice(TRAINING_ROWS) };
}

/** The row as the broken feed sends it. */
export function withFault(row: MarketRow): MarketRow {
  return { ...row, inputs: { ...row.inputs, [FAULTY_COLUMN]: (row.inputs[FAULTY_COLUMN] ?? 0) * FAULT_FACTOR } };
}

/** The rows as a reference file. */
export function toCsv(rows: readonly MarketRow[]): string {
  const lines = rows.map((row) => FEATURES.map((feature) => row.inputs[feature]).join(','));
  return `${FEATURES.join(',')}\n${lines.join('\n')}\n`;
}
