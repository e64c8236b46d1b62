/** Requests and answers of HTTP/1.1 are paired and recorded as they were. */
import fc from 'fast-check';
import t from 'tap';
import { get, ok, post } from '../wire.ts';
import { cut, Onlooker } from './onlooker.ts';

/** One call as it travels, and what must be recorded of it. */
interface Scripted {
  readonly request: string;
  readonly answer: string;
  readonly method: string;
  readonly asked: string;
  readonly answered: string;
  readonly status: number;
}

const body = fc.string({ unit: 'binary-ascii', maxLength: 200 }).map((text) => text.replaceAll(/[^\n -~]/g, '.'));

function chunked(text: string, size: number, trailer: string): string {
  let out = '';
  for (let at = 0; at < text.length; at += size) {
    const part = text.slice(at, at + size);
    out += `${part.length.toString(16)};ext="a b"\r\n${part}\r\n`;
  }
  return `${out}0\r\n${trailer}\r\n`;
}

const asking = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
    text: body,
    size: fc.integer({ min: 1, max: 50 }),
    chunks: fc.boolean(),
  })
  .map(({ method, text, size, chunks }) => {
    const line = `${method} /p HTTP/1.1\r\nHost: m\r\n`;
    if (method === 'GET' || method === 'HEAD') return { method, request: `${line}\r\n`, asked: '' };
    if (chunks) return { method, request: `${line}Transfer-Encoding: chunked\r\n\r\n${chunked(text, size, 'X-T: 1\r\n')}`, asked: text };
    return { method, request: `${line}Content-Length: ${text.length}\r\n\r\n${text}`, asked: text };
  });

const answering = fc.record({
  kind: fc.constantFrom('length', 'chunked', 'none'),
  text: body,
  size: fc.integer({ min: 1, max: 50 }),
  interim: fc.integer({ min: 0, max: 3 }),
});

