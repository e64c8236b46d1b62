/**
 * Data files as the columns of a policy: signals of equal length, and the labels beside them.
 */
import { ConfigError } from '../../contracts/errors.ts';
import type { Column, Policy } from '../../contracts/policy.ts';
import type { Cell } from '../../contracts/record.ts';
import type { Value } from '../data/batch.ts';
import { openData } from '../data/file.ts';
import { cellReader } from '../data/schema-cell.ts';
import { delimiterHint } from '../delimiter.ts';
import { readReferenceFile } from '../reference-file.ts';
import { isSketchFile } from '../reference-sketch.ts';
import { guessColumn } from '../signals.ts';
import { rowTimes } from './row-times.ts';

/** Rows of one or several files, one after the other. */
export interface Rows {
  readonly count: number;
  /** Cells by signal (`inputs.age`), oldest first. */
  readonly columns: ReadonlyMap<string, readonly Cell[]>;
  /** One a row; null without a column of labels. */
  readonly labels: readonly Cell[] | null;
  /** When each came, milliseconds since the Unix epoch, in order; without it they come at an even rate. */
  readonly times?: readonly number[];
}

/** Columns of the data that are no signals. */
export interface Beside {
  /** Of true answers. */
  readonly label?: string | undefined;
  /** Of the times at which rows came. */
  readonly time?: string | undefined;
}

/** Cells in memory; more are a matter for several runs. */
const MOST_CELLS = 50_000_000;

/**
 * Reads files in the order given. Columns are found by the schema's names; without a schema all are inputs but the prediction.
 *
 * @throws ConfigError when a file cannot be read, or has none of the columns.
 */
export async function readRows(policy: Policy, files: readonly string[], { label, time }: Beside = {}): Promise<Rows> {
  const values = new Map<string, Value[]>();
  /** Columns of a file without types. */
  const untyped = new Set<string>();
  let count = 0;
  for (const file of files) {
    const stream = await openData(file);
    for await (const batch of stream.batches) {
      for (const name of batch.columns) {
        let column = values.get(name);
        if (column === undefined) {
          column = new Array<Value>(count).fill(null);
          values.set(name, column);
        }
        const cells = await batch.column(name);
        for (let row = 0; row < batch.rows; row++) column.push(cells[row]);
        if (!stream.typed) untyped.add(name);
      }
      count += batch.rows;
      for (const column of values.values()) while (column.length < count) column.push(null);
      if (count * values.size > MOST_CELLS)
        throw new ConfigError('too-large', `${file}: more than ${MOST_CELLS} cells together; give fewer rows`);
    }
  }
  if (count === 0) throw new ConfigError('empty-table', `${files.join(', ')}: no rows`);
  for (const [flag, name] of [
    ['--label', label],
    ['--time', time],
  ] as const) {
    if (name !== undefined && !values.has(name))
      throw new ConfigError('unknown-column', `${flag} ${name}: the data has no such column (${[...values.keys()].join(', ')})`);
  }
  const read = (name: string, column: Column | null): Cell[] => {
    const reader = cellReader(column, !untyped.has(name));
    return values.get(name)!.map(reader);
  };
  const columns = new Map<string, readonly Cell[]>();
  const { inputs, outputs } = policy.schema;
  for (const column of inputs) if (values.has(column.name)) columns.set(`inputs.${column.name}`, read(column.name, column));
  for (const column of outputs) if (values.has(column.name)) columns.set(`outputs.${column.name}`, read(column.name, column));
  if (inputs.length === 0) {
    for (const name of values.keys()) {
      if (name === label || name === time || outputs.some((output) => output.name === name)) continue;
      const guessed = read(name, null);
      const column = guessColumn(name, guessed);
      const side = name === policy.model.prediction ? 'outputs' : 'inputs';
      columns.set(`${side}.${name}`, column.type === 'number' ? guessed : read(name, column));
    }
  }
  if (columns.size === 0) {
    const hint = untyped.size === 0 ? null : delimiterHint([...values.keys()]);
    throw new ConfigError(
      'unknown-column',
      `${files[0]}: has none of the policy’s columns (${[...inputs, ...outputs].map(({ name }) => name).join(', ')})${hint === null ? '' : `; ${hint}`}`,
    );
  }
  const labels = label === undefined ? null : read(label, predictionOf(policy));
  return { count, columns, labels, ...(time === undefined ? {} : { times: rowTimes(time, values.get(time)!) }) };
}

/** Labels beside the reference's rows; null where the policy names no reference file with rows, or where that has no such column. */
export async function readReferenceLabels(policy: Policy, label: string): Promise<readonly Cell[] | null> {
  const { reference, schema } = policy;
  if (reference.source !== 'file' || isSketchFile(reference.path)) return null;
  try {
    const column = { ...(predictionOf(policy) ?? guessColumn(label, [])), name: label };
    const { columns } = await readReferenceFile(reference.path, { ...schema, inputs: [column], outputs: [] });
    return columns.get(`inputs.${label}`) ?? null;
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'reference-columns') return null;
    throw error;
  }
}

/** The column that labels are compared with: they are read as it is; null where the schema does not have it. */
function predictionOf({ model, schema }: Policy): Column | null {
  return schema.outputs.find(({ name }) => name === model.prediction) ?? null;
}
