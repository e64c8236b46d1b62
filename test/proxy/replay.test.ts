import { readFileSync, readdirSync } from 'node:fs';
import t from 'tap';
import { dial, model, proxied, requestSize } from './wire.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

/** A line of `test/golden/captures`, whose README says where it was recorded. */
interface Captured {
  readonly case: string;
  readonly server: string;
  readonly protocol: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Pairs;
    readonly framing: string;
    readonly body_b64: string;
  };
  readonly response: {
    readonly http_version: string;
    readonly status: number;
    readonly reason: string;
    readonly headers: Pairs;
    readonly framing: string;
    readonly body_b64: string;
    readonly chunks?: readonly (readonly [ms: number, size: number])[];
    readonly trailers?: Pairs;
  } | null;
}

const folder = new URL('../golden/captures/', import.meta.url);
const captures = readdirSync(folder)
  .filter((file) => file.endsWith('.jsonl'))
  .flatMap((file) => readFileSync(new URL(file, folder), 'utf8').split('\n'))
  .filter((line) => line !== '')
  // The lines were written by the recorder in the shape above.
  .map((line) => JSON.parse(line) as Captured)
  .filter((captured) => captured.protocol === 'http/1.1' && captured.response !== null);

const NOT_COMPARED = /^(connection|keep-alive|transfer-encoding|content-length|te|upgrade|proxy-connection|x-driftline-.*|traceparent)$/i;

function fieldLines(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function framed(start: string, message: { headers: Pairs; framing: string; trailers?: Pairs }, body: Buffer): Buffer {
  const fields = message.headers.filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name));
  const declared = message.headers.find(([name]) => /^content-length$/i.test(name));
  const parts = [`${start}\r\n${fieldLines(fields)}`];
  if (message.framing === 'chunked') {
    const half = body.length >> 1;
    parts.push('Transfer-Encoding: chunked\r\n\r\n');
    for (const piece of [body.subarray(0, half), body.subarray(half)]) {
      if (piece.length > 0) parts.push(`${piece.length.toString(16)}\r\n${piece.toString('latin1')}\r\n`);
    }
    parts.push(`0\r\n${fieldLines(message.trailers ?? [])}\r\n`);
  } else {
    if (declared !== undefined) parts.push(`Content-Length: ${declared[1]}\r\n`);
    parts.push('\r\n', body.toString('latin1'));
  }
  return Buffer.from(parts.join(''), 'latin1');
}

/** Status line, fields and decoded body of a message in raw text. */
function taken(text: string): { start: string; fields: string[]; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  let body = text.slice(end + 4);
  if (lines.some((line) => /^transfer-encoding: chunked$/i.test(line))) {
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
  return { start, fields: lines.filter((line) => !NOT_COMPARED.test(line.slice(0, line.indexOf(':')))), body };
}

function compared(pairs: Pairs): string[] {
  return pairs.filter(([name]) => !NOT_COMPARED.test(name)).map(([name, value]) => `${name}: ${value}`);
}

t.test('what real model servers answered passes unchanged, and so does what they were asked', async (t) => {
  t.ok(captures.length >= 40);
  t.ok(new Set(captures.map((captured) => captured.server)).size >= 4);
  let current: Captured | null = null;
  let asked = '';
  const server = await model(t, (peer) => {
    let read = 0;
    peer.socket.on('data', () => {
      const size = requestSize(peer.received.slice(read));
      if (size === 0) return;
      asked = peer.received.slice(read, read + size);
      read += size;
      const answer = current!.response!;
      const bytes = framed(`${answer.http_version} ${answer.status} ${answer.reason}`, answer, Buffer.from(answer.body_b64, 'base64'));
      if (answer.framing === 'close') peer.socket.end(bytes);
      else peer.send(bytes);
    });
  });
  const proxy = await proxied(t, server.port, { maxBodyBytes: 1024 * 1024 });
  for (const captured of captures) {
    current = captured;
    const { request, response } = captured;
    const client = dial(t, proxy);
    const body = Buffer.from(request.body_b64, 'base64');
    client.send(framed(`${request.method} ${request.path} HTTP/1.1`, request, body));
    const exchange = await proxy.exchange();
    client.socket.end();
    const got = taken(await client.end());
    const name = `${captured.server} ${captured.case}`;
    const answerBody = Buffer.from(response!.body_b64, 'base64');
    t.equal(got.start, `HTTP/1.1 ${response!.status} ${response!.reason}`, name);
    t.same(got.fields, compared(response!.headers), name);
    t.ok(Buffer.from(got.body, 'latin1').equals(answerBody), `${name}: answer body`);
    const sent = taken(asked);
    t.equal(sent.start, `${request.method} ${request.path} HTTP/1.1`, name);
    t.same(sent.fields, compared(request.headers), name);
    t.ok(Buffer.from(sent.body, 'latin1').equals(body), `${name}: request body`);
    t.match(exchange, { status: response!.status, outcome: 'answered', path: request.path }, name);
    t.ok(body.equals(exchange.request.bytes) && answerBody.equals(exchange.response.bytes), `${name}: captured bodies`);
  }
});
