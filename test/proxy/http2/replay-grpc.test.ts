import * as grpc from '@grpc/grpc-js';
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { proxied } from '../wire.ts';
import { call, framesOf, grpcClient } from './grpc-peers.ts';

t.setTimeout(60_000);

type Pairs = readonly (readonly [name: string, value: string])[];

/** A line of `test/golden/captures/grpc`, whose README says where it was recorded. */
interface Captured {
  readonly case: string;
  readonly server: string;
  readonly request: {
    readonly path: string;
    readonly metadata: Pairs;
    readonly compression: string | null;
    readonly messages_b64: readonly string[];
  };
  readonly response: {
    readonly code: keyof typeof grpc.status;
    readonly details: string;
    readonly initial_metadata: Pairs;
    readonly trailing_metadata: Pairs;
    readonly messages_b64: readonly string[];
  };
}

const folder = new URL('../../golden/captures/grpc/', import.meta.url);
const captures = readdirSync(folder)
  .filter((file) => file.endsWith('.jsonl'))
  .flatMap((file) => readFileSync(new URL(file, folder), 'utf8').split('\n'))
  .filter((line) => line !== '')
  // The lines were written by the recorder in the shape above.
  .map((line) => JSON.parse(line) as Captured);

const bytesOf = (messages: readonly string[]) => messages.map((text) => Buffer.from(text, 'base64'));
const asIs = (bytes: Buffer) => bytes;

function metadataOf(pairs: Pairs): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of pairs) metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  return metadata;
}

/** What is there of the captured fields, in the order of their names. */
function shown(metadata: grpc.Metadata, pairs: Pairs): string[] {
  // The proxy's own span is the server's parent.
  const names = [...new Set(pairs.map(([name]) => name))].filter((name) => name !== 'traceparent').toSorted();
  return names.map((name) => `${name}: ${metadata.get(name).map(String).join(', ')}`);
}

t.test('every captured gRPC call passes: messages, code, details, metadata and trailers', async (t) => {
  t.equal(captures.length, 80);
  let current: Captured | null = null;
  let asked: { readonly messages: Buffer[]; readonly metadata: grpc.Metadata } | null = null;
  const server = new grpc.Server();
  for (const path of new Set(captures.map(({ request }) => request.path))) {
    server.register(
      path,
      (stream: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        const messages: Buffer[] = [];
        const { code, details, initial_metadata, trailing_metadata, messages_b64 } = current!.response;
        asked = { messages, metadata: stream.metadata };
        stream.on('data', (message: Buffer) => messages.push(message));
        stream.on('end', () => {
          stream.sendMetadata(metadataOf(initial_metadata));
          for (const message of bytesOf(messages_b64)) stream.write(message);
          const tail = metadataOf(trailing_metadata);
          if (code === 'OK') stream.end(tail);
          else stream.emit('error', { code: grpc.status[code], details, metadata: tail });
        });
      },
      asIs,
      asIs,
      'bidi',
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  t.teardown(() => server.forceShutdown());
  const proxy = await proxied(t, port, { maxBodyBytes: 1024 * 1024 });
  const plain = grpcClient(t, proxy.address.port);
  const packed = grpcClient(t, proxy.address.port, undefined, { 'grpc.default_compression_algorithm': 2 });
  for (const captured of captures) {
    current = captured;
    const name = `${captured.server} ${captured.case}`;
    const { request, response } = captured;
    const client = request.compression === 'gzip' ? packed : plain;
    const ended = await call(client, request.path, bytesOf(request.messages_b64), metadataOf(request.metadata));
    t.same(asked!.messages, bytesOf(request.messages_b64), `${name}: messages of the request`);
    t.same(shown(asked!.metadata, request.metadata), shown(metadataOf(request.metadata), request.metadata), `${name}: metadata`);
    t.equal(grpc.status[ended.code], response.code, `${name}: code`);
    if (response.code !== 'OK') t.equal(ended.details, response.details, `${name}: details`);
    t.same(ended.messages, bytesOf(response.messages_b64), `${name}: messages of the answer`);
    t.same(shown(ended.head, response.initial_metadata), shown(metadataOf(response.initial_metadata), response.initial_metadata), name);
    t.same(shown(ended.tail, response.trailing_metadata), shown(metadataOf(response.trailing_metadata), response.trailing_metadata), name);
    const exchange = await proxy.exchange();
    t.match(exchange, { path: request.path, status: 200, outcome: 'answered', servedBy: 'primary' }, name);
    t.same(exchange.responseTrailers?.find(([field]) => field === 'grpc-status')?.[1], String(grpc.status[response.code]), name);
    t.same(framesOf(exchange.response.bytes), bytesOf(response.messages_b64), `${name}: captured`);
    if (request.compression !== 'gzip') t.same(framesOf(exchange.request.bytes), bytesOf(request.messages_b64), `${name}: captured`);
  }
});
