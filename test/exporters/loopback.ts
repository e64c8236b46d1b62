/**
 * An HTTP server on loopback that answers as a test tells it.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Without its content encoding; bytes as Latin-1 characters, so that text inside binary can be found. */
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly headers?: { readonly [name: string]: string };
}

export interface Loopback {
  readonly url: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

/** Starts a server; `answer` decides on each request, null leaves it without an answer. */
export async function listen(answer: (request: SeenRequest) => Answer | null): Promise<Loopback> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const body = (incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('latin1');
    const request = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body };
    seen.push(request);
    const given = answer(request);
    if (given !== null) outgoing.writeHead(given.status, given.headers).end(given.body ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
