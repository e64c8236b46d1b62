/** Streams of HTTP/2 are recorded as calls: frames by hand, `node:http2` and grpc-js at both ends, and a captured connection with Triton. */
import * as grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants, createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Header } from '../../../contracts/exchange.ts';
import { protocolsFor } from '../../../proxy/catalogue.ts';
import { answerOf, ask, block, FRAME, frame, PREFACE, request, session } from '../http2/h2-wire.ts';
import { call, echoServer, framesOf, grpcClient, SERVICE } from '../http2/grpc-peers.ts';
import { dial, model, proxied, type Running } from '../wire.ts';
import { cut, Onlooker } from './onlooker.ts';

t.setTimeout(120_000);

const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 32;

// ── frames by hand ──

const open = (stream: number, fields: [string, string][] = request({ ':method': 'POST' }), flags = 0) =>
  frame(FRAME.headers, END_HEADERS | flags, stream, block(fields));
const head = (stream: number, status: number, flags = 0) =>
  frame(FRAME.headers, END_HEADERS | flags, stream, block([[':status', String(status)]]));
const data = (stream: number, text: string, flags = 0) => frame(FRAME.data, flags, stream, Buffer.from(text));

const begun = (...frames: Buffer[]) => new Onlooker('h2').client(PREFACE).client(Buffer.concat(frames));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

t.test('streams that run at the same time keep apart, padding and priorities left out, however the bytes are cut', async () => {
  const padded = (stream: number, part: string, flags: number) =>
    frame(FRAME.data, PADDED | flags, stream, Buffer.concat([Buffer.from([3]), Buffer.from(part), Buffer.alloc(3)]));
  const priority = Buffer.from([0, 0, 0, 0, 16]);
  const sent = Buffer.concat([
    Buffer.from(PREFACE),
    frame(FRAME.settings, 0, 0),
    frame(
      FRAME.headers,
      END_HEADERS | PRIORITY | PADDED,
      1,
      Buffer.concat([Buffer.from([2]), priority, block(request()), Buffer.alloc(2)]),
    ),
    open(3, request({ ':method': 'POST', ':path': '/three' })),
    padded(1, 'one', 0),
    data(3, 'three'),
    frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
    data(1, '', END_STREAM),
    padded(3, '', END_STREAM),
    frame(0xfa, 0xff, 7, Buffer.from('an extension')),
  ]);
  const came = Buffer.concat([
    head(3, 103),
    head(3, 404),
    head(1, 200),
    data(3, 'not '),
    data(1, 'fine'),
    data(3, 'found'),
    frame(FRAME.headers, END_HEADERS | END_STREAM, 3, block([['x-t', 'tail']])),
    padded(1, '!', END_STREAM),
  ]);
  const shares = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 40 });
  fc.assert(
    fc.property(shares, shares, (there, back) => {
      const onlooker = new Onlooker('h2');
      for (const piece of cut(sent, there)) onlooker.client(piece);
      for (const piece of cut(came, back)) onlooker.server(piece);
      const [three, one, ...more] = onlooker.exchanges();
      return (
        more.length === 0 &&
        three?.path === '/three' &&
        three.status === 404 &&
        text(three.request.bytes) === 'three' &&
        text(three.response.bytes) === 'not found' &&
        JSON.stringify(three.responseTrailers) === '[["x-t","tail"]]' &&
        one?.status === 200 &&
        text(one.request.bytes) === 'one' &&
        text(one.response.bytes) === 'fine!' &&
        onlooker.observation.idle &&
        onlooker.unobserved === null
      );
    }),
    { seed: 9113, numRuns: 200 },
  );
});

t.test('a block in parts is one block, also of a promised stream, which is no call', async (t) => {
  const fields = block(request());
  const parts = Buffer.concat([
    frame(FRAME.headers, END_STREAM, 1, fields.subarray(0, 5)),
    frame(FRAME.continuation, 0, 1, fields.subarray(5, 6)),
    frame(FRAME.continuation, END_HEADERS, 1, fields.subarray(6)),
  ]);
  const promise = frame(5, END_HEADERS, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('400178017a', 'hex')]));
  // The promise has put `x: z` into the table, which the answer then points to.
  const answer = frame(FRAME.headers, END_HEADERS | END_STREAM, 1, Buffer.from('88be', 'hex'));
  const onlooker = begun(parts).server(promise).server(answer);
  t.match(onlooker.exchanges(), [{ status: 200, responseHeaders: [['x', 'z']] }]);
  t.equal(onlooker.unobserved, null);
});

