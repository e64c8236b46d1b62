import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { Pem } from '../../proxy/credentials.ts';
import { type Authority, authority, type Issued, issue, pem } from '../support/certificates.ts';
import { ask } from './http2/h2-wire.ts';
import { call, echoServer, grpcClient, SERVICE } from './http2/grpc-peers.ts';
import { answering, dial, get, model, ok, parsers, proxied, type Running, upstream } from './wire.ts';

t.setTimeout(120_000);

/** How a handshake ended: the version and protocol, or what went wrong; with TLS 1.3 a server's refusal comes after the client's success. */
async function handshake(proxy: Running, options: ConnectionOptions): Promise<string> {
  const socket: TLSSocket = connect({ ...proxy.address, servername: 'localhost', ...options });
  const outcome = await new Promise<string>((resolve) => {
    socket.on('secureConnect', () => {
      if (socket.alpnProtocol === 'h2') resolve(`${socket.getProtocol()} h2`);
      else socket.write(get('/x'));
    });
    socket.on('data', () => resolve(`${socket.getProtocol()} ${socket.alpnProtocol || 'none'}`));
    socket.on('error', () => resolve('refused'));
    socket.on('close', () => resolve('refused'));
  });
  socket.destroy();
  return outcome;
}

function getOver(proxy: Running, options: { ca: string; agent?: Agent }): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ ...proxy.address, servername: 'localhost', path: '/x', agent: false, ...options }, async (answer) => {
      let body = '';
      for await (const piece of answer) body += piece;
      resolve({ status: answer.statusCode ?? 0, body });
    });
    sent.on('error', reject);
    sent.end();
  });
}

interface House {
  readonly ca: Authority;
  readonly other: Authority;
  readonly server: Issued;
  readonly client: Issued;
  readonly stranger: Issued;
}

async function house(t: Test): Promise<House> {
  const folder = t.testdir({});
  const [ca, other] = await Promise.all([authority(folder, 'ours'), authority(folder, 'theirs')]);
  const server = await issue(ca, 'server');
  const client = await issue(ca, 'client');
  return { ca, other, server, client, stranger: await issue(other, 'stranger') };
}