const scripted = fc.tuple(asking, answering).map(([asked, { kind, text, size, interim }]): Scripted => {
  const before = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(interim);
  // A head without a body may announce one all the same (RFC 9110 §9.3.2).
  const isHead = asked.method === 'HEAD';
  if (kind === 'none') {
    const status = text.length % 2 === 0 ? 204 : 304;
    const length = status === 304 ? 'Content-Length: 77\r\n' : '';
    return { ...asked, status, answered: '', answer: `${before}HTTP/1.1 ${status} X\r\n${length}\r\n` };
  }
  const sent = kind === 'chunked' ? chunked(text, size, 'X-Sum: 2\r\n') : text;
  const framing = kind === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${text.length}`;
  const answer = `${before}HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${isHead ? '' : sent}`;
  return { ...asked, status: 200, answered: isHead ? '' : text, answer };
});

const shares = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 30 });

function recorded(onlooker: Onlooker) {
  return onlooker.exchanges().map(({ method, status, request, response, outcome }) => ({
    method,
    status,
    outcome,
    asked: Buffer.from(request.bytes).toString('latin1'),
    answered: Buffer.from(response.bytes).toString('latin1'),
  }));
}

const expected = (calls: readonly Scripted[]) =>
  calls.map(({ method, status, asked, answered }) => ({ method, status, outcome: 'answered', asked, answered }));

t.test('pipelined requests are paired with their answers in order, however both are cut', async () => {
  fc.assert(
    fc.property(fc.array(scripted, { minLength: 1, maxLength: 8 }), shares, shares, (calls, requestCuts, answerCuts) => {
      const onlooker = new Onlooker('http/1.1');
      for (const piece of cut(Buffer.from(calls.map(({ request }) => request).join(''), 'latin1'), requestCuts)) onlooker.client(piece);
      for (const piece of cut(Buffer.from(calls.map(({ answer }) => answer).join(''), 'latin1'), answerCuts)) onlooker.server(piece);
      const seen = recorded(onlooker);
      onlooker.observation.closed(null);
      const { requests, answered, exchanges } = onlooker.counters();
      return (
        JSON.stringify(seen) === JSON.stringify(expected(calls)) &&
        onlooker.observation.idle === false &&
        onlooker.unobserved === null &&
        requests === calls.length &&
        answered === calls.length &&
        exchanges === calls.length
      );
    }),
    { seed: 42, numRuns: 400 },
  );
});

t.test('one after the other they are paired too, and the last may end with the connection', async () => {
  fc.assert(
    fc.property(fc.array(scripted, { minLength: 1, maxLength: 6 }), shares, body, (calls, cuts, last) => {
      const onlooker = new Onlooker('http/1.1');
      for (const { request, answer } of calls) {
        for (const piece of cut(Buffer.from(request, 'latin1'), cuts)) onlooker.client(piece);
        for (const piece of cut(Buffer.from(answer, 'latin1'), cuts)) onlooker.server(piece);
        if (!onlooker.observation.idle) return false;
      }
      onlooker.client(get('/last')).server(`HTTP/1.1 200 OK\r\n\r\n${last}`);
      onlooker.observation.serverEnded();
      const seen = recorded(onlooker);
      return (
        JSON.stringify(seen) ===
        JSON.stringify([...expected(calls), { method: 'GET', status: 200, outcome: 'answered', asked: '', answered: last }])
      );
    }),
    { seed: 43, numRuns: 200 },
  );
});

t.test(
  'an answer before the request’s end is the call’s, with what had come of the body, and the next one is paired as ever',
  async (t) => {
    const onlooker = new Onlooker('http/1.1');
    onlooker.client('POST /big HTTP/1.1\r\nHost: m\r\nContent-Length: 10\r\n\r\nabc').server(ok('too much').replace('200 OK', '413 X'));
    t.match(onlooker.exchanges(), [{ status: 413, request: { totalBytes: 3 }, outcome: 'answered' }]);
    t.notOk(onlooker.observation.idle);
    onlooker.client(`defghij${post('/next', 'z')}`).server(ok('fine'));
    t.match(onlooker.exchanges(), [{ path: '/next', status: 200, request: { totalBytes: 1 } }]);
    t.ok(onlooker.observation.idle);
  },
);

t.test('an expectation and its 100 belong to the call', async (t) => {
  const onlooker = new Onlooker('http/1.1');
  onlooker
    .client('POST /p HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    .server('HTTP/1.1 100 Continue\r\n\r\n')
    .client('abc')
    .server(ok('fine'));
  t.match(onlooker.exchanges(), [{ status: 200, request: { totalBytes: 3 }, response: { totalBytes: 4 } }]);
});

t.test('the id is the caller’s own, or one for the record; the trace is the caller’s, or none; secrets are left out', async (t) => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const onlooker = new Onlooker('http/1.1');
  onlooker
    .client(post('/p', '{}', `ce-id: own\r\nAuthorization: Bearer s\r\ntraceparent: 00-${trace}-b7ad6b7169203331-01\r\n`))
    .server(ok('1', 'Set-Cookie: s=secret\r\n'))
    .client(post('/p', '{}'))
    .server(ok('2'));
  const [own, made] = onlooker.exchanges();
  t.equal(own?.id, 'own');
  t.match(
    own?.traceparent,
    new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`),
    'a span of its own: the caller’s is the caller’s',
  );
  t.notMatch(JSON.stringify([own?.requestHeaders, own?.responseHeaders]), /Bearer|secret/);
  t.match(made?.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  t.equal(made?.traceparent, '');
});

t.test('no more of a body is kept than the policy says, and all of it is counted', async (t) => {
  const onlooker = new Onlooker('http/1.1', 100);
  onlooker.client(post('/p', 'x'.repeat(5000))).server(ok('y'.repeat(7000)));
  const [exchange] = onlooker.exchanges();
  t.equal(exchange?.request.bytes.length, 100);
  t.equal(exchange?.response.bytes.length, 100);
  t.match(exchange, { request: { totalBytes: 5000 }, response: { totalBytes: 7000 } });
});