t.test('a reset ends its call: the client’s as left, the server’s as failed, one after the answer not at all', async (t) => {
  const onlooker = begun(open(1), open(3), open(5), open(7));
  onlooker.client(frame(FRAME.reset, 0, 1, Buffer.alloc(4)));
  onlooker.server(frame(FRAME.reset, 0, 3, Buffer.alloc(4)));
  onlooker.server(Buffer.concat([head(5, 200), data(5, 'a'), frame(FRAME.reset, 0, 5, Buffer.alloc(4))]));
  onlooker.server(Buffer.concat([head(7, 413, END_STREAM), frame(FRAME.reset, 0, 7, Buffer.alloc(4))]));
  t.match(onlooker.exchanges(), [
    { outcome: 'aborted', status: 0 },
    { outcome: 'failed', reason: 'reset', status: 0 },
    { outcome: 'failed', reason: 'truncated', status: 200 },
    { outcome: 'answered', status: 413 },
  ]);
  t.ok(onlooker.observation.idle);
});

t.test('the end of the connection ends every call on it', async (t) => {
  const byServer = begun(open(1), open(3)).server(head(1, 200));
  byServer.observation.serverEnded();
  t.match(byServer.exchanges(), [{ reason: 'truncated' }, { reason: 'reset' }]);
  const byClient = begun(open(1));
  byClient.observation.closed(null);
  t.match(byClient.exchanges(), [{ outcome: 'aborted' }]);
});

t.test('a stream that is no plain call is left out and counted, and the others go on', async (t) => {
  const onlooker = begun(
    open(1, request({ ':method': 'CONNECT', ':scheme': null, ':path': null })),
    open(3, request({ ':method': 'CONNECT', ':protocol': 'websocket' })),
    open(5, [...request(), ['Upper-Case', 'x']]),
    open(7, [...request(), ['a', 'one\r\nb: two']]),
    open(9, request({ ':method': 'POST' }), END_STREAM),
  );
  onlooker.server(Buffer.concat([1, 3, 5, 7, 9].map((stream) => head(stream, 200, END_STREAM))));
  t.equal(onlooker.exchanges().length, 1);
  t.match(onlooker.counters(), { requests: 1, answered: 1, unobservedBy: { upgrade: 2, unreadable: 2 } });
});

t.test('an answer that is none fails its call', async (t) => {
  const onlooker = begun(open(1), open(3));
  onlooker.server(frame(FRAME.headers, END_HEADERS, 1, block([['x', 'y']])));
  onlooker.server(Buffer.concat([head(3, 200), frame(FRAME.headers, END_HEADERS | END_STREAM, 3, block([['connection', 'close']]))]));
  t.match(onlooker.exchanges(), [{ reason: 'bad-answer' }, { reason: 'truncated' }]);
});