t.test('the data port over TLS', async (t) => {
  const { ca, server, client, stranger } = await house(t);
  const backend = await model(
    t,
    answering(() => ok('fine')),
  );

  await t.test('takes TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, and nothing else', async (t) => {
    const proxy = await proxied(t, backend.port, { certificate: pem(server) });
    const trust = { ca: ca.cert };
    t.equal(await handshake(proxy, { ...trust }), 'TLSv1.3 none');
    t.equal(await handshake(proxy, { ...trust, maxVersion: 'TLSv1.2' }), 'TLSv1.2 none');
    t.equal(await handshake(proxy, { ...trust, ALPNProtocols: ['h2', 'http/1.1'] }), 'TLSv1.3 h2');
    t.equal(await handshake(proxy, { ...trust, ALPNProtocols: ['http/1.1'], maxVersion: 'TLSv1.2' }), 'TLSv1.2 http/1.1');
    const old = { ...trust, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    t.equal(await handshake(proxy, old), 'refused');
    t.equal(await handshake(proxy, { ...trust, ALPNProtocols: ['h3'] }), 'refused');
    const plain = dial(t, proxy);
    plain.send(get('/x'));
    t.notMatch(await plain.end(), 'fine');
    for (let i = 0; proxy.counters().handshakesFailed < 3 && i < 500; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    t.ok(proxy.counters().handshakesFailed >= 3);
    t.equal(proxy.counters().bugs, 0);
  });

  await t.test('lets only clients in whose certificate comes from the authority that it names', async (t) => {
    const proxy = await proxied(t, backend.port, { certificate: pem(server, ca) });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const trust = { ca: ca.cert, maxVersion };
      t.equal(await handshake(proxy, trust), 'refused', `${maxVersion} without a certificate`);
      t.equal(await handshake(proxy, { ...trust, ...stranger }), 'refused', `${maxVersion} with another's`);
      t.equal(await handshake(proxy, { ...trust, ...client }), `${maxVersion} none`);
    }
  });

  await t.test('carries calls of every kind', async (t) => {
    const echo = await echoServer(t);
    const proxy = await proxied(t, 1, {
      upstreams: [upstream(backend.port, { grpc: { host: '127.0.0.1', port: echo.port } })],
      certificate: pem(server),
    });
    t.same(await getOver(proxy, { ca: ca.cert }), { status: 200, body: 'fine' });
    const h2 = connectHttp2(`https://localhost:${proxy.address.port}`, { ca: ca.cert });
    t.teardown(() => h2.destroy());
    t.equal((await ask(h2, { ':path': '/x' })).body.toString(), 'fine');
    const credentials = grpc.credentials.createSsl(Buffer.from(ca.cert));
    const rpc = grpcClient(t, proxy.address.port, credentials, { 'grpc.ssl_target_name_override': 'localhost' });
    const large = Buffer.alloc(3_000_000, 'x');
    const ended = await call(rpc, `${SERVICE}unary`, [large]);
    t.equal(ended.code, 0);
    t.ok(ended.messages[0]?.equals(large));
  });

  await t.test('drains: handshakes and idle connections do not hold it up, running calls do', async (t) => {
    const slow = await model(t, () => {});
    const proxy = await proxied(t, slow.port, { certificate: pem(server) });
    const h2 = connectHttp2(`https://localhost:${proxy.address.port}`, { ca: ca.cert });
    t.teardown(() => h2.destroy());
    const running = ask(h2, { ':path': '/slow' });
    const peer = await slow.peer(0);
    await peer.until('/slow');
    const drained = proxy.drain(5000);
    await once(h2, 'goaway');
    peer.send(ok('in time'));
    t.equal((await running).body.toString(), 'in time');
    await drained;
    t.equal(proxy.counters().connections, 0);
  });
});

t.test('200 certificates in a row under load, and no call fails', async (t) => {
  const { ca, server } = await house(t);
  const second = await issue(ca, 'second');
  const backend = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, backend.port, { certificate: pem(server), ringBytes: 64 * 1024 });
  const held = connectHttp2(`https://localhost:${proxy.address.port}`, { ca: ca.cert });
  t.teardown(() => held.destroy());
  const kept = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.cert, servername: 'localhost' });
  t.teardown(() => kept.destroy());
  let rotating = true;
  const failures: unknown[] = [];
  let calls = 0;
  const load = async (once: () => Promise<{ status: number }>) => {
    while (rotating) {
      await once().then(
        ({ status }) => status === 200 || failures.push(status),
        (error) => failures.push(error),
      );
      calls++;
    }
  };
  const running = [
    load(() => getOver(proxy, { ca: ca.cert })),
    load(() => getOver(proxy, { ca: ca.cert })),
    load(() => getOver(proxy, { ca: ca.cert, agent: kept })),
    load(() => ask(held, { ':path': '/x' })),
  ];
  const certificates: Pem[] = [pem(second), pem(server)];
  for (let i = 0; i < 200; i++) {
    const before = calls;
    await proxy.configure({ certificate: certificates[i % 2]! });
    while (calls === before) await new Promise(setImmediate);
  }
  rotating = false;
  await Promise.all(running);
  t.same(failures, []);
  t.ok(calls > 200, `${calls} calls`);
  t.match(proxy.counters(), { failed: 0, aborted: 0, refused: 0, handshakesFailed: 0, bugs: 0 });
});

t.test('a certificate that cannot be used changes nothing', async (t) => {
  const { ca, server, client } = await house(t);
  const backend = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, backend.port, { certificate: pem(server) });
  await t.rejects(proxy.configure({ certificate: { ...pem(server), key: client.key } }));
  await t.rejects(proxy.configure({ certificate: { ...pem(server), cert: 'none' } }));
  t.same(await getOver(proxy, { ca: ca.cert }), { status: 200, body: 'fine' });
});

