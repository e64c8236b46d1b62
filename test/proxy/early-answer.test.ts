import t, { type Test } from 'tap';
import { Counters } from '../../proxy/counters.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { Pressure } from '../../proxy/pressure.ts';
import { createRing, RingReader, RingWriter } from '../../proxy/ring.ts';
import { EVERYTHING } from '../../proxy/sampling.ts';
import { DataServer } from '../../proxy/server.ts';
import { answering, dial, get, model, ok, parsers, type Peer, upstream } from './wire.ts';

t.setTimeout(30_000);

const REFUSED = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig';
/** Ends with its connection. */
const ENDLESS = 'HTTP/1.1 413 Content Too Large\r\n\r\nbig';
/** So much that it is read, and sent on, in several parts: the first is taken by a connection that is closed, and only the next ones fail. */
const REST = 'x'.repeat(300_000);

/**
 * A proxy in this thread, so that what clients and servers do in one turn has all happened before it looks again: it reads the client's bytes
 * first and writes to a server that has gone, while the answer waits to be read.
 */
async function open(
  t: Test,
  options: { parser: 'driftline' | 'node'; port: number; fallback?: number; observes?: boolean; retry?: 'never' },
) {
  const { parser, port, fallback, observes = false, retry = 'all' } = options;
  const counters = new Counters();
  const ring = createRing(4 * 1024 * 1024);
  const data = await DataServer.create({
    mode: observes ? 'observe' : 'intervene',
    upstreams: [upstream(port)],
    fallback: fallback === undefined ? null : { host: '127.0.0.1', port: fallback },
    active: 'model',
    maxBodyBytes: 1024 * 1024,
    sampling: EVERYTHING,
    limits: DEFAULT_LIMITS,
    counters,
    ring: new RingWriter(ring),
    pressure: new Pressure(),
    parser,
    retry,
    certificate: null,
    credentials: {},
    breaker: { ...DEFAULT_BREAKER, failures: 1 },
    report: (fault) => t.fail(String(fault)),
  });
  t.teardown(() => data.close());
  return { address: await data.listen({ host: '127.0.0.1', port: 0 }), counters, reader: new RingReader(ring) };
}

type Proxy = Awaited<ReturnType<typeof open>>;

/**
 * A call of which the model server gets the first bytes; then, in one turn, the client sends the rest, and perhaps more, and the server its answer, and is
 * gone.
 */
async function answeredEarly(
  t: Test,
  proxy: Proxy,
  peer: Promise<Peer>,
  { answer, how, rest = REST, more = '' }: { answer: string; how: 'closes' | 'resets'; rest?: string; more?: string },
): Promise<Peer> {
  const client = dial(t, proxy);
  client.send(`POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: ${rest.length + 5}\r\n\r\nfirst`);
  const { socket } = await peer.then((one) => one.until('first').then(() => one));
  client.send(rest + more);
  socket.write(answer);
  if (how === 'closes') socket.destroy();
  else socket.resetAndDestroy();
  return client;
}

async function ended(proxy: Proxy) {
  for (;;) {
    const exchange = proxy.reader.read();
    if (exchange !== null) return exchange;
    await new Promise(setImmediate);
  }
}

