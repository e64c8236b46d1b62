/**
 * What the analysis thread writes: everything that happened since the last commit, in one transaction.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { Event } from '../../contracts/event.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Json } from '../../contracts/json.ts';
import type { DriftlineRecord, Feedback } from '../../contracts/record.ts';
import type { StoredRecord } from './stored-record.ts';

/** A label or reward that found its record. */
export interface JoinedFeedback {
  readonly recordId: string;
  /** Row inside the record. */
  readonly row: number;
  /** The same row as numbered since the state began; null when the record has none. */
  readonly dataRow: number | null;
  readonly feedback: Feedback;
  /** Whether the prediction was wrong; null where that cannot be said. */
  readonly error: boolean | null;
}

/** A monitor as `/v1/signals` shows it, and what it needs to go on. */
export interface MonitorRow {
  readonly key: string;
  readonly fingerprint: string;
  readonly shown: Json;
  readonly state: Json;
}

/** Everything of one commit. Collected in memory, written together, then begun anew. */
export interface Batch {
  records: StoredRecord[];
  /** Held records, of this batch or before, that are kept after all; by id. */
  promoted: Map<string, DriftlineRecord>;
  /** Places of held records that are let go. */
  letGo: number[];
  joined: JoinedFeedback[];
  early: Feedback[];
  /** Early feedback that is settled: ids to remove. */
  settledEarly: string[];
  /** Early feedback that waited in vain: places to remove. */
  orphaned: number[];
  monitors: Map<string, MonitorRow>;
  /** Keys of monitors that have ended. */
  endedMonitors: string[];
  windows: Finding[];
  alerts: Alert[];
  decisions: Decision[];
  /** Without those of the records above, which are made of them. */
  events: Event[];
  state: Map<string, Json>;
}

export function emptyBatch(): Batch {
  return {
    records: [],
    promoted: new Map(),
    letGo: [],
    joined: [],
    early: [],
    settledEarly: [],
    orphaned: [],
    monitors: new Map(),
    endedMonitors: [],
    windows: [],
    alerts: [],
    decisions: [],
    events: [],
    state: new Map(),
  };
}

/** Records that one statement writes: calling one costs as much as writing a record. */
const ROWS_AT_ONCE = 16;

