/**
 * What is read from the store: by the analysis thread when it starts and joins, by the admin API always.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { Json } from '../../contracts/json.ts';
import type { DriftlineRecord, Feedback } from '../../contracts/record.ts';
import type { Needed } from '../keeping.ts';

/** A page of a list: `next` is what `after` takes to go on, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** Feedback as it stands beside its record. */
export interface StoredFeedback {
  readonly row: number;
  readonly kind: string;
  readonly value: Json;
  readonly at: number | null;
  readonly receivedAt: number;
  readonly error: boolean | null;
}

/** Share of wrong predictions among the labelled ones of a stretch of rows. */
export interface Cohort {
  readonly labelled: number;
  readonly wrong: number;
}

/** The reading side of the store. Statements are prepared once. */
export class StoreReader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  state(key: string): Json | undefined {
    const row = this.#prepare('SELECT value FROM state WHERE key = ?').get(key);
    return row === undefined ? undefined : JSON.parse(String(row.value));
  }

  monitors(): { key: string; fingerprint: string; shown: Json; state: Json }[] {
    return this.#prepare('SELECT * FROM monitors ORDER BY key')
      .all()
      .map((row) => ({
        key: String(row.key),
        fingerprint: String(row.fingerprint),
        shown: JSON.parse(String(row.shown)),
        state: JSON.parse(String(row.state)),
      }));
  }

  record(id: string): DriftlineRecord | null {
    return parse<DriftlineRecord>(this.#prepare('SELECT body FROM records WHERE id = ?').get(id));
  }

  has(id: string): boolean {
    return this.#prepare('SELECT 1 FROM records WHERE id = ?').get(id) !== undefined;
  }

  /** The greatest id of a record that lies before this text; null when there is none. */
  lastIdBefore(text: string): string | null {
    return idOf(this.#prepare('SELECT max(id) AS id FROM records WHERE id < ?').get(text));
  }

  /** The smallest that does not. */
  firstIdFrom(text: string): string | null {
    return idOf(this.#prepare('SELECT min(id) AS id FROM records WHERE id >= ?').get(text));
  }

  /** Records that carry the request's own id and are no older than `since`; at most two are of interest. */
  recordsByRequestId(requestId: string, since: number): DriftlineRecord[] {
    return this.#prepare('SELECT body FROM records WHERE request_id = ? AND at >= ? LIMIT 2')
      .all(requestId, since)
      .map((row) => JSON.parse(String(row.body)));
  }

  /** Records whose rows reach `fromRow` or beyond, in order; what the open window and an unfrozen reference are rebuilt from. */
  *recordsFromRow(fromRow: number): Generator<DriftlineRecord> {
    // Records are in the order of their rows, so the last one that begins at or before the row is the first that can reach it.
    const sql = `SELECT body FROM records WHERE first_row >= coalesce((SELECT max(first_row) FROM records WHERE first_row <= ?), 0)
      AND first_row + rows > ? ORDER BY first_row`;
    for (const row of this.#prepare(sql).iterate(fromRow, fromRow)) {
      yield JSON.parse(String(row.body));
    }
  }

  /** The k-th newest record that was committed (1 = the newest), or the last before it that was not let go; null when there is none. */
  recordBack(k: number): DriftlineRecord | null {
    const sql = 'SELECT body FROM records WHERE seq <= (SELECT max(seq) FROM records) - ? ORDER BY seq DESC LIMIT 1';
    return k < 1 ? null : parse<DriftlineRecord>(this.#prepare(sql).get(k - 1));
  }

  /**
   * Held records that nothing needs any more, at most `limit`. The newest record is never among them, so that places go on without a gap at
   * the end: `recordBack` counts by them.
   */
  letGo({ retainedFrom, feedbackFrom, fromRow }: Needed, limit: number): { readonly seq: number; readonly id: string }[] {
    const held = (index: string, where: string) =>
      `SELECT seq, id FROM records INDEXED BY ${index} WHERE kept = 0 AND ${where} AND seq < (SELECT max(seq) FROM records) LIMIT ?`;
    const old = held('records_held_at', 'at < ? AND (at < ? OR coalesce(first_row + rows, 0) <= ?)');
    const byTime = this.#prepare(old).all(Math.max(retainedFrom, feedbackFrom ?? retainedFrom), retainedFrom, fromRow, limit);
    const passed = held('records_held_row', 'coalesce(first_row + rows, 0) <= ? AND at >= ?');
    const byRow = feedbackFrom === null ? this.#prepare(passed).all(fromRow, retainedFrom, limit - byTime.length) : [];
    return [...byTime, ...byRow].map((row) => ({ seq: Number(row.seq), id: String(row.id) }));
  }

  /** Row of the k-th newest committed feedback of a kind (1 = the newest), or null. */
  labelRowBack(kind: string, k: number): number | null {
    if (k < 1) return null;
    const row = this.#prepare('SELECT data_row FROM feedback WHERE kind = ? ORDER BY seq DESC LIMIT 1 OFFSET ?').get(kind, k - 1);
    return row === undefined || row.data_row === null ? null : Number(row.data_row);
  }

  /** When the call that carried this row came. */
  atOfRow(row: number): number | null {
    const found = this.#prepare(
      'SELECT at FROM records WHERE first_row <= ? AND first_row IS NOT NULL ORDER BY first_row DESC LIMIT 1',
    ).get(row);
    return found === undefined ? null : Number(found.at);
  }

  /** What `page('records', …)` takes as `after` to begin with the record that carries this row. */
  placeOfRow(row: number): number {
    const found = this.#prepare(
      'SELECT seq FROM records WHERE first_row + rows > ? AND first_row IS NOT NULL ORDER BY first_row LIMIT 1',
    ).get(row);
    return found === undefined ? Number.MAX_SAFE_INTEGER : Number(found.seq) - 1;
  }

  feedbackOf(recordId: string): StoredFeedback[] {
    return this.#prepare('SELECT * FROM feedback WHERE record_id = ? ORDER BY seq')
      .all(recordId)
      .map((row) => ({
        row: Number(row.row),
        kind: String(row.kind),
        value: JSON.parse(String(row.value)),
        at: row.at === null ? null : Number(row.at),
        receivedAt: Number(row.received_at),
        error: row.error === null ? null : row.error === 1,
      }));
  }

  early(id: string): Feedback[] {
    return this.#prepare('SELECT body FROM early WHERE id = ? ORDER BY seq')
      .all(id)
      .map((row) => JSON.parse(String(row.body)));
  }

  earlyIds(): string[] {
    return this.#prepare('SELECT DISTINCT id FROM early')
      .all()
      .map((row) => String(row.id));
  }

  /** Early lines that came before, oldest first, with their places. */
  earlyBefore(receivedBefore: number): { seq: number; feedback: Feedback }[] {
    return this.#prepare('SELECT seq, body FROM early WHERE received_at < ? ORDER BY seq LIMIT 1000')
      .all(receivedBefore)
      .map((row) => ({ seq: Number(row.seq), feedback: JSON.parse(String(row.body)) }));
  }

  /** Rows that `fromRow` … `toRow` (both included) have labels for, and how many of these predictions were wrong. */
  cohort(fromRow: number, toRow: number): Cohort {
    const row = this.#prepare(
      "SELECT count(*) AS labelled, coalesce(sum(error), 0) AS wrong FROM feedback WHERE kind = 'label' AND data_row BETWEEN ? AND ? AND error IS NOT NULL",
    ).get(fromRow, toRow);
    return { labelled: Number(row?.labelled ?? 0), wrong: Number(row?.wrong ?? 0) };
  }

  /** Rows from `fromRow` to `toRow`, both included, that have a label, judged or not. */
  labels(fromRow: number, toRow: number): number {
    const row = this.#prepare("SELECT count(*) AS labels FROM feedback WHERE kind = 'label' AND data_row BETWEEN ? AND ?").get(
      fromRow,
      toRow,
    );
    return Number(row?.labels ?? 0);
  }

  openAlerts(): Alert[] {
    return this.#prepare("SELECT body FROM alerts WHERE state NOT IN ('resolved', 'inactive') ORDER BY seq")
      .all()
      .map((row) => JSON.parse(String(row.body)));
  }

  alert(id: string): Alert | null {
    return parse<Alert>(this.#prepare('SELECT body FROM alerts WHERE id = ?').get(id));
  }

  lastDecision(): Decision | null {
    return parse<Decision>(this.#prepare('SELECT body FROM decisions ORDER BY seq DESC LIMIT 1').get());
  }

  /** Decisions of the last `sinceMs`, for guards that count by the day. */
  decisionsSince(decidedAt: number): Decision[] {
    return this.#prepare("SELECT body FROM decisions WHERE json_extract(body, '$.decidedAt') >= ? ORDER BY seq")
      .all(decidedAt)
      .map((row) => JSON.parse(String(row.body)));
  }

  decisionsOf(alertId: string): Decision[] {
    return this.#prepare('SELECT body FROM decisions WHERE alert_id = ? ORDER BY seq')
      .all(alertId)
      .map((row) => JSON.parse(String(row.body)));
  }

  count(table: 'records' | 'events' | 'feedback' | 'early', where = 'true'): number {
    return Number(this.#prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).get()?.n ?? 0);
  }

  /** Newest `limit` window findings of every signal, oldest first. */
  recentWindows(limit: number): Finding[] {
    return this.#prepare('SELECT body FROM windows WHERE seq > (SELECT coalesce(max(seq), 0) FROM windows) - ? ORDER BY seq')
      .all(limit)
      .map((row) => JSON.parse(String(row.body)));
  }

  /** A list of the admin API, in the order of writing; records that are held only where they are asked for. */
  page<T>(table: 'records' | 'windows' | 'alerts' | 'decisions', after: number, limit: number, held = false): Page<T> {
    const which = table === 'records' && !held ? ' AND kept = 1' : '';
    const rows = this.#prepare(`SELECT seq, body FROM ${table} WHERE seq > ?${which} ORDER BY seq LIMIT ?`).all(after, limit + 1);
    const items = rows.slice(0, limit).map((row) => JSON.parse(String(row.body)) as T);
    return { items, next: rows.length > limit ? String(rows[limit - 1]?.seq) : null };
  }

  /** The newest `limit` of a list, in the order of writing. */
  newest<T>(table: 'windows' | 'alerts' | 'decisions', limit: number): T[] {
    return this.#prepare(`SELECT body FROM ${table} ORDER BY seq DESC LIMIT ?`)
      .all(limit)
      .map((row) => JSON.parse(String(row.body)) as T)
      .reverse();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function idOf(row: Record<string, unknown> | undefined): string | null {
  return typeof row?.id === 'string' ? row.id : null;
}

function parse<T>(row: Record<string, unknown> | undefined): T | null {
  return row === undefined ? null : (JSON.parse(String(row.body)) as T);
}
