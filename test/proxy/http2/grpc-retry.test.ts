import * as grpc from '@grpc/grpc-js';
import { constants } from 'node:http2';
import t from 'tap';
import { inThread } from '../planted.ts';
import { proxied, settled } from '../wire.ts';
import { call, grpcClient, SERVICE } from './grpc-peers.ts';
import { END_STREAM, FRAME, type FrameServer, frame, frameServer, headers, numbers } from './h2-wire.ts';

t.setTimeout(60_000);

const HEAD: readonly [string, string][] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

/** One empty message, and that all is well. */
function whole(stream: number): Buffer {
  return Buffer.concat([
    headers(stream, HEAD),
    frame(FRAME.data, 0, stream, Buffer.alloc(5)),
    headers(stream, [['grpc-status', '0']], END_STREAM),
  ]);
}

/** A server that answers the first call and every one after the second; with the second it does what `second` says. */
async function serverOf(
  t: Parameters<typeof frameServer>[0],
  second: (stream: number, server: FrameServer) => Buffer | null,
): Promise<FrameServer> {
  const server: FrameServer = await frameServer(t, (stream, n) => (n === 1 ? second(stream, server) : whole(stream)));
  return server;
}

function dies(_stream: number, { sockets }: FrameServer): null {
  for (const socket of sockets) socket.destroy();
  return null;
}

const x = Buffer.from('x');

t.test('a call that the server had taken before its connection broke is sent again only where the policy says `all`', async (t) => {
  for (const retry of ['never', 'idempotent', 'all'] as const) {
    const server = await serverOf(t, dies);
    const proxy = await proxied(t, server.port, { retry });
    const client = grpcClient(t, proxy.address.port);
    t.equal((await call(client, `${SERVICE}unary`, [x])).code, grpc.status.OK);
    const second = await call(client, `${SERVICE}unary`, [x]);
    t.equal(server.bodies.length, retry === 'all' ? 3 : 2, `${retry}: calls that the server saw`);
    t.equal(second.code, retry === 'all' ? grpc.status.OK : grpc.status.UNAVAILABLE, retry);
    if (retry !== 'all') t.same(second.tail.get('x-driftline-reason'), ['reset']);
    t.match(proxy.counters(), { retried: retry === 'all' ? 1 : 0, failedBy: { reset: retry === 'all' ? 0 : 1 } });
  }
});

t.test('what the server says that it did not take is sent again under every policy, once', async (t) => {
  const words: { readonly [name: string]: (stream: number) => Buffer } = {
    REFUSED_STREAM: (stream) => numbers(FRAME.reset, stream, constants.NGHTTP2_REFUSED_STREAM),
    GOAWAY: (stream) => numbers(FRAME.goaway, 0, stream - 2, constants.NGHTTP2_NO_ERROR),
    'GOAWAY for an error': (stream) => numbers(FRAME.goaway, 0, stream - 2, constants.NGHTTP2_ENHANCE_YOUR_CALM),
  };
  for (const [name, word] of Object.entries(words)) {
    const server = await serverOf(t, word);
    const proxy = await proxied(t, server.port, { retry: 'never' });
    const client = grpcClient(t, proxy.address.port);
    await call(client, `${SERVICE}unary`, [x]);
    t.equal((await call(client, `${SERVICE}unary`, [Buffer.from('again')])).code, grpc.status.OK, name);
    t.equal(server.sockets.length, 2, `${name}: over another connection`);
    t.equal(server.bodies[2]?.subarray(5).toString(), 'again');
    t.match(proxy.counters(), { retried: 1, answered: 2 });
  }
  const refusing = await frameServer(t, (stream) => words.REFUSED_STREAM!(stream));
  const proxy = await proxied(t, refusing.port);
  const refused = await call(grpcClient(t, proxy.address.port), `${SERVICE}unary`, [x]);
  t.equal(refused.code, grpc.status.UNAVAILABLE);
  t.same(refused.tail.get('x-driftline-reason'), ['reset']);
  t.equal(refusing.bodies.length, 2);
});

t.test('a server that goes away for an error may have taken what it does not exclude', async (t) => {
  const server = await serverOf(t, (stream) => numbers(FRAME.goaway, 0, stream, constants.NGHTTP2_REFUSED_STREAM));
  const proxy = await proxied(t, server.port, { retry: 'never' });
  const client = grpcClient(t, proxy.address.port);
  await call(client, `${SERVICE}unary`, [x]);
  const second = await call(client, `${SERVICE}unary`, [x]);
  t.equal(second.code, grpc.status.UNAVAILABLE);
  t.same(second.tail.get('x-driftline-reason'), ['reset']);
  t.equal(server.bodies.length, 2);
});

