/**
 * Predictions over gRPC that the model server does not answer go to the fallback, as those over HTTP/1.1 do.
 */
import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { type ClientHttp2Stream, constants } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { protocolsFor } from '../../../proxy/catalogue.ts';
import { isPrediction } from '../../../proxy/http2/grpc.ts';
import { DEFAULT_LIMITS } from '../../../proxy/limits.ts';
import type { ProxyOptions } from '../../../proxy/proxy.ts';
import { deadPort, proxied, settled, upstream } from '../wire.ts';
import { call, framesOf, grpcClient, relay } from './grpc-peers.ts';
import { END_STREAM, FRAME, type FrameServer, frame, frameServer, headers, numbers, session } from './h2-wire.ts';

t.setTimeout(60_000);

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';
const PREDICT = '/tensorflow.serving.PredictionService/Predict';

/** One message, and that all is well. */
function said(stream: number, text: string): Buffer {
  const message = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([
    headers(stream, [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ]),
    frame(FRAME.data, 0, stream, Buffer.concat([prefix, message])),
    headers(stream, [['grpc-status', '0']], END_STREAM),
  ]);
}

const answers = (text: string) => (stream: number) => said(stream, text);

/** A proxy before the port, with a fallback that answers `scored`, and a client. */
async function withFallback(t: Test, port: number, change: Partial<ProxyOptions> = {}) {
  const scorer = await frameServer(t, answers('scored'));
  const proxy = await proxied(t, port, { fallback: { host: '127.0.0.1', port: scorer.port }, ...change });
  return { scorer, proxy, client: grpcClient(t, proxy.address.port) };
}

const x = Buffer.from('x');

t.test('a model server that fails before its answer is answered for, whichever way it fails', async (t) => {
  const reset: FrameServer = await frameServer(t, () => {
    for (const socket of reset.sockets) socket.resetAndDestroy();
    return null;
  });
  const resetStream = await frameServer(t, (stream) => numbers(FRAME.reset, stream, constants.NGHTTP2_INTERNAL_ERROR));
  const silent = await frameServer(t, () => null);
  const dead = await deadPort(t);
  const ways: readonly (readonly [port: number, reason: string])[] = [
    [dead, 'connect-refused'],
    [reset.port, 'reset'],
    [resetStream.port, 'reset'],
    [silent.port, 'no-answer'],
  ];
  for (const [port, reason] of ways) {
    const { scorer, proxy, client } = await withFallback(t, port, { upstreams: [upstream(port, { timeoutMs: 300 })] });
    for (const path of [INFER, PREDICT]) {
      const ended = await call(client, path, [x]);
      t.equal(ended.code, grpc.status.OK, `${reason} ${path}`);
      t.same(ended.messages.map(String), ['scored']);
      t.same(ended.head.get('x-driftline-served-by'), ['fallback']);
      t.same(ended.head.get('x-driftline-reason'), [reason]);
      const exchange = await proxy.exchange();
      t.match(exchange, { path, status: 200, outcome: 'answered', servedBy: 'fallback', reason });
      t.same(framesOf(exchange.request.bytes).map(String), ['x']);
      t.same(framesOf(exchange.response.bytes).map(String), ['scored']);
    }
    t.same(
      scorer.bodies.map((body) => framesOf(body).map(String)),
      [['x'], ['x']],
    );
    t.match(proxy.counters(), { fallback: 2, fallbackBy: { [reason]: 2 }, failed: 0 });
  }
});

t.test('the circuit that is open sends them there at once', async (t) => {
  const silent = await frameServer(t, () => null);
  const { client } = await withFallback(t, silent.port, {
    upstreams: [upstream(silent.port, { timeoutMs: 100 })],
    breaker: { failures: 2, share: 0.5, ofLast: 4, openMs: 60_000 },
  });
  const reasons: unknown[] = [];
  for (let i = 0; i < 4; i++) reasons.push((await call(client, INFER, [x])).head.get('x-driftline-reason')[0]);
  t.same(reasons, ['no-answer', 'no-answer', 'circuit-open', 'circuit-open']);
  t.equal(silent.bodies.length, 2);
});

