import { once } from 'node:events';
import { connect as connectHttp2, constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Counters } from '../../proxy/counters.ts';
import { Held } from '../../proxy/held.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { within } from '../../proxy/resources.ts';
import { answering, deadPort, dial, get, model, ok, post, proxied, type Running, upstream } from './wire.ts';

t.setTimeout(120_000);

const MIB = 1024 * 1024;

t.test('who has held for longest goes, until there is room, and no sooner than after what is going on', async (t) => {
  const counters = new Counters();
  const faults: unknown[] = [];
  const held = new Held(100, counters, (fault) => faults.push(fault));
  const gone: string[] = [];
  const holder = (name: string) => ({ evict: () => void gone.push(name) });
  const [first, second, third] = [holder('first'), holder('second'), holder('third')];
  held.hold(first, 40);
  held.hold(second, 40);
  held.hold(first, 50);
  held.hold(third, 20);
  t.equal(counters.read().heldBytes, 110);
  t.same(gone, []);
  await new Promise((resolve) => process.nextTick(resolve));
  t.same(gone, ['first'], 'holding more does not make it younger');
  t.match(counters.read(), { heldBytes: 60, evicted: 1 });
  held.release(second);
  held.release(second);
  held.release(first);
  t.equal(counters.read().heldBytes, 20, 'released once');
  held.hold(
    {
      evict: () => {
        throw new Error('a fault');
      },
    },
    30,
  );
  held.hold(second, 90);
  await new Promise((resolve) => process.nextTick(resolve));
  t.same(gone, ['first', 'third']);
  t.match(faults, [{ message: 'a fault' }], 'one that throws keeps the others from nothing');
  t.equal(counters.read().heldBytes, 90);
});

t.test('copies have room of their own, and what is given back may be taken again', async (t) => {
  const counters = new Counters();
  const held = new Held(100, counters, () => {});
  held.hold({ evict: () => {} }, 90);
  t.ok(held.takeForCopy(50));
  t.notOk(held.takeForCopy(1));
  held.giveBack(50);
  t.ok(held.takeForCopy(30));
  t.equal(counters.read().copiesCut, 1);
});

t.test('a process holds less where it has less, and each of its threads a share', async (t) => {
  const of = (memoryBytes: number, threads: number) => within(DEFAULT_LIMITS, { openFiles: null, memoryBytes }, threads).maxHeldBytes;
  t.equal(of(256 * MIB, 1), 32 * MIB);
  t.equal(of(256 * MIB, 4), 8 * MIB);
  t.equal(of(1024 * 1024 * MIB, 1), 1024 * MIB);
});

