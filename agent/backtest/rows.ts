/**
 * Data files as the columns of a policy: signals of equal length, and the labels beside them.
 */
import { ConfigError } from '../../contracts/errors.ts';
import type { Column, Policy } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { Value } from '../data/batch.ts';
import { openData } from '../data/file.ts';
import { readReferenceFile } from '../reference-file.ts';
import { isSketchFile } from '../reference-sketch.ts';
import { guessColumn } from '../signals.ts';

/** Rows of one or several files, one after the other. */
export interface Rows {
  readonly count: number;
  /** Cells by signal (`inputs.age`), oldest first. */
  readonly columns: ReadonlyMap<string, readonly Cell[]>;
  /** One a row; null without a column of labels. */
  readonly labels: readonly Cell[] | null;
}

/** Cells in memory; more are a matter for several runs. */
const MOST_CELLS = 50_000_000;

/**
 * Reads files in the order given. Columns are found by the schema's names; without a schema all are inputs but the prediction.
 *
 * @throws ConfigError when a file cannot be read, or has none of the columns.
 */
export async function readRows(policy: Policy, files: readonly string[], label: string | null): Promise<Rows> {
  const cells = new Map<string, Cell[]>();
  const typed = new Set<string>();
  let count = 0;
  for (const file of files) {
    const stream = await openData(file);
    for await (const batch of stream.batches) {
      for (const name of batch.columns) {
        let column = cells.get(name);
        if (column === undefined) {
          column = new Array<Cell>(count).fill(null);
          cells.set(name, column);
        }
        const values = await batch.column(name);
        for (let row = 0; row < batch.rows; row++) column.push(toCell(values[row]));
        if (stream.typed) typed.add(name);
      }
      count += batch.rows;
      for (const column of cells.values()) while (column.length < count) column.push(null);
      if (count * cells.size > MOST_CELLS)
        throw new ConfigError('too-large', `${file}: more than ${MOST_CELLS} cells together; give fewer rows`);
    }
  }
  if (count === 0) throw new ConfigError('empty-table', `${files.join(', ')}: no rows`);
  if (label !== null && !cells.has(label))
    throw new ConfigError('unknown-column', `--label ${label}: the data has no such column (${[...cells.keys()].join(', ')})`);
  const columns = new Map<string, readonly Cell[]>();
  const { inputs, outputs } = policy.schema;
  const add = (side: 'inputs' | 'outputs', column: Column) => {
    const found = cells.get(column.name);
    if (found !== undefined)
      columns.set(
        `${side}.${column.name}`,
        found.map((cell) => asType(cell, column)),
      );
  };
  for (const column of inputs) add('inputs', column);
  for (const column of outputs) add('outputs', column);
  if (inputs.length === 0) {
    for (const [name, column] of cells) {
      if (name === label || outputs.some((output) => output.name === name)) continue;
      const side = name === policy.model.prediction ? 'outputs' : 'inputs';
      add(side, guessColumn(name, column));
    }
  }
  if (columns.size === 0) {
    throw new ConfigError(
      'unknown-column',
      `${files[0]}: has none of the policy’s columns (${[...inputs, ...outputs].map(({ name }) => name).join(', ')})`,
    );
  }
  return { count, columns, labels: label === null ? null : cells.get(label)! };
}

/** Labels beside the reference's rows; null where the policy names no reference file with rows, or where that has no such column. */
export async function readReferenceLabels({ reference, schema }: Policy, label: string): Promise<readonly Cell[] | null> {
  if (reference.source !== 'file' || isSketchFile(reference.path)) return null;
  try {
    const { columns } = await readReferenceFile(reference.path, { ...schema, inputs: [guessColumn(label, [])], outputs: [] });
    return columns.get(`inputs.${label}`) ?? null;
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'reference-columns') return null;
    throw error;
  }
}

function toCell(value: Value): Cell {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  return JSON.stringify(value);
}

/** What the server would have got: numbers where the schema has numbers, and text that is none as it stands. */
function asType(cell: Cell, { type }: Column): Cell {
  if (typeof cell !== 'string' || (type !== 'number' && type !== 'integer')) return cell;
  const value = Number(cell);
  return Number.isFinite(value) ? value : cell;
}
