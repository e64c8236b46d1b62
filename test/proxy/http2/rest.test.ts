import { once } from 'node:events';
import { constants } from 'node:http2';
import t from 'tap';
import { answering, deadPort, dial, get, model, ok, proxied, settled, upstream } from '../wire.ts';
import { answerOf, ask, END_STREAM, FRAME, frame, headers, PREFACE, Raw, request, session } from './h2-wire.ts';

t.setTimeout(60_000);

t.test('a prediction over HTTP/2 reaches an HTTP/1.1 server framed anew, and its answer comes back whole', async (t) => {
  const server = await model(
    t,
    answering(() => ok('{"y":1}', 'X-Model: a\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=5\r\n')),
  );
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  const answer = await ask(
    client,
    {
      ':method': 'POST',
      ':path': '/v2/models/m/infer?a=b',
      'x-request-id': 'h2-1',
      cookie: 'c=1; d=2',
      te: 'trailers',
      'content-length': '7',
    },
    Buffer.from('{"x":1}'),
  );
  t.equal(answer.status, 200);
  t.equal(answer.body.toString(), '{"y":1}');
  t.match(answer.headers, { 'x-model': 'a', 'x-driftline-id': 'h2-1', 'x-driftline-served-by': 'primary', 'content-length': '7' });
  t.same(answer.headers['set-cookie'], ['a=1', 'b=2']);
  t.equal(answer.headers['keep-alive'], undefined);
  t.equal(answer.headers.date, undefined);
  const { received } = server.peers[0]!;
  t.match(received, /^POST \/v2\/models\/m\/infer\?a=b HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  t.match(received, 'cookie: c=1; d=2\r\n');
  t.match(received, 'Content-Length: 7\r\n');
  t.notMatch(received, /transfer-encoding|\r\nte:/i);
  const exchange = await proxy.exchange();
  t.match(exchange, { id: 'h2-1', method: 'POST', path: '/v2/models/m/infer?a=b', status: 200, outcome: 'answered' });
  t.equal(Buffer.from(exchange.request.bytes).toString(), '{"x":1}');
});

t.test('bodies without a length and with trailers pass in both directions', async (t) => {
  const server = await model(
    t,
    answering(() => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n'),
  );
  const proxy = await proxied(t, server.port);
  const stream = session(t, proxy).request({ ':method': 'POST', ':path': '/x' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'ok' }));
  stream.write('hello ');
  stream.end('world');
  const answer = await answerOf(stream);
  t.equal(answer.body.toString(), 'abcdef');
  t.match(answer.trailers, { 'x-sum': '6' });
  const { received } = server.peers[0]!;
  t.match(received, /Transfer-Encoding: chunked\r\n/);
  t.match(received, /0\r\nx-check: ok\r\n\r\n$/);
  const exchange = await proxy.exchange();
  t.equal(Buffer.from(exchange.request.bytes).toString(), 'hello world');
});

t.test('trailers about a connection do not go on, and end nothing', async (t) => {
  const fields = ['Keep-Alive: x', 'TE: gzip', 'Upgrade: x', 'HTTP2-Settings: x', 'Proxy-Connection: x'].map((line) => `${line}\r\n`);
  const server = await model(
    t,
    answering(() => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n${fields.join('')}X-Sum: 3\r\n\r\n`),
  );
  const proxy = await proxied(t, server.port);
  for (let n = 0; n < 2; n++) {
    const { body, trailers } = await ask(session(t, proxy), { ':path': '/x' });
    t.equal(body.toString(), 'abc');
    t.same(Object.entries(trailers), [['x-sum', '3']]);
  }
});

t.test('HEAD, 204, 304, an interim answer and an answer that ends with its connection', async (t) => {
  const server = await model(
    t,
    answering((text, peer) => {
      const path = text.split(' ')[1];
      if (path === '/head') return 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n';
      if (path === '/204') return 'HTTP/1.1 204 No Content\r\n\r\n';
      if (path === '/304') return 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n';
      if (path === '/103') return 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      peer.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
      return null;
    }),
  );
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  t.match(await ask(client, { ':method': 'HEAD', ':path': '/head' }), { status: 200, headers: { 'content-length': '12' }, reset: 0 });
  t.match(await ask(client, { ':path': '/204' }), { status: 204, reset: 0 });
  t.match(await ask(client, { ':path': '/304' }), { status: 304, headers: { etag: '"x"' }, reset: 0 });
  const hinted = client.request({ ':path': '/103' });
  const [hint] = await once(hinted, 'headers');
  t.match(hint, { ':status': 103, link: '</a>' });
  t.match(await answerOf(hinted), { status: 200 });
  const closed = await ask(client, { ':path': '/close' });
  t.equal(closed.body.toString(), 'until the end');
});

t.test('a hundred calls at once on one connection are a hundred calls', async (t) => {
  const server = await model(
    t,
    answering((text) => ok(text.split(' ')[1]!)),
  );
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(client, { ':path': `/${i}` })));
  t.same(
    answers.map(({ body }) => body.toString()),
    answers.map((_, i) => `/${i}`),
  );
  t.match(proxy.counters(), { requests: 100, answered: 100, connections: 1, sessions: 1, bugs: 0 });
});

t.test('a server that is not there, a truncated answer and a fallback are told as over HTTP/1.1', async (t) => {
  const fallback = await model(
    t,
    answering(() => ok('{"from":"fallback"}')),
  );
  const dead = await deadPort(t);
  const alone = await proxied(t, dead);
  const refused = await ask(session(t, alone), { ':method': 'POST', ':path': '/x' }, Buffer.from('{}'));
  t.match(refused, { status: 502, headers: { 'x-driftline-reason': 'connect-refused' } });
  t.match(JSON.parse(refused.body.toString()), { reason: 'connect-refused' });
  const helped = await proxied(t, dead, { fallback: { host: '127.0.0.1', port: fallback.port } });
  const served = await ask(session(t, helped), { ':method': 'POST', ':path': '/x' }, Buffer.from('{}'));
  t.match(served, { status: 200, headers: { 'x-driftline-served-by': 'fallback', 'x-driftline-reason': 'connect-refused' } });
  const cut = await model(t, (peer) =>
    peer.socket.once('data', () => peer.socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n')),
  );
  const proxy = await proxied(t, cut.port);
  const raw = new Raw(t, proxy);
  raw.open(1, request());
  const { payload } = await raw.until(({ type, stream }) => type === FRAME.reset && stream === 1);
  t.equal(payload.readUInt32BE(0), constants.NGHTTP2_INTERNAL_ERROR);
  t.notOk(
    raw.frames.some(({ type, flags }) => type === FRAME.data && (flags & 1) === 1),
    'a broken answer does not end',
  );
  t.match(await proxy.exchange(), { outcome: 'failed', reason: 'truncated' });
});

t.test('a client that resets its stream is told to the server, and the slot is free again', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  const stream = client.request({ ':method': 'POST', ':path': '/slow' });
  stream.on('error', () => {});
  stream.write('hello');
  const peer = await server.peer(0);
  await peer.until('hello');
  stream.close(constants.NGHTTP2_CANCEL);
  await peer.end();
  t.match(await proxy.exchange(), { outcome: 'aborted' });
});

t.test('a slow reader slows the server down instead of filling our memory', async (t) => {
  let taken = 0;
  const server = await model(t, (peer) => {
    peer.socket.once('data', () => {
      const total = 64 * 1024 * 1024;
      const piece = Buffer.alloc(64 * 1024);
      peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      const more = () => {
        while (taken < total && peer.socket.write(piece)) taken += piece.length;
      };
      peer.socket.on('drain', more);
      more();
    });
  });
  const proxy = await proxied(t, server.port);
  const stream = session(t, proxy).request({ ':path': '/large' });
  await once(stream, 'response');
  // Nobody reads: what the server could hand over has to come to rest.
  for (let before = -1; before !== taken; ) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  t.ok(taken < 24 * 1024 * 1024, `${taken} bytes taken`);
  stream.close();
});

t.test('the preface is recognised however it is split, and what only begins like one is HTTP/1.1', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const raw = new Raw(t, proxy, false);
  raw.socket.setNoDelay(true);
  for (const byte of Buffer.from(PREFACE)) {
    raw.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  raw.write(frame(FRAME.settings, 0, 0));
  raw.open(1, request());
  await raw.until(({ type, stream }) => type === FRAME.headers && stream === 1);
  const other = dial(t, proxy);
  other.send('P');
  other.send(get('/x').replace('GET', 'PUT').slice(1));
  t.match(await other.until('fine'), /^HTTP\/1\.1 200/);
  const odd = dial(t, proxy);
  odd.send('PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n');
  t.match(await odd.end(), /^HTTP\/1\.1 (400|505)/);
});

const MALFORMED: { readonly [name: string]: readonly [string, string][] } = {
  'a field of a connection': [...request(), ['connection', 'close']],
  'a transfer coding': [...request({ ':method': 'POST' }), ['transfer-encoding', 'chunked']],
  'an upgrade': [...request(), ['upgrade', 'h2c']],
  'te other than trailers': [...request(), ['te', 'gzip']],
  'a name in upper case': [...request(), ['X-Name', 'a']],
  'a pseudo-field after a field': [['x-a', 'b'], ...request()],
  'a pseudo-field twice': [...request(), [':path', '/other']],
  'an unknown pseudo-field': [...request(), [':proto', 'x']],
  'no path': request({ ':path': null }),
  'an empty path': request({ ':path': '' }),
  'two names for one server': [...request(), ['host', 'other']],
  'a scheme that is none of ours': request({ ':scheme': 'ftp' }),
  'a length that is no number': [...request({ ':method': 'POST' }), ['content-length', '5, 5']],
};

t.test('a malformed request is reset and nothing of it passed on', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  for (const [name, fields] of Object.entries(MALFORMED)) {
    const raw = new Raw(t, proxy);
    raw.open(1, fields);
    const { payload } = await raw.until(({ type, stream }) => (type === FRAME.reset && stream === 1) || type === FRAME.goaway);
    t.ok(payload.includes(constants.NGHTTP2_PROTOCOL_ERROR), name);
    raw.socket.destroy();
  }
  t.equal(server.peers.length, 0);
});

t.test('what would break out of its line in HTTP/1.1 never does', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const attacks: readonly (readonly [string, string][])[] = [
    [...request(), ['x-a', 'b\r\nx-smuggled: 1']],
    [...request(), ['x-a', 'b\nx-smuggled: 1']],
    [...request(), ['x-a', 'b\0x-smuggled: 1']],
    [...request(), ['x-a\r\nx-smuggled', '1']],
    [...request(), ['x-a: 1\r\nx-smuggled', '1']],
    request({ ':path': '/a HTTP/1.1\r\nx-smuggled: 1\r\nx: ' }),
    request({ ':path': '/a HTTP/1.1' }),
    request({ ':method': 'GET /x-smuggled HTTP/1.1\r\nx:' }),
    request({ ':authority': 'model\r\nx-smuggled: 1' }),
    request({ ':scheme': 'http\r\nx-smuggled: 1' }),
    request({ ':method': 'CONNECT' }),
    request({ ':path': 'http://elsewhere/x-smuggled' }),
  ];
  for (const fields of attacks) {
    const raw = new Raw(t, proxy);
    raw.open(1, fields);
    await raw.until(({ type, stream }) => stream === 1 && (type === FRAME.reset || type === FRAME.headers)).catch(() => {});
    raw.socket.destroy();
  }
  for (const peer of server.peers) {
    t.notMatch(peer.received, 'smuggled', peer.received);
    t.equal(peer.received.match(/HTTP\/1\.1\r\n/g)?.length ?? 0, peer.received.match(/host: /g)?.length ?? 0);
  }
});

t.test('a body of another length than announced reaches no server as a whole one', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  for (const [announced, body] of [
    ['4', 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['400', 'short'],
    ['5', ''],
  ] as const) {
    const raw = new Raw(t, proxy);
    raw.open(1, [...request({ ':method': 'POST' }), ['content-length', announced]], body === '');
    if (body !== '') raw.write(frame(FRAME.data, 1, 1, Buffer.from(body)));
    // What is longer ends the whole session; that is nghttp2's way.
    await raw.until(({ type, stream }) => (type === FRAME.reset && stream === 1) || type === FRAME.goaway);
    raw.socket.destroy();
  }
  for (const peer of server.peers) {
    await peer.end();
    t.notMatch(peer.received, 'smuggled');
  }
  t.equal(proxy.counters().answered, 0);
});

t.test('a head of more than 64 KiB is refused, also on the first stream of a session', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const raw = new Raw(t, proxy);
  raw.write(headers(1, [...request(), ...Array.from({ length: 50 }, (_, i) => [`x-${i}`, 'y'.repeat(1400)] as const)], END_STREAM));
  const head = await raw.until(({ type, stream }) => type === FRAME.headers && stream === 1);
  t.match(head.payload.toString('latin1'), /431/);
  raw.open(3, request());
  await raw.until(({ type, stream }) => type === FRAME.headers && stream === 3);
  t.equal(server.peers.length, 1);
  t.match(proxy.counters(), { refused: 1, answered: 1 });
});

t.test('trailers of more than 16 KiB are none', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const stream = session(t, proxy).request({ ':method': 'POST', ':path': '/x' }, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'y'.repeat(1000)]))),
  );
  stream.end('body');
  t.match(await answerOf(stream), { status: 400, headers: { 'x-driftline-reason': 'bad-request' } });
});

t.test('draining tells clients to go elsewhere, lets running calls end, and closes', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port);
  const client = session(t, proxy);
  const running = ask(client, { ':path': '/slow' });
  const peer = await server.peer(0);
  await peer.until('/slow');
  const goaway = once(client, 'goaway');
  const drained = proxy.drain(5000);
  const [code] = await goaway;
  t.equal(code, constants.NGHTTP2_NO_ERROR);
  peer.send(ok('in time'));
  t.equal((await running).body.toString(), 'in time');
  await drained;
  t.match(proxy.counters(), { connections: 0, sessions: 0, answered: 1, sessionsEndedBy: { drain: 1 } });
});

t.test('a session without a stream, and one that is old, is closed in good order', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const idle = await proxied(t, server.port, { limits: { sessionIdleMs: 100 } });
  const first = session(t, idle);
  t.equal((await ask(first, { ':path': '/x' })).status, 200);
  await once(first, 'close');
  await settled(() => idle.counters().sessionsEndedBy.idle === 1);
  const silent = new Raw(t, await proxied(t, server.port, { limits: { headTimeoutMs: 100 } }));
  await silent.end();
  const aged = await proxied(t, server.port, { limits: { sessionAgeMs: 150 } });
  const second = session(t, aged);
  const [code] = await once(second, 'goaway');
  t.equal(code, constants.NGHTTP2_NO_ERROR);
  if (!second.destroyed) await once(second, 'close');
  await settled(() => aged.counters().sessionsEndedBy.age === 1);
});

t.test('more sessions than allowed are told to calm down', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port, { limits: { maxSessions: 1 } });
  const client = session(t, proxy);
  t.equal((await ask(client, { ':path': '/x' })).status, 200);
  const second = new Raw(t, proxy);
  const { payload } = await second.until(({ type }) => type === FRAME.goaway);
  t.equal(payload.readUInt32BE(4), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  await second.end();
  t.match(proxy.counters(), { sessions: 1, sessionsEndedBy: { overloaded: 1 } });
  t.equal((await ask(client, { ':path': '/x' })).status, 200);
});

t.test('an upstream over another port is none of HTTP/2’s business', async (t) => {
  const server = await model(
    t,
    answering(() => ok('rest')),
  );
  const proxy = await proxied(t, server.port, {
    upstreams: [upstream(server.port, { grpc: { host: '127.0.0.1', port: await deadPort(t) } })],
  });
  t.equal((await ask(session(t, proxy), { ':path': '/x' })).body.toString(), 'rest');
});
