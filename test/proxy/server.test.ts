import t from 'tap';
import { EVERYTHING } from '../../proxy/sampling.ts';
import { Counters } from '../../proxy/counters.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { Pressure } from '../../proxy/pressure.ts';
import { createRing, RingWriter } from '../../proxy/ring.ts';
import type { CapturedCall } from '../../proxy/ring-record.ts';
import { DataServer } from '../../proxy/server.ts';
import { answering, dial, get, model, ok, parsers, post, upstream } from './wire.ts';

t.setTimeout(120_000);

/** A ring with a fault of ours in it. */
class BrokenRing extends RingWriter {
  override write(call: CapturedCall): boolean {
    if (call.captured.path.startsWith('/fault')) throw new Error('planted');
    return super.write(call);
  }
}

/** Counters of which one addition, the n-th after `arm`, throws: a fault at every place that counts, one after the other. */
class BrokenCounters extends Counters {
  #left = 0;

  arm(n: number): void {
    this.#left = n;
  }

  /** Whether the fault has happened. */
  get spent(): boolean {
    return this.#left === 0;
  }

  override add(...args: Parameters<Counters['add']>): void {
    super.add(...args);
    // Telling of the fault must not be one.
    if (args[0] === 'bugs' || this.#left === 0) return;
    this.#left--;
    if (this.#left === 0) throw new Error('planted');
  }
}

for (const { parser } of parsers) {
  const open = async (t: Parameters<typeof model>[0], port: number, counters: Counters, ring: RingWriter, faults: unknown[]) => {
    const data = await DataServer.create({
      ...{
        mode: 'intervene',
        upstreams: [upstream(port)],
        fallback: null,
        active: 'model',
        maxBodyBytes: 100,
        sampling: EVERYTHING,
        limits: DEFAULT_LIMITS,
        counters,
        ring,
        pressure: new Pressure(),
        parser,
      },
      retry: 'all',
      certificate: null,
      credentials: {},
      breaker: DEFAULT_BREAKER,
      report: (fault) => faults.push(fault),
    });
    t.teardown(() => data.close());
    return { data, address: await data.listen({ host: '127.0.0.1', port: 0 }) };
  };

  t.test(
    `with parser ${parser}, a fault of our own ends the connection it happened on, is counted and told, and nothing else`,
    async (t) => {
      const server = await model(
        t,
        answering((request) => (request.includes('/fault-head') ? 'garbage\n' : ok('fine'))),
      );
      const faults: unknown[] = [];
      const counters = new Counters();
      const { data, address } = await open(t, server.port, counters, new BrokenRing(createRing(4096)), faults);
      const other = dial(t, { address });
      other.send(get('/before'));
      await other.until('fine');
      for (const [n, path] of ['/fault', '/fault-head', '/fault-hop'].entries()) {
        const client = dial(t, { address });
        client.send(get(path, path === '/fault-hop' ? 'x-driftline-hop: 9\r\n' : ''));
        await client.end();
        t.equal(faults.length, n + 1, path);
      }
      other.send(get('/after'));
      await other.until(/fine[\s\S]*fine/);
      t.match(counters.read(), { bugs: 3 });
      await data.close();
      await data.close();
    },
  );

  t.test(`with parser ${parser}, wherever it throws while it serves, other calls are served`, async (t) => {
    const server = await model(
      t,
      answering((request) => (request.includes('/bad') ? 'garbage\n' : ok('fine'))),
    );
    const faults: unknown[] = [];
    const counters = new BrokenCounters();
    const { address } = await open(t, server.port, counters, new RingWriter(createRing(64 * 1024)), faults);
    for (const path of ['/good', '/bad', '/left', '/refused']) {
      for (let n = 1; n < 14; n++) {
        counters.arm(n);
        const client = dial(t, { address });
        if (path === '/refused') client.send('BREW / HTTP/1.1\r\nHost: a\r\n\r\n');
        else if (path === '/left') client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');
        else client.send(post(path, 'x', 'Connection: close\r\n'));
        if (path === '/left') setTimeout(() => client.socket.destroy(), 5);
        else await client.end();
        client.socket.destroy();
        const other = dial(t, { address });
        const before = counters.spent;
        other.send(get('/other'));
        // The fault may also meet this one; the next must then be served.
        const served = await Promise.race([
          other.until('fine').then(
            () => true,
            () => false,
          ),
          other.end().then(() => other.received.includes('fine')),
        ]);
        if (!served) {
          t.notOk(before, `${path}, ${n}: a call was harmed by a fault that was over`);
          const third = dial(t, { address });
          third.send(get('/third'));
          await third.until('fine');
          third.socket.destroy();
        }
        other.socket.destroy();
      }
    }
    t.ok(faults.length > 20, `${faults.length} faults were planted and told`);
    t.ok(faults.every((fault) => fault instanceof Error && fault.message === 'planted'));
  });
}
