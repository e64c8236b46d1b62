/**
 * HTTP/2 connections to one upstream: opened on demand, shared by up to `MAX_STREAMS` calls each, closed when idle.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { Socket } from 'node:net';
import type { Endpoint } from '../../contracts/policy.ts';
import type { Deadline, Deadlines } from '../deadlines.ts';
import { type ClientTls, connectReason, dial } from '../dial.ts';
import { type Limits, MAX_FIELDS, MAX_HEAD_BYTES, MAX_STREAMS, MAX_UPSTREAM_SESSIONS } from '../limits.ts';
import type { Reason } from '../reasons.ts';

const OPTIONS = {
  peerMaxConcurrentStreams: MAX_STREAMS,
  // And `:status`.
  maxHeaderListPairs: MAX_FIELDS + 1,
  strictSingleValueFields: false,
};

export class UpstreamSession implements Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly http2: ClientHttp2Session;
  connected = false;
  /** Whether a call has ended on it before: then it may have been closed from the other side meanwhile. */
  reused = false;
  /** The highest stream that the server may have acted on, by its own word (GOAWAY, RFC 9113 §6.8). */
  lastTaken = Number.POSITIVE_INFINITY;
  streams = 0;
  readonly #socket: Socket;
  readonly #owner: UpstreamSessions;
  /** Whether the server has begun as one does that speaks HTTP/2 (RFC 9113 §3.4). */
  #greeted = false;
  /** Why its connection has gone; null while it stands. */
  #loss: Reason | null = null;

  constructor(owner: UpstreamSessions, endpoint: Endpoint, tls: ClientTls, windowBytes: number) {
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
      settings: { enablePush: false, initialWindowSize: windowBytes, maxHeaderListSize: MAX_HEAD_BYTES },
      createConnection: () => this.#socket,
    });
    this.http2.on('error', () => this.#lost(this.connected ? 'reset' : 'connect-failed'));
    this.http2.on('remoteSettings', () => {
      this.#greeted = true;
    });
    this.http2.on('goaway', (_code, lastStream: number) => {
      this.lastTaken = lastStream;
      owner.forget(this);
    });
    this.http2.on('close', () => owner.forget(this));
  }

  /** Whether another stream may be opened. */
  get hasRoom(): boolean {
    // Between its end and its last event `node:http2` takes streams and destroys them at once.
    if (this.http2.closed || this.http2.destroyed) return false;
    const theirs = this.http2.remoteSettings?.maxConcurrentStreams ?? MAX_STREAMS;
    return this.streams < Math.min(theirs, MAX_STREAMS);
  }

  /** Opens a stream, which counts until it has closed. `ended`: the head is all of the request. */
  open(head: readonly string[], ended: boolean): ClientHttp2Stream {
    const stream = this.http2.request(head, { endStream: ended });
    this.streams++;
    stream.on('close', () => this.#closed(stream));
    return stream;
  }

  /** Why a stream that has closed did so, if the connection went with it; null when the stream alone was reset. */
  lossOf(stream: ClientHttp2Stream): Reason | null {
    if (this.#loss !== null) return this.#loss;
    // Streams hear of their session's end before the session tells of it. Errors of `node:http2` carry a code.
    const code = (stream.errored as NodeJS.ErrnoException | null)?.code ?? 'ERR_HTTP2_STREAM_ERROR';
    if (code === 'ERR_HTTP2_ERROR') return this.#greeted ? 'bad-answer' : 'connect-failed';
    return code === 'ERR_HTTP2_STREAM_ERROR' ? null : 'reset';
  }

  expire(): void {
    if (this.streams === 0) this.http2.close();
  }

  destroy(): void {
    this.http2.destroy();
  }

  #closed({ id }: ClientHttp2Stream): void {
    this.streams--;
    this.reused = true;
    // It has none left: they are numbered, up to 2^31 - 1.
    if (id === undefined && this.connected) this.#owner.forget(this);
    if (this.streams === 0) this.#owner.idle(this);
  }

  #lost(why: Reason): void {
    this.#loss ??= why;
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

  /** A session for one more stream, when `fresh` one on which no call has ended; null when there are too many, of either. */
  take(fresh: boolean): UpstreamSession | null {
    let calls = 0;
    for (const { streams } of this.#alive) calls += streams;
    if (calls >= this.#limits.maxGrpcCalls) return null;
    let session = this.#withRoom(fresh);
    if (session === null) {
      if (this.#alive.size >= MAX_UPSTREAM_SESSIONS) return null;
      session = new UpstreamSession(this, this.#endpoint, this.#tls, this.#limits.streamWindowBytes);
      this.#open.add(session);
      this.#alive.add(session);
      const opened = session;
      session.http2.on('close', () => this.#alive.delete(opened));
      this.#deadlines.add(session);
    }
    this.#deadlines.set(session, Number.POSITIVE_INFINITY);
    return session;
  }

  #withRoom(fresh: boolean): UpstreamSession | null {
    for (const session of this.#open) if (session.hasRoom && !(fresh && session.reused)) return session;
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
