import t, { type Test } from 'tap';
import { bodiesOf, type Captured, capturedExchanges, type Pairs, type Received, replay, type Transport } from '../support/captures.ts';
import { dial, model, proxied, requestSize } from './wire.ts';

t.setTimeout(120_000);

const captures = capturedExchanges();

/** How bodies are framed: as they were, or in chunks wherever a body is. */
type Framing = 'as captured' | 'chunked';

function fieldLines(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function framed(start: string, message: { headers: Pairs; framing: string; trailers?: Pairs }, body: Buffer, framing: Framing): Buffer {
  const fields = message.headers.filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name));
  const declared = message.headers.find(([name]) => /^content-length$/i.test(name));
  const parts = [`${start}\r\n${fieldLines(fields)}`];
  if (message.framing === 'chunked' || (framing === 'chunked' && message.framing !== 'none')) {
    // A body of one byte is one chunk, an empty one none.
    const third = Math.ceil(body.length / 3);
    parts.push('Transfer-Encoding: chunked\r\n\r\n');
    for (const piece of [body.subarray(0, third), body.subarray(third, 2 * third), body.subarray(2 * third)]) {
      if (piece.length > 0) parts.push(`${piece.length.toString(16)}\r\n${piece.toString('latin1')}\r\n`);
    }
    parts.push(`0\r\n${fieldLines(message.trailers ?? [])}\r\n`);
  } else {
    if (declared !== undefined) parts.push(`Content-Length: ${declared[1]}\r\n`);
    parts.push('\r\n', body.toString('latin1'));
  }
  return Buffer.from(parts.join(''), 'latin1');
}

/** A message in raw text; `start` is its first line. */
function received(text: string): Received & { readonly start: string; readonly chunked: boolean } {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const);
  let body = text.slice(end + 4);
  const chunked = lines.some((line) => /^transfer-encoding: chunked$/i.test(line));
  if (chunked) {
    let decoded = '';
    for (let at = 0; ; ) {
      const lineEnd = body.indexOf('\r\n', at);
      const size = Number.parseInt(body.slice(at, lineEnd), 16);
      if (!(size > 0)) break;
      decoded += body.slice(lineEnd + 2, lineEnd + 2 + size);
      at = lineEnd + 2 + size + 2;
    }
    body = decoded;
  }
  return { start, chunked, headers, body: Buffer.from(body, 'latin1') };
}

/** Raw sockets at both ends of a running proxy. */
async function http1(t: Test, framing: Framing): Promise<Transport & { readonly chunked: { requests: number; answers: number } }> {
  let current: Captured | null = null;
  let asked = '';
  const chunked = { requests: 0, answers: 0 };
  const server = await model(t, (peer) => {
    let read = 0;
    peer.socket.on('data', () => {
      const size = requestSize(peer.received.slice(read));
      if (size === 0) return;
      asked = peer.received.slice(read, read + size);
      read += size;
      const answer = current!.response;
      const start = `${answer.http_version} ${answer.status} ${answer.reason}`;
      const bytes = framed(start, answer, bodiesOf(current!).answered, framing);
      if (answer.framing === 'close' && framing === 'as captured') peer.socket.end(bytes);
      else peer.send(bytes);
    });
  });
  const proxy = await proxied(t, server.port, { maxBodyBytes: 1024 * 1024 });
  return {
    name: `HTTP/1.1 ${framing}`,
    lowerCase: false,
    chunked,
    async carry(captured) {
      current = captured;
      const { request } = captured;
      const client = dial(t, proxy);
      client.send(framed(`${request.method} ${request.path} HTTP/1.1`, request, bodiesOf(captured).asked, framing));
      const exchange = await proxy.exchange();
      client.socket.end();
      const there = received(asked);
      const back = received(await client.end());
      const [method, path, version] = there.start.split(' ');
      t.equal(version, 'HTTP/1.1');
      const [, status, reason] = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(back.start) ?? [];
      if (there.chunked) chunked.requests++;
      if (back.chunked) chunked.answers++;
      return { exchange, asked: { ...there, method, path }, answered: { ...back, status: Number(status), reason } };
    },
  };
}

t.test('what real model servers answered passes unchanged, and so does what they were asked', async (t) => {
  t.equal(captures.length, 347);
  t.equal(new Set(captures.map(({ server }) => server)).size, 9);
  t.equal(await replay(t, captures, await http1(t, 'as captured')), captures.length);
});

t.test('the same in chunks, requests and answers', async (t) => {
  const transport = await http1(t, 'chunked');
  await replay(t, captures, transport);
  const bodied = captures.filter(({ request }) => request.framing !== 'none').length;
  t.equal(transport.chunked.requests, bodied);
  t.ok(bodied > 250 && transport.chunked.answers > 330, `${bodied} requests and ${transport.chunked.answers} answers were chunked`);
  t.comment(`${bodied} requests and ${transport.chunked.answers} answers in chunks`);
});