t.test('the fallback gets the whole message although the model server failed before it had all come', async (t) => {
  const { scorer, proxy } = await withFallback(t, await deadPort(t));
  const stream = session(t, proxy).request({ ':method': 'POST', ':path': INFER, 'content-type': 'application/grpc', te: 'trailers' });
  stream.write(Buffer.from([0, 0, 0, 0, 4, 97, 98]));
  await settled(() => proxy.counters().connections > 0);
  await sleep(100);
  t.equal(scorer.bodies.length, 0, 'half of it is of no use to anyone');
  stream.end(Buffer.from('cd'));
  const [head] = await once(stream, 'response');
  t.match(head, { 'x-driftline-served-by': 'fallback', 'x-driftline-reason': 'connect-refused' });
  let received = '';
  for await (const piece of stream) received += String(piece).slice(5);
  t.equal(received, 'scored');
  t.same(framesOf(scorer.bodies[0]!).map(String), ['abcd']);
});

t.test('one of which more came than is held cannot go there', async (t) => {
  const refusing = await frameServer(t, (stream) => numbers(FRAME.reset, stream, constants.NGHTTP2_INTERNAL_ERROR));
  const { scorer, proxy, client } = await withFallback(t, refusing.port, { maxBodyBytes: 1000 });
  // More than is held whatever is copied.
  const ended = await call(client, INFER, [Buffer.alloc(70_000)]);
  t.equal(ended.code, grpc.status.INTERNAL, 'what the reset means to a client');
  t.same(ended.tail.get('x-driftline-reason'), ['reset']);
  t.match(await proxy.exchange(), { outcome: 'failed', servedBy: 'none', reason: 'reset' });

  const dead = await withFallback(t, await deadPort(t), { maxBodyBytes: 1000 });
  const stream = session(t, dead.proxy).request({ ':method': 'POST', ':path': INFER, 'content-type': 'application/grpc', te: 'trailers' });
  stream.on('error', () => {});
  stream.write(Buffer.alloc(10_000));
  await sleep(100);
  stream.write(Buffer.alloc(60_000));
  const [head] = await once(stream, 'response');
  t.match(head, { 'grpc-status': '14', 'x-driftline-reason': 'connect-refused' }, 'nor one that outgrows it while it is gathered');
  t.equal(scorer.bodies.length + dead.scorer.bodies.length, 0);
});

t.test('streams and what is no prediction are told the failure, and go to the model server where the route is the fallback', async (t) => {
  const { scorer, client, proxy } = await withFallback(t, await deadPort(t));
  for (const path of [STREAM, '/inference.GRPCInferenceService/ServerLive', '/test.Echo/unary']) {
    const ended = await call(client, path, [x]);
    t.equal(ended.code, grpc.status.UNAVAILABLE, path);
    t.same(ended.tail.get('x-driftline-reason'), ['connect-refused']);
  }
  t.equal(scorer.bodies.length, 0);
  t.match(proxy.counters(), { failedBy: { 'connect-refused': 3 } });

  const server = await frameServer(t, answers('model'));
  const turned = await withFallback(t, server.port, { active: 'fallback' });
  t.same((await call(turned.client, STREAM, [x])).messages.map(String), ['model']);
  const scored = await call(turned.client, INFER, [x]);
  t.same(scored.messages.map(String), ['scored']);
  t.same(scored.head.get('x-driftline-reason'), ['route']);
  t.match(turned.proxy.counters(), { fallbackBy: { route: 1 } });
});

/** A call whose head and first bytes are sent as they are, by hand: grpc-js tells of a deadline by itself. */
async function ended(stream: ClientHttp2Stream): Promise<{ readonly [field: string]: unknown }> {
  stream.on('error', () => {});
  const [head] = await once(stream, 'response');
  stream.destroy();
  return head;
}

const HEAD = { ':method': 'POST', ':path': INFER, 'content-type': 'application/grpc', te: 'trailers' };
const HALF = Buffer.from([0, 0, 0, 0, 4, 97]);
const WHOLE = Buffer.from([0, 0, 0, 0, 1, 120]);

t.test('a client whose time is over, or that stops sending, is told so and nothing else', async (t) => {
  const silent = await frameServer(t, () => null);
  const { scorer, proxy } = await withFallback(t, silent.port);
  const late = session(t, proxy).request({ ...HEAD, 'grpc-timeout': '200m' });
  late.end(WHOLE);
  t.match(await ended(late), { 'grpc-status': '4', 'x-driftline-reason': 'deadline' });
  t.match(await proxy.exchange(), { servedBy: 'none', reason: 'deadline' });

  const gathering = await withFallback(t, await deadPort(t), { limits: { ...DEFAULT_LIMITS, stallTimeoutMs: 300 } });
  const client = session(t, gathering.proxy);
  for (const [more, reason] of [
    [{ 'grpc-timeout': '200m' }, 'deadline'],
    [{}, 'request-timeout'],
  ] as const) {
    const half = client.request({ ...HEAD, ...more });
    half.write(HALF);
    t.match(await ended(half), { 'grpc-status': '4', 'x-driftline-reason': reason });
  }
  t.equal(scorer.bodies.length + gathering.scorer.bodies.length, 0);
});

