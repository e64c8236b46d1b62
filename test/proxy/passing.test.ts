/**
 * All connections of a data thread read into one buffer: what comes in parts, or waits, must still be there after others have been read.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ProxyOptions } from '../../proxy/proxy.ts';
import { answering, dial, get, type Model, model, ok, type Peer, post, proxied, type Running, requestSize } from './wire.ts';

t.setTimeout(120_000);

const BODY = 'request bytes, '.repeat(20);
const ANSWER = 'answer bytes, '.repeat(20);
/** Time for bytes to be read. */
const READ_MS = 60;

/** Another call, both messages of which are longer than all the others here. */
async function overwrite(t: Test, proxy: Running): Promise<void> {
  const peer = dial(t, proxy);
  await sleep(READ_MS);
  peer.send(post('/other', 'z'.repeat(12_000)));
  await peer.until(/y{12000}$/);
  peer.socket.destroy();
}

/** A client whose protocol is known: first bytes are looked at before, and put back. */
async function known(t: Test, proxy: Running): Promise<Peer> {
  const peer = dial(t, proxy);
  peer.send(post('/other', ''));
  await peer.until(/y{12000}$/);
  peer.received = '';
  return peer;
}

/** Answers calls of `/other`, and has others answered by the test: `requests` holds their texts. */
async function serving(t: Test): Promise<{ server: Model; requests: { readonly text: string; readonly peer: Peer }[] }> {
  const requests: { readonly text: string; readonly peer: Peer }[] = [];
  const serve = answering((text, peer) => {
    if (text.startsWith('POST /other ')) return ok('y'.repeat(12_000));
    requests.push({ text, peer });
    return null;
  });
  return { server: await model(t, serve), requests };
}

/** Those of calls that are not `/other`. */
async function nextRecord(proxy: Running) {
  for (;;) {
    const record = await proxy.exchange();
    if (record.path !== '/other') return record;
  }
}

async function come<T>(list: readonly T[], count: number): Promise<readonly T[]> {
  const until = performance.now() + 8000;
  while (list.length < count) {
    if (performance.now() > until) throw new Error(`${list.length} of ${count} requests came`);
    await sleep(5);
  }
  return list;
}

const MODES: { readonly [name: string]: Partial<ProxyOptions> } = {
  'parser: driftline': {},
  'parser: node': { parser: 'node' },
  'mode: observe': { mode: 'observe' },
};

/** The connection is Node's still. */
const RELOADED = 'parser: node, and driftline when it is called';

for (const [mode, options] of Object.entries(MODES)) {
  t.test(`with ${mode}, a call that comes in parts is passed on and recorded as it came, whatever is read between them`, async (t) => {
    const { server, requests } = await serving(t);
    const proxy = await proxied(t, server.port, options);
    const request = post('/parts', BODY);
    const answer = ok(ANSWER);
    // In a head, at its end, and in a body.
    for (const [k, cut] of [5, 40, request.length - BODY.length, request.length - 100].entries()) {
      const client = await known(t, proxy);
      client.send(request.slice(0, cut));
      await overwrite(t, proxy);
      client.send(request.slice(cut));
      const { text, peer } = (await come(requests, k + 1))[k]!;
      t.match(text, /^POST \/parts HTTP\/1\.1\r\n/);
      t.equal(text.slice(-BODY.length), BODY);
      const answerCut = [3, 30, answer.length - ANSWER.length, answer.length - 100][k]!;
      await overwrite(t, proxy);
      peer.send(answer.slice(0, answerCut));
      await overwrite(t, proxy);
      peer.send(answer.slice(answerCut));
      const received = await client.until((all) => all.length >= ANSWER.length && requestSize(`x${all.slice(all.indexOf('\r\n'))}`) > 0);
      t.equal(received.slice(-ANSWER.length), ANSWER);
      const record = await nextRecord(proxy);
      t.same([record.request.bytes.toString(), record.response.bytes.toString()], [BODY, ANSWER]);
      client.socket.destroy();
    }
  });
}

