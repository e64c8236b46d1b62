/**
 * V2's text endpoints: Triton's generate and generate_stream, whose tensors are plain keys, and MLServer's infer_stream and
 * generate_stream, whose events are whole V2 messages. An answer has one row an event.
 *
 * Source: Triton, generate extension; MLServer, streaming.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Message, Protocol, Target } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { readObject, readSpoken, unexpected } from './body.ts';
import { pathOf, segmentText } from './call-path.ts';
import { isList, isObject, member, type ValueObject } from './json.ts';
import { decodeMessage } from './kserve-v2.ts';
import { leafTensors } from './leaves.ts';
import { rowTensors } from './tensors.ts';

const PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/(?:generate|generate_stream|infer_stream)$/;

/** Keys of an answer that are no tensor. */
const ABOUT = ['id', 'model_name', 'model_version'] as const;

export const kserveV2Generate: Protocol = {
  type: 'kserve-v2',
  summary: 'Text generation of V2 servers: generate, generate_stream, infer_stream.',

  match({ method, path }) {
    const found = method === 'POST' ? PATH.exec(pathOf(path)) : null;
    if (found === null) return null;
    const [, model = '', version] = found;
    return { model: segmentText(model), version: version === undefined ? null : segmentText(version) };
  },

  decodeRequest(body, target) {
    const request = readObject(body);
    if (isList(member(request, 'inputs'))) return decodeMessage(request, target, 'inputs', null);
    return { ...about(request, target), tensors: leafTensors(without(request, ['id'])) };
  },

  decodeResponse(body, target) {
    const { values, streamed, failed } = readSpoken(body);
    const objects = values.map(({ value }) => {
      if (!isObject(value)) throw unexpected('body: a JSON object should stand');
      return value;
    });
    const [first] = objects;
    if (first === undefined && !failed) throw new DecodeError('empty-body', 'body: a stream without any event');
    const flow = { events: streamed ? values.length : null, tokens: null, firstTextEnd: null, lastTextEnd: null };
    return {
      ...about(first ?? {}, target),
      tensors: first === undefined ? [] : tensorsOf(objects, target),
      flow,
      ...(failed ? { failure: 'error-in-stream' } : {}),
    };
  },

  encodeResponse: null,
};

function tensorsOf(objects: readonly ValueObject[], target: Target): Tensor[] {
  if (!objects.every((object) => isList(member(object, 'outputs')))) {
    return rowTensors(
      'value',
      objects.map((object) => without(object, ABOUT)),
    );
  }
  const parts = objects.flatMap((object) => decodeMessage(object, target, 'outputs', null).tensors);
  return [...Map.groupBy(parts, ({ name }) => name).values()].map(stacked);
}

/** Tensors of one name, one after the other along the rows. */
function stacked(tensors: readonly Tensor[]): Tensor {
  const [first, ...others] = tensors;
  if (first === undefined || others.length === 0) return first!;
  const [, ...inner] = first.shape;
  const data: Scalar[] = [];
  let rows = 0;
  for (const tensor of tensors) {
    const [length = 1, ...shape] = tensor.shape;
    if (shape.join() !== inner.join())
      throw new DecodeError('shape-mismatch', `body: [${first.shape}] and [${tensor.shape}] in one stream`);
    rows += length;
    for (const element of tensor.data) data.push(element);
  }
  return { name: first.name, datatype: first.datatype, shape: [rows, ...inner], data };
}

function about(message: ValueObject, { model, version }: Target): Omit<Message, 'tensors'> {
  const text = (key: string) => {
    const value = member(message, key);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  };
  return { requestId: text('id'), model: text('model_name') ?? model, version: text('model_version') ?? version };
}

function without(object: ValueObject, keys: readonly string[]): ValueObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
