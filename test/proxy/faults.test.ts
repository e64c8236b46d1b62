/**
 * Faults of model servers, clients and our own code, each with the behaviour it must meet; over both parsers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { answering, deadPort, dial, get, model, ok, type Peer, parsers, post, upstream } from './wire.ts';

t.setTimeout(300_000);

const tick = () => new Promise((resolve) => setImmediate(resolve));

for (const { parser, proxied } of parsers) {
  t.test(`with parser: ${parser}`, { timeout: 240_000 }, async (t) => {
    t.test('an upstream that refuses connections is told at once, left alone after some failures, and tried again later', async (t) => {
      const gone = await deadPort(t);
      const proxy = await proxied(t, gone, { breaker: { failures: 3, share: 1, ofLast: 1000, openMs: 400 } });
      const client = dial(t, proxy);
      const reasons: string[] = [];
      const ask = async (n: number) => {
        client.send(post('/', 'x'));
        await client.until((text) => text.match(/"id":"[^"]+"\}/g)?.length === n);
        reasons.push(/.*x-driftline-reason: (\S+)/s.exec(client.received)?.[1] ?? '');
      };
      const startedAt = performance.now();
      for (let n = 1; n <= 4; n++) await ask(n);
      t.same(reasons, ['connect-refused', 'connect-refused', 'connect-refused', 'circuit-open']);
      t.ok(performance.now() - startedAt < 3000, 'long before the connect timeout');
      t.match(client.received, /HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*Retry-After: 1\r\n/);
      t.match(proxy.counters(), { circuitOpened: 1, failedBy: { 'connect-refused': 3, 'circuit-open': 1 } });
      // The breaker's time passes on the real clock here; its rules are tested on a clock of their own.
      let asked = 4;
      while (reasons.at(-1) === 'circuit-open') await ask(++asked);
      t.equal(reasons.at(-1), 'connect-refused', 'one call finds out');
      await ask(++asked);
      t.equal(reasons.at(-1), 'circuit-open', 'and it is left alone again');
      t.match(proxy.counters(), { circuitOpened: 2 });
    });

    t.test(
      'while the upstream is left alone the fallback answers without waiting for it, and it is taken back when it answers',
      async (t) => {
        const scorer = await model(
          t,
          answering(() => ok('scored')),
        );
        let healthy = false;
        const server = await model(
          t,
          answering((_, peer) => {
            if (healthy) return ok('primary');
            peer.socket.destroy();
            return null;
          }),
        );
        const proxy = await proxied(t, server.port, {
          fallback: { host: '127.0.0.1', port: scorer.port },
          breaker: { failures: 2, share: 1, ofLast: 1000, openMs: 300 },
        });
        const ask = async () => {
          const client = dial(t, proxy);
          client.send(post('/', 'x'));
          await client.until(/(scored|primary)$/);
          const exchange = await proxy.exchange();
          return [exchange.servedBy, exchange.reason];
        };
        t.same(await ask(), ['fallback', 'reset']);
        t.same(await ask(), ['fallback', 'reset']);
        const seen = server.peers.length;
        t.same(await ask(), ['fallback', 'circuit-open']);
        t.equal(server.peers.length, seen, 'the upstream was not asked');
        healthy = true;
        let last = await ask();
        while (last[1] === 'circuit-open') last = await ask();
        t.same(last, ['primary', null]);
      },
    );

    t.test('an upstream that is slow is a timeout for those it lets wait, and its queue is bounded', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port, {
        upstreams: [upstream(server.port, { timeoutMs: 1500 })],
        breaker: null,
        limits: { maxUpstreamConnections: 2, maxQueuedCalls: 2, queueTimeoutMs: 100 },
      });
      const clients = Array.from({ length: 6 }, (_, n) => {
        const client = dial(t, proxy);
        client.send(get(`/${n}`));
        return client;
      });
      const texts = await Promise.all(clients.map((client) => client.until('"reason"')));
      const count = (reason: string) => texts.filter((text) => text.includes(`x-driftline-reason: ${reason}\r\n`)).length;
      t.same([count('no-answer'), count('overloaded')], [2, 4]);
      t.ok(texts.every((text) => text.startsWith('HTTP/1.1 504') || /^HTTP\/1\.1 503 [\s\S]*Retry-After: /.test(text)));
    });

    t.test('an upstream that hangs after its head loses the call, its connection, and no place', async (t) => {
      const server = await model(t, (peer, n) => {
        peer.socket.once('data', () => peer.send(n === 0 ? 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf' : ok('next')));
      });
      const proxy = await proxied(t, server.port, { limits: { stallTimeoutMs: 100, maxUpstreamConnections: 1 } });
      const client = dial(t, proxy);
      client.send(get('/'));
      await client.end();
      await (await server.peer(0)).end();
      t.match(await proxy.exchange(), { outcome: 'failed', reason: 'truncated', status: 200 });
      const next = dial(t, proxy);
      next.send(get('/'));
      await next.until('next');
    });

    t.test('a client that leaves at any moment gives its place back, and nothing is left open', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port, { limits: { maxUpstreamConnections: 1, maxQueuedCalls: 10 } });
      const moments: readonly ((client: Peer, n: number) => Promise<void>)[] = [
        async (client) => client.send('GET / HT'),
        async (client, n) => {
          client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf');
          await (await server.peer(n)).until('half');
        },
        async (client, n) => {
          client.send(post('/', 'x'));
          await (await server.peer(n)).until(/x$/);
        },
        async (client, n) => {
          client.send(get('/'));
          (await server.peer(n)).send('HTTP/1.1 200 OK\r\nContent-Le');
        },
        async (client, n) => {
          client.send(get('/'));
          (await server.peer(n)).send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
          await client.until('half');
        },
      ];
      let peers = 0;
      for (let round = 0; round < 4; round++) {
        for (const moment of moments) {
          const client = dial(t, proxy);
          await once(client.socket, 'connect');
          await moment(client, peers);
          client.socket.destroy();
          while (proxy.counters().connections > 0) await tick();
          if (moment !== moments[0]) {
            await (await server.peer(peers++)).end();
            t.match(await proxy.exchange(), { outcome: 'aborted' });
          }
        }
      }
      t.match(proxy.counters(), { aborted: 16, bugs: 0, failed: 0, queued: 0 });
    });

    t.test('whatever a model server answers in excess harms its own exchange only', async (t) => {
      const odd = [
        'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfinemore',
        'HTTP/1.1 204 No Content\r\n\r\nunasked',
        `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(20)}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine`,
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX: y\r\n\r\nHTTP/1.1 500 Next\r\nContent-Length: 0\r\n\r\n',
        'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nfine',
        'HTTP/1.1 299 \r\nContent-Length: 0004\r\n\r\nfine',
        'HTTP/1.1 599 Odd \x80\xff\r\nContent-Length: 4\r\n\r\nfine',
      ];
      const server = await model(
        t,
        answering((request) => odd[Number(/GET \/(\d+)/.exec(request)?.[1])] ?? ok('plain')),
      );
      const proxy = await proxied(t, server.port);
      for (const [n, bytes] of odd.entries()) {
        const client = dial(t, proxy);
        client.send(get(`/${n}`));
        const text = await client.until(n === 1 ? /\r\n\r\n$/ : 'fine');
        t.match(await proxy.exchange(), { outcome: 'answered' }, bytes.slice(0, 40));
        client.send(get('/plain'));
        t.match(await client.until('plain'), /200 OK\r\n(?![\s\S]*(more|unasked|500 Next))[\s\S]*plain$/);
        t.match(await proxy.exchange(), { outcome: 'answered', status: 200 });
        t.equal(text.match(/x-driftline-id/g)?.length, 1);
      }
      t.match(proxy.counters(), { bugs: 0, failed: 0 });
    });

    t.test('a call that comes round to us for the fourth time is a loop', async (t) => {
      // An upstream that leads back here, as a proxy before the proxy would.
      const proxy = await proxied(t, 1);
      const { port } = proxy.address;
      await proxy.configure({ upstreams: [upstream(port)] });
      const client = dial(t, proxy);
      client.send(get('/'));
      t.match(await client.until('"reason"'), /^HTTP\/1\.1 508 [\s\S]*"reason":"loop"/);
      t.match(proxy.counters(), { requests: 4, failedBy: { loop: 1 } });
    });
  });
}

t.test('a process that may open few files refuses what it cannot carry, and lives', { skip: process.platform !== 'linux' }, async (t) => {
  const server = await model(
    t,
    answering(() => ok('served')),
  );
  const child = spawn(
    'prlimit',
    ['--nofile=64', process.execPath, new URL('few-files.ts', import.meta.url).pathname, String(server.port)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH ?? '' },
    },
  );
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const address = { host: '127.0.0.1', port: Number(line.toString()) };
  const many = Array.from({ length: 100 }, () => {
    const client = dial(t, { address });
    client.send(get('/'));
    return client;
  });
  const texts = await Promise.all(many.map((client) => client.until(/served|"reason"/)));
  const served = texts.filter((text) => text.startsWith('HTTP/1.1 200 ')).length;
  t.equal(served, 8);
  t.equal(texts.filter((text) => /^HTTP\/1\.1 503 [\s\S]*x-driftline-reason: overloaded/.test(text)).length, 92);
  for (const client of many) client.socket.destroy();
  await Promise.all(many.map((client) => (client.socket.closed ? null : once(client.socket, 'close'))));
  let text = '';
  while (!text.includes('served')) {
    const after = dial(t, { address });
    after.send(get('/'));
    text = await after.until(/served|"reason"/);
  }
  child.stdin.end();
  const [code] = await once(child, 'exit');
  t.equal(code, 0);
});
