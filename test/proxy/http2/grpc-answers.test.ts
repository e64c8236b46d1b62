import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect as connectHttp2, constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import t from 'tap';
import { type Model, model, proxied, settled, upstream } from '../wire.ts';
import { call, grpcClient, SERVICE } from './grpc-peers.ts';
import { answerOf, ask, END_STREAM, FRAME, frame, frameServer, headers, numbers, session } from './h2-wire.ts';

t.setTimeout(60_000);

type Fields = readonly (readonly [string, string])[];

const HEAD: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const TAIL: Fields = [['grpc-status', '0']];
const CALL = { ':method': 'POST', ':path': `${SERVICE}unary`, 'content-type': 'application/grpc', te: 'trailers' };
const x = Buffer.from('x');

t.test('a server that speaks only HTTP/1.1 is UNAVAILABLE with a reason, for the record and the counters too', async (t) => {
  const server = createServer((_request, response) => response.end('x'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const says: { readonly [name: string]: (peer: Model['peers'][number]) => void } = {
    'says 505 and waits': (peer) => peer.send('HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n'),
    'says 400 and closes': (peer) => peer.socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
  };
  // A TCP server's address is an object.
  const ports: [string, number][] = [['is node:http', (server.address() as AddressInfo).port]];
  for (const [name, say] of Object.entries(says)) {
    ports.push([name, (await model(t, (peer) => peer.socket.once('data', () => say(peer)))).port]);
  }
  for (const [name, port] of ports) {
    const proxy = await proxied(t, port);
    const ended = await call(grpcClient(t, proxy.address.port), `${SERVICE}unary`, [x]);
    t.equal(ended.code, grpc.status.UNAVAILABLE, name);
    t.same(ended.tail.get('x-driftline-reason'), ['connect-failed']);
    t.match(await proxy.exchange(), { outcome: 'failed', reason: 'connect-failed', servedBy: 'none' });
    t.match(proxy.counters(), { failed: 1, failedBy: { 'connect-failed': 1 }, retried: 0 });
  }
});

/** Answers that break HTTP/2 before anything of them has been passed on. */
const MALFORMED: { readonly [name: string]: (stream: number) => Buffer } = {
  'no status': (stream) => headers(stream, [['x-a', 'b']]),
  'two statuses': (stream) => headers(stream, [[':status', '200'], ...HEAD]),
  'a status that is no number': (stream) => headers(stream, [[':status', 'abc']]),
  'a status that is none of HTTP': (stream) => headers(stream, [[':status', '600']]),
  'a switch of protocols': (stream) => headers(stream, [[':status', '101']]),
  'a field of a connection': (stream) => headers(stream, [...HEAD, ['connection', 'close']]),
  'a name in upper case': (stream) => headers(stream, [...HEAD, ['X-Upper', 'a']]),
  'more than 200 fields': (stream) => headers(stream, [...HEAD, ...Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'y'] as const)]),
  'data before its head': (stream) => frame(FRAME.data, 0, stream, x),
  'a frame that is too large': (stream) => Buffer.concat([Buffer.from([0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, stream]), Buffer.alloc(1000)]),
  'no frames': () => Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(1000)}`),
  '33 interim answers': (stream) => Buffer.concat(Array.from({ length: 33 }, () => headers(stream, [[':status', '103']]))),
};

t.test('a malformed answer is a status with a reason, and the next call is answered', async (t) => {
  const names = Object.keys(MALFORMED);
  const server = await frameServer(t, (stream, n) =>
    n % 2 === 0 ? MALFORMED[names[n / 2]!]!(stream) : Buffer.concat([headers(stream, HEAD), headers(stream, TAIL, END_STREAM)]),
  );
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  for (const name of names) {
    const ended = await call(client, `${SERVICE}unary`, [x]);
    t.equal(ended.code, name === 'more than 200 fields' ? grpc.status.RESOURCE_EXHAUSTED : grpc.status.INTERNAL, name);
    t.same(ended.tail.get('x-driftline-reason'), ['bad-answer'], name);
    t.match(await proxy.exchange(), { outcome: 'failed', reason: 'bad-answer', servedBy: 'none' }, name);
    t.equal((await call(client, `${SERVICE}unary`, [x])).code, grpc.status.OK, name);
    t.match(await proxy.exchange(), { outcome: 'answered' }, name);
  }
  t.match(proxy.counters(), { failedBy: { 'bad-answer': names.length }, retried: 0, bugs: 0 });
});

t.test('trailers that are none end an answer that had begun with a status and a reason', async (t) => {
  const tails: readonly Fields[] = [[[':status', '200']], [['connection', 'x']], [['content-length', '3']]];
  const server = await frameServer(t, (stream, n) => Buffer.concat([headers(stream, HEAD), headers(stream, tails[n]!, END_STREAM)]));
  const proxy = await proxied(t, server.port);
  const client = grpcClient(t, proxy.address.port);
  for (const tail of tails) {
    const ended = await call(client, `${SERVICE}unary`, [x]);
    t.equal(ended.code, grpc.status.INTERNAL, tail[0]![0]);
    t.same(ended.tail.get('x-driftline-reason'), ['bad-answer']);
    t.same(ended.head.get('x-driftline-served-by'), ['primary']);
  }
});

t.test('a reset of the server’s is the status that it stands for, with a reason, before its head and after it', async (t) => {
  const meanings = [
    [constants.NGHTTP2_CANCEL, grpc.status.CANCELLED],
    [constants.NGHTTP2_INTERNAL_ERROR, grpc.status.INTERNAL],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, grpc.status.RESOURCE_EXHAUSTED],
    [constants.NGHTTP2_INADEQUATE_SECURITY, grpc.status.PERMISSION_DENIED],
  ] as const;
  const server = await frameServer(t, (stream, n) => {
    const reset = numbers(FRAME.reset, stream, meanings[n >> 1]![0]);
    return n % 2 === 0 ? reset : Buffer.concat([headers(stream, HEAD), reset]);
  });
  const proxy = await proxied(t, server.port, { breaker: null });
  const client = grpcClient(t, proxy.address.port);
  for (const [code, status] of meanings) {
    for (const begun of [false, true]) {
      const ended = await call(client, `${SERVICE}unary`, [x]);
      t.equal(ended.code, status, `${code}, ${begun}`);
      const { reason, outcome } = await proxy.exchange();
      t.same(ended.tail.get('x-driftline-reason'), [reason]);
      t.equal(outcome, 'failed');
      t.equal(reason, code === constants.NGHTTP2_ENHANCE_YOUR_CALM ? 'bad-answer' : begun ? 'truncated' : 'reset');
    }
  }
  t.match(proxy.counters(), { retried: 0, failed: 8 });
});

const wide = (bytes: number) => Array.from({ length: 50 }, (_, i) => [`x-${i}`, 'y'.repeat(bytes / 50)] as const);

t.test('a head of more than 64 KiB and trailers of more than 16 are none, and the client’s session goes on', async (t) => {
  const server = await frameServer(t, (stream, n) =>
    Buffer.concat([
      headers(stream, [...HEAD, ...wide(n % 3 === 0 ? 70_000 : 50)]),
      headers(stream, [...TAIL, ...wide(n % 3 === 1 ? 17_000 : 15_000)], END_STREAM),
    ]),
  );
  const proxy = await proxied(t, server.port, { breaker: null });
  const client = session(t, proxy);
  // For the first stream of a session the server has not acknowledged our settings.
  for (let n = 0; n < 6; n++) {
    const { headers: head, trailers } = await ask(client, CALL, Buffer.alloc(5));
    const told = n % 3 === 0 ? head : trailers;
    t.match(told, n % 3 === 2 ? { 'grpc-status': '0' } : { 'grpc-status': n === 3 ? '8' : '13', 'x-driftline-reason': 'bad-answer' });
  }
  t.match(proxy.counters(), { sessions: 1, answered: 2, failedBy: { 'bad-answer': 4 } });
});

t.test('32 interim answers go on to the client, and of more none', async (t) => {
  const interim = (stream: number, count: number) => Array.from({ length: count }, () => headers(stream, [[':status', '103']]));
  const server = await frameServer(t, (stream, n) =>
    Buffer.concat([...interim(stream, n === 0 ? 32 : 3000), headers(stream, HEAD), headers(stream, TAIL, END_STREAM)]),
  );
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  for (const status of ['0', '13']) {
    const stream = client.request(CALL);
    let hints = 0;
    stream.on('headers', () => hints++);
    stream.end(Buffer.alloc(5));
    const { headers: head, trailers } = await answerOf(stream);
    t.equal(hints, 32);
    t.equal(trailers['grpc-status'] ?? head['grpc-status'], status);
  }
});

t.test('200 fields of an answer pass', async (t) => {
  const fields = Array.from({ length: 198 }, (_, i) => [`x-${i}`, 'y'] as const);
  const server = await frameServer(t, (stream) =>
    Buffer.concat([headers(stream, [...HEAD, ['x-last', 'z'], ...fields]), headers(stream, TAIL, END_STREAM)]),
  );
  const proxy = await proxied(t, server.port);
  const client = connectHttp2(`http://127.0.0.1:${proxy.address.port}`, { maxHeaderListPairs: 1000 });
  t.teardown(() => client.destroy());
  const answer = await ask(client, CALL, Buffer.alloc(5));
  t.match(answer.headers, { 'x-last': 'z', 'x-197': 'y' });
  t.match(answer.trailers, { 'grpc-status': '0' });
});

