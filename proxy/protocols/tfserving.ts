/**
 * TensorFlow Serving over REST: the row form (`instances`, `predictions`), the column form (`inputs`, `outputs`), classify and regress.
 *
 * Source: TensorFlow Serving, RESTful API. Its reference and its example disagree about `result` and `results`; both are read.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Message, Protocol, Target } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { readObject, unexpected } from './body.ts';
import { pathOf, segmentText } from './call-path.ts';
import { isList, isObject, isScalar, member, type Value, type ValueObject } from './json.ts';
import { jsonAnswer, rowsOf } from './rows.ts';
import { encodeGrpcAnswer, type Method, methodOf, readGrpcAnswer, readGrpcRequest } from './tfserving-grpc.ts';
import { columnTensors, rowTensors, tensorOf, valueTensors } from './tensors.ts';

const PATH = /^\/v1\/models\/([^/]+?)(?:\/(?:versions|labels)\/([^/]+?))?:(?:predict|classify|regress)$/;

export const tfserving: Protocol = {
  type: 'tfserving',
  summary: 'TensorFlow Serving over REST and gRPC: predict (in row and column form), classify, regress.',

  match({ method, path }) {
    const grpc = methodOf(path);
    if (grpc !== null) return { model: null, version: null, method: grpc };
    const found = method === 'POST' ? PATH.exec(pathOf(path)) : null;
    if (found === null) return null;
    const [, model = '', version] = found;
    return { model: segmentText(model), version: version === undefined ? null : segmentText(version) };
  },

  decodeRequest(body, target) {
    const method = grpcMethod(target);
    if (method === null) return messageOf(target, requestTensors(readObject(body)));
    const request = readGrpcRequest(body, method);
    return messageOf(request, request.tensors ?? requestTensors(request.value));
  },

  decodeResponse(body, target) {
    const method = grpcMethod(target);
    if (method !== null) {
      const { tensors, value, model, version } = readGrpcAnswer(body, method);
      return messageOf({ model: model ?? target.model, version }, tensors ?? answerTensors(value) ?? []);
    }
    const answer = readObject(body);
    const tensors = answerTensors(answer);
    if (tensors === null) throw unexpected('body: none of "predictions", "outputs", "results" stands in it');
    return messageOf(target, tensors);
  },

  encodeResponse(answer, target) {
    const method = target === undefined ? null : grpcMethod(target);
    if (method === null) return jsonAnswer({ predictions: rowsOf(answer.tensors) });
    if (method !== 'Predict') throw new DecodeError('not-answerable', `answer: ${method} is not answered by the fallback`);
    return encodeGrpcAnswer(answer);
  },
};

function grpcMethod({ method }: Target): Method | null {
  // `match` puts nothing else there.
  return (method ?? null) as Method | null;
}

/**
 * The tensors of a request in any form.
 *
 * @throws DecodeError `unexpected-structure` unless exactly one of `instances`, `inputs`, `examples` is there.
 */
export function requestTensors(request: ValueObject): Tensor[] {
  const given = ['instances', 'inputs', 'examples'].filter((key) => member(request, key) !== undefined);
  const [form, ...others] = given;
  if (form === undefined || others.length > 0) {
    throw unexpected('body: exactly one of "instances", "inputs", "examples" should stand in it');
  }
  const value = unwrapBinary(member(request, form) ?? null);
  if (form === 'inputs') return valueTensors('inputs', value);
  if (!isList(value)) throw unexpected(`body: a list should stand under "${form}"`);
  const tensors = rowTensors(form, value);
  return form === 'examples' ? [...tensors, ...contextTensors(request, tensors)] : tensors;
}

/** The tensors of an answer in any form; null when it has none. */
export function answerTensors(answer: ValueObject): Tensor[] | null {
  for (const key of ['predictions', 'outputs']) {
    const value = member(answer, key);
    if (value !== undefined && value !== null) return valueTensors(key, unwrapBinary(value));
  }
  const results = member(answer, 'results') ?? member(answer, 'result');
  if (!isList(results)) return null;
  return classTensors(results) ?? rowTensors('results', results);
}

/**
 * The value with every `{"b64": text}` replaced by its text. Shares what holds none of them.
 */
export function unwrapBinary(value: Value): Value {
  if (isList(value)) return value.some((inner) => !isScalar(inner)) ? value.map(unwrapBinary) : value;
  if (!isObject(value)) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (first !== undefined && entries.length === 1 && first[0] === 'b64' && typeof first[1] === 'string') return first[1];
  return Object.fromEntries(entries.map(([key, inner]) => [key, unwrapBinary(inner)]));
}

function messageOf({ model, version }: Target, tensors: readonly Tensor[]): Message {
  return { requestId: null, model, version, tensors };
}

/** Features that hold for all examples; an example's own feature of that name counts for more. */
function contextTensors(request: ValueObject, examples: readonly Tensor[]): Tensor[] {
  const context = unwrapBinary(member(request, 'context') ?? null);
  if (!isObject(context)) return [];
  const taken = new Set(examples.map(({ name }) => name));
  return columnTensors(context).filter(({ name }) => !taken.has(name));
}

/** Classification results, `[label, score]` pairs a row, as `classes` and `scores` of shape `[rows, k]`; null for other results. */
function classTensors(results: readonly Value[]): Tensor[] | null {
  const isPair = (pair: Value) => isList(pair) && pair.length === 2 && pair.every(isScalar);
  if (results.length === 0 || !results.every((row) => isList(row) && row.every(isPair))) return null;
  const part = (index: 0 | 1) =>
    results.map((row) => (isList(row) ? row.map((pair) => (isList(pair) ? (pair[index] ?? null) : null)) : []));
  return [tensorOf('classes', part(0)), tensorOf('scores', part(1))];
}
