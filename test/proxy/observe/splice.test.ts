/** Bytes pass `mode: observe` unchanged, whatever they are; only then comes what is made of them. */
import { once } from 'node:events';
import fc from 'fast-check';
import t from 'tap';
import { answering, deadPort, dial, get, model, ok, type Peer, post, proxied, upstream } from '../wire.ts';

t.setTimeout(120_000);

/** Resolves when the connection has closed, in whatever way. */
function closing({ socket }: Peer): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

t.test('any bytes pass both ways unchanged, however they are cut, at once', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(pieces, pieces, fc.boolean(), async (there, back, speaksHttp) => {
      const client = dial(t, proxy);
      // What begins like a request is read along until it no longer is one.
      const start = speaksHttp ? post('/v1/models/m:predict', 'x'.repeat(10_000)).slice(0, 200) : '';
      if (start !== '') client.send(start);
      for (const piece of there) client.send(Buffer.from(piece));
      const peer = await server.peer(server.peers.length);
      const sent = start + Buffer.concat(there).toString('latin1');
      await peer.until((text) => text.length >= sent.length);
      for (const piece of back) peer.send(Buffer.from(piece));
      const answered = Buffer.concat(back).toString('latin1');
      await client.until((text) => text.length >= answered.length);
      client.socket.end();
      await peer.end();
      return peer.received === sent && client.received === answered;
    }),
    { seed: 41, numRuns: 100 },
  );
});

for (const [way, writer] of [
  ['client', 0],
  ['server', 1],
] as const) {
  t.test(`a ${way} that sends more than the other side takes is held up, and then nothing is lost`, async (t) => {
    const server = await model(t, () => {});
    const proxy = await proxied(t, server.port, { mode: 'observe' });
    const client = dial(t, proxy);
    client.send('POST /x HTTP/1.1\r\nHost: m\r\nContent-Length: 67108864\r\n\r\n');
    const peer = await server.peer(0);
    await peer.until('\r\n\r\n');
    const [from, to] = writer === 0 ? [client, peer] : [peer, client];
    to.socket.pause();
    let received = 0;
    let sum = 0;
    to.socket.removeAllListeners('data');
    to.socket.pause();
    const block = Buffer.alloc(65_536, 'abcdefg');
    let written = 0;
    // Until nothing has moved for as long as a full buffer takes to be noticed.
    while (written < 64 * 1024 * 1024) {
      written += block.length;
      if (from.socket.write(block)) continue;
      const moved = await Promise.race([once(from.socket, 'drain').then(() => true), new Promise((no) => setTimeout(no, 300, false))]);
      if (moved === false) break;
    }
    t.ok(written < 32 * 1024 * 1024, `${written} bytes were taken`);
    to.socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      for (let i = 0; i < bytes.length; i += 997) sum += bytes[i]!;
      if (received >= written) to.socket.emit('all');
    });
    const all = once(to.socket, 'all');
    to.socket.resume();
    await all;
    t.equal(received, written);
    t.ok(sum > 0);
  });
}

t.test('nothing is added to a request or an answer, and nothing taken away', async (t) => {
  const answer = ok('{"predictions":[1]}', 'Connection: keep-alive\r\nProxy-Connection: x\r\nx-driftline-id: of-the-server\r\n');
  const server = await model(
    t,
    answering(() => answer),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  const request = post('/v1/models/m:predict', '{}', 'X-Request-Id: r-1\r\nTE: x\r\nx_request_id: kept\r\n');
  client.send(request);
  t.equal(await client.until((text) => text.length >= answer.length), answer);
  t.equal((await server.peer(0)).received, request);
  t.match(await proxy.exchange(), { id: 'r-1', status: 200, servedBy: 'primary', outcome: 'answered', traceparent: '' });
});

t.test('the first byte of an event stream passes at once, and the record has its times', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.send(get('/stream'));
  const peer = await server.peer(0);
  await peer.until('\r\n\r\n');
  peer.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nd');
  await client.until('\r\n\r\nd');
  peer.send('ata: 1\n\n');
  await client.until('data: 1\n\n');
  peer.socket.end();
  await client.end();
  const exchange = await proxy.exchange();
  t.equal(exchange.outcome, 'answered');
  t.equal(exchange.response.bytes.toString(), 'data: 1\n\n');
  t.ok((exchange.timing?.reads ?? 0) >= 2);
});

t.test('a client that sends no more still gets its answer', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.socket.end(post('/predict', 'abc'), 'latin1');
  const peer = await server.peer(0);
  await peer.end();
  t.notOk(client.ended);
  peer.send(ok('late'));
  await client.until('late');
  peer.socket.end();
  await client.end();
  t.match(await proxy.exchange(), { outcome: 'answered', status: 200 });
});

t.test('a server that sends no more still gets the rest of a request', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.send('POST /big HTTP/1.1\r\nHost: m\r\nContent-Length: 6\r\n\r\nabc');
  const peer = await server.peer(0);
  await peer.until('abc');
  peer.socket.end(ok('early'), 'latin1');
  await client.end();
  client.send('def');
  await peer.until('abcdef');
  client.socket.end();
  await peer.end();
  t.match(client.received, /early$/);
  t.match(await proxy.exchange(), { outcome: 'answered', status: 200, request: { totalBytes: 3 } });
});

