/**
 * Connections to one upstream: opened on demand, kept alive and used again, one call at a time on each.
 */
import { performance } from 'node:perf_hooks';
import type { Attempt, AttemptRequest, AttemptUser, Transport } from './attempt.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import type { Destination } from './dial.ts';
import type { OutgoingAnswer } from './forward.ts';
import type { Refusal } from './framing.ts';
import type { Held } from './held.ts';
import type { Limits } from './limits.ts';
import type { Memo } from './memo.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** What the pools of one data thread share. */
export interface PoolTools {
  readonly deadlines: Deadlines;
  /** Answer heads by their text. */
  readonly answers: Memo<OutgoingAnswer | Refusal>;
  readonly held: Held;
  /** Tells of a fault of our own that was kept inside one call. */
  report(fault: unknown): void;
}

/** Bounded by who is let in: each running call uses one connection, and idle ones make room. */
export class ConnectionPool implements Transport, Deadline {
  deadlineAt = Number.POSITIVE_INFINITY;
  readonly target: Destination;
  readonly answers: Memo<OutgoingAnswer | Refusal>;
  readonly held: Held;
  readonly report: (fault: unknown) => void;
  readonly #limits: Limits;
  readonly #deadlines: Deadlines;
  readonly #open = new Set<UpstreamConnection>();
  /** The one used last is taken first, so that those not needed grow old. */
  readonly #idle: UpstreamConnection[] = [];
  #retired = false;

  constructor(target: Destination, limits: Limits, tools: PoolTools) {
    this.target = target;
    this.answers = tools.answers;
    this.held = tools.held;
    this.report = tools.report;
    this.#limits = limits;
    this.#deadlines = tools.deadlines;
    tools.deadlines.add(this);
  }

  open(user: AttemptUser, request: AttemptRequest, fresh: boolean): Attempt {
    let connection = fresh ? undefined : this.#idle.pop();
    if (connection === undefined) {
      // A fresh one is asked for because pooled ones are suspect; one of those makes room.
      if (this.#open.size >= this.#limits.maxUpstreamConnections) this.#idle[0]?.discard();
      connection = new UpstreamConnection(this);
      this.#open.add(connection);
    }
    connection.begin(user, request);
    return connection;
  }

  /** Takes back a connection on which another call may follow, idle from `now` on. */
  keep(connection: UpstreamConnection, now: number): void {
    if (this.#retired) {
      connection.discard();
      return;
    }
    connection.resume();
    connection.idleSince = now;
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
