import { once } from 'node:events';
import t from 'tap';
import { bodiesOf, type Captured, capturedExchanges, type Pairs, replay } from '../../support/captures.ts';
import { model, proxied, requestSize } from '../wire.ts';
import { session } from './h2-wire.ts';

t.setTimeout(120_000);

/** What HTTP/2 says in pseudo-fields, or in a way of its own. */
const NOT_COMPARED = /^(host|cookie|expect|trailer)$/i;
const NOT_IN_HTTP2 = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|host|expect|te|content-length)$/i;

function fieldLines(pairs: Pairs): string {
  return pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function framed({ response }: Captured, body: Buffer): Buffer {
  const fields = response.headers.filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name));
  const declared = response.headers.find(([name]) => /^content-length$/i.test(name));
  const head = `${response.http_version} ${response.status} ${response.reason}\r\n${fieldLines(fields)}`;
  if (response.framing !== 'chunked') {
    return Buffer.from(
      `${head}${declared === undefined ? '' : `Content-Length: ${declared[1]}\r\n`}\r\n${body.toString('latin1')}`,
      'latin1',
    );
  }
  const chunk = body.length === 0 ? '' : `${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n`;
  return Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`, 'latin1');
}

t.test('what real model servers answered over HTTP/1.1 passes unchanged to a client of HTTP/2, and so does what it asks', async (t) => {
  let current: Captured | null = null;
  let asked = '';
  const server = await model(t, (peer) => {
    let read = 0;
    peer.socket.on('data', () => {
      const size = requestSize(peer.received.slice(read));
      if (size === 0) return;
      asked = peer.received.slice(read, read + size);
      read += size;
      const bytes = framed(current!, bodiesOf(current!).answered);
      if (current!.response.framing === 'close') peer.socket.end(bytes);
      else peer.send(bytes);
    });
  });
  const proxy = await proxied(t, server.port, { maxBodyBytes: 1024 * 1024 });
  const client = session(t, proxy);
  const captures = capturedExchanges();
  t.ok(captures.length > 300);
  await replay(t, captures, {
    name: 'HTTP/2',
    lowerCase: true,
    notCompared: NOT_COMPARED,
    async carry(captured) {
      current = captured;
      const { request } = captured;
      const body = bodiesOf(captured).asked;
      const fields = request.headers.filter(([name]) => !NOT_IN_HTTP2.test(name)).flatMap(([name, value]) => [name.toLowerCase(), value]);
      // Half of the bodies say how long they are.
      const length = request.framing === 'content-length' ? ['content-length', String(body.length)] : [];
      const head = [':method', request.method, ':path', request.path, ':scheme', 'http', ':authority', 'model', ...fields, ...length];
      const stream = client.request(head, { endStream: request.framing === 'none' });
      if (request.framing !== 'none') stream.end(body);
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      const [headers, , raw] = (await once(stream, 'response')) as [{ ':status': number }, number, string[]];
      if (!stream.readableEnded) await once(stream, 'end');
      const back: [string, string][] = [];
      for (let i = 0; i < raw.length; i += 2) if (!raw[i]!.startsWith(':')) back.push([raw[i]!, raw[i + 1]!]);
      const there = whole(asked);
      return {
        exchange: await proxy.exchange(),
        asked: there,
        answered: { headers: back, body: Buffer.concat(pieces), status: headers[':status'] },
      };
    },
  });
});

/** A request in raw text, framing removed. */
function whole(text: string): { method: string; path: string; headers: Pairs; body: Buffer } {
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const [method = '', path = ''] = start.split(' ');
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const);
  let body = text.slice(end + 4);
  if (/transfer-encoding: chunked/i.test(text.slice(0, end))) {
    let rest = body;
    body = '';
    for (let size = Number.parseInt(rest, 16); size > 0; size = Number.parseInt(rest, 16)) {
      const at = rest.indexOf('\r\n') + 2;
      body += rest.slice(at, at + size);
      rest = rest.slice(at + size + 2);
    }
  }
  return { method, path, headers, body: Buffer.from(body, 'latin1') };
}
