/**
 * An HTTP model server around one ONNX model, answering in the caller's own protocol: over HTTP/1.1, or HTTP/2 and gRPC on the same port.
 *
 * It stands in when a model server is dead, serves the demo and `driftline serve`; it is not on the path of proxied traffic,
 * hence `node:http` and `node:http2`. Calls are computed one after the other. A call that waited past its deadline, or whose caller left,
 * is not computed any more: work that nobody awaits would only make the next ones late.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { DecodeError, ScorerError } from '../contracts/errors.ts';
import type { Header } from '../contracts/exchange.ts';
import { isGrpcType } from '../contracts/grpc.ts';
import type { Protocol, Target } from '../contracts/protocol.ts';
import { type Answer, json, send, sendOverHttp2 } from './answer.ts';
import { serveEither } from './either-http.ts';
import { answerMetadata, type ServedModel, unknownModel } from './metadata.ts';
import type { OnnxModel } from './onnx.ts';

export interface ScorerServerOptions {
  readonly model: OnnxModel;
  /** See `ServedModel`. */
  readonly name: string | null;
  readonly version: string | null;
  /** The first whose `match` answers takes the call. */
  readonly protocols: readonly Protocol[];
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Largest request body, before and after its content encoding is removed, in bytes. Default 64 MiB. */
  readonly maxBodyBytes?: number;
  /** From the head of a call to the start of its computation. Default 10 s. */
  readonly deadlineMs?: number;
}

export interface ScorerServer {
  readonly host: string;
  readonly port: number;
  /** Ends connections at once; the model stays open, as it belongs to who opened it. */
  close(): Promise<void>;
}

/** A call, whichever way it came. */
interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: AsyncIterable<Buffer>;
  /** Whether nobody waits for an answer any more. */
  readonly isLeft: () => boolean;
}

/** The gRPC calls that are answered: one message each way, tensors in both. */
const UNARY: ReadonlySet<string> = new Set(['ModelInfer', 'Predict']);

/** An answer other than 200, with its reason for the caller. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const DECODERS: { readonly [encoding: string]: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer> } = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  br: promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress),
};

/** Listens and serves. @throws Error with the code of `listen` (`EADDRINUSE` …) when the port cannot be had. */
export async function startScorerServer(options: ScorerServerOptions): Promise<ScorerServer> {
  const deadlineMs = options.deadlineMs ?? 10_000;
  const answerTo = (call: Call) => serve(call, options, performance.now() + deadlineMs).catch(refuse);
  const server = createServer(
    { requestTimeout: deadlineMs, headersTimeout: deadlineMs, connectionsCheckingInterval: Math.min(1000, deadlineMs) },
    (request, response) => {
      answerTo(callOf(request))
        .then((answer) => send(response, answer))
        .catch(() => response.destroy());
    },
  );
  const http2 = createHttp2Server();
  http2.on('stream', (stream, _fields, _flags, raw) => {
    // A reset may be told once more.
    stream.on('error', () => {});
    // Raw fields are names and values in turn.
    const call = callOfStream(stream, pairs(raw as unknown as readonly string[]));
    const isGrpc = isGrpcType(fieldValue(call.headers, 'content-type'));
    // HTTP/1.1's server looks after that by itself.
    const timer = setTimeout(() => sendOverHttp2(stream, refuse(new Refusal(408, 'the request did not come in time')), isGrpc), deadlineMs);
    for (const event of ['end', 'close']) stream.once(event, () => clearTimeout(timer));
    // As `node:http` does by itself.
    if (fieldValue(call.headers, 'expect').toLowerCase() === '100-continue') stream.additionalHeaders({ ':status': 100 });
    answerTo(call)
      .then((answer) => sendOverHttp2(stream, answer, isGrpc))
      .catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  });
  const breakOff = serveEither(server, http2, deadlineMs);
  await listen(server, options.port, options.host ?? '127.0.0.1');
  // A TCP server that listens has an address with a port; only a pipe has none.
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () =>
      new Promise((resolve) => {
        // The error of a second close (`not running`) says what was wanted.
        server.close(() => resolve());
        breakOff();
      }),
  };
}

