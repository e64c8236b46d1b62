/**
 * What the main thread owns in the store: the outcome of queued decisions, how far each exporter has come, the route, and the last word on the counts.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Decision } from '../../contracts/alert.ts';
import type { Event, EventLog, Ledger, LoggedEvent } from '../../contracts/event.ts';
import type { Counts } from '../accounting.ts';

/** Decisions that wait to be carried out; they survive a restart. */
export class StoredOutbox {
  readonly #due: StatementSync;
  readonly #next: StatementSync;
  readonly #save: StatementSync;
  readonly #log: StatementSync;

  constructor(db: DatabaseSync) {
    this.#due = db.prepare("SELECT body FROM decisions WHERE state = 'queued' AND coalesce(next_at, 0) <= ? ORDER BY seq LIMIT 100");
    this.#next = db.prepare("SELECT min(coalesce(next_at, 0)) AS at FROM decisions WHERE state = 'queued'");
    this.#save = db.prepare('UPDATE decisions SET state = ?, next_at = ?, body = ? WHERE id = ?');
    this.#log = db.prepare('INSERT INTO events (kind, at, id, body) VALUES (?, ?, ?, ?)');
  }

  due(now: number): readonly Decision[] {
    return this.#due.all(now).map((row) => JSON.parse(String(row.body)));
  }

  nextAt(): number | null {
    const at = this.#next.get()?.at;
    return at === null || at === undefined ? null : Number(at);
  }

  save(decision: Decision): void {
    this.#save.run(decision.state, decision.nextAttemptAt, JSON.stringify(decision), decision.id);
    if (decision.state === 'queued') return;
    const at = decision.finishedAt ?? decision.decidedAt;
    const event: Event = { kind: 'action', id: `${decision.id}:${decision.state}`, at, decision };
    this.#log.run(event.kind, at, event.id, JSON.stringify(event));
  }
}

/** What the main thread says last of one thing that the store remembers by name. */
export class StoredState<Value extends string | Counts> {
  readonly #write: StatementSync;
  readonly #name: string;

  constructor(db: DatabaseSync, name: string) {
    this.#write = db.prepare('INSERT OR REPLACE INTO state VALUES (?, ?)');
    this.#name = name;
  }

  set(value: Value): void {
    this.#write.run(this.#name, JSON.stringify(value));
  }
}

/** The events table as the log that exporters read. */
export class StoredEventLog implements EventLog {
  readonly #read: StatementSync;
  readonly #last: StatementSync;
  readonly #load: StatementSync;
  readonly #save: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare(
      `SELECT e.seq, e.kind, e.at, e.id, e.body, r.body AS record FROM events e LEFT JOIN records r ON e.kind = 'inference' AND r.id = e.id
       WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
    );
    this.#last = db.prepare("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS seq");
    this.#load = db.prepare('SELECT body FROM ledgers WHERE exporter = ?');
    this.#save = db.prepare('INSERT OR REPLACE INTO ledgers VALUES (?, ?)');
  }

  read(cursor: number, limit: number): { events: readonly LoggedEvent[]; skipped: number } {
    const rows = this.#read.all(cursor, limit);
    const events: LoggedEvent[] = [];
    for (const row of rows) {
      const event = toEvent(row);
      if (event !== null) events.push({ seq: Number(row.seq), event });
    }
    // Places are given without gaps, so what is missing before the last one was removed by retention.
    const last = rows.length > 0 ? Number(rows[rows.length - 1]?.seq) : this.lastSeq();
    return { events, skipped: last - cursor - events.length };
  }

  queued(cursor: number): number {
    return this.lastSeq() - cursor;
  }

  /** Place of the newest event ever logged; 0 before the first. */
  lastSeq(): number {
    return Number(this.#last.get()?.seq ?? 0);
  }

  loadLedger(exporter: string): Ledger {
    const row = this.#load.get(exporter);
    return row === undefined ? { cursor: 0, delivered: 0, dropped: {} } : JSON.parse(String(row.body));
  }

  saveLedger(exporter: string, ledger: Ledger): void {
    this.#save.run(exporter, JSON.stringify(ledger));
  }
}

function toEvent(row: Record<string, unknown>): Event | null {
  if (row.kind !== 'inference') return JSON.parse(String(row.body));
  if (row.record === null) return null;
  return { kind: 'inference', id: String(row.id), at: Number(row.at), record: JSON.parse(String(row.record)) };
}
