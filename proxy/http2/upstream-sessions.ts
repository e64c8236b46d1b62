/**
 * HTTP/2 connections to one upstream: opened on demand, shared by up to `MAX_STREAMS` calls each, closed when idle.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import type { Socket } from 'node:net';
import type { Endpoint } from '../../contracts/policy.ts';
import type { Deadline, Deadlines } from '../deadlines.ts';
import { type ClientTls, connectReason, dial } from '../dial.ts';
import { type Limits, MAX_HEAD_BYTES, MAX_STREAMS, MAX_UPSTREAM_SESSIONS, STREAM_WINDOW_BYTES } from '../limits.ts';
import type { Reason } from '../reasons.ts';

const OPTIONS = {
  settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: MAX_HEAD_BYTES },
  peerMaxConcurrentStreams: MAX_STREAMS,
  strictSingleValueFields: false,
};

export class UpstreamSession implements Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly http2: ClientHttp2Session;
  connected = false;
  /** Whether a call was answered on it before: then it may have been closed from the other side meanwhile. */
  reused = false;
  /** Why its connection has gone; null while it stands. */
  failure: Reason | null = null;
  streams = 0;
  readonly #socket: Socket;
  readonly #owner: UpstreamSessions;

  constructor(owner: UpstreamSessions, endpoint: Endpoint, tls: ClientTls) {
    this.#owner = owner;
    this.#socket = dial(endpoint, tls, 'h2', {
      connected: () => {
        this.connected = true;
      },
    });
    // Before `node:http2` hears of it: it resets the streams, and their calls ask why.
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(this.connected ? 'reset' : connectReason(error.code)));
    this.#socket.on('close', () => this.#lost(this.connected ? 'reset' : 'connect-failed'));
    const scheme = endpoint.secure === true ? 'https' : 'http';
    this.http2 = connect(`${scheme}://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`, {
      ...OPTIONS,
      createConnection: () => this.#socket,
    });
    this.http2.on('error', () => this.#lost(this.connected ? 'reset' : 'connect-failed'));
    this.http2.on('goaway', () => owner.forget(this));
    this.http2.on('close', () => owner.forget(this));
  }

  /** Whether another stream may be opened. */
  get hasRoom(): boolean {
    const theirs = this.http2.remoteSettings?.maxConcurrentStreams ?? MAX_STREAMS;
    return this.streams < Math.min(theirs, MAX_STREAMS);
  }

  /** A call on it has ended. */
  release(): void {
    this.streams--;
    this.reused = true;
    if (this.streams === 0) this.#owner.idle(this);
  }

  expire(): void {
    if (this.streams === 0) this.http2.close();
  }

  destroy(): void {
    this.http2.destroy();
  }

  #lost(why: Reason): void {
    this.failure ??= why;
    this.#owner.forget(this);
  }
}

export class UpstreamSessions {
  readonly #endpoint: Endpoint;
  readonly #tls: ClientTls;
  readonly #limits: Limits;
  readonly #deadlines: Deadlines;
  /** Those that take calls. */
  readonly #open = new Set<UpstreamSession>();
  /** All that have not closed. */
  readonly #alive = new Set<UpstreamSession>();
  #retired = false;

  constructor(endpoint: Endpoint, tls: ClientTls, limits: Limits, deadlines: Deadlines) {
    this.#endpoint = endpoint;
    this.#tls = tls;
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  /** A session for one more stream, a new one when `fresh`; null when there are too many. */
  take(fresh: boolean): UpstreamSession | null {
    let session = fresh ? null : this.#withRoom();
    if (session === null) {
      if (this.#alive.size >= MAX_UPSTREAM_SESSIONS) return null;
      session = new UpstreamSession(this, this.#endpoint, this.#tls);
      this.#open.add(session);
      this.#alive.add(session);
      const opened = session;
      session.http2.on('close', () => this.#alive.delete(opened));
      this.#deadlines.add(session);
    }
    session.streams++;
    this.#deadlines.set(session, Number.POSITIVE_INFINITY);
    return session;
  }

  #withRoom(): UpstreamSession | null {
    for (const session of this.#open) if (session.hasRoom) return session;
    return null;
  }

  /** Its last call has ended. */
  idle(session: UpstreamSession): void {
    if (this.#retired || !this.#open.has(session)) session.http2.close();
    else this.#deadlines.set(session, performance.now() + this.#limits.sessionIdleMs);
  }

  /** Gives it no more calls. */
  forget(session: UpstreamSession): void {
    this.#open.delete(session);
    this.#deadlines.delete(session);
  }

  /** Takes no more calls; running ones end undisturbed. */
  retire(): void {
    this.#retired = true;
    for (const session of [...this.#open]) {
      this.forget(session);
      if (session.streams === 0) session.http2.close();
    }
  }

  close(): void {
    this.retire();
    for (const session of [...this.#alive]) session.destroy();
  }
}