const BROKEN: readonly (readonly [what: string, frames: () => Buffer, reason: string])[] = [
  ['a frame between the parts of a block', () => Buffer.concat([frame(FRAME.headers, 0, 1), frame(FRAME.data, 0, 1)]), 'unreadable'],
  ['a part of another stream’s block', () => Buffer.concat([frame(FRAME.headers, 0, 1), frame(FRAME.continuation, 4, 3)]), 'unreadable'],
  ['a part of no block', () => frame(FRAME.continuation, END_HEADERS, 1), 'unreadable'],
  ['data of no stream', () => data(0, 'x'), 'unreadable'],
  ['more padding than payload', () => frame(FRAME.data, PADDED, 1, Buffer.from([9, 1])), 'unreadable'],
  ['padding without a length', () => frame(FRAME.data, PADDED, 1), 'unreadable'],
  ['a header frame that is too short', () => frame(FRAME.headers, END_HEADERS | PRIORITY, 1, Buffer.from([1])), 'unreadable'],
  ['a block that is no HPACK', () => frame(FRAME.headers, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0x0f])), 'unreadable'],
  ['a block beyond 64 KiB', () => frame(FRAME.headers, END_HEADERS, 1, Buffer.alloc(70_000)), 'too-large'],
  [
    'a block in parts without end',
    () => Buffer.concat([frame(FRAME.headers, 0, 1), ...Array.from({ length: 70 }, () => frame(FRAME.continuation, 0, 1))]),
    'too-large',
  ],
  [
    'a block of many parts beyond 64 KiB',
    () =>
      Buffer.concat([
        frame(FRAME.headers, 0, 1, Buffer.alloc(16_000)),
        ...Array.from({ length: 5 }, () => frame(FRAME.continuation, 0, 1, Buffer.alloc(16_000))),
      ]),
    'too-large',
  ],
  ['streams that nobody answers', () => Buffer.concat(Array.from({ length: 1025 }, (_, i) => open(2 * i + 1))), 'too-large'],
];
for (const [what, frames, reason] of BROKEN) {
  t.test(`${what}: not observed from there on (${reason})`, async (t) => {
    const onlooker = begun(frames());
    t.equal(onlooker.unobserved, reason);
    onlooker.client(open(9001)).server(head(9001, 200, END_STREAM));
    t.same(onlooker.exchanges(), []);
    const { requests, unseen } = onlooker.counters();
    t.equal(requests, unseen);
    t.same(onlooker.faults, []);
  });
}

t.test('of a body no more is kept than the policy says, whatever frame it comes in', async (t) => {
  const onlooker = new Onlooker('h2', 100).client(PREFACE).client(open(1));
  onlooker.client(frame(FRAME.data, END_STREAM, 1, Buffer.alloc(1_000_000))).server(Buffer.concat([head(1, 200, END_STREAM)]));
  const [exchange] = onlooker.exchanges();
  t.equal(exchange?.request.bytes.length, 100);
  t.equal(exchange?.request.totalBytes, 1_000_000);
});

// ── node:http2 at both ends ──

async function http2Server(t: Test, serve: (stream: ServerHttp2Stream, path: string) => void): Promise<number> {
  const server = createServer({ paddingStrategy: constants.PADDING_STRATEGY_MAX });
  const sessions = new Set<Http2Session>();
  server.on('session', (one) => sessions.add(one));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    serve(stream, String(headers[':path']));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const one of sessions) one.destroy();
    server.close();
  });
  // A TCP server's address is an object.
  return (server.address() as AddressInfo).port;
}

t.test('ordinary calls over HTTP/2 pass as they are, hints and trailers too, and each is recorded', async (t) => {
  const seen: string[] = [];
  const port = await http2Server(t, (stream, path) => {
    stream.on('data', (piece: Buffer) => seen.push(String(piece)));
    stream.on('end', () => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 201, 'x-path': path, 'set-cookie': 'a=secret' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-tail': 'yes' }));
      stream.end(`said ${path}`);
    });
  });
  const proxy = await proxied(t, port, { mode: 'observe' });
  const client = session(t, proxy);
  const paths = Array.from({ length: 20 }, (_, i) => `/v2/models/m/infer?n=${i}`);
  const answers = await Promise.all(
    paths.map((path, i) =>
      ask(client, { ':method': 'POST', ':path': path, 'x-request-id': `id-${i}`, authorization: 'Bearer s' }, Buffer.from(path)),
    ),
  );
  for (const [i, answer] of answers.entries()) {
    t.match(answer, { status: 201, trailers: { 'x-tail': 'yes' } });
    t.equal(String(answer.body), `said ${paths[i]}`);
    t.notOk(Object.keys(answer.headers).some((name) => name.startsWith('x-driftline')));
  }
  t.equal(seen.length, 20);
  const records = new Map(await Promise.all(paths.map(async () => proxy.exchange().then((one) => [one.id, one] as const))));
  for (const [i, path] of paths.entries()) {
    const record = records.get(`id-${i}`);
    t.match(record, { path, method: 'POST', status: 201, servedBy: 'primary', outcome: 'answered', responseTrailers: [['x-tail', 'yes']] });
    t.equal(text(record!.request.bytes), path);
    t.equal(text(record!.response.bytes), `said ${path}`);
    t.notMatch(JSON.stringify(record), /Bearer|secret/);
  }
  t.same(Object.values(proxy.counters().unobservedBy), [0, 0, 0, 0, 0]);
});

