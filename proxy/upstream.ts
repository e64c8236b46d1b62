/**
 * Connections to one upstream: opened on demand, kept alive and used again, one call at a time on each.
 */
import { connect, type Socket } from 'node:net';
import type { Upstream } from '../contracts/policy.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import type { Limits } from './limits.ts';
import type { Reason } from './reasons.ts';

/** Who uses a connection at the moment. */
export interface UpstreamUser {
  connected(): void;
  data(bytes: Buffer): void;
  /** The connection takes bytes again. */
  drained(): void;
  /** The connection is gone; `end` when the upstream closed it in good order. */
  gone(how: Reason | 'end'): void;
  /** One of the above has thrown. */
  fault(): void;
}

export class UpstreamConnection {
  readonly socket: Socket;
  readonly pool: UpstreamPool;
  connected = false;
  /** Whether a call was answered on it before: then it may have been closed from the other side meanwhile. */
  reused = false;
  /** When it fell idle, on `performance.now()`. */
  idleSince = 0;
  user: UpstreamUser | null = null;
  readonly #report: (fault: unknown) => void;

  constructor(pool: UpstreamPool, report: (fault: unknown) => void) {
    this.pool = pool;
    const { host, port } = pool.target;
    this.socket = connect({ host, port, noDelay: true });
    this.#report = report;
    this.socket.on('connect', () => {
      this.connected = true;
      this.#tell(this.user, (user) => user.connected());
    });
    this.socket.on('data', (bytes: Buffer) => {
      const { user } = this;
      // Bytes that no call asked for: whatever they are, they must not become the next call's answer.
      if (user === null) this.discard();
      else this.#tell(user, () => user.data(bytes));
    });
    this.socket.on('drain', () => this.#tell(this.user, (user) => user.drained()));
    this.socket.on('end', () => this.#lose('end'));
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.#lose(this.connected ? 'reset' : connectReason(error.code)));
    this.socket.on('close', () => this.#lose('reset'));
  }

  /** Gives the connection back for another call. */
  release(): void {
    this.user = null;
    this.reused = true;
    this.socket.resume();
    this.pool.keep(this);
  }

  /** Ends the connection at once; its user hears no more of it. */
  discard(): void {
    this.user = null;
    this.pool.forget(this);
    this.socket.destroy();
  }

  #lose(how: Reason | 'end'): void {
    const { user } = this;
    this.discard();
    this.#tell(user, () => user?.gone(how));
  }

  /** Nothing that an upstream does may end more than the call it does it to. */
  #tell(user: UpstreamUser | null, what: (user: UpstreamUser) => void): void {
    if (user === null) return;
    try {
      what(user);
    } catch (fault) {
      this.#report(fault);
      user.fault();
    }
  }
}

export class UpstreamPool implements Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly target: Upstream;
  /** The word for `x-driftline-served-by`. */
  readonly label: string;
  readonly #limits: Limits;
  readonly #deadlines: Deadlines;
  readonly #report: (fault: unknown) => void;
  readonly #open = new Set<UpstreamConnection>();
  /** The one used last is taken first, so that those not needed grow old. */
  readonly #idle: UpstreamConnection[] = [];
  #retired = false;

  constructor(target: Upstream, label: string, limits: Limits, deadlines: Deadlines, report: (fault: unknown) => void) {
    this.target = target;
    this.label = label;
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#report = report;
    deadlines.add(this);
  }

  /** A connection for `user`, a new one when `fresh`; null when there are too many. */
  take(user: UpstreamUser, fresh: boolean): UpstreamConnection | null {
    let connection = fresh ? undefined : this.#idle.pop();
    if (connection === undefined) {
      if (this.#open.size >= this.#limits.maxUpstreamConnections) {
        // A fresh one is asked for because pooled ones are suspect; one of those makes room.
        const oldest = this.#idle[0];
        if (oldest === undefined) return null;
        oldest.discard();
      }
      connection = new UpstreamConnection(this, this.#report);
      this.#open.add(connection);
    }
    connection.user = user;
    return connection;
  }

  /** Takes back a connection on which another call may follow. */
  keep(connection: UpstreamConnection): void {
    if (this.#retired) {
      connection.discard();
      return;
    }
    connection.idleSince = performance.now();
    this.#idle.push(connection);
    if (this.#idle.length === 1) this.#deadlines.set(this, connection.idleSince + this.#limits.upstreamIdleMs);
  }

  forget(connection: UpstreamConnection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  /** Closes the connections that were idle for too long. */
  expire(): void {
    const before = performance.now() - this.#limits.upstreamIdleMs;
    // The list is in order of idling.
    while (this.#idle.length > 0 && this.#idle[0]!.idleSince <= before) this.#idle[0]!.discard();
    if (this.#idle.length > 0) this.#deadlines.set(this, this.#idle[0]!.idleSince + this.#limits.upstreamIdleMs);
  }

  /** Takes no connection back any more; running calls end undisturbed. */
  retire(): void {
    this.#retired = true;
    this.#deadlines.delete(this);
    for (const connection of [...this.#idle]) connection.discard();
  }

  close(): void {
    this.retire();
    for (const connection of [...this.#open]) connection.discard();
  }
}

function connectReason(code: string | undefined): Reason {
  if (code === 'ECONNREFUSED') return 'connect-refused';
  return code === 'ETIMEDOUT' ? 'connect-timeout' : 'connect-failed';
}
