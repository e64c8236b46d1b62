import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FRAME, frame, PREFACE } from './http2/h2-wire.ts';
import { answering, dial, get, model, ok, proxied, type Running } from './wire.ts';

t.setTimeout(60_000);

/** A client that stays connected whatever it is told, with what it heard. */
async function stubborn(
  t: Test,
  proxy: Running,
  hello: string | Buffer = '',
): Promise<{ socket: Socket; heard(): string; errors: string[] }> {
  const socket = connect({ ...proxy.address, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  const errors: string[] = [];
  let heard = '';
  socket.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(String(code)));
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  socket.write(hello);
  await once(socket, 'end');
  return { socket, heard: () => heard, errors };
}

const full = async (t: Test, limits: object = {}) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const proxy = await proxied(t, server.port, { limits: { maxClientsPerAddress: 1, ...limits } });
  const first = dial(t, proxy);
  first.send(get('/'));
  await first.until('fine');
  return proxy;
};

t.test('who sends on after a refusal is not reset, so that the answer can be read', async (t) => {
  const proxy = await full(t, { lingerMs: 60_000 });
  const { socket, heard, errors } = await stubborn(t, proxy);
  for (let n = 0; n < 20; n++) {
    socket.write(get('/late'));
    await sleep(5);
  }
  t.same(errors, []);
  t.match(heard(), /^HTTP\/1\.1 503 [\s\S]*Connection: close\r\n[\s\S]*"too many connections"/);
  socket.end();
  await once(socket, 'close');
  t.same(errors, []);
  t.match(proxy.counters(), { refused: 1, connections: 1 });
});

/** Sends until it is told that nobody listens any more. */
async function isCut({ socket, errors }: { socket: Socket; errors: string[] }): Promise<void> {
  while (errors.length === 0) {
    socket.write('more');
    await sleep(5);
  }
}

t.test('but not for long', async (t) => {
  await isCut(await stubborn(t, await full(t, { lingerMs: 50 })));
});

t.test('nor for more than so many, nor beyond the end', async (t) => {
  // A sixteenth of the clients.
  const proxy = await full(t, { lingerMs: 60_000, maxClients: 320 });
  const clients: Awaited<ReturnType<typeof stubborn>>[] = [];
  for (let n = 0; n < 21; n++) clients.push(await stubborn(t, proxy));
  for (const { heard } of clients) t.match(heard(), /^HTTP\/1\.1 503 /);
  await isCut(clients.at(-1)!);
  const others = clients.slice(0, -1);
  for (let n = 0; n < 5; n++) {
    for (const { socket } of others) socket.write('more');
    await sleep(5);
  }
  t.same(
    others.flatMap(({ errors }) => errors),
    [],
  );
  await proxy.drain(0);
  await Promise.all(others.map(isCut));
});

t.test('a session too many is closed when its client closes, and when it does not', async (t) => {
  const server = await model(
    t,
    answering(() => ok('fine')),
  );
  const hello = Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0)]);
  for (const lingerMs of [50, 60_000]) {
    const proxy = await proxied(t, server.port, { limits: { maxSessions: 0, lingerMs } });
    const { socket, heard } = await stubborn(t, proxy, hello);
    t.equal(Buffer.from(heard(), 'latin1').readUInt8(9 + 3), FRAME.goaway, 'behind empty SETTINGS');
    if (lingerMs > 50) socket.end(Buffer.alloc(1000));
    while (proxy.counters().connections > 0) await sleep(5);
    t.match(proxy.counters(), { sessions: 0, sessionsEndedBy: { overloaded: 1 } });
  }
});
