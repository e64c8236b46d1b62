import t from 'tap';
import { answering, dial, get, model, ok, post, parsers, proxied, upstream } from './wire.ts';

t.setTimeout(300_000);

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

// Node's parser and undici tell neither of interim answers nor of a request's trailers.
t.test('chunked bodies pass in both directions as they come, extensions removed and trailers kept', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  client.send('POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n');
  const peer = await server.peer(0);
  await peer.until('\r\n\r\n');
  client.send('003;ext="a b"\r\nabc\r\n');
  await peer.until('\r\n3\r\nabc\r\n');
  client.send('2\r\nde\r\n0\r\nX-Sum:  9 \r\n\r\n');
  const request = await peer.until(/\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n$/);
  t.equal(request.match(/transfer-encoding/gi)?.length, 1);
  peer.send(`${CHUNKED}1\r\n`);
  await client.until('\r\n\r\n');
  peer.send('A\r\n2');
  await client.until(/\r\n\r\n1\r\nA\r\n$/);
  peer.send(';x=y\r\nBC\r\n0\r\nX-Time: 5\r\nSet-Cookie: s=1\r\n\r\n');
  await client.until(/1\r\nA\r\n2\r\nBC\r\n0\r\nX-Time: 5\r\nSet-Cookie: s=1\r\n\r\n$/);
  const exchange = await proxy.exchange();
  t.equal(Buffer.from(exchange.request.bytes).toString(), 'abcde');
  t.equal(Buffer.from(exchange.response.bytes).toString(), 'ABC');
  t.same(exchange.responseTrailers, [
    ['X-Time', '5'],
    ['Set-Cookie', ''],
  ]);
  client.send(get('/again'));
  await peer.until('GET /again');
  t.equal(server.peers.length, 1, 'both connections are fit for another call');
});

