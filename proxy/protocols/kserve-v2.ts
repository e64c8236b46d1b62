/**
 * KServe V2, the Open Inference Protocol over REST (Triton, MLServer, KServe), with tensors as JSON.
 *
 * Source: Open Inference Protocol, inference_rest.md, and Triton's binary tensor data extension.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Message, MessageBody, Protocol, Target } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { readObject, unexpected } from './body.ts';
import { pathOf, segmentText } from './call-path.ts';
import { fieldValue } from './content.ts';
import { isList, isObject, isScalar, member, type Value, type ValueObject } from './json.ts';
import { jsonAnswer } from './rows.ts';
import { checkCount } from './shapes.ts';
import { flatten } from './tensors.ts';

const PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/infer$/;

export const kserveV2: Protocol = {
  type: 'kserve-v2',
  summary: 'Open Inference Protocol (V2) over REST with JSON tensors: Triton, MLServer, KServe.',

  match({ method, path }) {
    const found = method === 'POST' ? PATH.exec(pathOf(path)) : null;
    if (found === null) return null;
    const [, model = '', version] = found;
    return { model: segmentText(model), version: version === undefined ? null : segmentText(version) };
  },

  decodeRequest: (body, target) => decode(body, target, 'inputs'),

  decodeResponse: (body, target) => decode(body, target, 'outputs'),

  encodeResponse({ requestId, model, version, tensors }) {
    return jsonAnswer({
      model_name: model,
      model_version: version,
      ...(requestId === null ? {} : { id: requestId }),
      outputs: tensors.map((tensor) => ({
        name: tensor.name,
        datatype: tensor.datatype ?? datatypeOf(tensor.data),
        shape: tensor.shape,
        data: tensor.data,
      })),
    });
  },
};

function decode(body: MessageBody, target: Target, side: 'inputs' | 'outputs'): Message {
  // Announced by this field alone: KServe sends such answers without a content type.
  if (fieldValue(body.headers, 'inference-header-content-length') !== null) throw binaryTensors();
  const message = readObject(body);
  const tensors = member(message, side);
  if (!isList(tensors)) throw unexpected(`body: a list should stand under "${side}"`);
  return {
    requestId: textOf(member(message, 'id')),
    model: textOf(member(message, 'model_name')) ?? target.model,
    version: textOf(member(message, 'model_version')) ?? target.version,
    tensors: tensors.map((tensor, index) => decodeTensor(tensor, `body: ${side} ${index}`)),
  };
}

function decodeTensor(value: Value, place: string): Tensor {
  if (!isObject(value)) throw unexpected(`${place}: a JSON object should stand`);
  const name = member(value, 'name');
  const datatype = member(value, 'datatype');
  const data = member(value, 'data');
  if (typeof name !== 'string' || typeof datatype !== 'string') throw unexpected(`${place}: name and datatype should be strings`);
  if (data === undefined || data === null) throw withoutData(value, place);
  const shape = decodeShape(member(value, 'shape'), place);
  const elements = decodeData(data, datatype, place);
  checkCount(shape, elements.length, place);
  return { name, datatype, shape, data: elements };
}

function decodeShape(value: Value | undefined, place: string): number[] {
  if (!isList(value)) throw unexpected(`${place}: shape should be a list`);
  return value.map((length) => {
    if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0) {
      throw new DecodeError('shape-mismatch', `${place}: shape should hold whole numbers from 0 on`);
    }
    return length;
  });
}

/** Flat and nested data alike; servers, too, look at nothing but the number of elements. */
function decodeData(data: Value, datatype: string, place: string): readonly Scalar[] {
  if (!onlyScalars(data)) throw unexpected(`${place}: data should hold scalars`);
  const elements = flatten(data);
  // A float may be written without a point; then its size must not make it a bigint.
  if (!/^B?F/.test(datatype) || !elements.some((element) => typeof element === 'bigint')) return elements;
  return elements.map((element) => (typeof element === 'bigint' ? Number(element) : element));
}

function onlyScalars(value: Value): boolean {
  return isList(value) ? value.every(onlyScalars) : isScalar(value);
}

function withoutData(tensor: ValueObject, place: string): DecodeError {
  const parameters = member(tensor, 'parameters');
  const has = (name: string) => isObject(parameters) && member(parameters, name) !== undefined;
  if (has('binary_data_size')) return binaryTensors();
  if (has('shared_memory_region')) return new DecodeError('shared-memory', `${place}: its data stays in shared memory`);
  return unexpected(`${place}: no data`);
}

function binaryTensors(): DecodeError {
  return new DecodeError(
    'binary-tensors',
    'body: tensors follow the JSON as binary data (binary tensor data extension), which is not decoded',
  );
}

function textOf(value: Value | undefined): string | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : null;
}

/** The datatype an answer states for data that has none. */
function datatypeOf(data: readonly Scalar[]): string {
  const present = data.filter((element) => element !== null);
  if (present.length > 0 && present.every((element) => typeof element === 'boolean')) return 'BOOL';
  if (present.some((element) => typeof element !== 'number' && typeof element !== 'bigint')) return 'BYTES';
  if (present.some((element) => typeof element === 'bigint' && element > 0x7fff_ffff_ffff_ffffn)) return 'UINT64';
  const whole = present.length > 0 && present.every((element) => typeof element === 'bigint' || Number.isSafeInteger(element));
  return whole ? 'INT64' : 'FP64';
}
