import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { Outlet } from '../../proxy/outlet.ts';
import { NO_HEAD, writeMessage } from '../../proxy/write.ts';

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
  const outlet = new Outlet(client, () => {});
  const sent: Buffer[] = [];
  // More than the system holds for a receiver that does not read.
  for (let i = 0; i < 1200; i++) {
    const piece = randomFillSync(Buffer.alloc(10_000));
    const head = { bytes: Buffer.from(`head ${i} `), text: 'and its ', after: 'own ' };
    sent.push(head.bytes, Buffer.from(head.text + head.after), piece, Buffer.from('end'));
    writeMessage(outlet, head, [piece], false, 'end');
  }
  t.ok(outlet.unsentBytes > 0, 'some had to wait');
  writeMessage(outlet, NO_HEAD, [Buffer.from('ab'), Buffer.from('c')], true, '0\r\n\r\n');
  client.end();
  const received: Buffer[] = [];
  for await (const piece of receiver) received.push(piece);
  t.ok(Buffer.concat(received).equals(Buffer.concat([...sent, Buffer.from('3\r\nabc\r\n0\r\n\r\n')])));
});