/** A client that fetches nothing. */
async function deaf(t: { teardown(end: () => unknown): void }, proxy: Running): Promise<Socket> {
  const socket = connect(proxy.address.port, proxy.address.host);
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const countersUntil = async (proxy: Running, done: (counters: ReturnType<Running['counters']>) => boolean) => {
  while (!done(proxy.counters())) await sleep(5);
  return proxy.counters();
};

/** Until what is held has not changed for a hundred turns of the loop: the kernel takes no more, and whoever holds keeps its place. */
async function untilStill(proxy: Running): Promise<void> {
  for (let bytes = 0, turns = 0; turns < 100; turns++) {
    await sleep(2);
    const { heldBytes } = proxy.counters();
    if (heldBytes === 0 || heldBytes !== bytes) turns = 0;
    bytes = heldBytes;
  }
}

t.test('clients that fetch nothing are broken off for the others, the oldest first, and recorded', async (t) => {
  const server = await model(
    t,
    answering(() => ok('x'.repeat(16 * MIB))),
  );
  const proxy = await proxied(t, server.port, { limits: { maxHeldBytes: 700_000 } });
  const clients: Socket[] = [];
  for (let n = 0; n < 12; n++) {
    const client = await deaf(t, proxy);
    client.write(get(`/${n}`));
    clients.push(client);
    await countersUntil(proxy, ({ requests }) => requests > n);
    if (n === 0) await untilStill(proxy);
  }
  // Each is a call that failed.
  const { heldBytes } = await countersUntil(proxy, ({ evicted, failedBy }) => evicted >= 5 && failedBy.overloaded === evicted);
  t.ok(heldBytes <= 700_000, String(heldBytes));
  const first = await proxy.exchange();
  t.match(first, { path: '/0', outcome: 'failed', reason: 'overloaded', status: 200 });
  const good = dial(t, proxy);
  good.send(get('/good'));
  t.match(await good.until('x'.repeat(1000)), 'x-driftline-served-by: primary', 'who fetches an answer gets one');
  for (const client of clients) client.destroy();
  t.equal((await countersUntil(proxy, (now) => now.heldBytes === 0 || now.connections <= 1)).bugs, 0);
});

t.test('bodies that the upstream does not take, and requests behind one that is running, count as well', async (t) => {
  const server = await model(t, (peer) => peer.socket.pause());
  const proxy = await proxied(t, server.port, { limits: { maxHeldBytes: 500_000 } });
  const uploads = await Promise.all(Array.from({ length: 8 }, () => deaf(t, proxy)));
  for (const upload of uploads) upload.write(post('/upload', 'y'.repeat(8 * MIB)));
  await countersUntil(proxy, ({ evicted }) => evicted > 0);
  t.match((await proxy.exchange()).reason, 'overloaded');
  for (const upload of uploads) upload.destroy();
  // Nothing is held for those that are gone.
  await countersUntil(proxy, ({ connections, heldBytes }) => connections === 0 && heldBytes === 0);

  const before = proxy.counters().evicted;
  const pipelining = await Promise.all(Array.from({ length: 8 }, () => deaf(t, proxy)));
  for (const client of pipelining) client.write(get('/hang') + get('/next').repeat(4000));
  const { bugs } = await countersUntil(proxy, ({ evicted }) => evicted > before);
  t.equal(bugs, 0);
  for (const client of pipelining) client.destroy();
  t.equal((await countersUntil(proxy, ({ connections, heldBytes }) => connections === 0 && heldBytes === 0)).bugs, 0);
});

t.test('what came behind the last call of a connection is thrown away, and held no longer', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { limits: { lingerMs: 60_000 } });
  const client = await deaf(t, proxy);
  client.write(get('/last', 'Connection: close\r\n') + get('/next').repeat(1000));
  await countersUntil(proxy, ({ heldBytes }) => heldBytes > 0);
  (await server.peer(0)).send(ok('the last'));
  // Another thread counts: one figure is there before the next.
  t.match(await countersUntil(proxy, ({ answered, heldBytes }) => answered === 1 && heldBytes === 0), { connections: 1 });
});

t.test('over HTTP/2 too', async (t) => {
  const server = await model(
    t,
    answering(() => ok('x'.repeat(4 * MIB))),
  );
  const proxy = await proxied(t, server.port, { limits: { maxHeldBytes: 100_000 } });
  const session = connectHttp2(`http://${proxy.address.host}:${proxy.address.port}`);
  t.teardown(() => session.destroy());
  session.on('error', () => {});
  const codes: (number | undefined)[] = [];
  for (let n = 0; n < 6; n++) {
    const stream = session.request({ ':path': `/${n}` });
    stream.on('error', () => {});
    stream.on('close', () => codes.push(stream.rstCode));
    stream.pause();
  }
  const { failedBy } = await countersUntil(proxy, ({ evicted }) => evicted >= 3);
  t.ok(failedBy.overloaded >= 3);
  t.match((await proxy.exchange()).reason, 'overloaded');
});

const WINDOW = 256 * 1024;

