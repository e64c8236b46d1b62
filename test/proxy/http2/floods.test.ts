import t from 'tap';
import { answering, model, ok, proxied, type Running } from '../wire.ts';
import { ask, block, FRAME, frame, Raw, request, session } from './h2-wire.ts';

t.setTimeout(120_000);

/** Bytes that the attacker's connection may take before it is given up. */
const FLOOD_BYTES = 8 * 1024 * 1024;
const GROWTH_BYTES = 100 * 1024 * 1024;

/** Writes as fast as the other side takes it, until it hangs up or `limit` pieces are out. */
async function flood(raw: Raw, limit: number, piece: (n: number) => Buffer): Promise<void> {
  for (let n = 0; n < limit && !raw.closed; n++) {
    if (!raw.socket.write(piece(n))) {
      await Promise.race([
        new Promise((resolve) => raw.socket.once('drain', resolve)),
        new Promise((resolve) => raw.socket.once('close', resolve)),
      ]);
    }
    if (raw.socket.bytesWritten > FLOOD_BYTES) return;
  }
}

const post = (stream: number) => block([...request({ ':method': 'POST' }), ['x-stream', String(stream)]]);
const odd = (n: number) => 2 * n + 1;

const FLOODS: { readonly [name: string]: (raw: Raw) => Promise<void> } = {
  'streams opened and reset at once': (raw) =>
    flood(raw, 20_000, (n) =>
      Buffer.concat([frame(FRAME.headers, 4, odd(n), post(n)), frame(FRAME.reset, 0, odd(n), Buffer.from([0, 0, 0, 8]))]),
    ),
  'a header block that never ends': async (raw) => {
    raw.write(frame(FRAME.headers, 1, 1, block(request())));
    await flood(raw, 20_000, () => frame(FRAME.continuation, 0, 1, block([['x', 'y'.repeat(100)]])));
  },
  'more fields than anyone needs': async (raw) => {
    await flood(raw, 500, (n) =>
      frame(FRAME.headers, 5, odd(n), block([...request(), ...Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'y'] as const)])),
    );
  },
  'a table entry named again and again': async (raw) => {
    const long = Buffer.concat([Buffer.from([0x40]), block([['x-bomb', 'z'.repeat(3000)]]).subarray(1)]);
    await flood(raw, 500, (n) =>
      frame(FRAME.headers, 5, odd(n), Buffer.concat([block(request()), n === 0 ? long : Buffer.alloc(15_000, 0xbe)])),
    );
  },
  pings: (raw) => flood(raw, 200_000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  'settings to be acknowledged': (raw) => flood(raw, 200_000, () => frame(FRAME.settings, 0, 0)),
  'data without a byte': async (raw) => {
    raw.write(frame(FRAME.headers, 4, 1, post(1)));
    await flood(raw, 200_000, () => frame(FRAME.data, 0, 1));
  },
  'a window that overflows': async (raw) => {
    await flood(raw, 10_000, () => frame(FRAME.window, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])));
  },
  'frames for streams that the server must reset': (raw) =>
    flood(raw, 20_000, (n) => Buffer.concat([frame(FRAME.headers, 4, odd(n), post(n)), frame(FRAME.window, 0, odd(n), Buffer.alloc(4))])),
  'windows held shut over large answers': async (raw) => {
    raw.write(frame(FRAME.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    await flood(raw, 100, (n) => frame(FRAME.headers, 5, odd(n), block(request({ ':path': '/large' }))));
    await new Promise((resolve) => setTimeout(resolve, 300));
  },
};

/** Slowest of some ordinary calls, milliseconds. */
async function slowest(client: ReturnType<typeof session>): Promise<number> {
  let worst = 0;
  for (let i = 0; i < 20; i++) {
    const from = performance.now();
    const { status } = await ask(client, { ':path': '/small' });
    if (status !== 200) throw new Error(`status ${status}`);
    worst = Math.max(worst, performance.now() - from);
  }
  return worst;
}

t.test('no flood costs another client its calls, the process much memory, or the proxy its books', async (t) => {
  const large = 'x'.repeat(4 * 1024 * 1024);
  const server = await model(
    t,
    answering((text) => ok(text.split(' ')[1] === '/large' ? large : 'fine')),
  );
  const proxy: Running = await proxied(t, server.port);
  const client = session(t, proxy);
  await slowest(client);
  for (const [name, attack] of Object.entries(FLOODS)) {
    const before = process.memoryUsage.rss();
    const raw = new Raw(t, proxy);
    const attacked = attack(raw);
    await slowest(client);
    await attacked;
    raw.socket.destroy();
    await slowest(client);
    const grown = process.memoryUsage.rss() - before;
    t.ok(grown < GROWTH_BYTES, `${name}: ${Math.round(grown / 1024 / 1024)} MiB`);
    while (proxy.waiting() !== null);
  }
  const until = performance.now() + 8000;
  while (proxy.counters().sessions > 1 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  const { requests, answered, failed, aborted, exchanges, ringFull, bugs, sessions, sessionsEndedBy } = proxy.counters();
  t.equal(bugs, 0);
  t.equal(sessions, 1);
  t.equal(requests, answered + failed + aborted);
  t.equal(requests, exchanges + ringFull);
  t.equal(
    Object.values(sessionsEndedBy).reduce((sum, count) => sum + count, 0),
    Object.keys(FLOODS).length,
  );
  t.ok(sessionsEndedBy.flood > 0 && sessionsEndedBy['protocol-error'] > 0, JSON.stringify(sessionsEndedBy));
});
