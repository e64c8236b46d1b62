import { once } from 'node:events';
import { type ClientHttp2Session, constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { CallRecord } from '../../../proxy/call-record.ts';
import { createRing } from '../../../proxy/ring.ts';
import type { ServerOptions } from '../../../proxy/server.ts';
import { BrokenCounters, BrokenRing, type InThread, inThread } from '../planted.ts';
import { answering, model, settled, upstream } from '../wire.ts';
import { type Answer, answerOf, ask, END_STREAM, FRAME, frame, frameServer, headers, session } from './h2-wire.ts';

t.setTimeout(120_000);

const HEAD: readonly [string, string][] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const GRPC = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
const MESSAGE = Buffer.from([0, 0, 0, 0, 1, 120]);

/** A data port in this thread, in front of a server for REST and one for gRPC; with an interim answer each, and chunks and trailers. */
async function served(t: Parameters<typeof inThread>[0], change: Partial<ServerOptions> = {}): Promise<InThread> {
  const rest = await model(
    t,
    answering((request) => {
      if (request.includes('/bad')) return 'garbage\n';
      if (request.includes('/left')) return null;
      return 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX-Sum: 4\r\n\r\n';
    }),
  );
  const grpc = await frameServer(t, (stream, n) => {
    const body = grpc.bodies[n]!.subarray(5).toString();
    if (body === 'bad') return headers(stream, [[':status', 'bad']]);
    if (body === 'left') return null;
    if (body === 'dies' && grpc.bodies.filter((one) => one.subarray(5).toString() === 'dies').length % 2 === 1) {
      for (const socket of grpc.sockets) socket.destroy();
      return null;
    }
    const data = frame(FRAME.data, 0, stream, MESSAGE);
    return Buffer.concat([
      headers(stream, [[':status', '103']]),
      headers(stream, HEAD),
      data,
      headers(stream, [['grpc-status', '0']], END_STREAM),
    ]);
  });
  return inThread(t, rest.port, {
    upstreams: [upstream(rest.port, { grpc: { host: '127.0.0.1', port: grpc.port } })],
    ...change,
  });
}

function message(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)]);
}

function rest(client: ClientHttp2Session, path: string): Promise<Answer> {
  return ask(client, { ':method': 'POST', ':path': path }, Buffer.from('x'));
}

function grpc(client: ClientHttp2Session, text: string, path = '/test.Echo/unary'): Promise<Answer> {
  return ask(client, { ...GRPC, ':path': path }, message(text));
}

function isServed({ status, body, trailers }: Answer): boolean {
  return status === 200 && (body.toString() === 'fine' ? 'x-sum' in trailers : trailers['grpc-status'] === '0');
}

/** One call of each kind is on its way on the session; returns what lets them end and whether they do well. */
async function underWay(client: ClientHttp2Session): Promise<() => Promise<boolean>> {
  const streams = [client.request({ ':method': 'POST', ':path': '/x' }), client.request({ ...GRPC, ':path': '/test.Echo/unary' })];
  for (const stream of streams) {
    stream.on('error', () => {});
    stream.write(MESSAGE);
  }
  return async () => {
    const answers = streams.map(answerOf);
    for (const stream of streams) stream.end();
    return (await Promise.all(answers)).every(isServed);
  };
}

t.test('a fault of our own ends the stream it happened on, is counted and told, and its session goes on', async (t) => {
  const proxy = await served(t, { ring: new BrokenRing(createRing(64 * 1024)) });
  const client = session(t, proxy);
  const finish = await underWay(client);
  const victims = [
    () => rest(client, '/fault'),
    () => rest(client, '/fault/bad'),
    () => ask(client, { ':path': '/fault', 'x-driftline-hop': '9' }),
    () => grpc(client, 'x', '/fault/x'),
    () => grpc(client, 'bad', '/fault/x'),
    () => ask(client, { ...GRPC, ':path': '/fault/x', 'x-driftline-hop': '9' }, MESSAGE),
  ];
  for (const [n, victim] of victims.entries()) {
    await victim();
    t.equal(proxy.faults.length, n + 1, `${n}`);
    t.ok(isServed(await rest(client, '/after')));
    t.ok(isServed(await grpc(client, 'after')));
  }
  t.ok(await finish());
  t.match(proxy.counters.read(), { bugs: victims.length, sessions: 1 });
});