/** A proxy in front of a gRPC server that does so with each call, and a client with `calls` of them that reads nothing. */
async function grpcCalls(t: Test, calls: number, serve: (stream: ServerHttp2Stream) => void, body: Buffer) {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    serve(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const grpc = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const proxy = await proxied(t, 0, { upstreams: [upstream(await deadPort(t), { grpc })], limits: { maxHeldBytes: 3 * 4 * WINDOW } });
  const session = connectHttp2(`http://${proxy.address.host}:${proxy.address.port}`);
  t.teardown(() => session.destroy());
  session.on('error', () => {});
  const codes: (number | undefined)[] = [];
  const reasons: unknown[] = [];
  const begin = (n: number) => {
    const stream = session.request({ ':method': 'POST', ':path': `/a.Service/M${n}`, 'content-type': 'application/grpc', te: 'trailers' });
    stream.on('error', () => {});
    stream.on('response', (fields) => reasons.push(fields['x-driftline-reason']));
    stream.on('close', () => codes.push(stream.rstCode));
    stream.pause();
    stream.write(body);
    return stream;
  };
  const streams = [begin(0)];
  await untilStill(proxy);
  for (let n = 1; n < calls; n++) streams.push(begin(n));
  return { proxy, session, streams, codes, reasons };
}

const head = { ':status': 200, 'content-type': 'application/grpc' };
const answersMuch = (stream: ServerHttp2Stream) => {
  stream.respond(head);
  stream.write(Buffer.alloc(MIB));
};

for (const [who, serve, body, told] of [
  ['a client that fetches nothing', answersMuch, Buffer.alloc(5), constants.NGHTTP2_ENHANCE_YOUR_CALM],
  ['a model server that takes nothing', (stream: ServerHttp2Stream) => void stream.pause(), Buffer.alloc(MIB), 'overloaded'],
] as const) {
  t.test(`over gRPC: ${who}`, async (t) => {
    const { proxy, session, codes, reasons } = await grpcCalls(t, 8, serve, body);
    // Three are left.
    await countersUntil(
      proxy,
      ({ evicted, failedBy, heldBytes }) => evicted === 5 && failedBy.overloaded === 5 && heldBytes === 3 * 4 * WINDOW,
    );
    t.match(await proxy.exchange(), { path: '/a.Service/M0', outcome: 'failed', reason: 'overloaded' });
    while ([...codes, ...reasons].filter((one) => one === told).length < 5) await sleep(5);
    session.destroy();
    await countersUntil(proxy, ({ connections }) => connections === 0);
    t.match(await countersUntil(proxy, ({ aborted, heldBytes }) => aborted === 3 && heldBytes === 0), { bugs: 0, circuitOpened: 0 });
  });
}

t.test('over gRPC nothing is held any more when what was slow goes on, and the call neither fails', async (t) => {
  const reading: ServerHttp2Stream[] = [];
  const { proxy, streams } = await grpcCalls(
    t,
    1,
    (stream) => {
      answersMuch(stream);
      stream.pause();
      reading.push(stream);
    },
    Buffer.alloc(MIB),
  );
  await countersUntil(proxy, ({ heldBytes }) => heldBytes === 2 * 4 * WINDOW);
  streams[0]!.resume();
  await countersUntil(proxy, ({ heldBytes }) => heldBytes === 4 * WINDOW);
  reading[0]!.resume();
  await countersUntil(proxy, ({ heldBytes }) => heldBytes === 0);
  streams[0]!.end();
  reading[0]!.end();
  t.match(await countersUntil(proxy, ({ answered, heldBytes }) => answered === 1 && heldBytes === 0), { evicted: 0, failed: 0 });
});

for (const [over, fields] of [
  ['HTTP/2', {}],
  ['gRPC', { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }],
] as const) {
  t.test(`over ${over}: whole answers that nobody fetches count, and wait for so long`, async (t) => {
    const server = createHttp2Server();
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(40_000));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const plain = await model(
      t,
      answering(() => ok('x'.repeat(40_000))),
    );
    const grpc = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    const calls = async (count: number, limits: object) => {
      const proxy = await proxied(t, 0, { upstreams: [upstream(plain.port, { grpc })], limits });
      const session = connectHttp2(`http://${proxy.address.host}:${proxy.address.port}`, { settings: { initialWindowSize: 0 } });
      t.teardown(() => session.destroy());
      session.on('error', () => {});
      const codes: (number | undefined)[] = [];
      const streams = Array.from({ length: count }, () => {
        const stream = session.request({ ':path': '/a.Service/M', ...fields });
        stream.on('error', () => {});
        stream.on('close', () => codes.push(stream.rstCode));
        stream.pause();
        return stream.end();
      });
      return { proxy, session, streams, codes };
    };
    const crowd = await calls(6, { maxHeldBytes: 100_000 });
    const settled = await countersUntil(crowd.proxy, (now) => now.answered === 6 && now.evicted === 4 && now.heldBytes === 80_000);
    t.equal(settled.failed, 0);
    while (crowd.codes.length < 4) await sleep(5);
    t.same(crowd.codes, new Array(4).fill(constants.NGHTTP2_ENHANCE_YOUR_CALM));
    crowd.session.destroy();
    await countersUntil(crowd.proxy, ({ heldBytes }) => heldBytes === 0);

    const late = await calls(1, { stallTimeoutMs: 100 });
    while (late.codes.length < 1) await sleep(5);
    t.same(late.codes, [constants.NGHTTP2_CANCEL]);
    t.match(await countersUntil(late.proxy, ({ heldBytes }) => heldBytes === 0), { answered: 1, bugs: 0 });

    const fetched = await calls(1, { stallTimeoutMs: 60_000 });
    await countersUntil(fetched.proxy, ({ heldBytes }) => heldBytes > 0);
    fetched.session.settings({ initialWindowSize: 1 << 20 });
    fetched.streams[0]!.resume();
    while (fetched.codes.length < 1) await sleep(5);
    t.same(fetched.codes, [constants.NGHTTP2_NO_ERROR], 'nothing happens to one that is fetched');
    await countersUntil(fetched.proxy, ({ heldBytes }) => heldBytes === 0);
  });
}