t.test('a stream that one side resets is reset on the other with the same code', async (t) => {
  let byClient: (code: number) => void = () => {};
  const told = new Promise<number>((resolve) => {
    byClient = resolve;
  });
  const port = await http2Server(t, (stream, path) => {
    if (path === '/refuse') stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else stream.on('close', () => byClient(stream.rstCode ?? 0));
  });
  const proxy = await proxied(t, port, { mode: 'observe' });
  const client = session(t, proxy);
  t.match(await ask(client, { ':path': '/refuse' }), { status: 0, reset: constants.NGHTTP2_ENHANCE_YOUR_CALM });
  t.match(await proxy.exchange(), { path: '/refuse', outcome: 'failed', reason: 'reset' });
  const stream = client.request({ ':method': 'POST', ':path': '/leave' });
  const ended = answerOf(stream);
  stream.write('x', () => stream.close(constants.NGHTTP2_CANCEL));
  await ended;
  t.equal(await told, constants.NGHTTP2_CANCEL);
  t.match(await proxy.exchange(), { path: '/leave', outcome: 'aborted', status: 0 });
});

// ── gRPC ──

t.test('gRPC passes as it is and is recorded: unary, errors, streams both ways, cancellation', async (t) => {
  const server = await echoServer(t);
  const proxy = await proxied(t, server.port, { mode: 'observe', maxBodyBytes: 1024 * 1024 });
  const client = grpcClient(t, proxy.address.port);
  const metadata = new grpc.Metadata();
  metadata.set('x-request-id', 'grpc-1');
  metadata.set('own-bin', Buffer.from([1, 2, 255]));
  const unary = await call(client, `${SERVICE}unary`, [Buffer.from('hello')], metadata);
  t.equal(unary.code, grpc.status.OK);
  t.same(unary.tail.get('tail-bin'), [Buffer.from([9, 0, 128])]);
  t.same(server.seen[0]?.get('own-bin'), [Buffer.from([1, 2, 255])]);
  t.same(
    Object.keys({ ...unary.head.getMap(), ...unary.tail.getMap() }).filter((name) => name.startsWith('x-driftline')),
    [],
  );
  const record = await proxy.exchange();
  t.match(record, { id: 'grpc-1', path: `${SERVICE}unary`, status: 200, outcome: 'answered' });
  t.same(framesOf(record.request.bytes).map(String), ['hello']);
  t.same(framesOf(record.response.bytes).map(String), ['hello']);
  t.match(Object.fromEntries(record.responseTrailers ?? []), { 'grpc-status': '0', 'x-tail': 'two' });

  t.equal((await call(client, `${SERVICE}fail`, [Buffer.from('x')])).code, grpc.status.FAILED_PRECONDITION);
  const failed = await proxy.exchange();
  const statusFields = Object.fromEntries([...failed.responseHeaders, ...(failed.responseTrailers ?? [])]);
  t.match(statusFields, { 'grpc-status': '9' });

  const talk = await call(
    client,
    `${SERVICE}talk`,
    ['a', 'b', 'enough'].map((one) => Buffer.from(one)),
  );
  t.same(talk.messages.map(String), ['a', 'b']);
  const talked = await proxy.exchange();
  t.same(
    [framesOf(talked.request.bytes).map(String), framesOf(talked.response.bytes).map(String)],
    [
      ['a', 'b', 'enough'],
      ['a', 'b'],
    ],
  );

  const count = Buffer.alloc(4);
  count.writeUInt32LE(1000);
  t.equal((await call(client, `${SERVICE}pull`, [count])).messages.length, 1000);
  t.equal(framesOf((await proxy.exchange()).response.bytes).length, 1000);

  const late = await call(client, `${SERVICE}hang`, [Buffer.from('x')], new grpc.Metadata(), { deadline: Date.now() + 150 });
  t.equal(late.code, grpc.status.DEADLINE_EXCEEDED);
  await server.whenCancelled('hang');
  t.match(await proxy.exchange(), { path: `${SERVICE}hang`, outcome: 'aborted', status: 0 });
  t.match(proxy.counters(), { requests: 5, answered: 4, aborted: 1, exchanges: 5, unseen: 0 });
});

