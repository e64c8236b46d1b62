import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Outlet } from '../../proxy/outlet.ts';
import { boundless } from './wire.ts';

/** Two ends of one connection, of which neither reads yet. */
async function pair(t: { teardown(what: () => void): unknown }): Promise<{ sender: Socket; receiver: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sender = connect((server.address() as AddressInfo).port, '127.0.0.1');
  // Not read either, so that only writing finds out what has become of the other side.
  sender.pause();
  const [[receiver]] = (await Promise.all([once(server, 'connection'), once(sender, 'connect')])) as [[Socket], unknown];
  t.teardown(() => {
    sender.destroy();
    receiver.destroy();
    server.close();
  });
  return { sender, receiver };
}

async function readAll(receiver: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of receiver) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** One that nobody needs to make room. */
function outletOf(socket: Socket, drained: () => void = () => {}, isReadOn = false): Outlet {
  return new Outlet(socket, boundless(), drained, () => {}, isReadOn);
}

/** Writes until some bytes wait. Returns what the last write said. */
function fill(outlet: Outlet): boolean {
  for (;;) {
    const flowing = outlet.write(Buffer.alloc(200_000));
    if (outlet.unsentBytes > 0) return flowing;
  }
}

t.test('bytes keep their order, whether the system takes them at once or they wait, alone or several together', async (t) => {
  const { sender, receiver } = await pair(t);
  const outlet = outletOf(sender);
  const sent = createHash('sha256');
  const received = createHash('sha256');
  let waited = 0;
  receiver.on('data', (bytes) => {
    received.update(bytes);
    // Slow, so that all ways of writing take turns.
    receiver.pause();
    setTimeout(() => receiver.resume(), 1);
  });
  receiver.resume();
  for (let i = 0; i < 900; i++) {
    const pieces = [1, 20_000, 300].map((bytes) => randomFillSync(Buffer.alloc(bytes)));
    for (const piece of pieces) sent.update(piece);
    if (i % 3 === 0) outlet.writeAll(pieces);
    else for (const piece of pieces) outlet.write(piece);
    if (outlet.unsentBytes > 0) waited++;
    while (i > 450 && outlet.unsentBytes > 150_000) await nextTurn();
  }
  t.ok(waited > 100);
  sender.end();
  await once(receiver, 'end');
  t.equal(received.digest('hex'), sent.digest('hex'), 'also after the end was asked for');
});

t.test('bytes that wait are held, each connection’s apart from the others’', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const pairs = await Promise.all(Array.from({ length: 4 }, () => pair(t)));
  const drained = pairs.map(() => 0);
  const outlets = pairs.map(({ sender }, i) => outletOf(sender, () => drained[i]!++));
  const sent = outlets.map((outlet) => {
    const hash = createHash('sha256');
    while (outlet.unsentBytes === 0) {
      // Memory of its own, which is free once nobody holds it.
      const bytes = randomFillSync(Buffer.allocUnsafeSlow(500_000));
      hash.update(bytes);
      outlet.write(bytes);
    }
    return hash.digest('hex');
  });
  await nextTurn();
  collect();
  const others = Array.from({ length: 40 }, () => Buffer.alloc(500_000, 1));
  const received = pairs.map(async ({ sender, receiver }) => {
    sender.end();
    return createHash('sha256')
      .update(await readAll(receiver))
      .digest('hex');
  });
  t.same(await Promise.all(received), sent);
  t.same(drained, [1, 1, 1, 1]);
  t.equal(others.length, 40);
});

t.test('a receiver that does not read is waited for, and it is told once when it reads again', async (t) => {
  const { sender, receiver } = await pair(t);
  let told = 0;
  const outlet = outletOf(sender, () => told++);
  t.ok(outlet.write(Buffer.alloc(1000)), 'a little goes through');
  t.notOk(fill(outlet), 'what waits is more than a socket holds');
  const { unsentBytes } = outlet;
  t.equal(unsentBytes, 200_000);
  t.equal(sender.writableLength, 0, 'past the stream');
  t.ok(outlet.isBlocked);
  // Behind the others.
  t.notOk(outlet.write(Buffer.alloc(300_000)));
  t.equal(outlet.unsentBytes, 500_000);
  receiver.resume();
  while (outlet.unsentBytes > 0) await nextTurn();
  sender.end();
  await once(sender, 'finish');
  t.equal(told, 1);
  t.notOk(outlet.isBlocked);
});