/** A server of HTTP/2 that takes connections, and nothing of any call. */
async function unwilling(t: Test): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', () => {});
    socket.write(Buffer.concat([frame(FRAME.settings, 0, 0), frame(FRAME.settings, 1, 0)]));
    t.teardown(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

t.test('a model server that takes no more of a request is waited for no longer than for an answer', async (t) => {
  const port = await unwilling(t);
  const large = Buffer.alloc(200_000, 'x');
  const options = { upstreams: [upstream(port, { timeoutMs: 300 })], maxBodyBytes: 256 * 1024 };
  const { scorer, proxy, client } = await withFallback(t, port, options);
  const scored = await call(client, INFER, [large], new grpc.Metadata(), { deadline: Date.now() + 20_000 });
  t.same(scored.messages.map(String), ['scored']);
  t.match(await proxy.exchange(), { servedBy: 'fallback', reason: 'no-answer' });
  t.ok(framesOf(scorer.bodies[0]!)[0]!.equals(large));
  // Nor is a client that stops in the midst of one, once the server has been given up.
  const gathering = await withFallback(t, port, { ...options, limits: { ...DEFAULT_LIMITS, stallTimeoutMs: 600 } });
  const half = session(t, gathering.proxy).request(HEAD);
  half.write(Buffer.concat([Buffer.from([0, 0, 3, 0, 0]), large.subarray(0, 150_000)]));
  t.match(await ended(half), { 'grpc-status': '4', 'x-driftline-reason': 'request-timeout' });
});

t.test('when the fallback fails too, the first failure is told, as it would have been', async (t) => {
  const silent = await frameServer(t, () => null);
  const resetting = await frameServer(t, (stream) => numbers(FRAME.reset, stream, constants.NGHTTP2_INTERNAL_ERROR));
  const dead = await deadPort(t);
  for (const [model, scorer, code, reason] of [
    [silent.port, dead, grpc.status.UNAVAILABLE, 'no-answer'],
    [resetting.port, dead, grpc.status.INTERNAL, 'reset'],
    [dead, resetting.port, grpc.status.UNAVAILABLE, 'connect-refused'],
    // This one is waited for as long as any fallback is.
    [dead, silent.port, grpc.status.UNAVAILABLE, 'connect-refused'],
  ] as const) {
    const proxy = await proxied(t, model, {
      upstreams: [upstream(model, { timeoutMs: 200 })],
      fallback: { host: '127.0.0.1', port: scorer },
    });
    const told = await call(grpcClient(t, proxy.address.port), INFER, [x]);
    t.equal(told.code, code, reason);
    t.same(told.tail.get('x-driftline-reason'), [reason]);
    t.match(await proxy.exchange(), { outcome: 'failed', servedBy: 'none', reason });
  }
});

t.test('what goes to the fallback is what a protocol can answer', (t) => {
  const protocols = protocolsFor('auto', { inputs: [], outputs: [] });
  const found = (path: string) =>
    protocols.find((protocol) => protocol.match({ method: 'POST', path, headers: [['content-type', 'application/grpc']] }) !== null);
  for (const path of [INFER, PREDICT]) {
    t.ok(isPrediction(path));
    t.ok(found(path)?.encodeResponse);
  }
  t.notOk(isPrediction(STREAM));
  t.end();
});

t.test('an answer that has begun is not begun again', async (t) => {
  const broken = await frameServer(t, (stream) => said(stream, 'begun').subarray(0, -3));
  const way = await relay(t, broken.port);
  const { scorer, proxy } = await withFallback(t, way.port);
  const stream = session(t, proxy).request({ ':method': 'POST', ':path': INFER, 'content-type': 'application/grpc', te: 'trailers' });
  stream.on('error', () => {});
  stream.end(Buffer.from([0, 0, 0, 0, 1, 120]));
  await once(stream, 'data');
  way.cut();
  const [tail] = await once(stream, 'trailers');
  t.match(tail, { 'x-driftline-reason': 'truncated' });
  t.equal(scorer.bodies.length, 0);
});
