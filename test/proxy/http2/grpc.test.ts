import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import t from 'tap';
import { deadPort, proxied, upstream } from '../wire.ts';
import { call, echoServer, framesOf, grpcClient, relay, SERVICE } from './grpc-peers.ts';

t.setTimeout(60_000);

t.test('a unary call passes with its metadata both ways, a binary trailer, our own fields, and one exchange', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const metadata = new grpc.Metadata();
  metadata.set('x-request-id', 'grpc-1');
  metadata.set('authorization', 'Bearer secret');
  metadata.add('x-many', 'a');
  metadata.add('x-many', 'b');
  metadata.set('key-bin', Buffer.from([1, 2, 254]));
  const ended = await call(client, `${SERVICE}unary`, [Buffer.from('hello')], metadata);
  t.equal(ended.code, grpc.status.OK);
  t.same(ended.messages, [Buffer.from('hello')]);
  t.same(ended.head.get('x-head'), ['one']);
  t.same(ended.head.get('head-bin'), [Buffer.from([0, 255, 7])]);
  t.same(ended.head.get('x-driftline-id'), ['grpc-1']);
  t.same(ended.head.get('x-driftline-served-by'), ['primary']);
  t.same(ended.tail.get('x-tail'), ['two']);
  t.same(ended.tail.get('tail-bin'), [Buffer.from([9, 0, 128])]);
  const seen = server.seen[0]!;
  t.same(seen.get('x-many').join(', '), 'a, b');
  t.same(seen.get('key-bin'), [Buffer.from([1, 2, 254])]);
  t.same(seen.get('authorization'), ['Bearer secret']);
  t.same(seen.get('x-driftline-id'), ['grpc-1']);
  t.same(seen.get('x-driftline-hop'), ['1']);
  t.match(seen.get('traceparent')[0], /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const exchange = await proxy.exchange();
  t.match(exchange, { id: 'grpc-1', method: 'POST', path: `${SERVICE}unary`, status: 200, servedBy: 'primary', outcome: 'answered' });
  t.same(framesOf(exchange.request.bytes), [Buffer.from('hello')]);
  t.same(framesOf(exchange.response.bytes), [Buffer.from('hello')]);
  t.same(
    exchange.responseTrailers?.find(([name]) => name === 'grpc-status'),
    ['grpc-status', '0'],
  );
  t.same(
    exchange.responseTrailers?.find(([name]) => name === 'x-tail'),
    ['x-tail', 'two'],
  );
  t.same(
    exchange.requestHeaders.find(([name]) => name === 'authorization'),
    ['authorization', ''],
  );
});

t.test('a status with details in UTF-8, and a method that is not there, reach the client as the server said', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const failed = await call(client, `${SERVICE}fail`, [Buffer.from('x')]);
  t.equal(failed.code, grpc.status.FAILED_PRECONDITION);
  t.equal(failed.details, 'größer als 100 %');
  const exchange = await proxy.exchange();
  t.match(exchange, { outcome: 'answered', status: 200 });
  const direct = await call(grpcClient(t, server.port), `${SERVICE}nothing`, [Buffer.from('x')]);
  const through = await call(client, `${SERVICE}nothing`, [Buffer.from('x')]);
  t.equal(through.code, grpc.status.UNIMPLEMENTED);
  t.equal(through.details, direct.details);
});

t.test('a thousand messages from the server, megabytes from the client, and 20 MB in one message pass whole', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(1000);
  const pulled = await call(client, `${SERVICE}pull`, [count]);
  t.equal(pulled.code, grpc.status.OK);
  t.same(
    pulled.messages.map(String),
    Array.from({ length: 1000 }, (_, i) => `message ${i}`),
  );
  const pushed = await call(
    client,
    `${SERVICE}push`,
    Array.from({ length: 130 }, () => Buffer.alloc(100_000, 7)),
  );
  t.equal(pushed.messages[0]?.toString(), '130 13000000');
  const large = Buffer.alloc(20_000_000, 'large');
  const echoed = await call(client, `${SERVICE}unary`, [large]);
  t.ok(echoed.messages[0]?.equals(large));
  const exchanges = [await proxy.exchange(), await proxy.exchange(), await proxy.exchange()];
  t.match(exchanges, [{ outcome: 'answered' }, { outcome: 'answered' }, { outcome: 'answered' }]);
  t.equal(framesOf(exchanges[0]!.response.bytes).length, 1000);
  t.equal(exchanges[2]!.request.totalBytes, 20_000_005);
  t.ok(exchanges[2]!.request.bytes.length <= 64 * 1024);
});

t.test('500 turns of a conversation, each waiting for the one before', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    `${SERVICE}talk`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  let turns = 0;
  stream.on('data', (message: Buffer) => {
    if (message.toString() !== String(turns)) t.fail(`turn ${turns}: ${message}`);
    turns++;
    if (turns < 500) stream.write(Buffer.from(String(turns)));
    else stream.end();
  });
  stream.write(Buffer.from('0'));
  const [status] = (await once(stream, 'status')) as [grpc.StatusObject];
  t.equal(status.code, grpc.status.OK);
  t.equal(turns, 500);
  const exchange = await proxy.exchange();
  t.equal(framesOf(exchange.request.bytes).length, 500);
  t.equal(framesOf(exchange.response.bytes).length, 500);
});

