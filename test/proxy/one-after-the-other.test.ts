/**
 * What serves a call serves the next one of its connection: nothing of the one may be left for the other. Each kind of call follows each, and
 * must look like the first one on a connection: to the client, to the model server, and on record.
 */
import t from 'tap';
import type { Exchange } from '../../contracts/exchange.ts';
import { MAX_INTERIM_ANSWERS, MAX_REPLAY_BYTES } from '../../proxy/limits.ts';
import { answering, dial, get, type Model, model, ok, type Peer, post, proxied, type Running, requestSize } from './wire.ts';

t.setTimeout(300_000);

const LONG = 'x'.repeat(200_000);
/** By its last byte more than is held to be sent again. */
const TOO_LONG = LONG.slice(0, MAX_REPLAY_BYTES + 1);

interface Kind {
  readonly send: string;
  /** Sent when the model server has had time to fail. */
  readonly rest?: string;
  /** What the client waits for before it sends that. */
  readonly asked?: RegExp;
  /** What the answer ends with; null = the client leaves instead of waiting for one. */
  readonly ends: RegExp | null;
  /** Whether it is the last of its connection. */
  readonly isLast?: boolean;
}

const KINDS: { readonly [name: string]: Kind } = {
  plain: { send: post('/plain', '{"x":1}'), ends: /plain$/ },
  long: { send: post('/plain', LONG), ends: /plain$/ },
  'chunked both ways': {
    send: 'POST /chunked HTTP/1.1\r\nHost: model\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n',
    ends: /0\r\nx-tail: 2\r\n\r\n$/,
  },
  chunked: { send: 'POST /plain HTTP/1.1\r\nHost: model\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', ends: /plain$/ },
  slow: { send: get('/slow'), ends: /third\r\n0\r\n\r\n$/ },
  'asks to go on': { send: post('/continue', 'body', 'Expect: 100-continue\r\n'), ends: /continue$/ },
  'asked by us to go on': {
    send: 'POST /dies HTTP/1.1\r\nHost: model\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
    rest: 'body',
    asked: /100 Continue\r\n\r\n$/,
    ends: /scored$/,
  },
  hinted: { send: get('/hinted'), ends: /hinted$/ },
  'no content': { send: get('/nothing'), ends: /204[\s\S]*\r\n\r\n$/ },
  head: { send: 'HEAD /plain HTTP/1.1\r\nHost: model\r\n\r\n', ends: /\r\n\r\n$/ },
  'ended by its connection': { send: get('/until-close'), ends: /0\r\n\r\n$/ },
  'served by the fallback': { send: post('/dies', '{"x":2}'), ends: /scored$/ },
  'that nobody serves': { send: get('/dies'), ends: /"id":"[^"]+"\}\n$/ },
  'too long to be sent again': {
    send: `POST /dies HTTP/1.1\r\nHost: model\r\nContent-Length: ${TOO_LONG.length}\r\n\r\nx`,
    rest: TOO_LONG.slice(1),
    ends: /"id":"[^"]+"\}\n$/,
  },
  'in two parts': {
    send: 'POST /plain HTTP/1.1\r\nHost: model\r\nContent-Length: 4\r\n\r\nab',
    rest: 'cd',
    ends: /plain$/,
  },
  'given up': { send: get('/silent'), ends: null, isLast: true },
  broken: {
    send: 'POST /plain HTTP/1.1\r\nHost: model\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n',
    ends: /"id":"[^"]+"\}\n$/,
    isLast: true,
  },
  'in a loop': { send: get('/plain', 'x-driftline-hop: 99\r\n'), ends: /"id":"[^"]+"\}\n$/ },
};

t.test('a call is the same whatever came before it on its connection', async (t) => {
  const server = await model(t, serve);
  const scorer = await model(
    t,
    answering(() => ok('scored')),
  );
  const proxy = await proxied(t, server.port, {
    fallback: { host: '127.0.0.1', port: scorer.port },
    ringBytes: 16 * 1024 * 1024,
    // What other calls rightly change.
    breaker: null,
    retry: 'never',
  });
  const alone = new Map<string, unknown>();
  for (const name of Object.keys(KINDS)) alone.set(name, await made(proxy, server, dial(t, proxy), name));
  for (const [before, { isLast }] of Object.entries(KINDS)) {
    if (isLast === true) continue;
    for (const name of Object.keys(KINDS)) {
      const client = dial(t, proxy);
      await made(proxy, server, client, before);
      t.same(await made(proxy, server, client, name), alone.get(name), `${name} after ${before}`);
    }
  }
});

