import fc from 'fast-check';
import t from 'tap';
import { StoredIds } from '../../../agent/store/stored-ids.ts';
import { Identity } from '../../../proxy/identity.ts';

/** A store that only knows ids, and counts how often it was asked for one. */
function store() {
  const ids = new Set<string>();
  const sorted = () => [...ids].sort();
  const asked = { times: 0 };
  return {
    ids,
    asked,
    has(id: string) {
      asked.times++;
      return ids.has(id);
    },
    lastIdBefore: (text: string) => sorted().findLast((id) => id < text) ?? null,
    firstIdFrom: (text: string) => sorted().find((id) => id >= text) ?? null,
  };
}

const uuidV7 = (at: number) => Identity.of({ callerId: null, trace: null }, at).id;

t.test('whatever ids come, under whatever clock, what the store has is known and nothing else', (t) => {
  const id = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 60 }).map((at) => uuidV7(1_764_000_000_000 + 1_000 * at)) },
    { weight: 1, arbitrary: fc.uuid({ version: 4 }) },
    { weight: 1, arbitrary: fc.string() },
  );
  const step = fc.record({
    ids: fc.array(id, { maxLength: 8 }),
    again: fc.nat(),
    tickMs: fc.integer({ min: -3_000, max: 9_000 }),
    restart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const reader = store();
      let now = 1_764_000_000_000;
      let known = new StoredIds(reader, now);
      for (const { ids, again, tickMs, restart } of steps) {
        now += tickMs;
        const before = [...reader.ids];
        const asked = before.length === 0 ? ids : [...ids, before[again % before.length]!];
        for (const one of asked) if (known.has(one) !== reader.ids.has(one)) return false;
        for (const one of ids) reader.ids.add(one);
        if (restart) known = new StoredIds(reader, now);
        else known.committed(ids, now);
        // Retention takes some of them.
        if (again % 5 === 0 && before[0] !== undefined) reader.ids.delete(before[0]);
      }
      return true;
    }),
    { seed: 5, numRuns: 3_000 },
  );
  t.end();
});

t.test('the store is asked for the few calls that began before others were committed, and not for the rest', (t) => {
  const reader = store();
  for (const foreign of ['zzz', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', '0-first']) reader.ids.add(foreign);
  let now = 1_764_000_000_000;
  const known = new StoredIds(reader, now);
  for (let batch = 0; batch < 20; batch++) {
    // Calls last up to 27 ms, so they end in another order than they began.
    const ids = Array.from({ length: 100 }, (_, call) => uuidV7(now + call - 3 * (call % 10)));
    for (const id of ids) known.has(id);
    for (const id of ids) reader.ids.add(id);
    now += 100;
    known.committed(ids, now);
  }
  t.ok(reader.asked.times < 2_000 / 20, `asked ${reader.asked.times} times for 2000 calls`);
  // A caller's clock that is ahead stands in the way no longer than until its time has come.
  const ahead = uuidV7(now + 1_000);
  reader.ids.add(ahead);
  known.committed([ahead], now);
  known.committed([], now + 2_000);
  reader.asked.times = 0;
  t.notOk(known.has(uuidV7(now + 2_001)));
  t.equal(reader.asked.times, 0);
  t.end();
});