t.test('a server that ends a conversation first is heard while the client could still talk', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    `${SERVICE}talk`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  stream.on('data', () => {});
  stream.write(Buffer.from('hello'));
  stream.write(Buffer.from('enough'));
  const [status] = (await once(stream, 'status')) as [grpc.StatusObject];
  t.equal(status.code, grpc.status.OK);
  t.match(await proxy.exchange(), { outcome: 'answered' });
});

t.test('a deadline is passed on and held, and a cancelled call is cancelled at the server', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  const late = await call(client, `${SERVICE}hang`, [Buffer.from('x')], new grpc.Metadata(), { deadline: Date.now() + 300 });
  t.equal(late.code, grpc.status.DEADLINE_EXCEEDED);
  await server.whenCancelled('hang');
  const exchange = await proxy.exchange();
  t.ok(exchange.requestHeaders.some(([name, value]) => name === 'grpc-timeout' && /^\d+[mun]$/.test(value)));

  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    `${SERVICE}talk`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  stream.on('error', () => {});
  stream.write(Buffer.from('hello'));
  await once(stream, 'data');
  stream.cancel();
  await server.whenCancelled('talk');
  t.match(await proxy.exchange(), { outcome: 'aborted', servedBy: 'primary' });
});

t.test('a server that is not there is UNAVAILABLE with our reason, and so is one that dies during the call', async (t) => {
  const dead = await proxied(t, await deadPort(t));
  const refused = await call(grpcClient(t, dead.address.port), `${SERVICE}unary`, [Buffer.from('x')]);
  t.equal(refused.code, grpc.status.UNAVAILABLE);
  t.same(refused.tail.get('x-driftline-reason'), ['connect-refused']);
  t.match(await dead.exchange(), { outcome: 'failed', reason: 'connect-refused', servedBy: 'none' });

  const server = await echoServer(t);
  const way = await relay(t, server.port);
  const proxy = await proxied(t, way.port);
  const client = grpcClient(t, proxy.address.port);
  const hanging = call(client, `${SERVICE}hang`, [Buffer.from('x')]);
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    `${SERVICE}talk`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  stream.on('error', () => {});
  stream.write(Buffer.from('hello'));
  await once(stream, 'data');
  const ended = new Promise<grpc.StatusObject>((resolve) => stream.on('status', resolve));
  way.cut();
  const { code, metadata } = await ended;
  t.equal(code, grpc.status.UNAVAILABLE);
  t.same(metadata.get('x-driftline-reason'), ['truncated']);
  const unanswered = await hanging;
  t.equal(unanswered.code, grpc.status.UNAVAILABLE);
  t.same(unanswered.tail.get('x-driftline-reason'), ['reset']);
});

t.test('gRPC goes to its own address where one is given, and is carried there by few connections', async (t) => {
  const server = await echoServer(t);
  const way = await relay(t, server.port);
  const proxy = await proxied(t, 1, { upstreams: [upstream(await deadPort(t), { grpc: { host: '127.0.0.1', port: way.port } })] });
  const client = grpcClient(t, proxy.address.port);
  const all = await Promise.all(Array.from({ length: 300 }, (_, i) => call(client, `${SERVICE}unary`, [Buffer.from(String(i))])));
  t.same(
    all.map(({ code, messages }) => [code, String(messages[0])]),
    all.map((_, i) => [0, String(i)]),
  );
  t.ok(way.connections.size <= 4, `${way.connections.size} connections`);
  const { requests, answered, exchanges, ringFull, bugs } = proxy.counters();
  t.same([requests, answered, exchanges + ringFull, bugs], [300, 300, 300, 0]);
});

t.test('a call that has passed through too many proxies is a loop', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port);
  const metadata = new grpc.Metadata();
  metadata.set('x-driftline-hop', '3');
  const ended = await call(grpcClient(t, proxy.address.port), `${SERVICE}unary`, [Buffer.from('x')], metadata);
  t.equal(ended.code, grpc.status.FAILED_PRECONDITION);
  t.same(ended.tail.get('x-driftline-reason'), ['loop']);
  t.equal(server.seen.length, 0);
});

t.test('a server that is started again is reached again without a failed call', async (t) => {
  const first = await echoServer(t);
  const proxy = await proxied(t, first.port);
  const client = grpcClient(t, proxy.address.port);
  t.equal((await call(client, `${SERVICE}unary`, [Buffer.from('a')])).code, 0);
  first.server.forceShutdown();
  await echoServer(t, grpc.ServerCredentials.createInsecure(), first.port);
  t.equal((await call(client, `${SERVICE}unary`, [Buffer.from('b')])).code, 0);
});