async function serve(call: Call, options: ScorerServerOptions, deadlineAt: number): Promise<Answer> {
  const { method, path, headers } = call;
  for (const protocol of options.protocols) {
    const target = protocol.match(call);
    if (target === null) continue;
    const unknown = unknownModel(target, options);
    if (unknown !== null) throw new Refusal(404, unknown);
    if (target.method !== undefined && !UNARY.has(target.method))
      throw new Refusal(501, `${target.method} is not answered here; call ${[...UNARY].join(' or ')}`);
    const bytes = await readBody(call, options.maxBodyBytes ?? 64 * 1024 * 1024);
    return predict(protocol, target, { bytes, headers }, options, () => {
      if (call.isLeft()) throw new Refusal(400, 'the caller left');
      if (performance.now() > deadlineAt) throw new Refusal(503, 'too many calls waiting; send fewer at once');
    });
  }
  if (method === 'GET' || method === 'HEAD') {
    const { inputs, outputs } = options.model;
    const served: ServedModel = { name: options.name, version: options.version, inputs, outputs };
    const metadata = answerMetadata(path.split('?')[0]!, served);
    if (metadata !== null) return json(metadata.status, metadata.body);
  }
  if (isGrpcType(fieldValue(headers, 'content-type')))
    throw new Refusal(501, `no such method; this server answers predictions of ${options.protocols.map(({ type }) => type).join(', ')}`);
  throw new Refusal(404, 'no such path; predictions are POSTed to /v2/models/NAME/infer, /v1/models/NAME:predict or /invocations');
}

async function predict(
  protocol: Protocol,
  target: Target,
  body: { readonly bytes: Uint8Array; readonly headers: readonly Header[] },
  options: ScorerServerOptions,
  stillWanted: () => void,
): Promise<Answer> {
  const { encodeResponse } = protocol;
  if (encodeResponse === null)
    throw new Refusal(501, `a model of tensors gives no answer of ${protocol.type} to this path; ask for predictions`);
  const question = protocol.decodeRequest(body, target);
  // Over gRPC the message names them.
  const asked = { model: target.model ?? question.model, version: target.version ?? question.version };
  const unknown = unknownModel(asked, options);
  if (unknown !== null) throw new Refusal(404, unknown);
  stillWanted();
  const tensors = await options.model.run(question.tensors);
  const { binaryOutputs } = question;
  const { bytes, contentType, headers } = encodeResponse(
    {
      requestId: question.requestId,
      model: asked.model ?? options.name,
      version: options.version ?? asked.version,
      tensors,
      ...(binaryOutputs === undefined ? {} : { binaryOutputs }),
    },
    target,
  );
  return { status: 200, contentType, bytes, ...(headers === undefined ? {} : { headers }) };
}

async function readBody({ headers, body }: Call, limitBytes: number): Promise<Uint8Array> {
  // Made only when needed: an error's stack costs as much as decoding a small call.
  const tooLarge = () => new Refusal(413, `the body is above ${limitBytes} bytes; send fewer rows at once`);
  if (Number(fieldValue(headers, 'content-length')) > limitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Without an encoding set, a request yields buffers. Leaving the loop ends the request, not the socket: the refusal still travels.
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  let bytes = Buffer.concat(chunks);
  // Codings stand in the order they were applied (RFC 9110 §8.4).
  const codings = fieldValue(headers, 'content-encoding')
    .split(',')
    .map((coding) => coding.trim().toLowerCase());
  for (const coding of codings.reverse()) {
    if (coding === '' || coding === 'identity') continue;
    const decode = DECODERS[coding];
    if (decode === undefined) throw new Refusal(415, 'unknown content-encoding; send identity, gzip, deflate or br');
    try {
      bytes = Buffer.from(await decode(bytes, { maxOutputLength: limitBytes }));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
      throw new Refusal(400, `the body is not ${coding}`);
    }
  }
  return bytes;
}

function refuse(error: unknown): Answer {
  const status =
    error instanceof Refusal
      ? error.status
      : error instanceof DecodeError || (error instanceof ScorerError && error.code === 'bad-input')
        ? 400
        : // Also a bug, or a connection that broke while its body was read. Neither may end the process; the caller is told.
          500;
  const why = error instanceof Error ? error.message : 'unknown failure';
  return { ...json(status, { error: why }), why };
}

function callOf(request: IncomingMessage): Call {
  const { method = 'GET', url = '/', rawHeaders, socket } = request;
  return { method, path: url, headers: pairs(rawHeaders), body: request as AsyncIterable<Buffer>, isLeft: () => socket.destroyed };
}

function callOfStream(stream: ServerHttp2Stream, fields: readonly Header[]): Call {
  return {
    method: fieldValue(fields, ':method'),
    path: fieldValue(fields, ':path'),
    headers: fields.filter(([name]) => !name.startsWith(':')),
    // Without this an answer to a body that was left could not be sent.
    body: stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>,
    isLeft: () => stream.destroyed,
  };
}

/** All values of a field in one, or an empty text. */
function fieldValue(headers: readonly Header[], name: string): string {
  return headers.flatMap(([field, value]) => (field.toLowerCase() === name ? [value] : [])).join(', ');
}

function pairs(raw: readonly string[]): readonly Header[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index]!, raw[2 * index + 1]!] as const);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      // A connection that cannot be accepted (EMFILE) is the caller's to try again, not a reason to stop.
      server.on('error', () => {});
      resolve();
    });
  });
}
