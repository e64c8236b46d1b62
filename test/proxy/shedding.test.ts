/**
 * What a data thread leaves undone under pressure, and that calls are served all the same.
 */
import t from 'tap';
import { collectGarbage } from '../../proxy/collect-garbage.ts';
import { until } from '../support/program.ts';
import { answering, dial, get, model, ok, proxied } from './wire.ts';

t.test('payloads given up: calls are recorded without their bodies', async (t) => {
  const server = await model(
    t,
    answering(() => ok('a body')),
  );
  const proxy = await proxied(t, server.port);
  proxy.shed('payloads');
  const client = dial(t, proxy);
  client.send(get('/one'));
  await client.until('a body');
  const exchange = await proxy.exchange();
  t.equal(exchange.response.bytes.length, 0);
  t.equal(exchange.response.totalBytes, 6);
  t.equal(exchange.status, 200);
});

t.test('records given up: calls pass and are counted, nothing is written; afterwards everything is as before', async (t) => {
  const server = await model(
    t,
    answering(() => ok('a body')),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  proxy.shed('records');
  client.send(get('/one'));
  await client.until('a body');
  client.send(get('/two'));
  await client.until(/a body[\s\S]*a body/);
  // The client has its answer a moment before the call has ended.
  await until(
    'both calls have ended',
    () => proxy.counters().shed,
    (shed) => shed === 2,
  );
  proxy.shed('nothing');
  client.send(get('/three'));
  const exchange = await proxy.exchange();
  t.equal(exchange.path, '/three');
  t.equal(Buffer.from(exchange.response.bytes).toString(), 'a body');
  // It can be read a moment before it is counted.
  await until(
    'the exchange is counted',
    () => proxy.counters().exchanges,
    (exchanges) => exchanges > 0,
  );
  t.match(proxy.counters(), { requests: 3, answered: 3, exchanges: 1, shed: 2, ringFull: 0 });
});

t.test('connections given up: new ones are told 503 at once, those that are open go on', async (t) => {
  const server = await model(
    t,
    answering(() => ok('a body')),
  );
  const proxy = await proxied(t, server.port);
  const before = dial(t, proxy);
  before.send(get('/one'));
  await before.until('a body');
  await until(
    'the first call has ended',
    () => proxy.counters(),
    ({ exchanges }) => exchanges === 1,
  );
  proxy.shed('connections');
  const late = dial(t, proxy);
  const refused = await late.end();
  t.match(refused, /^HTTP\/1\.1 503 /);
  t.match(refused, /x-driftline-reason: overloaded/);
  t.match(refused, /out of memory or CPU time/);
  before.send(get('/two'));
  await before.until(/a body[\s\S]*a body/);
  await until(
    'the second call has ended',
    () => proxy.counters(),
    ({ answered }) => answered === 2,
  );
  t.match(proxy.counters(), { refused: 1, shed: 1, exchanges: 1 });
});

t.test('collecting garbage ends no call', async (t) => {
  const server = await model(
    t,
    answering(() => ok('a body')),
  );
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  for (let n = 0; n < 3; n++) {
    client.send(get('/one'));
    await proxy.collectGarbage();
  }
  await client.until(/(a body[\s\S]*){3}/);
  t.match(proxy.counters(), { failed: 0, bugs: 0 });
});

t.test('what nobody has any more is collected', async (t) => {
  const kept = {};
  const refs = [kept, {}].map((one) => new WeakRef(one));
  // What is still on the stack, or was looked at in this turn, stays.
  await new Promise((resolve) => setTimeout(resolve, 1));
  collectGarbage();
  t.same(
    refs.map((ref) => ref.deref() === undefined),
    [false, true],
  );
  t.ok(kept);
});
