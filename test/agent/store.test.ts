import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { Committer, emptyBatch } from '../../agent/store/commit.ts';
import { lockState, openState } from '../../agent/store/open.ts';
import { StoredEventLog } from '../../agent/store/outbox.ts';
import { StoreReader } from '../../agent/store/read.ts';
import { RecordTexts } from '../../agent/store/stored-record.ts';
import type { Event } from '../../contracts/event.ts';
import type { Feedback } from '../../contracts/record.ts';
import { aRecord } from '../exporters/synthetic-events.ts';

const feedback: Feedback = { id: 'a', kind: 'label', value: 1, row: null, at: null, receivedAt: 5 };
const event = (n: number): Event => ({ kind: 'feedback', id: `f${n}`, at: n, feedback, fate: 'joined', error: null });

t.test('a state of another format is set aside, said, and a fresh one begun', (t) => {
  const folder = t.testdir();
  const { db } = openState(folder);
  db.exec("UPDATE meta SET value = '99' WHERE key = 'format'; INSERT INTO state VALUES ('progress', '{}')");
  db.close();
  const again = openState(folder);
  t.match(again.setAside, /format 99, this version of driftline reads 1.*renamed to driftline\.sqlite\.set-aside-/);
  t.equal(new StoreReader(again.db).state('progress'), undefined);
  t.ok(readdirSync(folder).some((file) => file.includes('set-aside')));
  again.db.close();
  t.end();
});

t.test('a damaged file is set aside, never a reason not to start', (t) => {
  const folder = t.testdir();
  writeFileSync(path.join(folder, 'driftline.sqlite'), 'this is no database, this is a text that somebody left here');
  const { db, setAside } = openState(folder);
  t.match(setAside, /cannot be read/);
  db.close();
  t.equal(openState(folder).setAside, null, 'the fresh one is good');
  t.end();
});

t.test('two processes cannot use one state directory, and the lock goes with its holder', (t) => {
  const folder = t.testdir();
  const lock = lockState(folder);
  t.throws(() => lockState(folder), { code: 'state-in-use' });
  lock.close();
  lock.close();
  lockState(folder).close();
  t.end();
});

t.test('a state directory that cannot be made is a clear mistake of the command line', (t) => {
  const folder = t.testdir({ file: '' });
  t.throws(() => openState(path.join(folder, 'file', 'below')), { code: 'state-unwritable', message: /--state/ });
  t.end();
});

t.test('a commit is whole or nothing', (t) => {
  const { db } = openState(t.testdir());
  const committer = new Committer(db);
  const batch = emptyBatch();
  batch.events.push(event(1));
  const joined = { recordId: 'r', row: 0, dataRow: 0, feedback, error: null };
  batch.joined.push(joined, joined);
  t.throws(() => committer.commit(batch), /UNIQUE/);
  t.equal(new StoreReader(db).count('events'), 0);
  t.equal(new StoreReader(db).count('feedback'), 0);
  t.end();
});

t.test('an exporter that stood still is told how many events retention took from it', (t) => {
  const { db } = openState(t.testdir());
  const committer = new Committer(db);
  const batch = emptyBatch();
  for (let n = 1; n <= 10; n++) batch.events.push(event(n));
  committer.commit(batch);
  const log = new StoredEventLog(db);
  t.equal(log.queued(0), 10);
  const first = log.read(0, 4);
  t.same(
    first.events.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  t.equal(first.skipped, 0);
  committer.expire(8, 100);
  const rest = log.read(4, 100);
  t.same(
    rest.events.map(({ event }) => event.id),
    ['f8', 'f9', 'f10'],
  );
  t.equal(rest.skipped, 3, 'accepted = delivered + dropped + queued stays true');
  committer.expire(100, 100);
  t.same(log.read(4, 100), { events: [], skipped: 6 });
  t.equal(log.queued(4), 6);
  log.saveLedger('x', { cursor: 10, delivered: 4, dropped: { expired: 6 } });
  t.same(log.loadLedger('x'), { cursor: 10, delivered: 4, dropped: { expired: 6 } });
  t.end();
});

t.test('what a process that is killed has committed is there for the next', (t) => {
  const folder = t.testdir();
  const { db } = openState(folder);
  const batch = emptyBatch();
  batch.state.set('progress', { observedRows: 7 });
  new Committer(db).commit(batch);
  // A second connection sees the commit without the first being closed, as after a kill.
  const other = new DatabaseSync(path.join(folder, 'driftline.sqlite'));
  t.same(new StoreReader(other).state('progress'), { observedRows: 7 });
  t.end();
});

t.test('retention leaves held records to the batch that counts them; the newest record is never let go', async (t) => {
  const { db } = openState(t.testdir());
  const committer = new Committer(db);
  const reader = new StoreReader(db);
  const batch = emptyBatch();
  const texts = new RecordTexts();
  const record = (n: number, kept: boolean) => texts.store({ ...aRecord(n, n), keptFor: kept ? ('sampled' as const) : null });
  for (let n = 0; n < 6; n++) batch.records.push(record(n, n % 2 === 0));
  committer.commit(batch);
  committer.expire(3, 100);
  const ids = () => reader.page<{ id: string }>('records', 0, 100, true).items.map(({ id }) => id);
  t.same(ids(), ['record-1', 'record-3', 'record-4', 'record-5']);
  const due = (retainedFrom: number, feedbackFrom: number | null, fromRow: number) =>
    reader.letGo({ retainedFrom, feedbackFrom, fromRow }, 10).map(({ id }) => id);
  t.same(due(0, null, 0), [], 'all are needed by a window');
  t.same(due(0, null, 4), ['record-1', 'record-3'], 'their window has ended, and no feedback is waited for');
  t.same(due(0, 2, 4), ['record-1'], 'feedback may still come for the other');
  t.same(due(0, 4, 2), ['record-1'], 'the other is in a window');
  t.same(due(4, 0, 0), ['record-1', 'record-3'], 'nothing is held beyond retention');
  t.same(due(100, 100, 100), ['record-1', 'record-3'], 'the newest stays');
  t.equal(reader.recordBack(2)?.id, 'record-4');
  const next = emptyBatch();
  next.letGo.push(...reader.letGo({ retainedFrom: 100, feedbackFrom: null, fromRow: 0 }, 10).map(({ seq }) => seq));
  next.records.push(record(6, true));
  committer.commit(next);
  t.same(ids(), ['record-4', 'record-5', 'record-6']);
  t.same(
    [1, 2, 3, 4].map((k) => reader.recordBack(k)?.id),
    ['record-6', 'record-5', 'record-4', undefined],
  );
  db.close();
});
