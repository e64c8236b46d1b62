import t from 'tap';
import { recordOf, RecordTexts } from '../../../agent/store/stored-record.ts';
import { Committer, emptyBatch } from '../../../agent/store/commit.ts';
import { openState } from '../../../agent/store/open.ts';
import { StoreReader } from '../../../agent/store/read.ts';
import { aRecord } from '../../exporters/synthetic-events.ts';

/** A record whose text has so many bytes and more; every third character is of the kind given. */
function wide(n: number, bytes: number, character: string) {
  return { ...aRecord(n, n), inputs: { text: [`${n}${`ab${character}`.repeat(bytes / 3)}`] } };
}

t.test('records that wait in memory read back as they were, of any length and script, and so does the store', async (t) => {
  const { db } = openState(t.testdir());
  const texts = new RecordTexts();
  const committer = new Committer(db);
  const reader = new StoreReader(db);
  let n = 0;
  for (const round of [1, 2, 3]) {
    const records = [10, 100_000, 10, 400_000, 90_000, 90_000, 90_000, 10, 10].map((bytes, k) =>
      wide(n++, bytes * round, ['c', 'ü', '語', '🙂', '\ud800', '"', '\\', '\u0000', '\n'][k]!),
    );
    const batch = emptyBatch();
    for (const record of records) batch.records.push(texts.store(record));
    t.same(batch.records.map(recordOf), records);
    committer.commit(batch);
    texts.clear();
    // What is written over it next is no longer of any matter to the store.
    for (const record of records) texts.store({ ...record, inputs: {} });
    texts.clear();
    t.same(
      records.map(({ id }) => reader.record(id)),
      records,
    );
  }
  t.equal(db.prepare("SELECT count(*) AS n FROM records WHERE typeof(body) <> 'text'").get()?.n, 0);
  db.close();
});

t.test('the memory of a batch is used again by the next, and no more of it is kept than a busy one needs', async (t) => {
  const texts = new RecordTexts();
  const memoryOf = (records: number, bytes: number) => {
    const used = new Set(Array.from({ length: records }, (_, n) => (texts.store(wide(n, bytes, 'c')).body as Buffer).buffer));
    texts.clear();
    return used;
  };
  const first = memoryOf(2_000, 300);
  t.ok(first.size > 1, 'several pieces');
  t.same(memoryOf(2_000, 300), first);
  const burst = memoryOf(300, 60_000);
  t.ok(burst.size > 60);
  const after = memoryOf(300, 60_000);
  t.equal([...after].filter((memory) => burst.has(memory)).length, 16);
  const large = memoryOf(3, 5_000_000);
  t.equal([...memoryOf(3, 5_000_000)].filter((memory) => large.has(memory)).length, 0, 'what is larger than a piece is not kept');
});
