/**
 * The messages in a gRPC body: each behind a flag and its length, compressed or not; and several of them taken for one.
 *
 * Source: gRPC over HTTP2, Length-Prefixed-Message and Message-Encoding.
 */
import { DecodeError } from '../../contracts/errors.ts';
import type { Header } from '../../contracts/exchange.ts';
import { isGrpcType } from '../../contracts/grpc.ts';
import type { MessageBody } from '../../contracts/protocol.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { refuseTruncated } from './body.ts';
import { decodeContent, fieldValue } from './content.ts';

const PREFIX_BYTES = 5;
/** Largest message once its compression is removed. */
const MAX_INFLATED_BYTES = 16 * 1024 * 1024;

/** Whether a message travels over gRPC, and not in gRPC-Web's clothes. */
export function isGrpc(headers: readonly Header[]): boolean {
  return isGrpcType(fieldValue(headers, 'content-type') ?? '');
}

/**
 * The messages, in order; views where they were not compressed.
 *
 * @throws DecodeError `grpc-framing` when lengths and bytes contradict each other; `truncated`; `content-encoding`, `inflated-too-large` and
 * `inflated-ratio` as for other bodies.
 */
export function grpcMessages(body: MessageBody): Uint8Array[] {
  refuseTruncated(body);
  const { bytes, headers } = body;
  const encoding = fieldValue(headers, 'grpc-encoding') ?? 'identity';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Uint8Array[] = [];
  let inflatedBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const start = at + PREFIX_BYTES;
    const end = start <= bytes.length ? start + view.getUint32(at + 1) : Number.POSITIVE_INFINITY;
    const flag = bytes[at];
    if (end > bytes.length || flag === undefined || flag > 1) throw new DecodeError('grpc-framing', 'body: no row of gRPC messages');
    let message = bytes.subarray(start, end);
    if (flag === 1) {
      // gRPC has no more than one coding a message; `content-encoding` would allow several.
      message = decodeContent(message, [['content-encoding', encoding.split(',', 1)[0]!]], MAX_INFLATED_BYTES - inflatedBytes);
      inflatedBytes += message.length;
    }
    messages.push(message);
    at = end;
  }
  return messages;
}

/** A message as a body of one: uncompressed. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(PREFIX_BYTES + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/**
 * The tensors of a stream's messages as those of one: rows under rows. Messages without tensors (a final mark) do not count.
 *
 * @throws DecodeError `uneven-stream` when they do not have the same tensors, but for their number of rows.
 */
export function joinTensors(messages: readonly (readonly Tensor[])[]): readonly Tensor[] {
  const [first, ...others] = messages.filter((tensors) => tensors.length > 0);
  if (first === undefined) return [];
  if (others.length === 0) return first;
  const same = (one: Tensor, other: Tensor | undefined) =>
    other !== undefined &&
    one.datatype === other.datatype &&
    one.shape.length > 0 &&
    one.shape.length === other.shape.length &&
    one.shape.every((size, i) => i === 0 || size === other.shape[i]);
  return first.map((tensor) => {
    const parts = others.map((tensors) => {
      const part = tensors.length === first.length ? tensors.find(({ name }) => name === tensor.name) : undefined;
      if (part === undefined || !same(tensor, part)) throw new DecodeError('uneven-stream', 'stream: its messages have different tensors');
      return part;
    });
    const all = [tensor, ...parts];
    const [, ...rest] = tensor.shape;
    return { ...tensor, shape: [all.reduce((sum, { shape }) => sum + shape[0]!, 0), ...rest], data: all.flatMap(({ data }) => data) };
  });
}
