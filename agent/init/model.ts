/**
 * What a policy should say of an ONNX model: its inputs and outputs by name and type. No values are known.
 */
import type { ColumnType } from '../../contracts/policy.ts';
import type { TensorSpec } from '../../scorer/inputs.ts';
import { openModel } from '../../scorer/onnx.ts';
import type { GuessedColumn } from './guess.ts';

/** Inputs and outputs, and what could not be taken over. */
export interface ModelGuess {
  readonly inputs: readonly GuessedColumn[];
  readonly outputs: readonly GuessedColumn[];
  /** Output that labels are likely compared with. */
  readonly prediction: string | null;
  readonly notes: readonly string[];
}

/** A wider row is an image or an embedding, whose places are no columns. */
const WIDEST_ROW = 64;

/** Reads the model. @throws ScorerError when it cannot be loaded */
export async function guessModel(path: string): Promise<ModelGuess> {
  const model = await openModel(path);
  try {
    const notes: string[] = [];
    const side = (specs: readonly TensorSpec[], what: string) => specs.flatMap((spec) => columnsOf(spec, what, notes));
    const inputs = side(model.inputs, 'input');
    const outputs = side(model.outputs, 'output');
    const labels = outputs.filter(({ type, index }) => index === undefined && (type === 'integer' || type === 'categorical'));
    const prediction = labels.find(({ name }) => /label|class|predict/i.test(name)) ?? labels[0] ?? null;
    return { inputs, outputs, prediction: prediction?.name ?? null, notes };
  } finally {
    await model.close();
  }
}

function columnsOf({ name, datatype, shape }: TensorSpec, what: string, notes: string[]): GuessedColumn[] {
  const type = typeOf(datatype);
  const column = { type, required: true, min: null, max: null, values: null, maxMissing: null, maxUnseen: null, review: [] };
  const width = shape.slice(1).reduce((product, length) => product * length, 1);
  if (width === 1) return [{ ...column, name }];
  if (shape.length > 2 || width < 0 || width > WIDEST_ROW) {
    notes.push(
      `${what} ${name} has the shape [${shape.map((length) => (length < 0 ? '?' : length)).join(', ')}] and is left out: its places are no columns`,
    );
    return [];
  }
  return Array.from({ length: width }, (_, index) => ({
    ...column,
    name: `${name}_${index}`,
    tensor: name,
    index,
    review: index === 0 ? [`names for the ${width} places of ${name}`] : [],
  }));
}

function typeOf(datatype: string): ColumnType {
  if (datatype === 'BOOL') return 'boolean';
  if (datatype === 'BYTES') return 'categorical';
  return /^U?INT/.test(datatype) ? 'integer' : 'number';
}