t.test('toward the model server', async (t) => {
  const { ca, other, server, client, stranger } = await house(t);
  const named = await issue(ca, 'named', ['model.internal']);

  async function backend(t: Test, issued: Issued, clientCa: Authority | null = null): Promise<number> {
    const checked = clientCa === null ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientCa.cert };
    const https = createServer({ ...issued, ...checked }, (_request, answer) => answer.end('over TLS'));
    https.listen(0, '127.0.0.1');
    await once(https, 'listening');
    t.teardown(() => {
      https.closeAllConnections();
      https.close();
    });
    // A TCP server's address is an object.
    return (https.address() as AddressInfo).port;
  }

  const secure = { secure: true } as const;
  const own = (credentials: Pem) => ({ credentials: { model: credentials } });
  const trusting: Pem = { ca: ca.cert, cert: null, key: null };

  for (const { parser, proxied } of parsers) {
    const outcome = async (t: Test, port: number, tls: Pem, serverName: string | null = null) => {
      const proxy = await proxied(t, port, { upstreams: [upstream(port, { ...secure, tls: { ...tls, serverName } })], ...own(tls) });
      const client = dial(t, proxy);
      client.send(get('/x', 'Connection: close\r\n'));
      const text = await client.end();
      return /x-driftline-reason: (\S+)/.exec(text)?.[1] ?? (text.includes('over TLS') ? 'over TLS' : text);
    };

    await t.test(`${parser}: a certificate is verified: its authority, its name, its own wish for one`, async (t) => {
      const port = await backend(t, server);
      t.equal(await outcome(t, port, trusting), 'over TLS');
      t.equal(await outcome(t, port, { ca: null, cert: null, key: null }), 'tls-failed', 'the public authorities do not know it');
      t.equal(await outcome(t, port, { ...trusting, ca: other.cert }), 'tls-failed');
      t.equal(await outcome(t, port, trusting, 'model.internal'), 'tls-failed', 'another name');
      t.equal(await outcome(t, await backend(t, named), trusting, 'model.internal'), 'over TLS');
      const asking = await backend(t, server, ca);
      t.equal(await outcome(t, asking, { ...trusting, ...client }), 'over TLS');
      t.match(await outcome(t, asking, trusting), /^(tls-failed|connect-failed|reset)$/);
      t.match(await outcome(t, asking, { ...trusting, ...stranger }), /^(tls-failed|connect-failed|reset)$/);
    });

    await t.test(`${parser}: whatever name a caller has for it, the certificate must bear the server’s, over one connection`, async (t) => {
      const https = createServer(server, (request, answer) => answer.end(`for ${request.headers.host}.`));
      https.listen(0, '127.0.0.1');
      await once(https, 'listening');
      t.teardown(() => https.close());
      const names: unknown[] = [];
      https.on('secureConnection', (socket) => names.push(socket.servername));
      // A TCP server's address is an object.
      const { port } = https.address() as AddressInfo;
      const tls = { ...trusting, serverName: null };
      const proxy = await proxied(t, port, { upstreams: [upstream(port, { ...secure, tls })], ...own(trusting) });
      const client = dial(t, proxy);
      for (const host of ['one.example', 'another.example', 'one.example']) {
        client.send(`GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        await proxy.exchange();
      }
      t.match(await client.until(/(for [\s\S]*){3}/), /for one\.example\.[\s\S]*for another\.example\./);
      t.same(names, [false], 'an address is no name');
    });
  }

  await t.test('gRPC goes over TLS too, and only where HTTP/2 is agreed on', async (t) => {
    const echo = await echoServer(
      t,
      grpc.ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) }]),
    );
    const through = async (port: number, tls: Pem) => {
      const target = upstream(1, { grpc: { host: '127.0.0.1', port, secure: true }, tls: { ...tls, serverName: null } });
      const proxy = await proxied(t, 1, { upstreams: [target], ...own(tls) });
      return call(grpcClient(t, proxy.address.port), `${SERVICE}unary`, [Buffer.from('x')]);
    };
    t.equal((await through(echo.port, trusting)).code, 0);
    const untrusted = await through(echo.port, { ...trusting, ca: other.cert });
    t.equal(untrusted.code, grpc.status.UNAVAILABLE);
    t.same(untrusted.tail.get('x-driftline-reason'), ['tls-failed']);
    const http1 = await backend(t, server);
    t.equal((await through(http1, trusting)).code, grpc.status.UNAVAILABLE);
    const h2 = createSecureServer({ ...server, allowHTTP1: false });
    h2.on('stream', (stream) =>
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true }),
    );
    h2.listen(0, '127.0.0.1');
    await once(h2, 'listening');
    t.teardown(() => h2.close());
    t.equal((await through((h2.address() as AddressInfo).port, trusting)).code, grpc.status.NOT_FOUND);
  });
});

t.test('under `mode: observe` a client that can speak HTTP/1.1 does, and one that cannot speaks HTTP/2 to the server', async (t) => {
  const { ca, server } = await house(t);
  const backend = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, backend.port, { mode: 'observe', certificate: pem(server) });
  t.equal(await handshake(proxy, { ca: ca.cert, ALPNProtocols: ['h2', 'http/1.1'] }), 'TLSv1.3 http/1.1');
  t.equal(await handshake(proxy, { ca: ca.cert, ALPNProtocols: ['h2'] }), 'TLSv1.3 h2');
  t.same(await getOver(proxy, { ca: ca.cert }), { status: 200, body: 'fine' });
  t.match(await proxy.exchange(), { path: '/x', status: 200, outcome: 'answered' });
});