t.test('trailers about a connection do not go on, and end nothing', async (t) => {
  const server = await frameServer(t, (stream) =>
    Buffer.concat([
      headers(stream, HEAD),
      headers(stream, [...TAIL, ['http2-settings', 'x'], ['te', 'trailers'], ['x-tail', 'y']], END_STREAM),
    ]),
  );
  const proxy = await proxied(t, server.port);
  for (let n = 0; n < 2; n++) {
    const { code, tail } = await call(grpcClient(t, proxy.address.port), `${SERVICE}unary`, [x]);
    t.equal(code, grpc.status.OK);
    t.same(Object.keys(tail.getMap()), ['x-tail']);
  }
});

t.test('a server that answers before the request has ended is told that nothing more is needed', async (t) => {
  const streams: ServerHttp2Stream[] = [];
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    streams.push(stream);
    // It would go on reading.
    stream.on('error', () => {}).resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '8' }));
    stream.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const proxy = await proxied(t, (server.address() as AddressInfo).port);
  const client = session(t, proxy).request(CALL);
  client.write(Buffer.alloc(5));
  const answer = await answerOf(client);
  t.equal(answer.trailers['grpc-status'], '8');
  await settled(() => streams[0]?.closed === true);
  t.equal(streams.length, 1);
});

t.test('a server that has begun to answer may leave what is sent to it for longer than an answer may take', async (t) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {}).on('data', () => {});
    // Its window is never opened again.
    socket.write(Buffer.concat([frame(FRAME.settings, 0, 0), frame(FRAME.settings, 1, 0)]));
    setTimeout(() => socket.write(headers(1, HEAD)), 100);
    setTimeout(() => socket.write(headers(1, TAIL, END_STREAM)), 1_000);
    t.teardown(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const proxy = await proxied(t, port, { upstreams: [upstream(port, { timeoutMs: 400 })] });
  const answer = await ask(session(t, proxy), CALL, Buffer.alloc(300_000));
  t.equal(answer.trailers['grpc-status'], '0');
  t.match(await proxy.exchange(), { outcome: 'answered', reason: null });
});