/** The writing side of the store. */
export class Committer {
  readonly #db: DatabaseSync;
  readonly #insertRecord: StatementSync;
  readonly #insertRecords: StatementSync;
  readonly #insertInferences: StatementSync;
  readonly #promoteRecord: StatementSync;
  readonly #deleteRecord: StatementSync;
  readonly #insertFeedback: StatementSync;
  readonly #insertEarly: StatementSync;
  readonly #deleteEarly: StatementSync;
  readonly #deleteOrphan: StatementSync;
  readonly #putMonitor: StatementSync;
  readonly #deleteMonitor: StatementSync;
  readonly #insertWindow: StatementSync;
  readonly #putAlert: StatementSync;
  readonly #insertDecision: StatementSync;
  readonly #insertEvent: StatementSync;
  readonly #putState: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const values = (rows: number) => new Array(rows).fill('(?, ?, ?, ?, ?, CAST(? AS TEXT), ?)').join(', ');
    const insertRecords = (rows: number) => `INSERT INTO records (id, request_id, at, first_row, rows, body, kept) VALUES ${values(rows)}`;
    this.#insertRecord = db.prepare(insertRecords(1));
    this.#insertRecords = db.prepare(insertRecords(ROWS_AT_ONCE));
    // A record is stored once, in its own table; its event is a pointer.
    this.#insertInferences = db.prepare(
      "INSERT INTO events (kind, at, id) SELECT 'inference', at, id FROM records WHERE seq > (SELECT max(seq) FROM records) - ? AND kept = 1 ORDER BY seq",
    );
    this.#promoteRecord = db.prepare('UPDATE records SET kept = 1, body = ? WHERE id = ?');
    this.#deleteRecord = db.prepare('DELETE FROM records WHERE seq = ?');
    this.#insertFeedback = db.prepare(
      'INSERT INTO feedback (record_id, row, data_row, kind, value, at, received_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertEarly = db.prepare('INSERT INTO early (id, received_at, body) VALUES (?, ?, ?)');
    this.#deleteEarly = db.prepare('DELETE FROM early WHERE id = ?');
    this.#deleteOrphan = db.prepare('DELETE FROM early WHERE seq = ?');
    this.#putMonitor = db.prepare('INSERT OR REPLACE INTO monitors VALUES (?, ?, ?, ?)');
    this.#deleteMonitor = db.prepare('DELETE FROM monitors WHERE key = ?');
    this.#insertWindow = db.prepare('INSERT INTO windows (monitor, signal, at, body) VALUES (?, ?, ?, ?)');
    this.#putAlert = db.prepare(
      'INSERT INTO alerts VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM alerts), ?2, ?3) ON CONFLICT (id) DO UPDATE SET state = ?2, body = ?3',
    );
    this.#insertDecision = db.prepare('INSERT OR IGNORE INTO decisions (id, alert_id, state, next_at, body) VALUES (?, ?, ?, ?, ?)');
    this.#insertEvent = db.prepare('INSERT INTO events (kind, at, id, body) VALUES (?, ?, ?, ?)');
    this.#putState = db.prepare('INSERT OR REPLACE INTO state VALUES (?, ?)');
  }

  /** Writes the batch whole, or nothing of it. @throws Error as SQLite raises it (disk full …). */
  commit(batch: Batch): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#writeRecords(batch.records);
      for (const record of batch.promoted.values()) this.#promoteRecord.run(JSON.stringify(record), record.id);
      for (const seq of batch.letGo) this.#deleteRecord.run(seq);
      for (const id of batch.settledEarly) this.#deleteEarly.run(id);
      for (const seq of batch.orphaned) this.#deleteOrphan.run(seq);
      for (const early of batch.early) this.#insertEarly.run(early.id, early.receivedAt, JSON.stringify(early));
      for (const { recordId, row, dataRow, feedback, error } of batch.joined) {
        const wrong = error === null ? null : Number(error);
        this.#insertFeedback.run(
          recordId,
          row,
          dataRow,
          feedback.kind,
          JSON.stringify(feedback.value),
          feedback.at,
          feedback.receivedAt,
          wrong,
        );
      }
      for (const key of batch.endedMonitors) this.#deleteMonitor.run(key);
      for (const monitor of batch.monitors.values()) {
        this.#putMonitor.run(monitor.key, monitor.fingerprint, JSON.stringify(monitor.shown), JSON.stringify(monitor.state));
      }
      for (const finding of batch.windows) this.#insertWindow.run(finding.monitor, finding.signal, finding.at, JSON.stringify(finding));
      for (const alert of batch.alerts) this.#putAlert.run(alert.id, alert.state, JSON.stringify(alert));
      for (const decision of batch.decisions) {
        this.#insertDecision.run(decision.id, decision.alertId, decision.state, decision.nextAttemptAt, JSON.stringify(decision));
      }
      for (const event of batch.events) {
        this.#insertEvent.run(event.kind, event.at, event.id, event.kind === 'inference' ? null : JSON.stringify(event));
      }
      for (const [key, value] of batch.state) this.#putState.run(key, JSON.stringify(value));
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #writeRecords(records: readonly StoredRecord[]): void {
    if (records.length === 0) return;
    const valuesOf = ({ id, requestId, at, firstRow, rows, body, kept }: StoredRecord) => [
      id,
      requestId,
      at,
      firstRow,
      rows,
      body,
      Number(kept),
    ];
    let written = 0;
    for (; written + ROWS_AT_ONCE <= records.length; written += ROWS_AT_ONCE)
      this.#insertRecords.run(...records.slice(written, written + ROWS_AT_ONCE).flatMap(valuesOf));
    for (const record of records.slice(written)) this.#insertRecord.run(...valuesOf(record));
    this.#insertInferences.run(records.length);
  }

  /**
   * Removes what is older than `before`, at most `limit` rows of a kind, so that no call is long. Records that are held are let go by a batch,
   * which counts them.
   */
  expire(before: number, limit: number): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const [table, column] of [
        ['records', 'kept = 1 AND at'],
        ['feedback', 'received_at'],
        ['events', 'at'],
        ['windows', 'at'],
      ] as const) {
        this.#db.prepare(`DELETE FROM ${table} WHERE seq IN (SELECT seq FROM ${table} WHERE ${column} < ? LIMIT ?)`).run(before, limit);
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}
