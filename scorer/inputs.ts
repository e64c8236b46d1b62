/**
 * Fits decoded tensors to a model's inputs, whichever way the protocol carried the rows.
 *
 * In this order: one tensor per input by name (others are ignored, as MLflow does with extra columns); one input and one
 * tensor of any name; one input of width k and k columns in the order given; k single-valued inputs and one matrix
 * `[rows, k]`, split in the model's own order.
 */
import { ScorerError } from '../contracts/errors.ts';
import type { Scalar, Tensor } from '../contracts/tensor.ts';

/** An input or output of a model. */
export interface TensorSpec {
  readonly name: string;
  /** V2 datatype. */
  readonly datatype: string;
  /** -1 = any length; the first is the number of rows in all but odd models. */
  readonly shape: readonly number[];
}

/** Row-major data in exactly the rank that the model declares. */
export interface Feed {
  readonly spec: TensorSpec;
  readonly shape: readonly number[];
  readonly data: readonly Scalar[];
}

/**
 * One feed per input, in the model's order.
 *
 * @throws ScorerError (`bad-input`) that says what is expected and what came.
 */
export function fitInputs(specs: readonly TensorSpec[], tensors: readonly Tensor[]): readonly Feed[] {
  for (const { name, shape, data } of tensors) {
    const size = shape.reduce((product, length) => product * length, 1);
    if (data.length !== size) throw badInput(`input ${shorten(name)} has ${data.length} elements; its shape says ${size}`);
  }
  const feeds = arrange(specs, tensors).map((tensor, index) => fit(specs[index]!, tensor));
  let rows: number | null = null;
  for (const { spec, shape } of feeds) {
    if (spec.shape[0] !== -1) continue;
    rows ??= shape[0]!;
    if (shape[0] !== rows) throw badInput(`input ${spec.name} has ${shape[0]} rows where another has ${rows}; send equally many`);
  }
  if (rows === 0) throw badInput('the request has no rows; send at least one');
  return feeds;
}

/** One tensor per spec, in their order. */
function arrange(specs: readonly TensorSpec[], tensors: readonly Tensor[]): readonly Tensor[] {
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const byName = specs.map(({ name }) => named.get(name));
  if (byName.every((tensor) => tensor !== undefined)) return byName;
  const [spec, ...otherSpecs] = specs;
  const [tensor, ...otherTensors] = tensors;
  if (spec !== undefined && tensor !== undefined) {
    if (otherSpecs.length === 0 && otherTensors.length === 0) return [tensor];
    if (otherSpecs.length === 0 && spec.shape.length === 2 && [-1, tensors.length].includes(spec.shape[1]!)) return [join(tensors)];
    if (otherTensors.length === 0 && specs.every(isSingleValued) && tensor.shape.length === 2 && tensor.shape[1] === specs.length) {
      return split(specs, tensor);
    }
  }
  const expected = specs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(', ')}]`);
  const came = tensors.map(({ name, shape }) => `${shorten(name)} [${shape.join(', ')}]`);
  throw badInput(`the model expects ${list(expected)}; the request has ${list(came)}`);
}

/** Columns of one value a row, side by side: `[rows, columns]`. */
function join(columns: readonly Tensor[]): Tensor {
  const rows = columns[0]!.data.length;
  for (const { name, data, shape } of columns) {
    if (data.length !== rows || (shape[0] ?? 1) !== rows) {
      throw badInput(`column ${shorten(name)} is not one value for each of ${rows} rows; send columns of equal length`);
    }
  }
  const data: Scalar[] = [];
  for (let row = 0; row < rows; row++) for (const column of columns) data.push(column.data[row]!);
  return { name: 'columns', datatype: null, shape: [rows, columns.length], data };
}

function split(specs: readonly TensorSpec[], matrix: Tensor): readonly Tensor[] {
  const width = specs.length;
  return specs.map(({ name }, column) => {
    const data = Array.from({ length: matrix.shape[0]! }, (_, row) => matrix.data[row * width + column]!);
    return { name, datatype: null, shape: [data.length], data };
  });
}

/** Brings a tensor to the input's rank: trailing ones come and go, everything else must agree. */
function fit(spec: TensorSpec, tensor: Tensor): Feed {
  // A scalar for the whole call is one row.
  const came = tensor.shape.length === 0 && spec.shape.length > 0 ? [1] : [...tensor.shape];
  const shape = [...came];
  while (shape.length > spec.shape.length && shape.at(-1) === 1) shape.pop();
  while (shape.length < spec.shape.length) shape.push(1);
  const agrees = shape.length === spec.shape.length && shape.every((length, axis) => [-1, length].includes(spec.shape[axis]!));
  if (!agrees) throw badInput(`input ${spec.name} expects shape [${spec.shape.join(', ')}]; the request has [${tensor.shape.join(', ')}]`);
  return { spec, shape, data: tensor.data };
}

function isSingleValued({ shape }: TensorSpec): boolean {
  return shape.length > 0 && shape.slice(1).every((length) => length === 1);
}

function list(parts: readonly string[]): string {
  return parts.length > 20 ? `${parts.slice(0, 20).join(', ')} and ${parts.length - 20} more` : parts.join(', ') || 'no tensor';
}

function shorten(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}…` : name;
}

function badInput(what: string): ScorerError {
  return new ScorerError('bad-input', `scorer: ${what}`);
}
