/**
 * The embedded store: one SQLite file under the state directory, written by the analysis thread in one transaction a commit.
 *
 * What is committed together is true together: records, what the detectors made of them, the alerts and the outbox. So a process
 * that is killed continues from its last commit, and everything the admin API shows comes from here.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigError } from '../../contracts/errors.ts';

/** Raised when the tables change in a way that older code cannot read. */
const STATE_FORMAT = 1;

const FILE = 'driftline.sqlite';

const TABLES = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE records (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, request_id TEXT, at INTEGER NOT NULL,
    first_row INTEGER, rows INTEGER NOT NULL, body TEXT NOT NULL, kept INTEGER NOT NULL DEFAULT 1);
  CREATE INDEX records_request_id ON records (request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX records_first_row ON records (first_row) WHERE first_row IS NOT NULL;
  CREATE INDEX records_at ON records (at);
  CREATE INDEX records_held_at ON records (at) WHERE kept = 0;
  CREATE INDEX records_held_row ON records (coalesce(first_row + rows, 0)) WHERE kept = 0;
  CREATE TABLE feedback (seq INTEGER PRIMARY KEY, record_id TEXT NOT NULL, row INTEGER NOT NULL, data_row INTEGER, kind TEXT NOT NULL,
    value TEXT NOT NULL, at INTEGER, received_at INTEGER NOT NULL, error INTEGER);
  CREATE UNIQUE INDEX feedback_once ON feedback (record_id, row, kind);
  CREATE INDEX feedback_data_row ON feedback (data_row) WHERE data_row IS NOT NULL;
  CREATE TABLE early (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, received_at INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX early_id ON early (id);
  CREATE TABLE monitors (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, shown TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE windows (seq INTEGER PRIMARY KEY, monitor TEXT NOT NULL, signal TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX windows_signal ON windows (signal, seq);
  CREATE TABLE alerts (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE decisions (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, alert_id TEXT NOT NULL, state TEXT NOT NULL,
    next_at INTEGER, body TEXT NOT NULL);
  CREATE INDEX decisions_due ON decisions (next_at) WHERE state = 'queued';
  CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, body TEXT);
  CREATE TABLE ledgers (exporter TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`;

/** An opened state directory, with how it was found. */
export interface OpenedState {
  readonly db: DatabaseSync;
  /** Why an older file was set aside and a fresh one begun, or null. */
  readonly setAside: string | null;
}

/**
 * Opens the store for the thread that writes it, creating it where there is none.
 *
 * State never stops a start: a file that cannot be read, or that another version of Driftline wrote, is renamed and said so.
 *
 * @throws ConfigError `state-unwritable` when the directory cannot be made or written.
 */
export function openState(directory: string): OpenedState {
  const file = path.join(directory, FILE);
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new ConfigError('state-unwritable', `state: cannot create ${directory}; give --state a folder that can be written`, [], cause);
  }
  let setAside: string | null = null;
  if (existsSync(file)) {
    const fault = examine(file);
    if (fault !== null) {
      const aside = `${file}.set-aside-${Date.now()}`;
      for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
      setAside = `state: ${fault}; it was renamed to ${path.basename(aside)} and a fresh state was begun`;
    }
  }
  try {
    return { db: connect(file), setAside };
  } catch (cause) {
    throw new ConfigError('state-unwritable', `state: cannot write ${file}; give --state a folder that can be written`, [], cause);
  }
}

/** A store that is forgotten when it is closed. */
export function openMemory(): DatabaseSync {
  return connect(':memory:');
}

/** A second connection to a store that `openState` has made: for reading, and for the few tables that the main thread owns. */
export function connectState(directory: string): DatabaseSync {
  return connect(path.join(directory, FILE));
}

/**
 * Keeps a second process off the same state directory until `close`; the lock goes with the process, however it ends.
 *
 * @throws ConfigError `state-in-use`, or `state-unwritable` when the directory cannot be made or written.
 */
export function lockState(directory: string): { close(): void } {
  let lock: DatabaseSync;
  try {
    mkdirSync(directory, { recursive: true });
    lock = new DatabaseSync(path.join(directory, 'lock.sqlite'), { timeout: 0 });
  } catch (cause) {
    throw new ConfigError('state-unwritable', `state: cannot write in ${directory}; give --state a folder that can be written`, [], cause);
  }
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new ConfigError(
      'state-in-use',
      `state: ${directory} is used by another driftline; stop it or give --state another folder`,
      [],
      cause,
    );
  }
  return { close: () => lock.isOpen && lock.close() };
}

function connect(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5000 });
  // Only a new file takes it: with records of a kilobyte, pages of twice the usual size make a commit a third cheaper.
  db.exec('PRAGMA page_size = 8192');
  // NORMAL: a commit survives the death of the process; power loss may cost the last ones, never the file.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY');
  if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'meta'").get() === undefined) {
    db.exec(`BEGIN IMMEDIATE; ${TABLES} INSERT INTO meta VALUES ('format', '${STATE_FORMAT}'); COMMIT`);
  }
  return db;
}

/** Why the file cannot be continued from, or null. */
function examine(file: string): string | null {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(file, { timeout: 5000 });
    const row = db.prepare("SELECT value FROM meta WHERE key = 'format'").get();
    if (row === undefined) return 'the file names no format';
    if (row.value !== String(STATE_FORMAT)) return `the file has format ${row.value}, this version of driftline reads ${STATE_FORMAT}`;
    const check = db.prepare('PRAGMA quick_check(1)').get();
    return check?.quick_check === 'ok' ? null : 'the file is damaged';
  } catch (error) {
    return `the file cannot be read (${error instanceof Error ? error.message : String(error)})`;
  } finally {
    db?.close();
  }
}
