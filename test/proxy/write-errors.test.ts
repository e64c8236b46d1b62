import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import t, { type Test } from 'tap';
import { readPastWriteErrors } from '../../proxy/write-errors.ts';
import { authority, issue } from '../support/certificates.ts';

t.setTimeout(60_000);

/** Two ends of one connection, over TLS when `secure`. */
async function pair(t: Test, secure: boolean): Promise<{ sender: Socket; receiver: Socket }> {
  const ca = secure ? await authority(t.testdir({}), 'ours') : null;
  const server = ca === null ? createServer() : createTlsServer(await issue(ca, 'server'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server's address is an object.
  const { port } = server.address() as AddressInfo;
  const sender = ca === null ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca: ca.cert });
  const [[receiver]] = (await Promise.all([
    once(server, secure ? 'secureConnection' : 'connection'),
    once(sender, secure ? 'secureConnect' : 'connect'),
  ])) as [[Socket], unknown];
  receiver.on('error', () => {});
  t.teardown(() => {
    sender.destroy();
    receiver.destroy();
    server.close();
  });
  return { sender, receiver };
}

for (const secure of [false, true]) {
  const kind = secure ? 'TLS' : 'a plain connection';

  t.test(`over ${kind}, what the other side sent before it closed is read after a write has failed, and then its end`, async (t) => {
    const { sender, receiver } = await pair(t, secure);
    const failures: (string | undefined)[] = [];
    readPastWriteErrors(sender, ({ code }) => failures.push(code));
    sender.on('error', (error) => t.fail(String(error)));
    let drained = 0;
    sender.on('drain', () => drained++);
    // Nobody reads before a write has failed.
    sender.pause();
    receiver.pause();
    receiver.write('an early answer');
    receiver.end();
    await once(receiver, 'finish');
    receiver.destroy();
    await once(receiver, 'close');
    while (failures.length === 0) {
      sender.cork();
      for (let i = 0; i < 3; i++) sender.write(Buffer.alloc(50_000));
      sender.uncork();
      await new Promise(setImmediate);
    }
    t.notOk(sender.destroyed);
    t.match(failures[0], /^(EPIPE|ECONNRESET)$/);
    let received = '';
    sender.on('data', (bytes) => {
      received += bytes.toString();
    });
    sender.resume();
    await once(sender, 'end');
    t.equal(received, 'an early answer');
    t.ok(drained > 0, 'and a writer that waited goes on');
  });
}

t.test('an error that is not the other side’s closing ends the socket as ever', async (t) => {
  const { sender } = await pair(t, false);
  readPastWriteErrors(sender, (error) => t.fail(String(error)));
  // No descriptor any more.
  const { _handle: handle } = sender as unknown as { _handle: { writeUtf8String(): number } };
  handle.writeUtf8String = () => -9;
  sender.write('x');
  const [error] = (await once(sender, 'error')) as [NodeJS.ErrnoException];
  t.equal(error.code, 'EBADF');
  t.ok(sender.destroyed);
});