t.test('few bytes that wait need no waiting for, and nobody is told of them', async (t) => {
  const { sender, receiver } = await pair(t);
  let told = 0;
  const outlet = outletOf(sender, () => told++);
  while (outlet.unsentBytes === 0) t.ok(outlet.write(Buffer.alloc(10_000)));
  t.notOk(outlet.isBlocked);
  receiver.resume();
  while (outlet.unsentBytes > 0) await nextTurn();
  sender.end();
  await once(sender, 'finish');
  t.equal(told, 0);
});

t.test('what waits in the stream goes first', async (t) => {
  const { sender, receiver } = await pair(t);
  sender.cork();
  sender.write('first ');
  outletOf(sender).write(Buffer.from('second'));
  sender.uncork();
  sender.end();
  t.equal((await readAll(receiver)).toString(), 'first second');
});

t.test('what is written before the connection stands waits for it', async (t) => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const sender = connect((server.address() as AddressInfo).port, '127.0.0.1');
  outletOf(sender).write(Buffer.from('early'));
  sender.end();
  t.equal((await readAll(sender)).toString(), 'early');
});

t.test('a connection that the other side has reset ends with the system’s error', async (t) => {
  const { sender, receiver } = await pair(t);
  const outlet = outletOf(sender);
  receiver.resetAndDestroy();
  await once(receiver, 'close');
  const failed = once(sender, 'error') as Promise<[NodeJS.ErrnoException]>;
  for (let i = 0; i < 3 && !sender.destroyed; i++) outlet.write(Buffer.alloc(100_000));
  const [error] = await failed;
  t.match(error.code, /^(ECONNRESET|EPIPE)$/);
  t.ok(sender.destroyed);
  t.equal(outlet.write(Buffer.from('too late')), false, 'and later writes change nothing');
});

t.test('where the socket is read on, a write to one that the other side has closed ends the sending alone', async (t) => {
  for (const first of ['nothing', 'bytes that wait'] as const) {
    const { sender, receiver } = await pair(t);
    let told = 0;
    const outlet = outletOf(sender, () => told++, true);
    if (first === 'bytes that wait') t.notOk(fill(outlet));
    receiver.write('said before');
    receiver.resetAndDestroy();
    await once(receiver, 'close');
    if (first === 'nothing') t.ok(outlet.write(Buffer.alloc(100)));
    while (outlet.failedBy === null) await nextTurn();
    t.equal(outlet.failedBy, 'ECONNRESET');
    t.equal(told, first === 'nothing' ? 0 : 1, 'who waited waits no more');
    t.ok(outlet.write(Buffer.alloc(200_000)), 'the rest is thrown away');
    t.ok(outlet.writeAll([Buffer.alloc(200_000)]));
    t.equal(outlet.unsentBytes, 0);
    t.notOk(sender.destroyed);
    t.equal((await readAll(sender)).toString(), 'said before');
  }
});

t.test('one that ends while bytes wait neither drains nor fails', async (t) => {
  const { sender } = await pair(t);
  const outlet = outletOf(sender, () => t.fail('drained'));
  fill(outlet);
  sender.destroy();
  await once(sender, 'close');
  t.equal(outlet.unsentBytes, 0);
});

t.test('where Node shows nothing of its connections, all goes through streams', async (t) => {
  const program = `
    process.binding = () => { throw new Error('closed'); };
    const { inside } = await import('./proxy/node-inside.ts');
    const { Outlet } = await import('./proxy/outlet.ts');
    const { Held } = await import('./proxy/held.ts');
    const { Counters } = await import('./proxy/counters.ts');
    const { readInto, readStraight } = await import('./proxy/reading.ts');
    const { connect, createServer } = await import('node:net');
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
      let bytes = 0;
      const onread = readInto((read) => { bytes += read.length; });
      const socket = connect({ port: server.address().port, host: '127.0.0.1', onread }, () => {
        readStraight(socket, onread);
        const outlet = new Outlet(socket, new Held(1e9, new Counters(), console.error), () => {}, () => {});
        outlet.write(Buffer.alloc(1000));
        outlet.writeAll([Buffer.alloc(50_000), Buffer.alloc(500)]);
        socket.end();
      });
      socket.on('close', () => { console.log(inside, bytes); server.close(); });
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: `${import.meta.dirname}/../..`,
  });
  t.equal(stdout, 'null 51500\n');
});