t.test('a client that goes away is told to the server, and the call is recorded as left', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.send(post('/predict', 'abc'));
  const peer = await server.peer(0);
  await peer.until('abc');
  const closed = closing(peer);
  client.socket.resetAndDestroy();
  await closed;
  t.ok(peer.reset);
  t.match(await proxy.exchange(), { outcome: 'aborted', status: 0, servedBy: 'none', reason: null });
});

t.test('a server that breaks off is told to the client as it was', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  for (const [n, part, reason, status] of [
    [0, '', 'reset', 0],
    [1, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'truncated', 200],
  ] as const) {
    const client = dial(t, proxy);
    client.send(post('/predict', 'abc'));
    const peer = await server.peer(n);
    await peer.until('abc');
    if (part !== '') {
      peer.send(part);
      await client.until('abc');
    }
    const closed = closing(client);
    peer.socket.resetAndDestroy();
    await closed;
    t.ok(client.reset, 'the reset arrives as a reset');
    t.equal(client.received, part);
    t.match(await proxy.exchange(), { outcome: 'failed', reason, status });
  }
  t.match(proxy.counters(), { requests: 2, failed: 2, exchanges: 2, failedBy: { reset: 1, truncated: 1 } });
});

t.test('where no server listens the client is closed on, and its call recorded with the reason', async (t) => {
  const proxy = await proxied(t, await deadPort(t), { mode: 'observe' });
  const client = dial(t, proxy);
  client.send(post('/predict', 'abc'));
  await client.end();
  t.equal(client.received, '');
  t.match(await proxy.exchange(), { outcome: 'failed', reason: 'connect-refused', status: 0, servedBy: 'none' });
});

t.test('TLS, WebSocket and what is no HTTP pass, and are counted as not observed', async (t) => {
  const long = `GET /${'x'.repeat(70_000)}`;
  const server = await model(t, (peer) =>
    peer.socket.on('data', () => {
      // The long one comes in several reads.
      if (!peer.received.startsWith('GET /xx') || peer.received.length === long.length) peer.send('\x16\x03\x03back');
    }),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const hello = Buffer.from('160301002f010000', 'hex');
  const websocket = get('/ws', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n');
  for (const bytes of [hello, websocket, 'CONNECT model:443 HTTP/1.1\r\nHost: model:443\r\n\r\n', 'SSH-2.0-x\n', long]) {
    const client = dial(t, proxy);
    client.send(bytes);
    await client.until('back');
    const peer = server.peers.at(-1) as Peer;
    t.equal(peer.received.length, bytes.length);
    client.socket.destroy();
  }
  t.match(proxy.counters().unobservedBy, { tls: 1, upgrade: 2, unreadable: 1, 'too-large': 1, fault: 0 });
  t.match(proxy.counters(), { requests: 0, exchanges: 0, bugs: 0 });
});

t.test('a connection that is handed over by 101 is not observed from there on, and its call is unseen', async (t) => {
  const server = await model(t, (peer) =>
    peer.socket.once('data', () => {
      peer.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n');
      peer.socket.on('data', (bytes) => peer.send(bytes));
    }),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.send(get('/', 'Upgrade: other\r\nConnection: upgrade\r\n'));
  await client.until('101');
  client.send('GET / anything');
  await client.until('GET / anything');
  t.match(proxy.counters(), { requests: 1, unseen: 1, exchanges: 0, unobservedBy: { upgrade: 1 } });
});

t.test('a drained proxy closes a quiet connection, waits for a call, and breaks off at last what it cannot see', async (t) => {
  const server = await model(
    t,
    answering((request) => (request.includes('/slow') ? null : ok('fine'))),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const quiet = dial(t, proxy);
  quiet.send(get('/'));
  await quiet.until('fine');
  const busy = dial(t, proxy);
  busy.send(get('/slow'));
  const peer = await server.peer(1);
  await peer.until('/slow');
  const drained = proxy.drain(30_000);
  await quiet.end();
  t.notOk(busy.ended);
  peer.send(ok('at last'));
  await busy.until('at last');
  await busy.end();
  await drained;
  const other = await proxied(t, server.port, { mode: 'observe' });
  const unseen = dial(t, other);
  unseen.send('SSH-2.0-x\n');
  await server.peer(2);
  await other.drain(50);
  await unseen.end();
});

t.test('gRPC connections go to the address that is given for them, others to the server', async (t) => {
  const rest = await model(
    t,
    answering(() => ok('rest')),
  );
  const grpc = await model(t, () => {});
  const proxy = await proxied(t, rest.port, {
    mode: 'observe',
    upstreams: [upstream(rest.port, { grpc: { host: '127.0.0.1', port: grpc.port } })],
  });
  const one = dial(t, proxy);
  one.send(get('/'));
  await one.until('rest');
  const two = dial(t, proxy);
  two.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  t.equal(await (await grpc.peer(0)).until('SM\r\n\r\n'), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  t.equal(rest.peers.length, 1);
});

t.test('a change of mode holds for new connections', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const before = dial(t, proxy);
  before.send(get('/'));
  t.match(await before.until('fine'), /x-driftline-id/);
  await proxy.configure({ mode: 'observe' });
  const after = dial(t, proxy);
  after.send(get('/'));
  t.notMatch(await after.until('fine'), /x-driftline/);
  before.send(get('/again'));
  t.match(await before.until(/fine.*fine/s), /x-driftline-id.*x-driftline-id/s);
});
