/**
 * A client's connection joined to one of its own at the server: bytes go both ways unchanged, each way as fast as its reader, ends and
 * resets included. What passes is read along afterwards; nothing waits for that.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Protocol } from '../arrival.ts';
import type { DataPath } from '../data-path.ts';
import type { Deadline } from '../deadlines.ts';
import { connectReason, dial } from '../dial.ts';
import { Outlet } from '../outlet.ts';
import { lasting } from '../reading.ts';
import type { Reason } from '../reasons.ts';
import type { Holder } from '../reception.ts';
import { Observation } from './tap.ts';

/** How long a silent connection stands before the kernel asks whether the other side is still there. No other silence ends one. */
const PROBE_AFTER_MS = 60_000;

export class Splice implements Holder, Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #path: DataPath;
  readonly #observation: Observation;
  #connected = false;

  /** `protocol` is what the client was found to speak; gRPC may have a server of its own. */
  constructor(client: Socket, path: DataPath, protocol: Protocol) {
    const { upstream } = path.traffic.primary;
    const evict = () => this.destroy();
    const toClient = new Outlet(client, path.held, () => this.#server.resume(), evict);
    this.#client = client;
    this.#path = path;
    this.#observation = new Observation(path, protocol);
    this.#server = dial(protocol === 'h2' ? (upstream.grpc ?? upstream) : upstream, upstream.clientTls, protocol, {
      connected: () => {
        this.#connected = true;
        path.deadlines.delete(this);
      },
      received: (passing) => {
        const bytes = lasting(passing);
        if (!toClient.write(bytes)) this.#server.pause();
        this.#observation.fromServer(bytes);
        this.#leaveWhenIdle();
      },
    });
    path.deadlines.add(this);
    path.deadlines.set(this, performance.now() + path.limits.connectTimeoutMs);
    const server = this.#server;
    const toServer = new Outlet(server, path.held, () => client.resume(), evict, true);
    for (const socket of [client, server]) {
      // One side's end is passed on to the other, and ends nothing by itself.
      socket.allowHalfOpen = true;
      socket.setKeepAlive(true, PROBE_AFTER_MS);
    }
    client.on('data', (bytes: Buffer) => {
      if (!toServer.write(bytes)) client.pause();
      this.#observation.fromClient(bytes);
    });
    client.on('end', () => {
      server.end();
      this.#observation.clientEnded();
    });
    server.on('end', () => {
      // A reset that a write has found out.
      if (toServer.failedBy === 'ECONNRESET') {
        server.destroy();
        return;
      }
      if (toServer.failedBy === null) client.end();
      // It takes no more either.
      else client.destroySoon();
      this.#observation.serverEnded();
    });
    // Whoever goes first says why: what the other side's end brings about comes later.
    client.on('error', () => this.#observation.closed(null));
    server.on('error', (error: NodeJS.ErrnoException) => this.#observation.closed(this.#connected ? 'reset' : connectReason(error.code)));
    client.on('close', () => this.#gone(client, server, null));
    server.on('close', () => this.#gone(server, client, this.#connected ? 'reset' : 'connect-failed'));
    client.resume();
  }

  /** Closes as soon as no call is seen on it; one that is not observed is broken off when the time is up. */
  drain(): void {
    this.#leaveWhenIdle();
  }

  destroy(): void {
    this.#observation.closed(null);
    this.#client.destroy();
    this.#server.destroy();
  }

  /** The server has not taken the connection in time. */
  expire(): void {
    this.#observation.closed('connect-timeout');
    this.#server.destroy();
  }

  #leaveWhenIdle(): void {
    if (!this.#path.draining || !this.#observation.idle) return;
    this.#client.destroySoon();
    this.#server.destroySoon();
  }

  /** `one` has closed. Unless both of its ends had come before, the other side must see that something was broken off. */
  #gone(one: Socket, other: Socket, reason: Reason | null): void {
    this.#path.deadlines.delete(this);
    this.#observation.closed(reason);
    if (one.readableEnded && one.writableFinished) return;
    if (other instanceof TLSSocket) other.destroy();
    else other.resetAndDestroy();
  }
}
