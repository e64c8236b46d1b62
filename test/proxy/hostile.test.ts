import t from 'tap';
import { answering, dial, get, model, ok, proxied, type Running } from './wire.ts';

t.setTimeout(120_000);

const chunked = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

/** Requests that are turned away before they become a call. */
const refused: readonly [what: string, bytes: string, status: number][] = [
  ['a length beside chunks', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['chunks beside a length', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n', 400],
  ['two lengths that differ', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', 400],
  ['two lengths that agree', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello', 400],
  ['a list of lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello', 400],
  ['a signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello', 400],
  ['a hexadecimal length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello', 400],
  ['an empty length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n', 400],
  ['a length beyond all bounds', `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\n`, 400],
  ['another transfer coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
  ['chunked twice', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 501],
  ['a disguised coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n', 400],
  ['identity', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n', 501],
  ['chunks on HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['a blank before the colon', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello', 400],
  ['a folded line', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n', 400],
  ['a first line that is folded', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['one bare line feed', 'GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n', 400],
  ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n', 400],
  ['a zero byte', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n', 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['a Host that is a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['a name that is no token', 'GET / HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n', 400],
  ['no name', 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n', 400],
  ['no colon', 'GET / HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n', 400],
  ['two blanks in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a request line of HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['another version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['an absolute target', 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a raw byte in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['WebSocket', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 501],
  ['another expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n', 417],
  ['201 fields', `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(200)}\r\n`, 431],
  ['a head of 65 KiB', `GET / HTTP/1.1\r\nHost: a\r\nA: ${'b'.repeat(65 * 1024)}\r\n\r\n`, 431],
  ['a head without end', `GET / HTTP/1.1\r\nHost: a\r\nA: ${'b'.repeat(70 * 1024)}`, 431],
  ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n', 400],
];

/** Bodies whose framing breaks after an acceptable head. */
const broken: readonly [what: string, bytes: string][] = [
  ['a size that is no number', chunked('xyz\r\n')],
  ['a negative size', chunked('-5\r\nhello\r\n0\r\n\r\n')],
  ['a size with a prefix', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
  ['a size beyond all bounds', chunked(`${'f'.repeat(17)}\r\n`)],
  ['a blank before the size', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
  ['a blank after the size', chunked('5 \r\nhello\r\n0\r\n\r\n')],
  ['a size ended by a bare line feed', chunked('5\nhello\r\n0\r\n\r\n')],
  ['a line feed inside an extension', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n')],
  ['an extension without end', chunked(`5;${'a'.repeat(5000)}`)],
  ['a chunk longer than its size', chunked('4\r\nhello\r\n0\r\n\r\n')],
  ['a chunk without its end of line', chunked('5\r\nhello0\r\n\r\n')],
  ['a trailer that is none', chunked('0\r\nbroken\r\n\r\n')],
  ['a trailer that reframes', chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n')],
  ['trailers ended by bare line feeds', chunked('0\r\nA: b\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')],
  ['trailers without end', chunked(`0\r\n${'A: b\r\n'.repeat(5000)}`)],
];

async function answerTo(t: Parameters<typeof dial>[0], proxy: Running, bytes: string): Promise<string> {
  const client = dial(t, proxy);
  client.send(bytes);
  return client.end();
}

t.test('an ambiguous or unsupported head is refused, its connection closed, and nothing of it passed on', async (t) => {
  const server = await model(
    t,
    answering(() => ok('reached')),
  );
  const proxy = await proxied(t, server.port, { limits: { lingerMs: 100 } });
  for (const [what, bytes, status] of refused) {
    const text = await answerTo(t, proxy, `${bytes}${get('/smuggled')}`);
    t.match(
      text,
      new RegExp(
        `^HTTP/1\\.1 ${status} [\\s\\S]*Connection: close\r\nx-driftline-reason: [a-z-]+\r\n\r\n\\{"error":"[^"]+","reason":"[a-z-]+","id":null\\}\n$`,
      ),
      what,
    );
  }
  t.equal(server.peers.length, 0);
  t.match(proxy.counters(), { refused: refused.length, requests: 0, exchanges: 0 });
});

t.test('a body that breaks its framing never looks whole to the model server', async (t) => {
  const server = await model(
    t,
    answering(() => ok('reached')),
  );
  const proxy = await proxied(t, server.port, { limits: { lingerMs: 100 } });
  for (const [what, bytes] of broken) {
    t.match(await answerTo(t, proxy, bytes), /^HTTP\/1\.1 400 [\s\S]*x-driftline-reason: bad-request\r\n/, what);
    t.match(await proxy.exchange(), { status: 400, outcome: 'failed', reason: 'bad-request' }, what);
  }
  const late = dial(t, proxy);
  late.send(chunked('5\r\nhello\r\n'));
  const peer = await server.peer(0);
  await peer.until('hello');
  late.send('zz\r\n');
  t.match(await late.end(), /^HTTP\/1\.1 400 /);
  t.notMatch(await peer.end(), /\r\n0\r\n/);
  t.notMatch(server.peers.map((one) => one.received).join(), 'smuggled');
});

t.test('Node as the parser refuses the same messages, if in other words, and passes nothing of them on', async (t) => {
  const server = await model(
    t,
    answering(() => ok('reached')),
  );
  const proxy = await proxied(t, server.port, { parser: 'node', limits: { lingerMs: 100 } });
  for (const [what, bytes] of refused) {
    // Node takes them for one.
    if (what === 'two blanks in the request line') continue;
    t.match(await answerTo(t, proxy, `${bytes}${get('/smuggled')}`), /^HTTP\/1\.1 [45]\d\d [\s\S]*x-driftline-reason: [a-z-]+\r\n/, what);
  }
  t.equal(server.peers.length, 0);
  for (const [what, bytes] of broken) {
    t.match(await answerTo(t, proxy, bytes), /^HTTP\/1\.1 4\d\d [\s\S]*x-driftline-reason: [a-z-]+\r\n/, what);
  }
  const seen = server.peers.map((peer) => peer.received).join();
  t.notMatch(seen, 'smuggled');
  t.notMatch(seen, /\r\n0\r\n\r\n/);
  t.equal(proxy.counters().bugs, 0);
});

t.test('hop-by-hop fields end here in both directions; ours and the framing cannot be named away', async (t) => {
  const server = await model(
    t,
    answering(() =>
      ok(
        'x',
        'Connection: keep-alive, X-Private, x-driftline-id\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\nUpgrade: h2c\r\nx-driftline-id: forged\r\nx-driftline-served-by: forged\r\nX-Kept_1: 2\r\n',
      ),
    ),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  const named = 'Connection: X-Drop, traceparent, x-driftline-id, host, content-length, Upgrade, HTTP2-Settings, keep-alive\r\n';
  client.send(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n${named}X-Drop: 1\r\nX-Keep: 2\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nProxy: http://evil\r\nTransfer_Encoding: chunked\r\nContent_Length: 9\r\nX_Driftline_Hop: 0\r\nserve_multiplexed_model_id: m\r\nx-driftline-id: forged\r\n\r\nhi`,
  );
  const text = await client.until(/\r\n\r\nx$/);
  const names = (head: string) =>
    [...head.slice(0, head.indexOf('\r\n\r\n')).matchAll(/\r\n([^:]+):/g)].map((match) => match[1]!.toLowerCase()).sort();
  const { received } = server.peers[0]!;
  t.same(names(received), [
    'content-length',
    'host',
    'serve_multiplexed_model_id',
    'traceparent',
    'x-driftline-hop',
    'x-driftline-id',
    'x-keep',
  ]);
  t.same(names(text), ['content-length', 'content-type', 'x-driftline-id', 'x-driftline-served-by', 'x-kept_1']);
  t.notMatch(received + text, 'forged');
  t.ok(received.endsWith('\r\n\r\nhi'));
});

t.test('a path is passed on byte for byte', async (t) => {
  const server = await model(
    t,
    answering(() => ok('')),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  for (const [n, path] of ['/../..//a/./b', '/%2e%2E/%00', '/a;b?c=d&e=%20?f', '/\\{}|^`"<>', '*'].entries()) {
    client.send(`${path === '*' ? 'OPTIONS' : 'GET'} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await client.until((text) => text.match(/200 OK/g)?.length === n + 1);
    t.ok(server.peers[0]!.received.includes(` ${path} HTTP/1.1\r\n`), path);
  }
});

t.test('blank lines before a request are skipped, and a head may come byte by byte', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  for (const byte of `\r\n\r\n${get('/slow')}`) {
    client.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.until('fine');
});

t.test('a client that asks without end and reads nothing is not served without end', async (t) => {
  let served = 0;
  const server = await model(
    t,
    answering(() => {
      served++;
      return ok('x'.repeat(10_000));
    }),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  client.socket.pause();
  client.send(get('/').repeat(5000));
  let before = -1;
  while (before !== served) {
    before = served;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.ok(served < 2500, `${served} answers of 10 kB were made for a client that reads none`);
  client.socket.resume();
  while (served < 5000) await new Promise((resolve) => client.socket.once('data', resolve));
});
