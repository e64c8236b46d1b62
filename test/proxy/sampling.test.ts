import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import * as grpc from '@grpc/grpc-js';
import { fingerprintOf } from '../../proxy/fingerprint.ts';
import { isLeftOut, isSampled } from '../../proxy/sampling.ts';
import { until } from '../support/program.ts';
import { call, echoServer, grpcClient, SERVICE } from './http2/grpc-peers.ts';
import { answering, dial, model, ok, parsers, post, proxied, type Running } from './wire.ts';

t.setTimeout(60_000);

t.test('a call is sampled when the first 52 bits of its id’s SHA-256 say so: everywhere the same, more at a higher rate', async (t) => {
  for (let i = 0; i < 500; i++) {
    const id = `0199a3b2-7c1d-7000-8000-${String(i).padStart(12, '0')}`;
    const place = Number.parseInt(createHash('sha256').update(id).digest('hex').slice(0, 13), 16) / 2 ** 52;
    for (const rate of [0, 0.1, 0.5, 0.9, 1]) t.equal(isSampled(id, rate), rate === 1 || place < rate);
    t.ok(!isSampled(id, 0.2) || isSampled(id, 0.3));
    t.equal(isLeftOut({ id }, { rate: 0.5, keepAlways: [] }), place >= 0.5);
    t.equal(isLeftOut({ id }, { rate: 0, keepAlways: ['has_feedback'] }), false);
  }
});

t.test('the share of ids that are sampled is the rate, within five standard deviations', async (t) => {
  const n = 20_000;
  for (const rate of [0.01, 0.25, 0.7]) {
    let taken = 0;
    for (let i = 0; i < n; i++) taken += Number(isSampled(`id-${i}`, rate));
    t.ok(Math.abs(taken - n * rate) < 5 * Math.sqrt(n * rate * (1 - rate)), `${taken} of ${n} at ${rate}`);
  }
});

/** One call on a connection of its own; the whole answer. */
function ask(t: Test, proxy: Running, body: string, fields = ''): Promise<string> {
  const client = dial(t, proxy);
  client.send(post('/p', body, `${fields}Connection: close\r\n`));
  return client.end();
}

for (const { parser, proxied } of parsers) {
  t.test(`${parser}: with nothing kept always, calls that are not sampled pass, uncopied and counted`, async (t) => {
    const server = await model(
      t,
      answering(() => ok('an answer')),
    );
    const proxy = await proxied(t, server.port, { sampling: { rate: 0.5, keepAlways: [] } });
    const ids = Array.from({ length: 40 }, (_, i) => `call-${i}`);
    for (const id of ids) t.match(await ask(t, proxy, 'a body', `x-request-id: ${id}\r\n`), /an answer$/);
    const sampled = ids.filter((id) => isSampled(id, 0.5));
    t.ok(sampled.length > 5 && sampled.length < 35);
    for (const id of sampled) t.equal((await proxy.exchange()).id, id);
    await until(
      'the last call has ended',
      () => proxy.counters(),
      ({ exchanges, sampledOut }) => exchanges + sampledOut === 40,
    );
    t.equal(proxy.waiting(), null);
    t.match(proxy.counters(), { answered: 40, exchanges: sampled.length, sampledOut: 40 - sampled.length, ringFull: 0, shed: 0 });
  });

  t.test(`${parser}: a body beyond the copy keeps its length and a fingerprint, the same for equal ones`, async (t) => {
    const large = 'y'.repeat(200_000);
    const server = await model(
      t,
      answering(() => ok(large)),
    );
    const proxy = await proxied(t, server.port, { maxBodyBytes: 1000 });
    const middle = `${'x'.repeat(70_000)}${'z'.repeat(60_000)}${'x'.repeat(20_000)}`;
    const bodies = ['x'.repeat(150_000), 'x'.repeat(150_000), middle, `z${'x'.repeat(149_999)}`, 'short'];
    for (const body of bodies) t.ok((await ask(t, proxy, body)).endsWith(large));
    const seen: (number | undefined)[] = [];
    for (const body of bodies) {
      const { request, response } = await proxy.exchange();
      t.equal(Buffer.from(request.bytes).toString(), body.slice(0, 1000));
      t.equal(request.totalBytes, body.length);
      t.equal(response.totalBytes, large.length);
      t.equal(response.bytes.length, 1000);
      t.equal(response.fingerprint, fingerprintOf(Buffer.from(large)));
      seen.push(request.fingerprint);
    }
    t.same(seen, [...bodies.slice(0, 4).map((body) => fingerprintOf(Buffer.from(body))), undefined]);
    t.equal(seen[0], seen[1]);
    t.equal(new Set(seen).size, 4, 'one for equal bodies alone, and none of what was copied whole');
  });

  t.test(`${parser}: with maxBodyBytes 0 a request is not read, and still recognised`, async (t) => {
    const server = await model(
      t,
      answering(() => ok('answer')),
    );
    const proxy = await proxied(t, server.port, { maxBodyBytes: 0 });
    await ask(t, proxy, 'an image');
    const { request, response } = await proxy.exchange();
    t.match(request, { totalBytes: 8, fingerprint: fingerprintOf(Buffer.from('an image')) });
    t.equal(request.bytes.length, 0);
    t.equal(response.fingerprint, undefined, 'of what was copied whole there is none');
  });
}

t.test('gRPC calls are sampled and recognised alike', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port, { maxBodyBytes: 10, sampling: { rate: 0.5, keepAlways: [] } });
  const client = grpcClient(t, proxy.address.port);
  const ids = Array.from({ length: 20 }, (_, i) => `grpc-${i}`);
  for (const id of ids) {
    const metadata = new grpc.Metadata();
    metadata.set('x-request-id', id);
    t.equal((await call(client, `${SERVICE}unary`, [Buffer.from('a longer message')], metadata)).code, 0);
  }
  const sampled = ids.filter((id) => isSampled(id, 0.5));
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.from('a longer message')]);
  for (const id of sampled) {
    const { request, response, ...exchange } = await proxy.exchange();
    t.equal(exchange.id, id);
    for (const body of [request, response]) {
      t.equal(body.bytes.length, 10);
      t.match(body, { totalBytes: framed.length, fingerprint: fingerprintOf(framed) });
    }
  }
  t.match(proxy.counters(), { exchanges: sampled.length, sampledOut: 20 - sampled.length });
});

t.test('observed calls are sampled and recognised alike', async (t) => {
  const server = await model(
    t,
    answering(() => ok('an answer')),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe', maxBodyBytes: 3, sampling: { rate: 0.5, keepAlways: [] } });
  const ids = Array.from({ length: 20 }, (_, i) => `seen-${i}`);
  for (const id of ids) {
    const client = dial(t, proxy);
    client.send(post('/p', 'a body', `x-request-id: ${id}\r\n`));
    await client.until('an answer');
  }
  const sampled = ids.filter((id) => isSampled(id, 0.5));
  for (const id of sampled) {
    const { request, response, ...exchange } = await proxy.exchange();
    t.equal(exchange.id, id);
    t.match(request, { totalBytes: 6, fingerprint: fingerprintOf(Buffer.from('a body')) });
    t.match(response, { totalBytes: 9, fingerprint: fingerprintOf(Buffer.from('an answer')) });
  }
  await until(
    'the last call has ended',
    () => proxy.counters(),
    ({ exchanges, sampledOut }) => exchanges + sampledOut === 20,
  );
  t.equal(proxy.counters().exchanges, sampled.length);
});
