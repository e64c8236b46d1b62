/**
 * KServe V2 over gRPC: `inference.GRPCInferenceService`, its unary call and Triton's and MLServer's stream.
 *
 * Source: Open Inference Protocol, open_inference_grpc.proto; Triton, grpc_service.proto (ModelStreamInfer, its superset).
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { EncodedAnswer, Message, MessageBody, Target } from '../../contracts/protocol.ts';
import type { Scalar, Tensor } from '../../contracts/tensor.ts';
import { unexpected } from './body.ts';
import { framed, grpcMessages, joinTensors } from './grpc-messages.ts';
import { ProtoMessage } from './protobuf.ts';
import { ProtoWriter } from './proto-writer.ts';
import { exactInteger, rawText, readRawTensor, writeRawTensor } from './raw-tensors.ts';
import { checkCount } from './shapes.ts';

const PATH = /^\/inference\.GRPCInferenceService\/(ModelInfer|ModelStreamInfer)$/;

/** The inference that a path names, or null; the model stands in the message. */
export function methodOf(path: string): string | null {
  return PATH.exec(path)?.[1] ?? null;
}

export function decodeGrpcRequest(body: MessageBody, target: Target): Message {
  const messages = grpcMessages(body).map((bytes) => decodeMessage(new ProtoMessage(bytes), { contents: 5, raw: 7 }));
  return joined(messages, target);
}

export function decodeGrpcAnswer(body: MessageBody, target: Target): Message {
  const answers: ReturnType<typeof decodeMessage>[] = [];
  let failed = false;
  for (const bytes of grpcMessages(body)) {
    const message = new ProtoMessage(bytes);
    // A stream's answers are wrapped, and may be an error instead: then the call ends well, and only the message tells.
    if (target.method !== 'ModelStreamInfer') answers.push(decodeMessage(message, { contents: 5, raw: 6 }));
    else {
      failed ||= message.has(1) && message.text(1) !== '';
      const answer = message.message(2);
      if (answer !== null) answers.push(decodeMessage(answer, { contents: 5, raw: 6 }));
    }
  }
  if (answers.every(({ tensors }) => tensors.length === 0) && failed) {
    return { requestId: null, model: target.model, version: target.version, tensors: [], failure: 'error-in-stream' };
  }
  return { ...joined(answers, target), ...(failed ? { failure: 'error-in-stream' } : {}) };
}

/** @throws DecodeError `not-answerable` when a tensor has no raw form. */
export function encodeGrpcAnswer({ requestId, model, version, tensors }: Message): EncodedAnswer {
  const answer = new ProtoWriter()
    .text(1, model ?? '')
    .text(2, version ?? '')
    .text(3, requestId ?? '');
  const contents: Uint8Array[] = [];
  for (const { name, datatype, shape, data } of tensors) {
    const raw = writeRawTensor({ datatype, data });
    if (datatype === null || raw === null) throw new DecodeError('not-answerable', `answer: ${name} has no raw form`);
    answer.message(5, new ProtoWriter().text(1, name).text(2, datatype).varints(3, shape));
    contents.push(raw);
  }
  for (const raw of contents) answer.content(6, raw);
  return { bytes: framed(answer.bytes), contentType: 'application/grpc' };
}

function joined(messages: readonly ReturnType<typeof decodeMessage>[], target: Target): Message {
  const [first] = messages;
  if (first === undefined) throw unexpected('body: no message');
  return {
    requestId: first.requestId,
    model: first.model ?? target.model,
    version: first.version ?? target.version,
    tensors: joinTensors(messages.map(({ tensors }) => tensors)),
  };
}

/** Fields 1 to 3 and 5 are the same in requests and answers; `raw` is not. */
function decodeMessage(message: ProtoMessage, at: { readonly contents: number; readonly raw: number }) {
  const heads = message.messages(at.contents);
  const raw = message.manyBytes(at.raw);
  if (raw.length > 0 && raw.length !== heads.length) {
    if (heads.some(inSharedMemory)) throw new DecodeError('shared-memory', 'message: its data stays in shared memory');
    throw new DecodeError('shape-mismatch', `message: ${heads.length} tensors and ${raw.length} raw contents`);
  }
  return {
    requestId: orNull(message.text(3)),
    model: orNull(message.text(1)),
    version: orNull(message.text(2)),
    tensors: heads.map((head, index) => decodeTensor(head, raw[index] ?? null, `message: tensor ${index}`)),
  };
}

function decodeTensor(tensor: ProtoMessage, raw: Uint8Array | null, place: string): Tensor {
  const name = tensor.text(1);
  const datatype = tensor.text(2);
  const shape = tensor.varints(3).map((size) => {
    const length = Number(BigInt.asIntN(64, size));
    if (!Number.isSafeInteger(length) || length < 0)
      throw new DecodeError('shape-mismatch', `${place}: shape should hold whole numbers from 0 on`);
    return length;
  });
  if (raw !== null) return readRawTensor({ name, datatype, shape }, raw, place);
  const contents = tensor.message(5);
  if (contents === null && inSharedMemory(tensor)) throw new DecodeError('shared-memory', `${place}: its data stays in shared memory`);
  const data = contents === null ? [] : typedContents(contents, datatype, place);
  checkCount(shape, data.length, place);
  return { name, datatype, shape, data };
}

/** InferTensorContents: one list for each kind of element. */
function typedContents(contents: ProtoMessage, datatype: string, place: string): readonly Scalar[] {
  switch (datatype) {
    case 'BOOL':
      return contents.varints(1).map((value) => value !== 0n);
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return contents.varints(2).map((value) => Number(BigInt.asIntN(32, value)));
    case 'INT64':
      return contents.varints(3).map((value) => exactInteger(BigInt.asIntN(64, value)));
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      return contents.varints(4).map((value) => Number(BigInt.asUintN(32, value)));
    case 'UINT64':
      return contents.varints(5).map((value) => exactInteger(value));
    case 'FP32':
      return contents.floats(6);
    case 'FP64':
      return contents.doubles(7);
    case 'BYTES':
      return contents.manyBytes(8).map(rawText);
    default:
      throw new DecodeError('unknown-datatype', `${place}: a datatype that has no typed contents`);
  }
}

function inSharedMemory(tensor: ProtoMessage): boolean {
  return tensor.map(4).has('shared_memory_region');
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
