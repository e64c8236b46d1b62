/**
 * KServe V2, the Open Inference Protocol over REST (Triton, MLServer, KServe), with tensors as JSON or as binary data.
 *
 * Source: Open Inference Protocol, inference_rest.md, and Triton's binary tensor data extension.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { BinaryOutputs, EncodedAnswer, Message, MessageBody, Protocol, Target } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { Memo } from '../memo.ts';
import { type BinaryParts, JSON_LENGTH_FIELD, splitBody } from './binary-parts.ts';
import { bodyText, parseObject, unexpected } from './body.ts';
import { pathOf, segmentText } from './call-path.ts';
import { decodeGrpcAnswer, decodeGrpcRequest, encodeGrpcAnswer, methodOf } from './kserve-v2-grpc.ts';
import { isList, isObject, isScalar, member, type Value, type ValueObject } from './json.ts';
import { writeJson } from './json-text.ts';
import { isFloatType, readRawTensor, type TensorHead, writeRawTensor } from './raw-tensors.ts';
import { RepeatedHeads } from './repeated-heads.ts';
import { jsonAnswer } from './rows.ts';
import { checkCount } from './shapes.ts';
import { flatten } from './tensors.ts';

const PATH = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/infer$/;

export const kserveV2: Protocol = {
  type: 'kserve-v2',
  summary: 'Open Inference Protocol (V2) over REST and gRPC, tensors as JSON or binary: Triton, MLServer, KServe.',

  match({ method, path }) {
    const grpc = methodOf(path);
    if (grpc !== null) return { model: null, version: null, method: grpc };
    return method === 'POST' ? targets.get(path) : null;
  },

  decodeRequest: (body, target) => (target.method === undefined ? decode(body, target, 'inputs') : decodeGrpcRequest(body, target)),

  decodeResponse: (body, target) => (target.method === undefined ? decode(body, target, 'outputs') : decodeGrpcAnswer(body, target)),

  encodeResponse: (answer, target) => (target?.method === undefined ? encode(answer) : encodeGrpcAnswer(answer)),
};

const targets = new Memo(
  (path): Target | null => {
    const found = PATH.exec(pathOf(path));
    if (found === null) return null;
    const [, model = '', version] = found;
    return { model: segmentText(model), version: version === undefined ? null : segmentText(version) };
  },
  { isCut: true },
);

function decode(body: MessageBody, target: Target, side: 'inputs' | 'outputs'): Message {
  const { json, parts } = splitBody(body);
  const text = bodyText(json);
  const apart = parts === null ? apartBySide[side].read(text) : null;
  if (apart === null) return decodeMessage(parseObject(text), target, side, parts);
  return messageOf(apart.message, target, side, apart.tensors, []);
}

const apartBySide = { inputs: new RepeatedHeads('inputs', readHead), outputs: new RepeatedHeads('outputs', readHead) };

function readHead(members: ValueObject): TensorHead {
  return decodeHead(members, 'body');
}

/**
 * A whole V2 message, as JSON.
 *
 * @param parts the binary data that follows it, or null.
 * @throws DecodeError `unexpected-structure`, `shape-mismatch`, `shared-memory`, and what `readRawTensor` throws.
 */
export function decodeMessage(message: ValueObject, target: Target, side: 'inputs' | 'outputs', parts: BinaryParts | null): Message {
  const listed = member(message, side);
  if (!isList(listed)) throw unexpected(`body: a list should stand under "${side}"`);
  const tensors: Tensor[] = [];
  const cut: string[] = [];
  for (const [index, value] of listed.entries()) {
    const tensor = decodeTensor(value, `body: ${side} ${index}`, parts);
    if (typeof tensor === 'string') cut.push(tensor);
    else tensors.push(tensor);
  }
  parts?.end();
  return messageOf(message, target, side, tensors, cut);
}

function messageOf(
  message: ValueObject,
  target: Target,
  side: 'inputs' | 'outputs',
  tensors: readonly Tensor[],
  cut: readonly string[],
): Message {
  const binaryOutputs = side === 'inputs' ? wantedBinary(message) : null;
  return {
    requestId: textOf(member(message, 'id')),
    model: textOf(member(message, 'model_name')) ?? target.model,
    version: textOf(member(message, 'model_version')) ?? target.version,
    tensors,
    ...(cut.length === 0 ? {} : { cut }),
    ...(binaryOutputs === null ? {} : { binaryOutputs }),
  };
}

