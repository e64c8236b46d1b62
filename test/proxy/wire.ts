/**
 * Raw-byte clients, recording model servers and a running proxy for the tests of the data path.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { CapturedBody, Exchange } from '../../contracts/exchange.ts';
import type { Upstream } from '../../contracts/policy.ts';
import { Counters } from '../../proxy/counters.ts';
import { Held } from '../../proxy/held.ts';
import { openProxy, type Proxy as OpenProxy, type ProxyOptions } from '../../proxy/proxy.ts';
import { RingReader } from '../../proxy/ring.ts';

interface Teardown {
  teardown(end: () => unknown): void;
}

/** A TCP peer that remembers what it was sent, as latin1 text. */
export class Peer {
  readonly socket: Socket;
  received = '';
  ended = false;
  closed = false;
  reset = false;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    const look = () => {
      for (const watcher of [...this.#watchers]) watcher();
    };
    socket.on('data', (bytes) => {
      this.received += bytes.toString('latin1');
      look();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.reset = error.code === 'ECONNRESET';
    });
    socket.on('end', () => {
      this.ended = true;
      look();
    });
    socket.on('close', () => {
      this.closed = true;
      look();
    });
  }

  send(text: string | Buffer): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves with everything received once it holds `what`, or what `what` says of it. */
  until(what: string | RegExp | ((text: string) => boolean)): Promise<string> {
    const holds = () =>
      typeof what === 'string' ? this.received.includes(what) : what instanceof RegExp ? what.test(this.received) : what(this.received);
    return this.#when(holds, `until ${what}`);
  }

  /** Resolves with everything received once the other side has closed. */
  end(): Promise<string> {
    return this.#when(() => this.ended || this.closed, 'end');
  }

  #when(holds: () => boolean, what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`nothing came of \`${what}\`; received: ${JSON.stringify(this.received.slice(-2000))}`));
      }, 8000);
      const watch = () => {
        if (holds()) {
          stop();
          resolve(this.received);
        } else if (this.closed) {
          stop();
          reject(new Error(`closed before \`${what}\`; received: ${JSON.stringify(this.received.slice(-2000))}`));
        }
      };
      this.#watchers.add(watch);
      watch();
    });
  }
}

/** A client connected to the proxy, from a loopback address of its choice. */
export function dial(t: Teardown, proxy: { readonly address: { readonly host: string; readonly port: number } }, from = '127.0.0.1'): Peer {
  const socket = connect({ ...proxy.address, allowHalfOpen: true, localAddress: from });
  t.teardown(() => socket.destroy());
  return new Peer(socket);
}

export interface Model {
  readonly port: number;
  /** Every connection it got, oldest first. */
  readonly peers: Peer[];
  /** Resolves with the n-th connection, counted from 0. */
  peer(n: number): Promise<Peer>;
  /** Closes the port and all connections. */
  stop(): Promise<void>;
}

/** A server that does with each new connection what `serve` says. */
export async function model(t: Teardown, serve: (peer: Peer, n: number) => void): Promise<Model> {
  const peers: Peer[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    serve(peer, peers.length - 1);
    server.emit('peer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    for (const peer of peers) peer.socket.destroy();
    await once(server, 'close');
  };
  t.teardown(stop);
  return {
    // A TCP server's address is an object.
    port: (server.address() as AddressInfo).port,
    peers,
    stop,
    async peer(n) {
      while (peers[n] === undefined) await once(server, 'peer');
      return peers[n];
    },
  };
}

/** Answers each complete request with what `answer` makes of its text; null = no answer. Understands Content-Length and chunks. */
export function answering(answer: (request: string, peer: Peer, count: number) => string | Buffer | null): (peer: Peer) => void {
  return (peer) => {
    let read = 0;
    let count = 0;
    peer.socket.on('data', () => {
      for (let size = requestSize(peer.received.slice(read)); size > 0; size = requestSize(peer.received.slice(read))) {
        const request = peer.received.slice(read, read + size);
        read += size;
        const out = answer(request, peer, count);
        count++;
        if (out !== null) peer.send(out);
      }
    });
  };
}

/** Characters of the first whole request in the text, or 0. */
export function requestSize(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return 0;
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2));
  if (length !== null) return text.length >= head + 4 + Number(length[1]) ? head + 4 + Number(length[1]) : 0;
  if (!/\r\ntransfer-encoding: chunked\r\n/i.test(text.slice(0, head + 2))) return head + 4;
  const end = /\r\n0\r\n(?:[^\r]+\r\n)*\r\n/.exec(text.slice(head + 2));
  return end === null ? 0 : head + 2 + end.index + end[0].length;
}

export function ok(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

export function post(path: string, body: string, fields = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: model\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

export function get(path: string, fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: model\r\n${fields}\r\n`;
}

/** Of which nothing is ever too much. */
export function boundless(): Held {
  return new Held(Number.POSITIVE_INFINITY, new Counters(), (fault) => {
    throw fault;
  });
}

export interface Running extends OpenProxy {
  /** The next exchange. */
  exchange(): Promise<Exchange>;
  /** The next exchange if one is there already. */
  waiting(): Exchange | null;
}

export function upstream(port: number, change: Partial<Upstream> = {}): Upstream {
  return { name: 'model', host: '127.0.0.1', port, timeoutMs: 5000, version: null, ...change };
}

/** A proxy in front of the port, closed at the end of the test; a fault inside it fails the test run. */
export async function proxied(t: Teardown, port: number, change: Partial<ProxyOptions> = {}): Promise<Running> {
  const proxy = await openProxy({
    listen: { host: '127.0.0.1', port: 0 },
    upstreams: [upstream(port)],
    fallback: null,
    active: 'model',
    maxBodyBytes: 64 * 1024,
    ringBytes: 4 * 1024 * 1024,
    onFault: (fault) => {
      throw fault;
    },
    ...change,
  });
  t.teardown(() => proxy.close());
  const reader = new RingReader(proxy.rings[0]!);
  return {
    ...proxy,
    waiting: () => reader.read(),
    async exchange() {
      const until = performance.now() + 8000;
      for (;;) {
        const exchange = reader.read();
        if (exchange !== null) return owned(exchange);
        if (performance.now() > until) throw new Error('no exchange came');
        await reader.waitForMore(100);
      }
    },
  };
}

/** Waits for what another thread or another side does: it becomes visible a moment later. */
export async function settled(holds: () => boolean): Promise<void> {
  const until = performance.now() + 8000;
  while (!holds()) {
    if (performance.now() > until) throw new Error(String(holds));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** An exchange whose bodies stay when the next is read. */
export function owned(exchange: Exchange): Exchange {
  const copy = (body: CapturedBody) => ({ ...body, bytes: Buffer.from(body.bytes) });
  return { ...exchange, request: copy(exchange.request), response: copy(exchange.response) };
}

/** Both ways of reading HTTP/1.1, for suites that hold for either. */
export const parsers = (['driftline', 'node'] as const).map((parser) => ({
  parser,
  proxied: (t: Teardown, port: number, change: Partial<ProxyOptions> = {}) => proxied(t, port, { parser, ...change }),
}));

/** A port on which nobody listens. */
export async function deadPort(t: Teardown): Promise<number> {
  const gone = await model(t, () => {});
  await gone.stop();
  return gone.port;
}