t.test('gRPC calls beyond those that there is memory for are refused', async (t) => {
  const server = createHttp2Server();
  const open: ServerHttp2Stream[] = [];
  server.on('stream', (stream) => open.push(stream));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const grpc = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const proxy = await proxied(t, 0, { upstreams: [upstream(await deadPort(t), { grpc })], limits: { maxGrpcCalls: 2 } });
  const session = connectHttp2(`http://${proxy.address.host}:${proxy.address.port}`);
  t.teardown(() => session.destroy());
  session.on('error', () => {});
  const begin = () => session.request({ ':method': 'POST', ':path': '/a.Service/M', 'content-type': 'application/grpc', te: 'trailers' });
  const streams = [begin(), begin()];
  while (open.length < 2) await sleep(5);
  const [fields] = await once(begin(), 'response');
  t.match(fields, { ':status': 200, 'grpc-status': '14', 'x-driftline-reason': 'overloaded' });
  streams[0]!.close();
  await countersUntil(proxy, ({ aborted }) => aborted === 1);
  begin();
  while (open.length < 3) await sleep(5);
  t.match(proxy.counters(), { requests: 4, failed: 1 });
});

t.test('calls over HTTP/2 beyond those that there is memory for are refused, on whichever connection', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { limits: { maxStreams: 2 } });
  const sessions = [1, 2].map(() => connectHttp2(`http://${proxy.address.host}:${proxy.address.port}`));
  t.teardown(() => {
    for (const session of sessions) session.destroy();
  });
  const [first, second] = sessions;
  const streams = [first!, second!].map((session) => session.request({ ':path': '/hang' }));
  for (const stream of streams) stream.on('error', () => {});
  await countersUntil(proxy, ({ requests }) => requests === 2);
  const third = second!.request({ ':path': '/more' });
  third.on('error', () => {});
  await new Promise((resolve) => third.on('close', resolve));
  t.equal(third.rstCode, constants.NGHTTP2_REFUSED_STREAM);
  streams[0]!.close();
  await countersUntil(proxy, ({ aborted }) => aborted === 1);
  const fourth = second!.request({ ':path': '/again' });
  fourth.on('error', () => {});
  t.match(await countersUntil(proxy, ({ requests }) => requests === 3), { refused: 1, bugs: 0 });
});