t.test('a call is sent again with at most 64 KiB, however much is recorded', async (t) => {
  for (const [bytes, seen] of [
    [65_536, 3],
    [65_537, 2],
  ] as const) {
    const server = await serverOf(t, dies);
    const proxy = await proxied(t, server.port, { maxBodyBytes: 1024 * 1024 });
    const client = grpcClient(t, proxy.address.port);
    await call(client, `${SERVICE}unary`, [x]);
    // A message has five bytes before it.
    await call(client, `${SERVICE}unary`, [Buffer.alloc(bytes - 5, 'b')]);
    t.equal(server.bodies.length, seen, `${bytes} bytes`);
    t.ok(server.bodies.slice(1).every((body) => body.length === bytes));
  }
});

t.test('a call whose client is still sending is sent again with what has come of it, and goes on', async (t) => {
  const server = await serverOf(t, () => null);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  await call(client, `${SERVICE}unary`, [x]);
  const asIs = (bytes: Buffer) => bytes;
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(`${SERVICE}talk`, asIs, asIs);
  const ended = new Promise<grpc.StatusObject>((resolve) => stream.on('status', resolve));
  stream.on('error', () => {});
  stream.resume();
  stream.write(Buffer.from('first'));
  await settled(() => server.bodies[1]?.length === 10);
  server.sockets[0]!.destroy();
  await settled(() => server.bodies[2]?.length === 10);
  stream.write(Buffer.from('second'));
  stream.end();
  t.equal((await ended).code, grpc.status.OK);
  t.match(server.bodies[2]!.toString('latin1'), /^.{5}first.{5}second$/s);
});

t.test('once an interim answer has come, a call is not sent again', async (t) => {
  const server = await serverOf(t, (stream, { sockets }) => {
    sockets[0]!.end(headers(stream, [[':status', '103']]));
    return null;
  });
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  await call(client, `${SERVICE}unary`, [x]);
  t.equal((await call(client, `${SERVICE}unary`, [x])).code, grpc.status.UNAVAILABLE);
  t.equal(server.bodies.length, 2);
});

t.test('calls whose connection broke share one new connection', async (t) => {
  const server = await frameServer(t, (stream, n) => (n === 0 || n > 40 ? whole(stream) : null));
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  await call(client, `${SERVICE}unary`, [x]);
  const calls = Array.from({ length: 40 }, () => call(client, `${SERVICE}unary`, [x]));
  await settled(() => server.bodies.filter(({ length }) => length === 6).length === 41);
  server.sockets[0]!.destroy();
  const codes = (await Promise.all(calls)).map(({ code }) => code);
  t.ok(codes.every((code) => code === grpc.status.OK));
  t.equal(server.sockets.length, 2);
});

t.test('a session that closes because it was idle gets no call any more', async (t) => {
  const server = await frameServer(t, whole);
  const { data, address, faults } = await inThread(t, server.port, { retry: 'never' });
  const client = grpcClient(t, address.port);
  for (let n = 1; n <= 3; n++) {
    const ended = await call(client, `${SERVICE}unary`, [x]);
    t.equal(ended.code, grpc.status.OK);
    const session = data.traffic.primary.grpc.sessions.take(false)!;
    session.expire();
    t.not(data.traffic.primary.grpc.sessions.take(false), session);
  }
  t.same(faults, []);
});

t.test('a call that a session has no stream for goes over another one, and so do all after it', async (t) => {
  const server = await frameServer(t, whole);
  const { data, address, counters } = await inThread(t, server.port, { retry: 'never' });
  const client = grpcClient(t, address.port);
  await call(client, `${SERVICE}unary`, [x]);
  const { http2 } = data.traffic.primary.grpc.sessions.take(false)!;
  // Not in the types.
  (http2 as unknown as { setNextStreamID(id: number): void }).setNextStreamID(2 ** 31 - 1);
  for (let n = 1; n <= 4; n++) t.equal((await call(client, `${SERVICE}unary`, [x])).code, grpc.status.OK);
  t.match(counters.read(), { answered: 5, retried: 1 });
  t.equal(server.sockets.length, 2);
});