t.test('interim answers are counted for each answer', async (t) => {
  const server = await model(t, serve);
  const proxy = await proxied(t, server.port);
  const client = dial(t, proxy);
  for (let n = 0; n <= MAX_INTERIM_ANSWERS; n++) t.match(await made(proxy, server, client, 'hinted'), { exchange: { status: 200 } });
  t.equal(server.peers.length, 1);
});

/** All that can be seen of a call, less what is never the same. */
async function made(proxy: Running, server: Model, client: Peer, name: string): Promise<unknown> {
  const { send, rest, asked, ends } = KINDS[name]!;
  const from = client.received.length;
  const seen = server.peers.map(({ received }) => received.length);
  client.send(send);
  if (asked !== undefined) await client.until((text) => asked.test(text.slice(from)));
  else if (rest !== undefined || ends === null) await new Promise((resolve) => setTimeout(resolve, 30));
  if (rest !== undefined) client.send(rest);
  if (ends === null) client.socket.destroy();
  const exchange = await proxy.exchange();
  const answer = ends === null ? '' : (await client.until((text) => ends.test(text.slice(from)))).slice(from);
  const upstream = server.peers.map(({ received }, k) => received.slice(seen[k] ?? 0)).join('');
  return { answer: without(exchange, answer), upstream: without(exchange, upstream), exchange: recorded(exchange) };
}

function without({ id, traceparent }: Exchange, text: string): string {
  return text.replaceAll(id, 'ID').replaceAll(traceparent, 'TRACE');
}

function recorded(exchange: Exchange): unknown {
  const { id, traceparent, startedAt, latencyMs, timing, ...rest } = exchange;
  if (Math.abs(startedAt - Date.now()) > 10_000) throw new Error(`started at ${startedAt}`);
  if (!(latencyMs >= 0 && latencyMs < 8000)) throw new Error(`took ${latencyMs} ms`);
  const body = Buffer.from(rest.response.bytes).toString().replaceAll(id, 'ID');
  return {
    ...rest,
    request: { ...rest.request, bytes: Buffer.from(rest.request.bytes).toString() },
    response: { ...rest.response, bytes: body },
    isTimed: timing !== undefined,
    hasMarks: (timing?.marks.length ?? 0) > 0,
    isPlausible: timing === undefined || (timing.firstByteMs <= timing.lastByteMs && timing.lastByteMs <= latencyMs + 1),
    hasGap: (timing?.longestGapMs ?? 0) > 5,
  };
}

/** The model server: what it does depends on the path. */
function serve(peer: Peer): void {
  let read = 0;
  peer.socket.on('data', async () => {
    if (/^\S+ \/dies /.test(peer.received.slice(read))) peer.socket.destroy();
    for (let size = requestSize(peer.received.slice(read)); size > 0; size = requestSize(peer.received.slice(read))) {
      const request = peer.received.slice(read, read + size);
      read += size;
      const path = /^\S+ (\S+)/.exec(request)![1];
      if (path === '/plain') peer.send(request.startsWith('HEAD') ? ok('plain').slice(0, -'plain'.length) : ok('plain'));
      else if (path === '/chunked') peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-tail: 2\r\n\r\n');
      else if (path === '/continue') peer.send(`HTTP/1.1 100 Continue\r\n\r\n${ok('continue')}`);
      else if (path === '/hinted') peer.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('hinted')}`);
      else if (path === '/nothing') peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      else if (path === '/until-close') peer.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil close');
      else if (path === '/slow') {
        peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        for (const part of ['first', 'again', 'third']) {
          peer.send(`5\r\n${part}\r\n`);
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
        peer.send('0\r\n\r\n');
      }
    }
  });
}
