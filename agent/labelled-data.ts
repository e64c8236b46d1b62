/**
 * Labelled rows for a model: which column of a file feeds which input, which classes there are, and how the model scores them.
 *
 * Either every input of the model is one value a row and bears a column's name, or it has one matrix input, which takes the features in
 * order. Numbers reach an integer input rounded; a missing one it cannot express, and the scorer refuses the rows.
 */
import type { Mistake } from '../contracts/errors.ts';
import { ConfigError } from '../contracts/errors.ts';
import type { Scalar, Tensor } from '../contracts/tensor.ts';
import type { Score } from '../detectors/performance/batches.ts';
import type { Column, Table } from '../detectors/performance/table.ts';
import type { TensorSpec } from '../scorer/inputs.ts';
import type { OnnxModel } from '../scorer/onnx.ts';
import { isMissingText } from './data/cell.ts';
import { columnIndex, numberCell, type Table as TextTable } from './table.ts';

export interface LabelledDataOptions {
  /** Named in messages. */
  readonly file: string;
  readonly label: string;
  /** Columns of a matrix input, in its order; null = all but the label, as they stand. */
  readonly features: readonly string[] | null;
  /** Classes in the order of the model's probabilities; null = the labels found, sorted as numbers or else as text. */
  readonly classes: readonly string[] | null;
}

export interface LabelledData {
  readonly table: Table;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /** Rows left out because they have no label. */
  readonly skippedRows: number;
  readonly score: Score;
}

const INTEGER = /^U?INT\d+$/;
const MOST_MISTAKES = 20;

/** Fits a file to a model. @throws ConfigError that names the columns, cells or outputs at fault */
export function labelledData(model: OnnxModel, text: TextTable, options: LabelledDataOptions): LabelledData {
  const labelAt = columnIndex(text.columns, options.label, options.file);
  const labelOf = (row: number) => (text.rows[row]![labelAt] ?? '').trim();
  const kept = [...text.rows.keys()].filter((row) => !isMissingText(labelOf(row)) || options.classes?.includes(labelOf(row)) === true);
  const found = [...new Set(kept.map(labelOf))];
  const classes = options.classes ?? sorted(found);
  const foreign = found.filter((name) => !classes.includes(name));
  if (foreign.length > 0) {
    throw new ConfigError('classes', `${options.file}: column ${options.label} has ${foreign.length} labels outside the classes given`);
  }
  if (classes.length < 2)
    throw new ConfigError('classes', `${options.file}: column ${options.label} has ${classes.length} classes; two are needed`);
  const placeOf = new Map(classes.map((name, place) => [name, place]));
  const bound = bind(model.inputs, text.columns, options);
  return {
    table: readColumns(text, kept, bound, options.file),
    labels: Int32Array.from(kept, (row) => placeOf.get(labelOf(row))!),
    classes,
    skippedRows: text.rows.length - kept.length,
    score: scoring(model, bound),
  };
}

/** A column and the input that it feeds. */
interface Bound {
  readonly column: string;
  readonly datatype: string;
}

function bind(inputs: readonly TensorSpec[], columns: readonly string[], { file, label, features }: LabelledDataOptions): Bound[] {
  for (const name of features ?? []) columnIndex(columns, name, file);
  const [first] = inputs;
  if (inputs.length === 1 && first !== undefined && first.shape.length === 2 && first.shape[1] !== 1) {
    const names = features ?? columns.filter((name) => name !== label);
    const width = first.shape[1]!;
    if (width !== -1 && width !== names.length) {
      throw new ConfigError(
        'feature-columns',
        `${file}: the model's input ${first.name} takes ${width} values a row, here are ${names.length} columns; name ${width} in order with --features`,
      );
    }
    return names.map((column) => ({ column, datatype: first.datatype }));
  }
  if (!inputs.every(({ shape }) => shape.slice(1).every((length) => length === 1))) {
    throw new ConfigError('model-inputs', 'the model takes several matrices; a predictor needs one matrix, or one input for each column');
  }
  const missing = inputs.filter(({ name }) => !columns.includes(name) || (features !== null && !features.includes(name)));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    throw new ConfigError(
      'feature-columns',
      `${file}: no column for the model's ${missing.length === 1 ? 'input' : 'inputs'} ${names}; add them`,
    );
  }
  return inputs.map(({ name, datatype }) => ({ column: name, datatype }));
}

function readColumns(text: TextTable, kept: readonly number[], bound: readonly Bound[], file: string): Table {
  const mistakes: Mistake[] = [];
  const columns = bound.map(({ column, datatype }): Column => {
    const at = text.columns.indexOf(column);
    const cell = (row: number): string => (text.rows[row]![at] ?? '').trim();
    if (datatype === 'BYTES') {
      return { kind: 'category', name: column, values: kept.map((row) => (isMissingText(cell(row)) ? null : cell(row))) };
    }
    const values = Float64Array.from(kept, (row) => {
      if (isMissingText(cell(row))) return Number.NaN;
      const value = numberCell(cell(row));
      if (value === null && mistakes.length < MOST_MISTAKES) {
        // The header is line 1; cells with line breaks inside shift the count.
        mistakes.push({
          file,
          line: row + 2,
          column: at + 1,
          path: column,
          message: `column ${column} is not a number, as the model takes it`,
        });
      }
      return value ?? Number.NaN;
    });
    return { kind: 'number', name: column, values };
  });
  const [mistake] = mistakes;
  if (mistake !== undefined) throw new ConfigError('not-a-number', `${file}:${mistake.line}: ${mistake.message}`, mistakes);
  return { rows: kept.length, columns };
}

function scoring(model: OnnxModel, bound: readonly Bound[]): Score {
  const output = probabilityOutput(model.outputs);
  return async (table) => {
    const tensors = table.columns.map((column, place): Tensor => {
      const rounds = INTEGER.test(bound[place]!.datatype);
      const data: readonly Scalar[] =
        column.kind === 'category'
          ? column.values
          : Array.from(column.values, (value) => (Number.isNaN(value) ? null : rounds ? Math.round(value) : value));
      return { name: column.name, datatype: null, shape: [table.rows], data };
    });
    const { data, shape } = (await model.run(tensors))[output]!;
    if (shape.length === 2 && shape[1] !== 1) return Float64Array.from(data, Number);
    // One figure a row is the second class's probability.
    return Float64Array.from({ length: 2 * data.length }, (_, place) => {
      const p = Number(data[place >> 1]);
      return place % 2 === 1 ? p : 1 - p;
    });
  };
}

/** Which output carries the probabilities: floats, by name where several do. */
function probabilityOutput(outputs: readonly TensorSpec[]): number {
  const floats = outputs.filter(({ datatype, shape }) => /^FP\d+$/.test(datatype) && shape.length >= 1 && shape.length <= 2);
  const chosen = floats.find(({ name }) => /prob/i.test(name)) ?? floats.find(({ shape }) => shape.length === 2) ?? floats[0];
  if (chosen === undefined) {
    throw new ConfigError(
      'no-probabilities',
      'the model has no output of probabilities that can be read; export it with a float tensor of them (skl2onnx: zipmap=False)',
    );
  }
  return outputs.indexOf(chosen);
}

function sorted(names: readonly string[]): string[] {
  const numeric = names.every((name) => Number.isFinite(Number(name)));
  return numeric ? names.toSorted((one, other) => Number(one) - Number(other)) : names.toSorted();
}
