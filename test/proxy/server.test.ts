import t from 'tap';
import { createRing } from '../../proxy/ring.ts';
import { BrokenCounters, BrokenRing, inThread } from './planted.ts';
import { answering, dial, get, model, ok, parsers, post } from './wire.ts';

t.setTimeout(120_000);

for (const { parser } of parsers) {
  t.test(
    `with parser ${parser}, a fault of our own ends the connection it happened on, is counted and told, and nothing else`,
    async (t) => {
      const server = await model(
        t,
        answering((request) => (request.includes('/fault-head') ? 'garbage\n' : ok('fine'))),
      );
      const ring = new BrokenRing(createRing(4096));
      const { data, address, faults, counters } = await inThread(t, server.port, { ring, parser });
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
    const counters = new BrokenCounters();
    const { address, faults } = await inThread(t, server.port, { counters, parser });
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
