import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { RingReader } from '../../proxy/ring.ts';
import { answering, dial, get, model, ok, parsers, type Running } from './wire.ts';

t.setTimeout(120_000);

const THREADS = 3;
/** Connections are shared out by chance: that one of three threads gets none of sixty has odds of one in ten thousand million. */
const CONNECTIONS = 60;

/** How many calls each thread has put on record, once they are `total` together. */
async function recordedBy({ rings }: Running, total: number): Promise<number[]> {
  const readers = rings.map((ring) => new RingReader(ring));
  const recorded = readers.map(() => 0);
  while (recorded.reduce((sum, one) => sum + one, 0) < total) {
    for (const [i, reader] of readers.entries()) while (reader.read() !== null) recorded[i]!++;
    await new Promise(setImmediate);
  }
  return recorded;
}

for (const { parser, proxied } of parsers) {
  t.test(`with parser: ${parser}`, async (t) => {
    t.test('several data threads share the port, and each of them serves calls', async (t) => {
      const server = await model(
        t,
        answering(() => ok('fine')),
      );
      const proxy = await proxied(t, server.port, { threads: THREADS });
      const clients = Array.from({ length: CONNECTIONS }, () => dial(t, proxy));
      for (const client of clients) client.send(get('/'));
      for (const client of clients) await client.until('fine');
      const recorded = await recordedBy(proxy, CONNECTIONS);
      t.equal(recorded.length, THREADS);
      t.ok(
        recorded.every((calls) => calls > 0),
        `${recorded.join(', ')} calls`,
      );
      t.match(proxy.counters(), { answered: CONNECTIONS, exchanges: CONNECTIONS, connections: CONNECTIONS });
    });

    t.test('several data threads drain together: none accepts, idle connections close, running calls end whole', async (t) => {
      const server = await model(
        t,
        answering((request) => (request.includes('/slow') ? null : ok('quick'))),
      );
      const proxy = await proxied(t, server.port, { threads: THREADS });
      const idle = Array.from({ length: CONNECTIONS }, () => dial(t, proxy));
      for (const client of idle) client.send(get('/quick'));
      for (const client of idle) await client.until('quick');
      const running = Array.from({ length: CONNECTIONS }, () => dial(t, proxy));
      for (const client of running) client.send(get('/slow'));
      const waiting = () => server.peers.filter(({ received }) => received.includes('/slow'));
      while (waiting().length < CONNECTIONS) await new Promise(setImmediate);

      const drained = proxy.drain(60_000).then(() => 'drained');
      for (const client of idle) t.equal((await client.end()).match(/^HTTP/gm)?.length, 1);
      // The system would hand a connection to any thread that still listens.
      for (let n = 0; n < CONNECTIONS; n++) {
        const late = connect(proxy.address);
        const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
        t.equal(error.code, 'ECONNREFUSED');
      }
      t.equal(await Promise.race([drained, 'waits']), 'waits', 'for the running calls');
      for (const peer of waiting()) peer.send(ok('at last'));
      for (const client of running) t.match(await client.end(), /^HTTP\/1\.1 200 [\s\S]*Connection: close\r\n[\s\S]*at last$/);
      t.equal(await drained, 'drained');
      t.match(proxy.counters(), { answered: 2 * CONNECTIONS, failed: 0, aborted: 0, connections: 0 });
      t.ok((await recordedBy(proxy, 2 * CONNECTIONS)).every((calls) => calls > 0));
    });

    t.test('what is left in any of several data threads when the time to drain is up is broken off', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port, { threads: THREADS });
      const clients = Array.from({ length: CONNECTIONS }, () => dial(t, proxy));
      for (const client of clients) client.send(get('/'));
      while (server.peers.filter(({ received }) => received !== '').length < CONNECTIONS) await new Promise(setImmediate);
      await proxy.drain(50);
      for (const client of clients) t.equal(await client.end(), '');
      // Each thread counts by itself, a connection before the call on it or after.
      const isOver = ({ connections, aborted }: ReturnType<typeof proxy.counters>) => connections === 0 && aborted === CONNECTIONS;
      while (!isOver(proxy.counters())) await new Promise(setImmediate);
      t.equal(proxy.counters().answered, 0);
    });
  });
}