t.test('wherever it throws while it serves, other calls are served', async (t) => {
  const counters = new BrokenCounters();
  const proxy = await served(t, { counters });
  const left = async (client: ClientHttp2Session, head: { [name: string]: string }) => {
    const stream = client.request(head);
    const closed = answerOf(stream);
    stream.write(message('left'));
    setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 5);
    await closed;
  };
  const victims: { readonly [name: string]: (client: ClientHttp2Session) => Promise<unknown> } = {
    'a REST call': (client) => rest(client, '/good'),
    'a REST call badly answered': (client) => rest(client, '/bad'),
    'a REST call given up': (client) => left(client, { ':method': 'POST', ':path': '/left' }),
    'a refused request': (client) => ask(client, { ':method': 'BREW', ':path': '/' }),
    'a malformed request': (client) => ask(client, { ':path': '/', ':authority': 'a', host: 'b' }),
    'a session that comes and goes': async () => {
      const other = session(t, proxy);
      await Promise.race([once(other, 'remoteSettings'), once(other, 'close')]);
      other.destroy();
      await settled(() => counters.read().connections <= 1);
    },
    'a gRPC call': (client) => grpc(client, 'good'),
    'a gRPC call badly answered': (client) => grpc(client, 'bad'),
    'a gRPC call sent again': (client) => grpc(client, 'dies'),
    'a gRPC call given up': (client) => left(client, { ...GRPC, ':path': '/test.Echo/unary' }),
  };
  for (const [name, victim] of Object.entries(victims)) {
    for (let n = 1; n < 10; n++) {
      counters.arm(n);
      const client = session(t, proxy);
      await Promise.race([once(client, 'remoteSettings'), once(client, 'close')]);
      const isOpen = !counters.spent;
      await victim(client);
      // A fault that met the call leaves its session alone.
      for (const other of isOpen ? [client, null] : [null]) {
        const begun = counters.spent;
        const own = other ?? session(t, proxy);
        for (const ask of [() => rest(own, '/other'), () => grpc(own, 'other')]) {
          const before = other === null ? begun : counters.spent;
          if (isServed(await ask())) continue;
          // The fault may also meet this one; the next must then be served.
          t.notOk(before, `${name}, ${n}: a call was harmed by a fault that was over`);
          const third = session(t, proxy);
          t.ok(isServed(await rest(third, '/third')));
          third.destroy();
        }
        own.destroy();
      }
      client.destroy();
      await settled(() => counters.read().connections === 0);
    }
  }
  t.ok(proxy.faults.length > 40, `${proxy.faults.length} faults were planted and told`);
  t.ok(proxy.faults.every((fault) => fault instanceof Error && fault.message === 'planted'));
});

t.test('what Node or a record throws at ends one stream', async (t) => {
  const proxy = await served(t);
  // The class has no name that is exported.
  const seed = createServer().listen(0, '127.0.0.1');
  t.teardown(() => seed.close());
  await once(seed, 'listening');
  const { port } = seed.address() as AddressInfo;
  const seen = once(seed, 'stream');
  void ask(session(t, { address: { host: '127.0.0.1', port } }), { ':path': '/' });
  const [stream] = await seen;
  const ofStreams: object = Object.getPrototypeOf(stream);
  stream.close();
  const seams: readonly (readonly [object, string])[] = [
    ...(['respond', 'additionalHeaders', 'write', 'sendTrailers'] as const).map((method) => [ofStreams, method] as const),
    [CallRecord.prototype, 'saw'],
  ];
  const client = session(t, proxy);
  for (const [owner, method] of seams) {
    for (const victim of [() => rest(client, '/x'), () => grpc(client, 'x')]) {
      const finish = await underWay(client);
      const before = proxy.faults.length;
      const own = Object.getOwnPropertyDescriptor(owner, method);
      Object.defineProperty(owner, method, {
        configurable: true,
        value: () => {
          if (own === undefined) delete (owner as { [name: string]: unknown })[method];
          else Object.defineProperty(owner, method, own);
          throw new Error('planted');
        },
      });
      const { reset } = await victim();
      t.equal(reset, constants.NGHTTP2_INTERNAL_ERROR, method);
      t.equal(proxy.faults.length, before + 1);
      t.ok(await finish());
    }
  }
  t.match(proxy.counters.read(), { bugs: 2 * seams.length, sessions: 1 });
});