t.test('`Expect: 100-continue` is settled between the two ends', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
  const peer = await server.peer(0);
  t.match(await peer.until('\r\n\r\n'), 'Expect: 100-continue\r\n');
  t.equal(client.received, '');
  peer.send('HTTP/1.1 100 Continue\r\n\r\n');
  await client.until('HTTP/1.1 100 Continue\r\n\r\n');
  client.send('hi');
  await peer.until(/hi$/);
  peer.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('yes')}`);
  t.match(
    await client.until('yes'),
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  );
});

t.test('a client that asked whether to go on is not blamed for waiting, but one that was told to is', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port, {
    upstreams: [upstream(server.port, { timeoutMs: 300 })],
    limits: { rateGraceMs: 60, stallTimeoutMs: 60, lingerMs: 50 },
  });
  const asked = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
  const waiting = dial(t, proxy);
  waiting.send(asked);
  t.match(await waiting.until('"reason"'), /^HTTP\/1\.1 504 [\s\S]*x-driftline-reason: no-answer/);
  const told = dial(t, proxy);
  told.send(asked);
  (await server.peer(1)).send('HTTP/1.1 100 Continue\r\n\r\n');
  t.match(await told.until('"reason"'), /100 Continue\r\n\r\nHTTP\/1\.1 408 [\s\S]*x-driftline-reason: request-timeout/);
});

for (const { parser, proxied } of parsers) {
  t.test(`with parser: ${parser}`, { timeout: 240_000 }, async (t) => {
    t.test('answers without a body end at their head: HEAD, 204 and 304', async (t) => {
      const answers = [
        'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
        'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
        'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
        ok('last'),
      ];
      let asked = 0;
      const server = await model(
        t,
        answering(() => answers[asked++]!),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get('/')}${get('/')}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get('/')}`);
      const text = await client.until('last');
      const heads = text.split('\r\n\r\n');
      t.match(heads[0], /200 OK[\s\S]*Content-Length: 500/);
      t.match(heads[1], '204 No Content');
      t.notMatch(heads[1], 'Content-Length');
      t.match(heads[2], /304[\s\S]*Content-Length: 7/);
      t.match(heads[3], parser === 'driftline' ? /200 OK[\s\S]*Transfer-Encoding: chunked/ : /200 OK/);
      t.match(heads[5], 'last');
      t.equal(server.peers.length, 5, 'a server that sends the announced body all the same sends it to nobody');
    });

    t.test('an answer that ends with its connection is chunked for the client, whose own connection stays', async (t) => {
      const server = await model(
        t,
        answering((_, peer, __) => {
          peer.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end');
          return null;
        }),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      for (let n = 1; n <= 2; n++) {
        client.send(get('/'));
        const text = await client.until((all) => all.match(/\r\n0\r\n\r\n/g)?.length === n);
        t.match(text, /Transfer-Encoding: chunked\r\n[\s\S]*d\r\nuntil the end\r\n0\r\n\r\n$/);
      }
      t.equal(server.peers.length, 2);
    });

    t.test('a client of HTTP/1.0 gets no chunks and no interim answers, and is sent on as HTTP/1.1 with a Host', async (t) => {
      const server = await model(
        t,
        answering(() => `HTTP/1.1 103 Early Hints\r\n\r\n${CHUNKED}3\r\nabc\r\n0\r\n\r\n`),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send('GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      const text = await client.end();
      t.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nabc$/);
      t.notMatch(text, /chunked|103/);
      t.match(text, 'Connection: close\r\n');
      t.match(server.peers[0]!.received, new RegExp(`^GET /old HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`, 'i'));
      const plain = await model(
        t,
        answering(() => ok('whole')),
      );
      const other = await proxied(t, plain.port);
      const kept = dial(t, other);
      kept.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      t.match(await kept.until('whole'), 'Connection: keep-alive\r\n');
      kept.send('GET / HTTP/1.0\r\n\r\n');
      t.match(await kept.end(), /whole[\s\S]*whole/);
    });

    t.test('the first event of a stream reaches the client before the second is made', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(get('/events'));
      const peer = await server.peer(0);
      await peer.until('\r\n\r\n');
      peer.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ndata: 1\r\n');
      await client.until('data: 1');
      peer.send('7\r\ndata: 2\r\n0\r\n\r\n');
      await client.until('data: 2\r\n0\r\n\r\n');
    });

    t.test('a slow reader holds the model server back instead of filling our memory', async (t) => {
      const total = 60 * 1024 * 1024;
      const piece = Buffer.alloc(64 * 1024, 'x');
      let taken = 0;
      const server = await model(
        t,
        answering((_, peer) => {
          peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
          const pump = () => {
            while (taken < total) {
              taken += piece.length;
              if (!peer.socket.write(piece)) return peer.socket.once('drain', pump);
            }
          };
          pump();
          return null;
        }),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(get('/big'));
      await client.until('\r\n\r\n');
      client.socket.pause();
      // It has stopped once nothing more is taken for a while.
      let before = -1;
      while (before !== taken) {
        before = taken;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      t.ok(taken < total / 2, `${taken} bytes were taken for a client that reads nothing`);
      let got = 0;
      client.socket.removeAllListeners('data');
      client.socket.on('data', (bytes) => {
        got += bytes.length;
      });
      client.socket.resume();
      const exchange = await proxy.exchange();
      t.match(exchange, { outcome: 'answered', response: { totalBytes: total } });
      t.equal(exchange.response.bytes.length, 64 * 1024);
      while (got < total - 1024 * 1024) await new Promise((resolve) => client.socket.once('data', resolve));
    });

    t.test('a model server that reads slowly holds the client back', async (t) => {
      const total = 60 * 1024 * 1024;
      const server = await model(t, (peer) => peer.socket.pause());
      const proxy = await proxied(t, server.port, { limits: { stallTimeoutMs: 30_000 } });
      const client = dial(t, proxy);
      client.send(`POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
      const piece = Buffer.alloc(64 * 1024, 'x');
      let sent = 0;
      const pump = () => {
        while (sent < total) {
          sent += piece.length;
          if (!client.socket.write(piece)) return client.socket.once('drain', pump);
        }
      };
      pump();
      let before = -1;
      while (before !== sent) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      t.ok(sent < total / 2, `${sent} bytes were taken for a server that reads nothing`);
      const peer = await server.peer(0);
      let got = 0;
      peer.socket.removeAllListeners('data');
      peer.socket.on('data', (bytes) => {
        got += bytes.length;
        if (got > total) peer.send(ok('thanks'));
      });
      peer.socket.resume();
      await client.until('thanks');
      t.match(await proxy.exchange(), { outcome: 'answered', request: { totalBytes: total } });
    });

    t.test('an early answer reaches a client that is still sending, and both connections close', async (t) => {
      const server = await model(t, (peer) => {
        peer.socket.once('data', () => peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'));
      });
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart');
      const text = await client.end();
      t.match(text, /^HTTP\/1\.1 413 Too Large\r\n[\s\S]*Connection: close\r\n[\s\S]*big$/);
      await server.peers[0]!.end();
      t.match(await proxy.exchange(), { outcome: 'answered', status: 413, request: { totalBytes: 5 } });
    });

    t.test('a client that leaves is told to the model server, whichever moment it chooses', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port);
      const moments: readonly [sent: string, answered: string, status: number][] = [
        ['POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf', '', 0],
        [post('/wait', 'x'), '', 0],
        [post('/answer', 'x'), 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf', 200],
      ];
      for (const [n, [sent, answered, status]] of moments.entries()) {
        const client = dial(t, proxy);
        client.send(sent);
        const peer = await server.peer(n);
        await peer.until(/(half|x)$/);
        if (answered !== '') {
          peer.send(answered);
          await client.until('half');
        }
        client.socket.destroy();
        await peer.end();
        t.match(await proxy.exchange(), { outcome: 'aborted', status });
      }
      t.equal(proxy.waiting(), null);
    });
  });
}

t.test('the first byte of a stream is not held back, and the record keeps when each piece came', async (t) => {
  const server = await model(t, () => {});
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  client.send(post('/v1/chat/completions', '{"stream":true}'));
  const peer = await server.peer(0);
  await peer.until('{"stream":true}');
  peer.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
  // The head alone is passed on, before the model has said anything.
  await client.until(/text\/event-stream[\s\S]*\r\n\r\n$/);
  const events = ['data: {"a":1}\n\n', 'data: {"b":2}\n\n', 'data: [DONE]\n\n'];
  for (const event of events) {
    const seen = client.received.length;
    peer.send(`${event.length.toString(16)}\r\n${event}\r\n`);
    // Each is here before the next is written, and before the answer has an end.
    await client.until((text) => text.slice(seen).includes(event));
  }
  peer.send('0\r\n\r\n');
  const { timing, latencyMs, response } = await proxy.exchange();
  t.equal(Buffer.from(response.bytes).toString(), events.join(''));
  if (timing === undefined) throw new Error('no timing');
  t.equal(timing.reads, 5);
  t.same(
    timing.marks.map(({ bytes }) => bytes),
    [0, 15, 30, 44, 44],
  );
  const times = timing.marks.map(({ ms }) => ms);
  t.same(
    times,
    times.toSorted((a, b) => a - b),
  );
  t.equal(timing.firstByteMs, times[0]);
  t.equal(timing.lastByteMs, times.at(-1));
  t.ok(timing.longestGapMs <= timing.lastByteMs - timing.firstByteMs && timing.longestGapMs > 0);
  t.ok(timing.lastByteMs <= Math.fround(latencyMs));
});

t.test('an answer that comes in one piece has its time and no marks; one that Driftline makes itself has none', async (t) => {
  const server = await model(
    t,
    answering(() => ok('{}')),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  client.send(post('/p', '{}'));
  await client.until('{}');
  const { timing, latencyMs } = await proxy.exchange();
  t.match(timing, { reads: 1, marks: [], longestGapMs: 0, firstByteMs: Math.fround(latencyMs) });
  await server.stop();
  client.send(post('/p', '{}'));
  await client.until('502');
  t.equal((await proxy.exchange()).timing, undefined);
});

t.test('a limit of 0 leaves request bodies unread and keeps the answers', async (t) => {
  const server = await model(
    t,
    answering(() => ok('{"label":"scratch"}')),
  );
  const proxy = await proxied(t, server.port, { maxBodyBytes: 0 });
  const client = dial(t, proxy);
  client.send(post('/predictions/m', 'an image'));
  await client.until('scratch');
  const { request, response } = await proxy.exchange();
  t.same([request.bytes.length, request.totalBytes], [0, 8]);
  t.equal(Buffer.from(response.bytes).toString(), '{"label":"scratch"}');
});
