/**
 * TensorFlow Serving over gRPC: `tensorflow.serving.PredictionService` with Predict, Classify and Regress.
 *
 * Source: tensorflow_serving/apis (predict, classification, regression, input, model .proto), tensorflow/core (tensor, example .proto).
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { EncodedAnswer, Message, MessageBody } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { unexpected } from './body.ts';
import { framed, grpcMessages } from './grpc-messages.ts';
import type { Value, ValueObject } from './json.ts';
import { ProtoMessage } from './protobuf.ts';
import { ProtoWriter } from './proto-writer.ts';
import { exactInteger, rawText, readRawTensor, writeRawTensor } from './raw-tensors.ts';
import { checkCount } from './shapes.ts';

const PATH = /^\/tensorflow\.serving\.PredictionService\/(Predict|Classify|Regress)$/;

/** Elements that a list shorter than its shape may be filled up to: a few bytes of it would otherwise fill the memory. */
const FILLED_ELEMENTS = 1_000_000;

export type Method = 'Predict' | 'Classify' | 'Regress';

/** The inference that a path names, or null; the model stands in the message. */
export function methodOf(path: string): Method | null {
  // The expression names them.
  return (PATH.exec(path)?.[1] ?? null) as Method | null;
}

/** What was said: Predict has tensors, the others have what REST would say as JSON. */
export type Spoken = { readonly model: string | null; readonly version: string | null } & (
  | { readonly tensors: readonly Tensor[]; readonly value: null }
  | { readonly tensors: null; readonly value: ValueObject }
);

export function readGrpcRequest(body: MessageBody, method: Method): Spoken {
  const message = only(body);
  if (method === 'Predict') return { ...spec(message, 1), tensors: tensorsOf(message, 2), value: null };
  const input = message.message(2);
  if (input === null) throw unexpected('message: no input');
  return { ...spec(message, 1), tensors: null, value: examples(input) };
}

export function readGrpcAnswer(body: MessageBody, method: Method): Spoken {
  const message = only(body);
  if (method === 'Predict') return { ...spec(message, 2), tensors: tensorsOf(message, 1), value: null };
  const result = message.message(1);
  if (result === null) throw unexpected('message: no result');
  const results: Value[] =
    method === 'Classify'
      ? result.messages(1).map((row) => row.messages(1).map((one): Value => [one.text(1), one.floats(2).at(-1) ?? 0]))
      : result.messages(1).map((row) => row.floats(1).at(-1) ?? 0);
  return { ...spec(message, 2), tensors: null, value: { results } };
}

/** A PredictResponse. @throws DecodeError `not-answerable` when a tensor's datatype has none of TensorFlow's. */
export function encodeGrpcAnswer({ model, version, tensors }: Message): EncodedAnswer {
  const answer = new ProtoWriter();
  for (const tensor of tensors) answer.message(1, new ProtoWriter().text(1, tensor.name).message(2, tensorProto(tensor)));
  const named = new ProtoWriter().text(1, model ?? '');
  // ModelSpec's version is a number; one that is none has no place in it.
  if (version !== null && /^\d{1,18}$/.test(version)) named.message(2, new ProtoWriter().number(1, BigInt(version)));
  answer.message(2, named);
  return { bytes: framed(answer.bytes), contentType: 'application/grpc' };
}

function only(body: MessageBody): ProtoMessage {
  const [message, ...others] = grpcMessages(body);
  if (message === undefined || others.length > 0) throw unexpected('body: exactly one message should stand in it');
  return new ProtoMessage(message);
}

function spec(message: ProtoMessage, at: number): { model: string | null; version: string | null } {
  const named = message.message(at);
  if (named === null) return { model: null, version: null };
  const version = named.message(2)?.varint(1);
  const label = named.text(4);
  return { model: named.text(1) || null, version: version === undefined ? label || null : String(BigInt.asIntN(64, version)) };
}

function tensorsOf(message: ProtoMessage, at: number): Tensor[] {
  return [...message.map(at)].map(([name, tensor]) => decodeTensor(name, tensor));
}

interface Kind {
  readonly datatype: string;
  /** Values from their own list. */
  readonly values: (tensor: ProtoMessage) => readonly Scalar[];
  /** What an absent value is. */
  readonly zero: Scalar;
}

const small = (at: number, bits: number) => (tensor: ProtoMessage) => tensor.varints(at).map((value) => Number(BigInt.asIntN(bits, value)));
const half = (datatype: string) => (tensor: ProtoMessage) => {
  const bits = tensor.varints(13).map((value) => Number(BigInt.asUintN(16, value)));
  return readRawTensor({ name: '', datatype, shape: [bits.length] }, new Uint8Array(Uint16Array.from(bits).buffer), 'message').data;
};

