import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { EVERYTHING } from '../../proxy/sampling.ts';
import { proxied } from './wire.ts';

t.setTimeout(120_000);

const COPIED_BYTES = 200 * 1024;

/** Reads all; a slow one lets it pile up first, beyond what the system holds for it. */
async function read(stream: Readable, isSlow: boolean): Promise<Buffer> {
  if (isSlow) await sleep(150);
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

// Memory of reads and copies is used again: whoever is late must still find its own bytes there.
for (const framing of ['length', 'chunked'] as const) {
  t.test(`large bodies of many slow and fast callers at once stay apart, in both directions and on record (${framing})`, async (t) => {
    const server = createServer(async (incoming, outgoing) => {
      const body = await read(incoming, incoming.headers['x-slow-server'] === '1');
      // Not the request's bytes, so that mixing up the two directions is seen as well.
      const answer = Buffer.from(body).reverse();
      if (framing === 'length') outgoing.setHeader('content-length', answer.length);
      // Small pieces one by one are put together on the way, large ones are not.
      const pieceBytes = Number(incoming.headers['x-piece-bytes']);
      for (let at = 0; at < answer.length; at += pieceBytes) {
        if (!outgoing.write(answer.subarray(at, at + pieceBytes))) await once(outgoing, 'drain');
        if (pieceBytes < 32_000) await setImmediate();
      }
      outgoing.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const proxy = await proxied(t, (server.address() as AddressInfo).port, {
      maxBodyBytes: COPIED_BYTES,
      sampling: EVERYTHING,
      ringBytes: 64 * 1024 * 1024,
    });
    const call = async (seed: number): Promise<[string, Buffer]> => {
      const body = randomFillSync(Buffer.alloc(seed % 3 === 0 ? 12_000_000 : 150_000 + 170_000 * (seed % 9)));
      const outgoing = request({
        host: '127.0.0.1',
        port: proxy.address.port,
        method: 'POST',
        path: `/v2/models/m/infer?${seed}`,
        headers: {
          'x-slow-server': seed & 1 ? '1' : '0',
          'x-piece-bytes': seed & 4 ? '20000' : '150000',
          ...(framing === 'length' ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' }),
        },
      });
      if (seed & 8) {
        // The body comes by itself.
        outgoing.flushHeaders();
        await sleep(20);
      }
      outgoing.end(body);
      const [incoming] = await once(outgoing, 'response');
      const answer = await read(incoming, (seed & 2) !== 0);
      t.equal(digest(answer), digest(Buffer.from(body).reverse()), `the answer to ${seed}`);
      return [`/v2/models/m/infer?${seed}`, body];
    };
    const sent = new Map<string, Buffer>();
    for (let wave = 0; wave < 2; wave++) {
      for (const [path, body] of await Promise.all(Array.from({ length: 16 }, (_, i) => call(wave * 16 + i)))) sent.set(path, body);
    }
    for (let i = 0; i < sent.size; i++) {
      const { path, request: asked, response } = await proxy.exchange();
      const body = sent.get(path)!;
      t.same([asked.totalBytes, response.totalBytes], [body.length, body.length]);
      t.equal(digest(asked.bytes), digest(body.subarray(0, COPIED_BYTES)), `the request on record of ${path}`);
      t.equal(digest(response.bytes), digest(Buffer.from(body).reverse().subarray(0, COPIED_BYTES)), `the answer on record of ${path}`);
    }
  });
}
