/**
 * A connection to an upstream, and the attempt that uses it at the moment: one at a time.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Header } from '../contracts/exchange.ts';
import { AnswerReader } from './answer-reader.ts';
import type { Attempt, AttemptRequest, AttemptUser } from './attempt.ts';
import { lastChunk } from './chunks.ts';
import { connectReason, dial } from './dial.ts';
import { Outlet } from './outlet.ts';
import { releaseRead } from './reading.ts';
import type { Reason } from './reasons.ts';
import type { ConnectionPool } from './upstream.ts';
import { Head, writeMessage } from './write.ts';

export class UpstreamConnection implements Attempt {
  connected = false;
  /** When it fell idle, on `performance.now()`. */
  idleSince = 0;
  headSince = Number.POSITIVE_INFINITY;
  readonly #socket: Socket;
  readonly #outlet: Outlet;
  readonly #pool: ConnectionPool;
  /** Whether a call was answered on it before. */
  #reused = false;
  /** Reads one answer after the other. */
  readonly #reader: AnswerReader;
  #user: AttemptUser | null = null;
  /** The request's, until it goes out together with the first bytes of the body. */
  readonly #head = new Head();
  #chunked = false;
  /** Whether the request is sent to its end: only then may another follow. */
  #sent = false;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
    this.#reader = new AnswerReader(pool.answers);
    this.#socket = dial(pool.target, pool.target.clientTls, 'http/1.1', {
      connected: () => {
        this.connected = true;
        this.#tell(this.#user, (user) => user.moved());
      },
      received: (bytes) => {
        if (this.#read(bytes)) releaseRead();
      },
    });
    this.#outlet = new Outlet(
      this.#socket,
      pool.held,
      () => this.#tell(this.#user, (user) => user.drained()),
      () => this.#tell(this.#user, (user) => user.evict()),
      true,
    );
    // A reset that a write has found out looks like an end to whoever reads, except behind the other side's own end (Linux: EPIPE).
    this.#socket.on('end', () => this.#lose(this.#outlet.failedBy === 'ECONNRESET' ? 'reset' : 'end'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lose(this.connected ? 'reset' : connectReason(error.code)));
    this.#socket.on('close', () => this.#lose('reset'));
  }

  /** Takes it for a call. */
  begin(user: AttemptUser, { request, identity }: AttemptRequest): void {
    const { head, bytes, needsHost } = request;
    const { host, port } = this.#pool.target;
    this.#user = user;
    this.#reader.start(head.method);
    this.headSince = Number.POSITIVE_INFINITY;
    this.#chunked = head.framing === 'chunked';
    this.#sent = false;
    this.#head.set(needsHost ? withHost(bytes, `${host}:${port}`) : bytes, identity.bytes, identity.length, '');
  }

  get holdsBytes(): boolean {
    return this.#outlet.unsentBytes > 0;
  }

  get stale(): boolean {
    return this.#reused && this.#reader.untouched;
  }

  send(pieces: readonly Buffer[], done: boolean, trailers: readonly Header[]): boolean {
    this.#sent = done;
    const flowing = writeMessage(this.#outlet, this.#head, pieces, this.#chunked, done && this.#chunked ? lastChunk(trailers) : '');
    this.#head.clear();
    return flowing;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  discard(): void {
    this.#user = null;
    this.#pool.forget(this);
    this.#socket.destroy();
  }

  /** Returns whether the bytes are free again. Not by `#tell`, as a function made for each read is what a read would leave the most of. */
  #read(bytes: Buffer): boolean {
    const user = this.#user;
    // Bytes that no call asked for: whatever they are, they must not become the next call's answer.
    if (user === null) {
      this.discard();
      return false;
    }
    try {
      return this.#readFor(user, bytes);
    } catch (fault) {
      this.#broken(user, fault);
      return false;
    }
  }

  #readFor(user: AttemptUser, bytes: Buffer): boolean {
    const reader = this.#reader;
    const hadFinal = reader.final !== null;
    const now = performance.now();
    const progress = reader.read(bytes);
    const interims = reader.takeInterim();
    for (const interim of interims) user.interim(interim);
    if (progress === 'broken') {
      this.discard();
      user.failed('bad-answer');
      return false;
    }
    if (reader.final === null) {
      if (!reader.inHead) this.headSince = Number.POSITIVE_INFINITY;
      // Behind an interim answer another head has begun.
      else if (interims.length > 0 || this.headSince === Number.POSITIVE_INFINITY) this.headSince = now;
      user.headMoved(now);
      return false;
    }
    if (!hadFinal) user.answer(reader.final, reader.framing);
    const { pieces, trailers } = reader;
    if (progress === 'done') this.#release(now);
    return user.part(pieces, progress === 'done', trailers, now);
  }

  /** Back to the pool, if another call may follow. */
  #release(now: number): void {
    const reader = this.#reader;
    // Bytes after the answer's end belong to nobody; a request that is not wholly sent would run into the next one.
    if (!reader.reusable || reader.surplus || !this.#sent || this.#outlet.failedBy !== null) {
      this.discard();
      return;
    }
    this.#user = null;
    reader.letGo();
    this.#reused = true;
    this.#pool.keep(this, now);
  }

  #lose(how: Reason | 'end'): void {
    const user = this.#user;
    const reader = this.#reader;
    this.discard();
    this.#tell(user, (user) => {
      if (how !== 'end') user.failed(how);
      else if (reader.endsWithConnection) user.part([], true, []);
      else user.failed(reader.untouched ? 'reset' : 'bad-answer');
    });
  }

  /** Nothing that an upstream does may end more than the call it does it to. */
  #tell(user: AttemptUser | null, what: (user: AttemptUser) => void): void {
    if (user === null) return;
    try {
      what(user);
    } catch (fault) {
      this.#broken(user, fault);
    }
  }

  #broken(user: AttemptUser, fault: unknown): void {
    this.#pool.report(fault);
    user.fault();
  }
}

/** RFC 9112 §3.2: Host is to be the first field. */
function withHost(head: Buffer, host: string): Buffer {
  const fieldsAt = head.indexOf('\r\n') + 2;
  return Buffer.concat([head.subarray(0, fieldsAt), Buffer.from(`Host: ${host}\r\n`), head.subarray(fieldsAt)]);
}
