import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { ConfigError } from '../../contracts/errors.ts';
import { openProxy } from '../../proxy/proxy.ts';
import { until } from '../support/program.ts';
import { untilTold } from '../support/kept-client.ts';
import { answering, dial, get, model, ok, post, parsers, upstream } from './wire.ts';

t.setTimeout(300_000);

for (const { parser, proxied } of parsers) {
  t.test(`with parser: ${parser}`, { timeout: 240_000 }, async (t) => {
    t.test('a prediction passes through with its body, our headers on both sides, and one exchange', async (t) => {
      const server = await model(
        t,
        answering(() => ok('{"y":1}', 'X-Model: a\r\nSet-Cookie: s=1\r\n')),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(post('/v2/models/m/infer?a=b', '{"x":1}', 'X-Request-Id: abc\r\nAuthorization: Bearer secret\r\n'));
      const answer = await client.until('{"y":1}');
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      t.match(answer, 'X-Model: a\r\n');
      t.match(answer, 'Content-Length: 7\r\n');
      t.match(answer, 'x-driftline-id: abc\r\n');
      t.match(answer, 'x-driftline-served-by: primary\r\n');
      const { received } = server.peers[0]!;
      t.match(received, /^POST \/v2\/models\/m\/infer\?a=b HTTP\/1\.1\r\nHost: model\r\n/i);
      t.match(received, 'X-Request-Id: abc\r\n');
      t.match(received, 'Authorization: Bearer secret\r\n');
      t.match(received, 'x-driftline-id: abc\r\n');
      t.match(received, 'x-driftline-hop: 1\r\n');
      t.match(received, /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/);
      t.ok(received.endsWith('\r\n\r\n{"x":1}'));
      const exchange = await proxy.exchange();
      t.match(exchange, {
        id: 'abc',
        method: 'POST',
        path: '/v2/models/m/infer?a=b',
        status: 200,
        servedBy: 'primary',
        outcome: 'answered',
      });
      t.equal(exchange.reason, null);
      t.equal(Buffer.from(exchange.request.bytes).toString(), '{"x":1}');
      t.equal(Buffer.from(exchange.response.bytes).toString(), '{"y":1}');
      t.ok(Math.abs(exchange.startedAt - Date.now()) < 10_000);
      t.ok(exchange.latencyMs >= 0 && exchange.latencyMs < 10_000);
      t.ok(received.includes(`traceparent: ${exchange.traceparent}\r\n`));
      t.same(exchange.requestHeaders, [
        ['Host', 'model'],
        ['Content-Length', '7'],
        ['X-Request-Id', 'abc'],
        ['Authorization', ''],
      ]);
      t.same(exchange.responseHeaders, [
        ['Content-Type', 'application/json'],
        ['Content-Length', '7'],
        ['X-Model', 'a'],
        ['Set-Cookie', ''],
      ]);
    });

    t.test('both connections stay open for the next request', async (t) => {
      const server = await model(
        t,
        answering((_, __, count) => ok(`{"n":${count}}`)),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      for (let n = 0; n < 5; n++) {
        client.send(get('/x'));
        await client.until(`{"n":${n}}`);
      }
      t.equal(server.peers.length, 1);
      t.notMatch(client.received, /connection: close/i);
    });

    t.test('pipelined requests are served one at a time and in order', async (t) => {
      let running = 0;
      let most = 0;
      const server = await model(
        t,
        answering((request, peer) => {
          most = Math.max(most, ++running);
          const path = request.split(' ')[1]!;
          const body = `<${path}>`;
          setTimeout(
            () => {
              running--;
              peer.send(ok(body));
            },
            path === '/0' ? 30 : 1,
          );
          return null;
        }),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(post('/0', 'a') + post('/1', 'bb') + get('/2') + post('/3', 'c'));
      const answers = await client.until('</3>');
      t.same(answers.match(/<.*>/g), ['</0>', '</1>', '</2>', '</3>']);
      // Node begins with a pipelined request before the one before it is answered; the order of the answers is kept.
      if (parser === 'driftline') t.equal(most, 1);
    });

    t.test('the id is the request id, else the event id, else a new one; an unusable one is not taken', async (t) => {
      const server = await model(
        t,
        answering(() => ok('')),
      );
      const proxy = await proxied(t, server.port);
      const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
      const idFor = async (fields: string) => {
        dial(t, proxy).send(get('/', fields));
        return (await proxy.exchange()).id;
      };
      t.equal(await idFor('x-request-id: r-1\r\nce-id: c-1\r\n'), 'r-1');
      t.equal(await idFor(`x-request-id: ${'r'.repeat(129)}\r\nce-id: c-1\r\n`), 'c-1');
      t.equal(await idFor(`x-request-id: ${'r'.repeat(128)}\r\n`), 'r'.repeat(128));
      t.match(await idFor('x-request-id: two words\r\n'), uuid7);
      t.match(await idFor('x-request-id: \xe9\r\nx-driftline-id: forged\r\n'), uuid7);
    });

    t.test('a trace is continued with a new span, and a broken one is replaced and its state dropped', async (t) => {
      const server = await model(
        t,
        answering(() => ok('')),
      );
      const proxy = await proxied(t, server.port);
      const trace = '0af7651916cd43dd8448eb211c80319c';
      const seen = async (fields: string) => {
        const client = dial(t, proxy);
        client.send(get('/', `${fields}tracestate: a=b\r\nConnection: close\r\n`));
        await client.end();
        const { received } = server.peers[0]!;
        return received.slice(received.lastIndexOf('GET '));
      };
      const continued = await seen(`traceparent: 00-${trace}-b7ad6b7169203331-00\r\n`);
      t.match(continued, new RegExp(`traceparent: 00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-00\r\n`));
      t.match(continued, 'tracestate: a=b\r\n');
      for (const bad of [
        `00-${trace.toUpperCase()}-b7ad6b7169203331-01`,
        `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
        `00-${trace}-0000000000000000-01`,
        `01-${trace}-b7ad6b7169203331-01`,
        `00-${trace}-b7ad6b7169203331-01-extra`,
        'nonsense',
      ]) {
        const begun = await seen(`traceparent: ${bad}\r\n`);
        t.equal(begun.match(/traceparent: /g)?.length, 1);
        t.match(begun, /traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/);
        t.notMatch(begun, bad);
        t.notMatch(begun, 'tracestate');
      }
    });

    t.test('a call that has passed three of us already is a loop', async (t) => {
      const server = await model(
        t,
        answering(() => ok('')),
      );
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(get('/', 'x-driftline-hop: 2\r\n'));
      await client.until('served-by: primary');
      t.match(server.peers[0]!.received, 'x-driftline-hop: 3\r\n');
      client.send(get('/', 'x-driftline-hop: 3\r\nx-request-id: looped\r\n'));
      const answer = await client.until('"id":"looped"');
      t.match(answer, /HTTP\/1\.1 508 .*x-driftline-reason: loop\r\n\r\n\{"error":"[^"]+","reason":"loop","id":"looped"\}/s);
      await proxy.exchange();
      t.match(await proxy.exchange(), { id: 'looped', status: 508, outcome: 'failed', reason: 'loop', servedBy: 'none' });
      client.send(get('/after'));
      await client.until(/200 OK[\s\S]*508[\s\S]*200 OK/);
    });

    t.test('the route sends calls to another upstream or the fallback and reads itself back', async (t) => {
      const named = (name: string) => answering(() => ok(name));
      const [a, b, fallback] = [await model(t, named('one')), await model(t, named('two')), await model(t, named('three'))];
      const proxy = await proxied(t, a.port, {
        upstreams: [upstream(a.port, { name: 'v1' }), upstream(b.port, { name: 'v2' })],
        fallback: { host: '127.0.0.1', port: fallback.port },
        active: 'v1',
      });
      const client = dial(t, proxy);
      t.equal(proxy.route(), 'v1');
      t.same(await proxy.setRoute('v2'), { before: 'v1', after: 'v2' });
      client.send(post('/', 'x'));
      t.match(await client.until('two'), 'x-driftline-served-by: v2\r\n');
      t.match(await proxy.exchange(), { servedBy: 'v2', outcome: 'answered', reason: 'route' });
      t.same(await proxy.setRoute('fallback'), { before: 'v2', after: 'fallback' });
      client.send(post('/', 'x'));
      t.match(await client.until('three'), 'x-driftline-served-by: fallback\r\n');
      client.send(get('/v2/health/ready'));
      t.match(await client.until('one'), 'x-driftline-served-by: primary\r\n', 'only predictions go to the fallback');
      await t.rejects(proxy.setRoute('v3'), { code: 'unknown-route', message: /v3.*v1, v2, fallback/ });
      t.equal(proxy.route(), 'fallback');
      t.match(proxy.counters(), { fallback: 1, fallbackBy: { route: 1 } });
    });

    t.test('new upstreams take the new calls, and a route to one that is gone returns to the primary', async (t) => {
      const [a, b] = [
        await model(
          t,
          answering(() => ok('one')),
        ),
        await model(
          t,
          answering(() => ok('two')),
        ),
      ];
      const proxy = await proxied(t, a.port);
      const client = dial(t, proxy);
      client.send(get('/'));
      await client.until('one');
      await proxy.configure({ upstreams: [upstream(b.port, { name: 'other' })], fallback: null, maxBodyBytes: 2 });
      t.equal(proxy.route(), 'other');
      client.send(post('/', 'abc'));
      await client.until('two');
      await proxy.exchange();
      const { request, response } = await proxy.exchange();
      t.same([Buffer.from(request.bytes).toString(), request.totalBytes], ['ab', 3]);
      t.same([Buffer.from(response.bytes).toString(), response.totalBytes], ['tw', 3]);
      t.match(await (await a.peer(0)).end(), 'GET / ', 'the pooled connection of the old upstream is closed');
    });

    t.test('draining lets a running call end, closes its connection, and accepts no more', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port);
      const [busy, idle] = [dial(t, proxy), dial(t, proxy)];
      busy.send(get('/'));
      await (await server.peer(0)).until('\r\n\r\n');
      const drained = proxy.drain(5000);
      await idle.end();
      server.peers[0]!.send(ok('done'));
      const answer = await busy.end();
      t.match(answer, 'Connection: close\r\n');
      t.match(answer, /done$/);
      busy.socket.end();
      idle.socket.end();
      await drained;
      const late = dial(t, proxy);
      await late.end();
      t.equal(late.received, '');
      t.equal(proxy.counters().connections, 0);
    });

    t.test('an answer that had begun before a drain ends whole, and its connection with it', async (t) => {
      const server = await model(t, () => {});
      const proxy = await proxied(t, server.port);
      const client = dial(t, proxy);
      client.send(get('/'));
      const peer = await server.peer(0);
      await peer.until('\r\n\r\n');
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
      t.notMatch(await client.until('half'), 'Connection: close');
      const drained = proxy.drain(20_000);
      // A connection of its own shows that the order was heard.
      await dial(t, proxy).end();
      peer.send('half');
      t.match(await client.end(), /halfhalf$/);
      client.socket.end();
      await drained;
    });

    t.test('before a drain connections stay, each answer ends its own, and so no call of clients that heed it is lost', async (t) => {
      const server = await model(
        t,
        answering(() => ok('{}')),
      );
      const proxy = await proxied(t, server.port);
      const idle = dial(t, proxy);
      idle.send(get('/'));
      await idle.until('{}');
      let answers = 0;
      const clients = Array.from({ length: 20 }, () => untilTold(t, proxy, () => answers++));
      await until(
        'calls on kept connections',
        () => answers,
        (count) => count > 200,
      );
      await proxy.endKeepAlive();
      t.same(new Set(await Promise.all(clients)), new Set(['told']));
      t.notOk(idle.ended, 'an idle connection stays');
      idle.send(get('/'));
      t.match(await idle.until(/\{\}[\s\S]*\{\}/), /\r\nConnection: close\r\n/, 'and takes one more call');
      const fresh = dial(t, proxy);
      fresh.send(get('/'));
      t.match(await fresh.end(), /\r\nConnection: close\r\n[\s\S]*\{\}$/, 'as new ones do');
      for (const peer of [idle, fresh]) peer.socket.end();
      await proxy.drain(20_000);
      t.match(proxy.counters(), { connections: 0, failed: 0, aborted: 0, answered: answers + 3 });
    });

    t.test('a port in use is a configuration error with a remedy, and closing twice is safe', async (t) => {
      const taken = createServer().listen(0, '127.0.0.1');
      t.teardown(() => taken.close());
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const options = { upstreams: [upstream(1)], fallback: null, active: 'model', maxBodyBytes: 1 };
      const failure = await openProxy({ ...options, listen: { host: '127.0.0.1', port } }).catch((error: unknown) => error);
      t.ok(failure instanceof ConfigError);
      t.match(failure, { code: 'port-in-use', message: new RegExp(`127.0.0.1:${port} is in use; .*--listen`) });
      await t.rejects(openProxy({ ...options, listen: { host: '127.0.0.1', port: 0 }, active: 'nobody' }), { code: 'unknown-route' });
      const proxy = await openProxy({ ...options, listen: { host: '127.0.0.1', port: 0 } });
      await Promise.all([proxy.close(), proxy.close()]);
      await proxy.close();
      await proxy.drain(10);
      await t.rejects(proxy.setRoute('model'), /has ended/);
    });

    t.test('every accepted request ends in one counter and one exchange, and a full ring costs exchanges only', async (t) => {
      const server = await model(
        t,
        answering((request) => (request.startsWith('GET /garbage') ? 'garbage\n' : ok('z'.repeat(400)))),
      );
      const proxy = await proxied(t, server.port, { ringBytes: 4096 });
      const client = dial(t, proxy);
      for (let n = 0; n < 20; n++) {
        client.send(get(n % 5 === 4 ? '/garbage' : '/fine'));
        await client.until((text) => text.match(/x-driftline-id/g)?.length === n + 1);
      }
      const lost = dial(t, proxy);
      lost.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab`);
      // Each of the four garbage answers has cost a connection.
      await (await server.peer(4)).until(/\r\n\r\nab$/);
      lost.socket.destroy();
      const refused = dial(t, proxy);
      refused.send('BREW / HTTP/1.1\r\nHost: a\r\n\r\n');
      await refused.end();
      let counters = proxy.counters();
      while (counters.aborted === 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        counters = proxy.counters();
      }
      t.match(counters, { requests: 21, answered: 16, failed: 4, aborted: 1, refused: 1, failedBy: { 'bad-answer': 4 }, bugs: 0 });
      t.equal(counters.exchanges + counters.ringFull, 21);
      t.ok(counters.ringFull > 0);
      let read = 0;
      while (proxy.waiting() !== null) read++;
      t.equal(read, counters.exchanges);
    });
  });
}
