/**
 * Between a connection's acceptance and its first request: the TLS handshake where there is one, and finding out what the client speaks.
 */
import type { Socket } from 'node:net';
import { createServer, type Server as TlsServer } from 'node:tls';
import { Arrival, type Protocol } from './arrival.ts';
import type { Mode } from '../contracts/policy.ts';
import type { Pem } from './credentials.ts';
import type { DataPath } from './data-path.ts';
import { GO_AWAY, Http2Session } from './http2/session.ts';
import { Splice } from './observe/splice.ts';

/** Who has a connection at the moment. */
export interface Holder {
  /** Closes it as soon as no call is running on it any more. */
  drain(): void;
  destroy(): void;
}

export class Reception {
  readonly #path: DataPath;
  readonly #serveHttp1: (socket: Socket) => Holder;
  /** Null while the port is served in the clear. */
  #tls: TlsServer | null = null;
  /** Who reads which socket; those in a handshake are read by nobody yet. */
  readonly #holders = new Map<Socket, Holder>();
  #sessions = 0;

  constructor(path: DataPath, serveHttp1: (socket: Socket) => Holder) {
    this.#path = path;
    this.#serveHttp1 = serveHttp1;
  }

  get isSecure(): boolean {
    return this.#tls !== null;
  }

  /** Takes a certificate for what is received from now on. @throws Error when it cannot be used; nothing has changed then. */
  secure(pem: Pem | null, mode: Mode): void {
    if (pem === null || pem.cert === null || pem.key === null) {
      this.#tls = null;
      return;
    }
    const { ca, cert, key } = pem;
    const checked = { requestCert: ca !== null, rejectUnauthorized: ca !== null, ...(ca === null ? {} : { ca }) };
    const { limits, counters } = this.#path;
    // What a client speaks must be what the server does when it is only passed on; every server takes HTTP/1.1, and gRPC offers nothing but h2.
    const preferred = mode === 'observe' ? ['http/1.1', 'h2'] : ['h2', 'http/1.1'];
    // Never listens: sockets are handed to it, and it makes a new one for each certificate, so that a handshake sees one of them only.
    this.#tls = createServer(
      { cert, key, ...checked, minVersion: 'TLSv1.2', ALPNProtocols: preferred, handshakeTimeout: limits.headTimeoutMs },
      (socket) => {
        this.#forgetAtEnd(socket);
        this.#serve(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1');
      },
    ).on('tlsClientError', () => counters.add('handshakesFailed'));
  }

  receive(socket: Socket): void {
    if (this.#tls !== null) {
      // What goes wrong is told by the TLS server; without a listener a reset would end the process.
      socket.on('error', () => {});
      this.#tls.emit('connection', socket);
      return;
    }
    const { deadlines, limits } = this.#path;
    this.#forgetAtEnd(socket);
    this.#holders.set(socket, new Arrival(socket, deadlines, limits.headTimeoutMs, (protocol) => this.#serve(socket, protocol)));
  }

  drain(): void {
    for (const holder of [...this.#holders.values()]) holder.drain();
  }

  destroy(): void {
    for (const holder of [...this.#holders.values()]) holder.destroy();
  }

  #serve(socket: Socket, protocol: Protocol): void {
    contained(this.#path, socket, () => this.#handOver(socket, protocol));
  }

  #handOver(socket: Socket, protocol: Protocol): void {
    const path = this.#path;
    if (path.draining) socket.destroy();
    else if (path.traffic.mode === 'observe') this.#holders.set(socket, new Splice(socket, path, protocol));
    else if (protocol === 'http/1.1') this.#holders.set(socket, this.#serveHttp1(socket));
    else if (this.#sessions >= path.limits.maxSessions) {
      path.counters.sessionEndedBy('overloaded');
      path.refusals.refuse(socket, GO_AWAY, path.limits);
    } else {
      this.#sessions++;
      socket.once('close', () => this.#sessions--);
      this.#holders.set(socket, new Http2Session(socket, path));
    }
  }

  #forgetAtEnd(socket: Socket): void {
    socket.once('close', () => this.#holders.delete(socket));
  }
}

/** A fault of ours costs the connection it happened on. */
export function contained(path: DataPath, socket: Socket, what: () => void): void {
  try {
    what();
  } catch (fault) {
    path.report(fault);
    socket.destroy();
  }
}
