/**
 * An HTTP model server around one ONNX model, answering in the caller's own protocol: over HTTP/1.1, or HTTP/2 and gRPC on the same port.
 *
 * It stands in when a model server is dead, serves the demo and `driftline serve`; it is not on the path of proxied traffic,
 * hence `node:http` and `node:http2`. Calls are computed one after the other. A call that waited past its deadline, or whose caller left,
 * is not computed any more: work that nobody awaits would only make the next ones late.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { constants, createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { DecodeError, ScorerError } from '../contracts/errors.ts';
import type { Header } from '../contracts/exchange.ts';
import type { Protocol, Target } from '../contracts/protocol.ts';
import { serveEither } from './either-http.ts';
import { grpcTrailers, isGrpc } from './grpc-status.ts';
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

type Request = IncomingMessage | Http2ServerRequest;

interface Answer {
  readonly status: number;
  /** Why it is no success. */
  readonly why?: string;
  readonly contentType: string | null;
  readonly bytes: Uint8Array | string;
  readonly headers?: readonly Header[];
}

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
  const answering = (request: Request, then: (answer: Answer) => void) => {
    serve(request, options, performance.now() + deadlineMs).then(then, (error: unknown) => then(refuse(error)));
  };
  const server = createServer(
    { requestTimeout: deadlineMs, headersTimeout: deadlineMs, connectionsCheckingInterval: Math.min(1000, deadlineMs) },
    (request, response) => answering(request, (answer) => send(response, answer)),
  );
  const http2 = createHttp2Server((request, response) => {
    request.setTimeout(deadlineMs, () => request.stream.close(constants.NGHTTP2_CANCEL));
    answering(request, (answer) => sendOverHttp2(response, answer));
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
        server.closeAllConnections();
        breakOff();
      }),
  };
}

async function serve(request: Request, options: ScorerServerOptions, deadlineAt: number): Promise<Answer> {
  const { method = 'GET', url = '/' } = request;
  const headers = pairs(request.rawHeaders);
  const head = { method, path: url, headers };
  for (const protocol of options.protocols) {
    const target = protocol.match(head);
    if (target === null) continue;
    const unknown = unknownModel(target, options);
    if (unknown !== null) throw new Refusal(404, unknown);
    const bytes = await readBody(request, options.maxBodyBytes ?? 64 * 1024 * 1024);
    return predict(protocol, target, { bytes, headers }, options, () => {
      if (request.destroyed && !request.complete) throw new Refusal(400, 'the caller left');
      if (performance.now() > deadlineAt) throw new Refusal(503, 'too many calls waiting; send fewer at once');
    });
  }
  if (method === 'GET' || method === 'HEAD') {
    const { inputs, outputs } = options.model;
    const served: ServedModel = { name: options.name, version: options.version, inputs, outputs };
    const metadata = answerMetadata(url.split('?')[0]!, served);
    if (metadata !== null) return json(metadata.status, metadata.body);
  }
  if (isGrpc(request.headers['content-type'])) throw new Refusal(501, 'no such method; predictions are calls of ModelInfer or Predict');
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
  const unknown = unknownModel(question, options);
  if (unknown !== null) throw new Refusal(404, unknown);
  stillWanted();
  const tensors = await options.model.run(question.tensors);
  const { binaryOutputs } = question;
  const { bytes, contentType, headers } = encodeResponse(
    {
      requestId: question.requestId,
      model: question.model ?? options.name,
      version: options.version ?? question.version,
      tensors,
      ...(binaryOutputs === undefined ? {} : { binaryOutputs }),
    },
    target,
  );
  return { status: 200, contentType, bytes, ...(headers === undefined ? {} : { headers }) };
}

async function readBody(request: Request, limitBytes: number): Promise<Uint8Array> {
  // Made only when needed: an error's stack costs as much as decoding a small call.
  const tooLarge = () => new Refusal(413, `the body is above ${limitBytes} bytes; send fewer rows at once`);
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Without an encoding set, a request yields buffers. Leaving the loop ends the request, not the socket: the refusal still travels.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  let bytes = Buffer.concat(chunks);
  // Codings stand in the order they were applied (RFC 9110 §8.4).
  const codings = (request.headers['content-encoding'] ?? '').split(',').map((coding) => coding.trim().toLowerCase());
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

function json(status: number, body: unknown): Answer {
  return body === null
    ? { status, contentType: null, bytes: '' }
    : { status, contentType: 'application/json', bytes: JSON.stringify(body) };
}

function send(response: ServerResponse, { status, contentType, bytes, headers: more = [] }: Answer): void {
  const headers: { [name: string]: string | number } = { 'content-length': Buffer.byteLength(bytes), ...Object.fromEntries(more) };
  if (contentType !== null) headers['content-type'] = contentType;
  // A body that was not read to its end leaves the connection at an unknown place.
  if (!response.req.complete) headers.connection = 'close';
  response.writeHead(status, headers).end(bytes);
}

function sendOverHttp2(response: Http2ServerResponse, { status, contentType, bytes, headers: more = [], why }: Answer): void {
  const { req } = response;
  // What is not read any more is not to come either.
  if (!req.complete) req.resume();
  if (!isGrpc(req.headers['content-type'])) {
    const type = contentType === null ? {} : { 'content-type': contentType };
    response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(bytes), ...Object.fromEntries(more) });
    response.end(bytes);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/grpc' });
  response.addTrailers(grpcTrailers(status, why ?? null));
  response.end(why === undefined ? bytes : '');
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
