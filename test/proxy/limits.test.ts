import { totalmem } from 'node:os';
import t from 'tap';
import { DEFAULT_LIMITS, type Limits } from '../../proxy/limits.ts';
import { within as atMost, resources } from '../../proxy/resources.ts';
import { answering, deadPort, dial, get, model, ok, parsers, type Peer, post, proxied, upstream } from './wire.ts';

t.setTimeout(300_000);

/** A model server that answers nobody until it is told to. */
async function holding(t: Parameters<typeof model>[0]) {
  const server = await model(t, () => {});
  return { ...server, answer: async (n: number, body: string) => (await server.peer(n)).send(ok(body)) };
}

/** Sends `first` when the first bytes of a request have come, and then every 100 ms what `next` says. */
function sending(first: string, next: () => string): (peer: Peer) => void {
  return (peer) => {
    peer.socket.once('data', () => {
      peer.send(first);
      const timer = setInterval(() => peer.socket.writable && peer.send(next()), 100);
      peer.socket.once('close', () => clearInterval(timer));
    });
  };
}

for (const { parser, proxied } of parsers) {
  t.test(`with parser: ${parser}`, { timeout: 240_000 }, async (t) => {
    t.test('one address gets no more connections than it may, and others are not counted with it', async (t) => {
      const server = await model(
        t,
        answering(() => ok('served')),
      );
      const proxy = await proxied(t, server.port, { limits: { maxClientsPerAddress: 2 } });
      const two = [dial(t, proxy), dial(t, proxy)];
      for (const one of two) one.send(get('/'));
      for (const one of two) await one.until('served');
      t.match(await dial(t, proxy).end(), /^HTTP\/1\.1 503 [\s\S]*x-driftline-reason: overloaded/);
      const elsewhere = dial(t, proxy, '127.0.0.2');
      elsewhere.send(get('/'));
      await elsewhere.until('served');
      two[0]?.socket.destroy();
      while (proxy.counters().connections > 2) await new Promise((resolve) => setImmediate(resolve));
      const again = dial(t, proxy);
      again.send(get('/'));
      await again.until('served');
      t.equal(proxy.counters().refused, 1);
    });

    t.test('calls beyond the upstream’s connections wait their turn, with their bodies, and are served in order', async (t) => {
      const server = await holding(t);
      const proxy = await proxied(t, server.port, { limits: { maxUpstreamConnections: 1 } });
      const clients = [dial(t, proxy), dial(t, proxy), dial(t, proxy)];
      for (const [n, client] of clients.entries()) {
        client.send(post(`/${n}`, `body ${n}`));
        while (proxy.counters().requests < n + 1) await new Promise((resolve) => setImmediate(resolve));
      }
      const peer = await server.peer(0);
      for (const [n, client] of clients.entries()) {
        await (await server.peer(0)).until(`body ${n}`);
        t.notMatch(peer.received, `body ${n + 1}`);
        peer.send(ok(`answer ${n}`));
        t.match(await client.until(`answer ${n}`), 'x-driftline-served-by: primary');
        await proxy.exchange();
      }
      t.equal(server.peers.length, 1);
      t.match(proxy.counters(), { queued: 2, answered: 3, failed: 0 });
    });

    t.test('a call that waits too long, or finds the queue full, is told to come again; one whose client leaves makes room', async (t) => {
      const server = await holding(t);
      const proxy = await proxied(t, server.port, { limits: { maxUpstreamConnections: 1, maxQueuedCalls: 1, queueTimeoutMs: 150 } });
      const running = dial(t, proxy);
      running.send(get('/running'));
      await server.peer(0);
      const left = dial(t, proxy);
      left.send(get('/left'));
      while (proxy.counters().queued < 1) await new Promise((resolve) => setImmediate(resolve));
      left.socket.destroy();
      t.match(await proxy.exchange(), { path: '/left', outcome: 'aborted' });
      const waiting = dial(t, proxy);
      waiting.send(get('/waiting'));
      while (proxy.counters().queued < 2) await new Promise((resolve) => setImmediate(resolve));
      const refused = dial(t, proxy);
      refused.send(get('/refused'));
      for (const client of [refused, waiting]) {
        t.match(await client.until(/\}\n$/), /^HTTP\/1\.1 503 [\s\S]*Retry-After: 1\r\n[\s\S]*x-driftline-reason: overloaded/);
      }
      await server.answer(0, 'at last');
      await running.until('at last');
      while (proxy.counters().answered < 1) await new Promise((resolve) => setImmediate(resolve));
      t.match(proxy.counters(), { failedBy: { overloaded: 2 }, answered: 1, aborted: 1 });
    });

    t.test('a body larger than the policy allows is refused, announced or not, and never looks whole to the model server', async (t) => {
      const server = await model(
        t,
        answering((request) => ok(request.slice(-4))),
      );
      const proxy = await proxied(t, server.port, { limits: { maxRequestBytes: 10, lingerMs: 50 } });
      const fine = dial(t, proxy);
      fine.send(post('/', '0123456789'));
      await fine.until('6789');
      const announced = dial(t, proxy);
      announced.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n');
      t.match(
        await announced.end(),
        /^HTTP\/1\.1 413 Content Too Large\r\n[\s\S]*Connection: close\r\n[\s\S]*x-driftline-reason: body-too-large/,
      );
      const chunked = dial(t, proxy);
      chunked.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n');
      const peer = await server.peer(0);
      await peer.until('01234567');
      chunked.send('8\r\n01234567\r\n');
      t.match(await chunked.end(), /^HTTP\/1\.1 413 /);
      t.notMatch(await peer.end(), /\r\n0\r\n\r\n/);
      t.match(proxy.counters(), { failedBy: { 'body-too-large': 2 } });
    });

    t.test('a body that trickles is given up although it never stops', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port, { limits: { minBytesPerSecond: 1000, rateGraceMs: 100, lingerMs: 50 } });
      const client = dial(t, proxy);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
      const drip = setInterval(() => client.socket.writable && client.send('x'), 10);
      t.teardown(() => clearInterval(drip));
      t.match(await client.until('"reason"'), /^HTTP\/1\.1 408 [\s\S]*x-driftline-reason: request-timeout/);
      clearInterval(drip);
      await (await server.peer(0)).end();
      const { request } = await proxy.exchange();
      t.ok(request.totalBytes > 2, `${request.totalBytes} bytes came meanwhile`);
    });

    t.test('time in which the upstream is not reading is not counted against the client', async (t) => {
      const total = 16 * 1024 * 1024;
      const server = await model(t, (peer) => {
        let got = 0;
        peer.socket.removeAllListeners('data');
        peer.socket.on('data', (bytes) => {
          got += bytes.length;
          if (got > total) peer.send(ok('thanks'));
        });
        peer.socket.pause();
      });
      const proxy = await proxied(t, server.port, { limits: { minBytesPerSecond: 10 * 1024 * 1024, rateGraceMs: 250 } });
      const client = dial(t, proxy);
      client.send(`POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
      client.socket.write(Buffer.alloc(total, 'x'));
      const peer = await server.peer(0);
      // Longer than the grace and the rate would allow for what the connections take in between.
      setTimeout(() => peer.socket.resume(), 1500);
      await client.until('thanks');
    });

    t.test('a client that takes its answer too slowly is let go, and its upstream connection with it', async (t) => {
      const server = await model(
        t,
        answering((_, peer) => {
          peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`);
          peer.socket.write(Buffer.alloc(64 * 1024 * 1024, 'x'));
          return null;
        }),
      );
      const proxy = await proxied(t, server.port, { limits: { minBytesPerSecond: 1024 * 1024 * 1024, rateGraceMs: 100 } });
      const client = dial(t, proxy);
      client.send(get('/big'));
      await client.until('\r\n\r\n');
      client.socket.pause();
      const peer = await server.peer(0);
      await new Promise((resolve) => peer.socket.once('close', resolve));
      t.match(await proxy.exchange(), { outcome: 'aborted', status: 200 });
    });

    t.test('the head of an answer that trickles is given up although it never stops', async (t) => {
      const server = await model(
        t,
        sending('HTTP/1.1 200 OK\r\nA: ', () => 'a'),
      );
      const proxy = await proxied(t, server.port, {
        upstreams: [upstream(server.port, { timeoutMs: 60_000 })],
        limits: { headTimeoutMs: 200 },
      });
      const client = dial(t, proxy);
      client.send(post('/', 'x'));
      t.match(await client.until('"reason"'), /^HTTP\/1\.1 504 [\s\S]*x-driftline-reason: no-answer/);
      await (await server.peer(0)).end();
    });

    t.test('so is one that begins while the body is still coming, whoever is the slower', async (t) => {
      const server = await model(
        t,
        sending('HTTP/1.1 200 OK\r\nA: ', () => 'a'),
      );
      const proxy = await proxied(t, server.port, { limits: { headTimeoutMs: 200, rateGraceMs: 60_000 } });
      const client = dial(t, proxy);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n');
      const drip = setInterval(() => client.socket.writable && client.send('x'), 10);
      t.teardown(() => clearInterval(drip));
      t.match(await client.until('"reason"'), /^HTTP\/1\.1 504 [\s\S]*x-driftline-reason: no-answer/);
    });

    t.test('a head that has begun in time may take its own time', async (t) => {
      const server = await model(t, (peer) => {
        peer.socket.once('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Le'));
        setTimeout(() => peer.send('ngth: 4\r\n\r\nfine'), 1200);
      });
      const proxy = await proxied(t, server.port, { upstreams: [upstream(server.port, { timeoutMs: 600 })] });
      const client = dial(t, proxy);
      client.send(get('/'));
      t.match(await client.until(/fine$|"reason"/), /^HTTP\/1\.1 200 /);
    });

    t.test('interim answers do not win time, whole or one begun with the end of another', async (t) => {
      // 30 of them take 3 s, and stay below the number that is borne.
      for (const [first, next] of [
        ['', 'HTTP/1.1 102 Processing\r\n\r\n'],
        ['HTTP/1.1 102 Proc', 'essing\r\n\r\nHTTP/1.1 102 Proc'],
      ] as const) {
        let sent = 0;
        const server = await model(
          t,
          sending(first, () => (++sent <= 30 ? next : '')),
        );
        const proxy = await proxied(t, server.port, {
          upstreams: [upstream(server.port, { timeoutMs: 300 })],
          limits: { headTimeoutMs: 300 },
        });
        const client = dial(t, proxy);
        client.send(get('/'));
        t.match(await client.until('"reason"'), /HTTP\/1\.1 504 [\s\S]*x-driftline-reason: no-answer/);
        t.ok(sent < 25, `${sent} were sent`);
      }
    });

    t.test('a retry follows the policy: all calls, idempotent ones, or none', async (t) => {
      for (const [retry, method, again] of [
        ['all', 'POST', true],
        ['idempotent', 'POST', false],
        ['idempotent', 'GET', true],
        ['never', 'GET', false],
      ] as const) {
        const server = await model(t, (peer, n) => {
          answering((_, __, count) => {
            if (count === 0) return ok(`connection ${n}`);
            peer.socket.resetAndDestroy();
            return null;
          })(peer);
        });
        const proxy = await proxied(t, server.port, { retry });
        const client = dial(t, proxy);
        client.send(get('/'));
        await client.until('connection 0');
        client.send(method === 'GET' ? get('/') : post('/', 'x'));
        t.match(await client.until(/connection 1|"reason"/), again ? 'connection 1' : 'x-driftline-reason: reset', `${retry}, ${method}`);
        t.match(proxy.counters(), { retried: Number(again) });
      }
    });

    t.test('a stale connection on which a part of an answer came is not tried again', async (t) => {
      const server = await model(
        t,
        answering((_, peer, count) => {
          if (count === 0) return ok('first');
          peer.socket.write('HTTP/1.1 2', () => peer.socket.end());
          return null;
        }),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(get('/'));
      await client.until('first');
      client.send(get('/'));
      t.match(await client.until('"reason"'), 'x-driftline-reason: bad-answer');
      t.match(proxy.counters(), { retried: 0 });
    });
  });
}