/** By DataType (tensorflow/core/framework/types.proto). Complex numbers, resources and variants are no values to watch. */
const KINDS: { readonly [dtype: number]: Kind } = {
  1: { datatype: 'FP32', values: (tensor) => tensor.floats(5), zero: 0 },
  2: { datatype: 'FP64', values: (tensor) => tensor.doubles(6), zero: 0 },
  3: { datatype: 'INT32', values: small(7, 32), zero: 0 },
  4: { datatype: 'UINT8', values: small(7, 32), zero: 0 },
  5: { datatype: 'INT16', values: small(7, 32), zero: 0 },
  6: { datatype: 'INT8', values: small(7, 32), zero: 0 },
  7: { datatype: 'BYTES', values: (tensor) => tensor.manyBytes(8).map(rawText), zero: '' },
  9: { datatype: 'INT64', values: (tensor) => tensor.varints(10).map((value) => exactInteger(BigInt.asIntN(64, value))), zero: 0 },
  10: { datatype: 'BOOL', values: (tensor) => tensor.varints(11).map((value) => value !== 0n), zero: false },
  14: { datatype: 'BF16', values: half('BF16'), zero: 0 },
  17: { datatype: 'UINT16', values: small(7, 32), zero: 0 },
  19: { datatype: 'FP16', values: half('FP16'), zero: 0 },
  22: { datatype: 'UINT32', values: (tensor) => tensor.varints(16).map((value) => Number(BigInt.asUintN(32, value))), zero: 0 },
  23: { datatype: 'UINT64', values: (tensor) => tensor.varints(17).map(exactInteger), zero: 0 },
};

function decodeTensor(name: string, tensor: ProtoMessage): Tensor {
  const kind = KINDS[Number(tensor.varint(1))];
  const place = 'message: a tensor';
  if (kind === undefined) throw new DecodeError('unknown-datatype', `${place} is of a datatype that is not decoded`);
  const { datatype, values, zero } = kind;
  const shapeProto = tensor.message(2);
  if (shapeProto !== null && shapeProto.varint(3) !== 0n) throw new DecodeError('shape-mismatch', `${place} has no shape`);
  const shape = (shapeProto?.messages(2) ?? []).map((dimension) => {
    const size = Number(BigInt.asIntN(64, dimension.varint(1)));
    if (!Number.isSafeInteger(size) || size < 0)
      throw new DecodeError('shape-mismatch', `${place}: shape should hold whole numbers from 0 on`);
    return size;
  });
  const content = tensor.bytes(4);
  // Text has no raw form in TensorFlow.
  if (content.length > 0 && datatype !== 'BYTES') return readRawTensor({ name, datatype, shape }, content, place);
  const given = values(tensor);
  const count = shape.reduce((product, size) => product * size, 1);
  if (given.length === 0 && count === 0) return { name, datatype, shape, data: [] };
  if (given.length >= count || count > Math.max(FILLED_ELEMENTS, given.length)) {
    checkCount(shape, given.length, place);
    return { name, datatype, shape, data: given };
  }
  // A list shorter than its shape goes on with its last value (tensor.proto).
  const last = given.at(-1) ?? zero;
  return { name, datatype, shape, data: [...given, ...new Array<Scalar>(count - given.length).fill(last)] };
}

function tensorProto({ name, datatype, shape, data }: Tensor): ProtoWriter {
  const [dtype] = Object.entries(KINDS).find(([, kind]) => kind.datatype === datatype) ?? [];
  const raw = datatype === 'BYTES' ? null : writeRawTensor({ datatype, data });
  if (dtype === undefined || (raw === null && datatype !== 'BYTES')) {
    throw new DecodeError('not-answerable', `answer: ${name} has no form as a TensorFlow tensor`);
  }
  const dimensions = new ProtoWriter();
  for (const size of shape) dimensions.message(2, new ProtoWriter().number(1, size));
  const tensor = new ProtoWriter().number(1, Number(dtype)).message(2, dimensions);
  if (raw !== null) return tensor.content(4, raw);
  for (const value of data) tensor.content(8, Buffer.from(value === null ? '' : String(value)));
  return tensor;
}

/** Input: a list of examples, perhaps with a context that holds for all of them. */
function examples(input: ProtoMessage): ValueObject {
  const list = input.message(1) ?? input.message(2);
  if (list === null) throw unexpected('message: no examples');
  const rows = list.messages(1).map(exampleValue);
  const context = input.has(1) ? null : list.message(2);
  return context === null ? { examples: rows } : { examples: rows, context: exampleValue(context) };
}

function exampleValue(example: ProtoMessage): ValueObject {
  const row: { [name: string]: Value } = Object.create(null);
  for (const [name, feature] of example.message(1)?.map(1) ?? []) {
    const values = featureValues(feature);
    row[name] = values.length === 1 ? values[0]! : values;
  }
  return row;
}

function featureValues(feature: ProtoMessage): readonly Scalar[] {
  const texts = feature.message(1);
  if (texts !== null) return texts.manyBytes(1).map(rawText);
  const floats = feature.message(2);
  if (floats !== null) return floats.floats(1);
  return (feature.message(3)?.varints(1) ?? []).map((value) => exactInteger(BigInt.asIntN(64, value)));
}