for (const { parser } of parsers) {
  for (const how of ['closes', 'resets'] as const) {
    t.test(
      `${parser}: the answer of a model server that ${how} over the rest of the request is passed on, and is no failure`,
      async (t) => {
        const scorer = await model(
          t,
          answering(() => ok('scored')),
        );
        const server = await model(t, () => {});
        const proxy = await open(t, { parser, port: server.port, fallback: scorer.port });
        for (let n = 0; n < 3; n++) {
          const client = await answeredEarly(t, proxy, server.peer(n), { answer: REFUSED, how });
          t.match(await client.end(), /^HTTP\/1\.1 413 [\s\S]*x-driftline-served-by: primary\r\n[\s\S]*\r\nbig$/);
          t.match(await ended(proxy), { status: 413, outcome: 'answered', servedBy: 'primary' });
        }
        t.match(proxy.counters.read(), { answered: 3, failed: 0, fallback: 0, retried: 0, circuitOpened: 0, bugs: 0 });
        t.equal(scorer.peers.length, 0);
      },
    );

    t.test(
      `${parser}: an answer that is not whole when the model server ${how} over the rest of the request is shown to be cut`,
      async (t) => {
        const server = await model(t, () => {});
        const proxy = await open(t, { parser, port: server.port });
        const client = await answeredEarly(t, proxy, server.peer(0), { answer: REFUSED.slice(0, -1), how });
        t.match(await client.end(), /^HTTP\/1\.1 413 [\s\S]*\r\n\r\nbi$/);
        t.match(await ended(proxy), { status: 413, outcome: 'failed', reason: 'truncated' });
      },
    );

    t.test(`${parser}: a model server that ${how} over the rest of the request without an answer has failed`, async (t) => {
      const server = await model(t, () => {});
      const proxy = await open(t, { parser, port: server.port });
      const client = await answeredEarly(t, proxy, server.peer(0), { answer: '', how });
      t.match(await client.until('"reason"'), /^HTTP\/1\.1 502 [\s\S]*x-driftline-reason: reset\r\n/);
      t.match(proxy.counters.read(), { circuitOpened: 1 });
    });
  }
}

t.test('a connection that took no more is not used again', async (t) => {
  const server = await model(t, (peer, n) => {
    if (n === 1) answering(() => ok('second'))(peer);
  });
  const proxy = await open(t, { parser: 'driftline', port: server.port, retry: 'never' });
  // The next call begins in the turn in which the answer is read, before the connection's end is.
  const answer = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig';
  const client = await answeredEarly(t, proxy, server.peer(0), { answer, how: 'resets', rest: 'x', more: get('/next') });
  t.match(await client.until(/second|"reason"/), /^HTTP\/1\.1 413 [\s\S]*\r\n\r\nbigHTTP\/1\.1 200 [\s\S]*second$/);
});

// undici takes a reset for the end of such an answer.
t.test('an answer that ends with its connection is whole after an end and cut after a reset, whoever finds that out', async (t) => {
  for (const how of ['closes', 'resets'] as const) {
    const server = await model(t, () => {});
    const proxy = await open(t, { parser: 'driftline', port: server.port });
    const client = await answeredEarly(t, proxy, server.peer(0), { answer: ENDLESS, how });
    t.match(await client.end(), how === 'closes' ? /\r\n\r\n3\r\nbig\r\n0\r\n\r\n$/ : /\r\n\r\n3\r\nbig\r\n$/);
    t.match(await ended(proxy), how === 'closes' ? { outcome: 'answered' } : { outcome: 'failed', reason: 'truncated' });
  }
});

t.test('under `mode: observe` an early answer reaches the client, and the end or the reset behind it', async (t) => {
  for (const how of ['closes', 'resets'] as const) {
    const server = await model(t, () => {});
    const proxy = await open(t, { parser: 'driftline', port: server.port, observes: true });
    const client = await answeredEarly(t, proxy, server.peer(0), { answer: ENDLESS, how });
    t.equal(await client.end(), ENDLESS);
    t.equal(client.reset, how === 'resets');
    t.match(await ended(proxy), how === 'closes' ? { status: 413, outcome: 'answered' } : { outcome: 'failed', reason: 'truncated' });
    while (proxy.counters.read().connections > 0) await new Promise(setImmediate);
  }
});

t.test('under `mode: observe` a server that has ended, and later takes no more, ends the client’s connection', async (t) => {
  const server = await model(t, (peer) => {
    peer.socket.once('data', () => peer.socket.end());
  });
  const proxy = await open(t, { parser: 'driftline', port: server.port, observes: true });
  const client = dial(t, proxy);
  client.send(`POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: ${REST.length}\r\n\r\n`);
  await client.end();
  t.notOk(client.closed, 'an end alone is passed on as one');
  server.peers[0]!.socket.destroy();
  client.send(REST);
  while (proxy.counters.read().connections > 0) await new Promise(setImmediate);
});