t.test('new limits hold for what begins after a reload, and a change of the parser for new connections', async (t) => {
  const server = await model(
    t,
    answering(() => ok('served')),
  );
  const proxy = await proxied(t, server.port);
  const old = dial(t, proxy);
  old.send(post('/', 'x'.repeat(100)));
  await old.until('served');
  await proxy.configure({ limits: { maxRequestBytes: 10 }, parser: 'node' });
  const fresh = dial(t, proxy);
  fresh.send(post('/', 'x'.repeat(100)));
  t.match(await fresh.until('"reason"'), 'x-driftline-reason: body-too-large');
  old.send(post('/', 'x'));
  // The field's name has the word as well.
  await old.until(/\r\nserved[\s\S]*\r\nserved/);
  t.notMatch(old.received, 'Connection: keep-alive', 'an open connection keeps its parser');
  await proxy.configure({ upstreams: [upstream(await deadPort(t))] });
  old.send(post('/', 'x'.repeat(11)));
  t.match(await old.until('"reason"'), 'body-too-large', 'what a change does not name stays');
});

t.test('connections stay within the files that may be opened', (t) => {
  const within = (limits: Limits, openFiles: number | null, threads = 1) => atMost(limits, { openFiles, memoryBytes: 2 ** 40 }, threads);
  t.same(within(DEFAULT_LIMITS, null), DEFAULT_LIMITS);
  t.same(within(DEFAULT_LIMITS, 1_048_576), DEFAULT_LIMITS);
  t.match(within(DEFAULT_LIMITS, 1024), { maxClients: 465, maxUpstreamConnections: 465 });
  t.match(within(DEFAULT_LIMITS, 64), { maxClients: 8, maxUpstreamConnections: 8 });
  t.match(within({ ...DEFAULT_LIMITS, maxClients: 5 }, 1024), { maxClients: 5 });
  t.match(within(DEFAULT_LIMITS, 256, 4), { maxClients: 23, maxUpstreamConnections: 23 }, 'each thread has its share');
  const ofMemory = (mib: number, threads = 1) => atMost(DEFAULT_LIMITS, { openFiles: null, memoryBytes: mib * 1024 * 1024 }, threads);
  t.match(ofMemory(1024), {
    maxUpstreamConnections: 1024,
    maxStreams: 512,
    maxGrpcCalls: 512,
    maxSessions: 256,
    streamWindowBytes: 256 * 1024,
  });
  t.match(ofMemory(256), {
    maxUpstreamConnections: 1024,
    maxStreams: 128,
    maxGrpcCalls: 128,
    maxSessions: 64,
    streamWindowBytes: 64 * 1024,
  });
  t.match(ofMemory(1024, 2), { maxUpstreamConnections: 1024, maxStreams: 256, maxSessions: 128, streamWindowBytes: 128 * 1024 });
  t.match(ofMemory(16), { maxUpstreamConnections: 1024, maxStreams: 64, maxSessions: 16, streamWindowBytes: 64 * 1024 });
  const own = { ...DEFAULT_LIMITS, maxUpstreamConnections: 5, maxQueuedCalls: 0 };
  t.match(atMost(own, { openFiles: 64, memoryBytes: 1 }, 1), { maxUpstreamConnections: 5, maxQueuedCalls: 0, maxClients: 8 });
  const { openFiles, memoryBytes } = resources();
  t.ok(process.platform !== 'linux' || (openFiles ?? 0) > 0);
  t.ok(memoryBytes > 0 && memoryBytes <= totalmem());
  t.end();
});
