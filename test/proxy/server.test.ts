import t from 'tap';
import { Counters } from '../../proxy/counters.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { createRing, RingWriter } from '../../proxy/ring.ts';
import type { CapturedCall } from '../../proxy/ring-record.ts';
import { DataServer } from '../../proxy/server.ts';
import { answering, dial, get, model, ok, upstream } from './wire.ts';

/** A ring with a fault of ours in it. */
class BrokenRing extends RingWriter {
  override write(call: CapturedCall): boolean {
    if (call.path.startsWith('/fault')) throw new Error('planted');
    return super.write(call);
  }
}

t.test('a fault of our own ends the connection it happened on, is counted and told, and nothing else', async (t) => {
  const server = await model(
    t,
    answering((request) => (request.includes('/fault-head') ? 'garbage\n' : ok('fine'))),
  );
  const faults: unknown[] = [];
  const counters = new Counters();
  const data = await DataServer.create({
    ...{ upstreams: [upstream(server.port)], fallback: null, active: 'model', maxBodyBytes: 100, limits: DEFAULT_LIMITS, counters },
    ...({ parser: 'driftline', retry: 'all', breaker: DEFAULT_BREAKER } as const),
    ring: new BrokenRing(createRing(4096)),
    report: (fault) => faults.push(fault),
  });
  t.teardown(() => data.close());
  const address = await data.listen({ host: '127.0.0.1', port: 0 });
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
});