/** The tensor; its name when the copy ends before its bytes. */
function decodeTensor(value: Value, place: string, parts: BinaryParts | null): Tensor | string {
  if (!isObject(value)) throw unexpected(`${place}: a JSON object should stand`);
  const head = decodeHead(value, place);
  const { name, datatype, shape } = head;
  const data = member(value, 'data');
  if (data === undefined || data === null) {
    const size = parameterOf(value, 'binary_data_size');
    if (size === undefined) throw withoutData(value, place);
    if (parts === null) throw new DecodeError('binary-tensors', `${place}: binary data announced without ${JSON_LENGTH_FIELD}`);
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw unexpected(`${place}: binary_data_size should be a size`);
    const bytes = parts.take(size, place);
    return bytes === null ? name : readRawTensor(head, bytes, place);
  }
  const elements = decodeData(data, datatype, place);
  checkCount(shape, elements.length, place);
  return { name, datatype, shape, data: elements };
}

function decodeHead(tensor: ValueObject, place: string): TensorHead {
  const name = member(tensor, 'name');
  const datatype = member(tensor, 'datatype');
  if (typeof name !== 'string' || typeof datatype !== 'string') throw unexpected(`${place}: name and datatype should be strings`);
  return { name, datatype, shape: decodeShape(member(tensor, 'shape'), place) };
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
  if (!isFloatType(datatype) || !elements.some((element) => typeof element === 'bigint')) return elements;
  return elements.map((element) => (typeof element === 'bigint' ? Number(element) : element));
}

function onlyScalars(value: Value): boolean {
  return isList(value) ? value.every(onlyScalars) : isScalar(value);
}

function parameterOf(object: ValueObject, name: string): Value | undefined {
  const parameters = member(object, 'parameters');
  return isObject(parameters) ? member(parameters, name) : undefined;
}

function withoutData(tensor: ValueObject, place: string): DecodeError {
  if (parameterOf(tensor, 'shared_memory_region') !== undefined) {
    return new DecodeError('shared-memory', `${place}: its data stays in shared memory`);
  }
  return unexpected(`${place}: no data`);
}

/** Which outputs a request asks for as binary data; null when it asks for none. */
function wantedBinary(request: ValueObject): BinaryOutputs | null {
  const usual = parameterOf(request, 'binary_data_output') === true;
  const outputs = member(request, 'outputs');
  const except: string[] = [];
  for (const output of isList(outputs) ? outputs : []) {
    const name = isObject(output) ? member(output, 'name') : undefined;
    const binary = isObject(output) ? parameterOf(output, 'binary_data') : undefined;
    if (typeof name === 'string' && typeof binary === 'boolean' && binary !== usual) except.push(name);
  }
  return usual || except.length > 0 ? { usual, except } : null;
}

function encode({ requestId, model, version, tensors, binaryOutputs }: Message): EncodedAnswer {
  const parts: Uint8Array[] = [];
  const outputs = tensors.map((tensor): ValueObject => {
    const datatype = tensor.datatype ?? datatypeOf(tensor.data);
    const head = { name: tensor.name, datatype, shape: tensor.shape };
    const isBinary = binaryOutputs !== undefined && binaryOutputs.except.includes(tensor.name) !== binaryOutputs.usual;
    const raw = isBinary ? writeRawTensor({ datatype, data: tensor.data }) : null;
    if (raw === null) return { ...head, data: tensor.data };
    parts.push(raw);
    return { ...head, parameters: { binary_data_size: raw.length } };
  });
  const id = requestId === null ? {} : { id: requestId };
  const message: ValueObject = { model_name: model, model_version: version, ...id, outputs };
  if (parts.length === 0) return jsonAnswer(message);
  const json = Buffer.from(writeJson(message));
  return {
    bytes: Buffer.concat([json, ...parts]),
    contentType: 'application/octet-stream',
    headers: [[JSON_LENGTH_FIELD, String(json.length)]],
  };
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