// ── a captured connection ──

interface Captured {
  readonly case: string;
  readonly request: { readonly bytes_b64: string };
  readonly response: { readonly bytes_b64: string };
}

/** A line of `expected-h2.jsonl`, whose maker says by whom it was read. */
interface Expected {
  readonly path: string;
  readonly request: readonly Header[];
  readonly answer: readonly Header[];
  readonly trailers: readonly Header[];
  readonly inputs: readonly object[] | null;
  readonly outputs: readonly object[] | null;
}

const golden = (name: string) =>
  readFileSync(new URL(`../../golden/${name}`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
const [captured] = golden('captures/h2/triton.jsonl').map((line) => JSON.parse(line) as Captured);
const expected = golden('protocols/expected-h2.jsonl').map((line) => JSON.parse(line) as Expected);
const sent = Buffer.from(captured!.request.bytes_b64, 'base64');
const came = Buffer.from(captured!.response.bytes_b64, 'base64');

function compare(t: Test, exchanges: Awaited<ReturnType<Running['exchange']>>[]): void {
  t.equal(exchanges.length, expected.length);
  const ordinary = (fields: readonly Header[]) => fields.filter(([name]) => !name.startsWith(':'));
  for (const [i, wanted] of expected.entries()) {
    const exchange = exchanges[i]!;
    t.match(exchange, { path: wanted.path, method: 'POST', status: 200, outcome: 'answered' });
    // The authority is kept as Host.
    t.strictSame(
      exchange.requestHeaders.filter(([name]) => name !== 'host'),
      ordinary(wanted.request),
    );
    t.strictSame(exchange.responseHeaders, ordinary(wanted.answer));
    t.strictSame(exchange.responseTrailers, wanted.trailers);
    const [found] = protocolsFor('auto', { inputs: [], outputs: [] }).flatMap((protocol) => {
      const target = protocol.match({ method: exchange.method, path: exchange.path, headers: exchange.requestHeaders });
      return target === null ? [] : [{ protocol, target }];
    });
    if (wanted.inputs === null) {
      t.equal(found, undefined, 'no prediction');
      continue;
    }
    const { protocol, target } = found!;
    const asked = protocol.decodeRequest({ bytes: exchange.request.bytes, headers: exchange.requestHeaders }, target);
    const said = protocol.decodeResponse({ bytes: exchange.response.bytes, headers: exchange.responseHeaders }, target);
    const plain = (tensors: readonly { data: ArrayLike<unknown> }[]) => tensors.map((one) => ({ ...one, data: Array.from(one.data) }));
    t.strictSame(plain(asked.tensors), wanted.inputs);
    t.strictSame(plain(said.tensors), wanted.outputs);
  }
}

t.test('a captured connection with Triton passes byte for byte and decodes to the tensors that the judge names', async (t) => {
  const server = await model(t, (peer) =>
    peer.socket.on('data', () => {
      if (peer.received.length === sent.length) peer.send(came);
    }),
  );
  const proxy = await proxied(t, server.port, { mode: 'observe' });
  const client = dial(t, proxy);
  client.send(sent);
  t.equal(await client.until((received) => received.length === came.length), came.toString('latin1'));
  t.equal((await server.peer(0)).received, sent.toString('latin1'));
  compare(t, [await proxy.exchange(), await proxy.exchange()]);
});

t.test('one byte at a time it is the same connection', async (t) => {
  const onlooker = new Onlooker('h2');
  for (const byte of sent) onlooker.client([byte] as unknown as Uint8Array);
  for (const byte of came) onlooker.server([byte] as unknown as Uint8Array);
  compare(t, onlooker.exchanges());
});
