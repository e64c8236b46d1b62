import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { Outlet } from '../../proxy/outlet.ts';
import { Head, writeMessage } from '../../proxy/write.ts';
import { boundless } from './wire.ts';

t.test('what the receiver has not taken yet is not written over by the next message', async (t) => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [receiver] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.destroy();
    receiver.destroy();
    server.close();
  });
  const outlet = new Outlet(
    client,
    boundless(),
    () => {},
    () => {},
  );
  const sent: Buffer[] = [];
  // More than the system holds for a receiver that does not read.
  for (let i = 0; i < 1200; i++) {
    const piece = randomFillSync(Buffer.alloc(10_000));
    const head = new Head();
    head.set(Buffer.from(`head ${i} `), Buffer.from('and its and not'), 8, 'own ');
    sent.push(head.bytes, Buffer.from(`and its ${head.after}`), piece, Buffer.from('end'));
    writeMessage(outlet, head, [piece], false, 'end');
  }
  t.ok(outlet.unsentBytes > 0, 'some had to wait');
  writeMessage(outlet, new Head(), [Buffer.from('ab'), Buffer.from('c')], true, '0\r\n\r\n');
  client.end();
  const received: Buffer[] = [];
  for await (const piece of receiver) received.push(piece);
  t.ok(Buffer.concat(received).equals(Buffer.concat([...sent, Buffer.from('3\r\nabc\r\n0\r\n\r\n')])));
});

t.test('messages of one length are each sent as they are, whatever waits beside them', async (t) => {
  const sent: string[] = [];
  // As much of an outlet as a message needs: it takes all, or nothing.
  const outletOf = (unsentBytes: number, keep: (bytes: Buffer) => unknown) => {
    const write = (bytes: Buffer) => {
      keep(bytes);
      return unsentBytes === 0;
    };
    return { unsentBytes, isBlocked: unsentBytes > 0, write } as unknown as Outlet;
  };
  const flowing = outletOf(0, (bytes) => sent.push(bytes.toString()));
  const waiting: Buffer[] = [];
  const blocked = outletOf(1, (bytes) => waiting.push(bytes));
  const send = (outlet: Outlet, text: string) =>
    writeMessage(outlet, new Head(), [Buffer.from(text.slice(0, 1)), Buffer.from(text.slice(1))], false, '');
  for (let k = 0; k < 100; k++) {
    const texts = [`small ${k % 10}`, `large ${k % 10}`.padEnd(9_000 + k, '.'), `SMALL ${k % 10}`];
    sent.length = 0;
    for (const text of texts) send(flowing, text);
    t.same(sent, texts);
    send(blocked, `wait ${k}`.padEnd(7_000, '.'));
  }
  t.same(
    waiting.map((bytes) => bytes.toString().replaceAll('.', '')),
    Array.from({ length: 100 }, (_, k) => `wait ${k}`),
  );
});