const ENDS = [
  { who: 'the client', end: (one: Onlooker) => one.observation.closed(null), outcome: 'aborted', reason: null },
  { who: 'the server', end: (one: Onlooker) => one.observation.closed('reset'), outcome: 'failed', reason: 'reset' },
  { who: 'the server, orderly', end: (one: Onlooker) => one.observation.serverEnded(), outcome: 'failed', reason: 'reset' },
  {
    who: 'the server, after a client that had closed',
    end: (one: Onlooker) => {
      one.observation.clientEnded();
      one.observation.serverEnded();
    },
    outcome: 'aborted',
    reason: null,
  },
];
for (const { who, end, outcome, reason } of ENDS) {
  t.test(`calls without an answer when ${who} ends the connection are ${outcome}`, async (t) => {
    const onlooker = new Onlooker('http/1.1');
    onlooker.client(get('/1') + get('/2')).server(ok('one'));
    end(onlooker);
    onlooker.observation.closed(null);
    t.match(onlooker.exchanges(), [
      { path: '/1', outcome: 'answered' },
      { path: '/2', outcome, reason, status: 0 },
    ]);
    const { requests, answered, failed, aborted } = onlooker.counters();
    t.equal(requests, answered + failed + aborted);
  });
}

t.test('an answer that breaks off is truncated', async (t) => {
  for (const part of [
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  ]) {
    const onlooker = new Onlooker('http/1.1');
    onlooker.client(get('/')).server(part);
    onlooker.observation.serverEnded();
    t.match(onlooker.exchanges(), [{ outcome: 'failed', reason: 'truncated', status: 200, response: { totalBytes: 3 } }]);
  }
});

const UNREADABLE: readonly (readonly [what: string, client: string, server: string, reason: string])[] = [
  ['two lengths', 'POST / HTTP/1.1\r\nHost: m\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', '', 'unreadable'],
  ['a length beside chunks', 'POST / HTTP/1.1\r\nHost: m\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', '', 'unreadable'],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: m\n\n', '', 'unreadable'],
  [
    'a chunk that is longer than its size',
    'POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n',
    '',
    'unreadable',
  ],
  ['an answer that nobody asked for', '', 'HTTP/1.1 408 Request Timeout\r\n\r\n', 'unreadable'],
  ['an answer that is none', get('/'), 'ICY 200 OK\r\n', 'unreadable'],
  ['bytes beyond an answer', get('/'), `${ok('a')}b`, 'unreadable'],
  ['a request for a WebSocket', get('/', 'Upgrade: websocket\r\n'), '', 'upgrade'],
  ['a request for a tunnel', 'CONNECT m:443 HTTP/1.1\r\nHost: m:443\r\n\r\n', '', 'upgrade'],
  ['an answer that switches protocols', get('/', 'Upgrade: h2c\r\n'), 'HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n', 'upgrade'],
  ['a TLS handshake', '\x16\x03\x01\x02\x00', '', 'tls'],
  ['a head without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}`, '', 'too-large'],
  ['requests that nobody answers', get('/').repeat(65), '', 'too-large'],
  ['interim answers without end', get('/'), 'HTTP/1.1 103 X\r\n\r\n'.repeat(33), 'unreadable'],
];
for (const [what, client, server, reason] of UNREADABLE) {
  t.test(`${what}: not observed from there on (${reason}), and nothing is guessed`, async (t) => {
    const onlooker = new Onlooker('http/1.1');
    onlooker.client(get('/first')).server(ok('fine'));
    t.equal(onlooker.exchanges().length, 1);
    const fresh = reason === 'tls' ? new Onlooker('http/1.1') : onlooker;
    if (client !== '') fresh.client(client);
    if (server !== '') fresh.server(server);
    t.equal(fresh.unobserved, reason);
    fresh.client(get('/later')).server(ok('later'));
    fresh.observation.closed('reset');
    t.notOk(fresh.exchanges().some(({ path }) => path === '/later'));
    const { requests, answered, failed, aborted, unseen } = fresh.counters();
    t.equal(requests, answered + failed + aborted + unseen);
    t.same(fresh.faults, []);
  });
}
