/**
 * gRPC clients and model servers for tests: grpc-js without any .proto, messages are bytes.
 */
import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

interface Teardown {
  teardown(end: () => unknown): void;
}

const asIs = (bytes: Buffer) => bytes;
export const SERVICE = '/test.Echo/';

function method(name: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: SERVICE + name,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

const SERVICES = {
  unary: method('unary', false, false),
  fail: method('fail', false, false),
  hang: method('hang', false, false),
  pull: method('pull', false, true),
  push: method('push', true, false),
  talk: method('talk', true, true),
};

/** What the server saw, by what a test asks of it. */
export interface EchoServer {
  readonly port: number;
  /** Metadata of the calls, oldest first. */
  readonly seen: grpc.Metadata[];
  /** Methods of calls that the client cancelled. */
  readonly cancelled: string[];
  /** Resolves when a call of the method has been cancelled. */
  whenCancelled(name: string): Promise<void>;
  server: grpc.Server;
}

const OPTIONS = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** A server with an echo of each kind of call. */
export async function echoServer(t: Teardown, credentials = grpc.ServerCredentials.createInsecure(), port = 0): Promise<EchoServer> {
  const server = new grpc.Server(OPTIONS);
  const seen: grpc.Metadata[] = [];
  const cancelled: string[] = [];
  const waiting: { name: string; done: () => void }[] = [];
  const watch = (name: string, call: { on(event: 'cancelled', listener: () => void): unknown; metadata: grpc.Metadata }) => {
    seen.push(call.metadata);
    call.on('cancelled', () => {
      cancelled.push(name);
      for (const one of waiting) if (one.name === name) one.done();
    });
  };
  server.addService(SERVICES, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      watch('unary', call);
      const head = new grpc.Metadata();
      head.set('x-head', 'one');
      head.set('head-bin', Buffer.from([0, 255, 7]));
      call.sendMetadata(head);
      const tail = new grpc.Metadata();
      tail.set('x-tail', 'two');
      tail.set('tail-bin', Buffer.from([9, 0, 128]));
      done(null, call.request, tail);
    },
    fail(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      watch('fail', call);
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'größer als 100 %' });
    },
    hang(call: grpc.ServerUnaryCall<Buffer, Buffer>) {
      watch('hang', call);
    },
    pull(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      watch('pull', call);
      const count = call.request.readUInt32LE(0);
      for (let i = 0; i < count; i++) call.write(Buffer.from(`message ${i}`));
      call.end();
    },
    push(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      watch('push', call);
      let bytes = 0;
      let messages = 0;
      call.on('data', (message: Buffer) => {
        bytes += message.length;
        messages++;
      });
      call.on('end', () => done(null, Buffer.from(`${messages} ${bytes}`)));
    },
    talk(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      watch('talk', call);
      call.on('data', (message: Buffer) => {
        if (message.toString() === 'enough') call.end();
        else call.write(message);
      });
      call.on('end', () => call.end());
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) => (error === null ? resolve(number) : reject(error)));
  });
  t.teardown(() => server.forceShutdown());
  return {
    port: bound,
    seen,
    cancelled,
    server,
    whenCancelled: (name) => (cancelled.includes(name) ? Promise.resolve() : new Promise<void>((done) => waiting.push({ name, done }))),
  };
}

/** Passes bytes on to a port, and can break every connection off, as a server's death does. */
export async function relay(t: Teardown, port: number): Promise<{ readonly port: number; readonly connections: Set<Socket>; cut(): void }> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    connections.add(socket);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of connections) socket.resetAndDestroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  // A TCP server's address is an object.
  return { port: (server.address() as AddressInfo).port, connections, cut };
}

/** A client with a connection of its own. */
export function grpcClient(
  t: Teardown,
  port: number,
  credentials = grpc.credentials.createInsecure(),
  options: grpc.ChannelOptions = {},
): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials, { ...OPTIONS, 'grpc.use_local_subchannel_pool': 1, ...options });
  t.teardown(() => client.close());
  return client;
}

/** How a call ended. */
export interface Ended {
  readonly code: grpc.status;
  readonly details: string;
  readonly messages: readonly Buffer[];
  readonly head: grpc.Metadata;
  readonly tail: grpc.Metadata;
}

/** A call with all its messages sent at once; any kind of call looks like this to a client that can do everything. */
export function call(
  client: grpc.Client,
  path: string,
  messages: readonly Buffer[],
  metadata = new grpc.Metadata(),
  options: grpc.CallOptions = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, metadata, options);
    const received: Buffer[] = [];
    let head = new grpc.Metadata();
    stream.on('metadata', (sent: grpc.Metadata) => {
      head = sent;
    });
    stream.on('data', (message: Buffer) => received.push(message));
    stream.on('error', () => {});
    stream.on('status', ({ code, details, metadata: tail }: grpc.StatusObject) =>
      resolve({ code, details, messages: received, head, tail }),
    );
    for (const message of messages) stream.write(message);
    stream.end();
  });
}

/** The messages in captured bytes, each behind its flag and length. */
export function framesOf(bytes: Uint8Array): Buffer[] {
  const buffer = Buffer.from(bytes);
  const messages: Buffer[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32BE(at + 1);
    messages.push(buffer.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