t.test('what waits for a place, or behind another request, is sent as it came', async (t) => {
  const { server, requests } = await serving(t);
  const proxy = await proxied(t, server.port, { limits: { maxUpstreamConnections: 1 } });
  const [first, second] = [await known(t, proxy), await known(t, proxy)];
  first.send(post('/first', 'first') + post('/behind', BODY));
  const held = (await come(requests, 1))[0]!;
  second.send(post('/second', BODY));
  await sleep(READ_MS);
  // Reads into the same buffer: a request and two answers.
  const third = dial(t, proxy);
  third.send(get(`/third-${'x'.repeat(500)}`));
  await sleep(READ_MS);
  held.peer.send(ok('y'.repeat(5_000)));
  for (let k = 1; k < 4; k++) (await come(requests, k + 1))[k]!.peer.send(ok(`answer ${k} ${'y'.repeat(5_000)}`));
  const bodies = new Map(requests.map(({ text }) => [text.split(' ')[1], text.slice(text.indexOf('\r\n\r\n') + 4)]));
  t.equal(bodies.get('/second'), BODY);
  t.equal(bodies.get('/behind'), BODY);
});

t.test('bytes that the receiver is slow to take are the ones that came', async (t) => {
  // Less than a read that is handed over as it lies, and more in all than the system holds.
  const pieceBytes = 9_000;
  const pieces = Array.from({ length: 1500 }, (_, k) => String.fromCharCode(97 + (k % 26)).repeat(pieceBytes));
  const whole = pieces.join('');
  for (const [mode, options] of Object.entries({ ...MODES, [RELOADED]: { parser: 'node' as const } })) {
    const server = await model(t, (peer) => {
      peer.socket.on('data', async (request) => {
        if (request.includes('/before')) {
          peer.send(ok('before'));
          return;
        }
        peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.length}\r\n\r\n`);
        for (const piece of pieces) {
          if (!peer.socket.write(piece)) await new Promise((resolve) => peer.socket.once('drain', resolve));
          // One read each, as long as anyone reads.
          await sleep(0);
        }
      });
    });
    const proxy = await proxied(t, server.port, options);
    const client = dial(t, proxy);
    if (mode === RELOADED) {
      client.send(get('/before'));
      await client.until(/before$/);
      await proxy.configure({ parser: 'driftline' });
    }
    client.socket.pause();
    client.send(get('/long'));
    await sleep(1500);
    client.socket.resume();
    const received = await client.until((text) => text.length > whole.length && text.endsWith(pieces.at(-1)!));
    t.ok(received.slice(-whole.length) === whole, mode);
    client.socket.destroy();
  }
});

t.test('calls that go another way than their connection was made for, after a reload, are sent and answered as they came', async (t) => {
  const server = await model(
    t,
    answering((text) => ok(text.slice(text.indexOf('\r\n\r\n') + 4))),
  );
  for (const [from, to] of [
    ['driftline', 'node'],
    ['node', 'driftline'],
  ] as const) {
    const proxy = await proxied(t, server.port, { parser: from });
    const clients = Array.from({ length: 8 }, () => dial(t, proxy));
    for (const client of clients) client.send(post('/before', 'before'));
    for (const client of clients) await client.until(/before$/);
    await proxy.configure({ parser: to });
    // At once: they are read one after the other before any connection to the server stands.
    for (const [k, client] of clients.entries()) client.send(post('/after', `${k}`.repeat(3_000)).slice(0, -1));
    await sleep(READ_MS);
    for (const [k, client] of clients.entries()) client.send(`${k}`);
    for (const [k, client] of clients.entries()) {
      const received = await client.until((text) => text.length > 6_000 || text.endsWith(`${k}`));
      t.equal(received.slice(-3_000), `${k}`.repeat(3_000), `${from} to ${to}`);
    }
  }
});
