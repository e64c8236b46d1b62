/**
 * What delivery promises for any destination: nothing is lost silently, whatever it does.
 */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { DeliveryError } from '../../contracts/errors.ts';
import type { Verdict } from '../../contracts/exporter.ts';
import { Delivery } from '../../exporters/delivery.ts';
import { anEvent, type Behaviour, FakeDestination, MemoryLog, VirtualTime } from './fakes.ts';

function setUp(destination = new FakeDestination(), log = new MemoryLog(), time = new VirtualTime()) {
  const lines: string[] = [];
  const start = () =>
    new Delivery({
      exporter: destination,
      log,
      clock: time,
      timer: time.timer,
      random: () => 0.5,
      report: (line) => void lines.push(line),
    });
  const append = (...ids: string[]) => {
    for (const id of ids) log.append(anEvent(id));
  };
  return { destination, log, time, lines, start, append };
}

/** The identity, against what really was appended. */
function assertIdentity(t: Test, delivery: Delivery, log: MemoryLog): void {
  const { accepted, delivered, dropped, queued } = delivery.status();
  const drops = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  t.equal(delivered + drops + queued, log.appended, 'delivered + dropped + queued is what was appended');
  t.equal(accepted, log.appended);
}

const busy: Behaviour = async () => {
  throw new DeliveryError('busy', 'fake: busy (429); wait', { retryable: true });
};
const hang: Behaviour = () => new Promise(() => {});
const refuseBatch: Behaviour = async () => {
  throw new DeliveryError('bad-request', 'fake: refused (400); mend it');
};
const retry: Verdict = { kind: 'retry', reason: 'queue full' };

t.test('events arrive in order, one batch at a time', async (t) => {
  const { destination, log, time, start, append } = setUp();
  append(...'abcdefghij');
  const delivery = start();
  await time.advance(5_000);
  t.same(destination.calls.flat(), [...'abcdefghij']);
  t.same(
    destination.calls.map((call) => call.length),
    [4, 4, 2],
  );
  t.equal(destination.mostInFlight, 1);
  t.match(delivery.status(), { name: 'fake', up: true, lastError: null, accepted: 10, delivered: 10, queued: 0 });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('a few events wait for company, and no longer than the destination wants', async (t) => {
  const { destination, time, start, append } = setUp();
  const delivery = start();
  await time.settle();
  append('a');
  delivery.wake();
  await time.advance(999);
  t.equal(destination.calls.length, 0);
  await time.advance(1);
  t.same(destination.calls, [['a']]);
  append(...'bcde');
  delivery.wake();
  await time.settle();
  t.same(destination.calls[1], [...'bcde'], 'a full batch goes at once');
  await delivery.close();
});

t.test('a busy destination gets the same events again after a growing, jittered wait', async (t) => {
  const { destination, log, time, start, append, lines } = setUp();
  destination.script.push(busy, busy, busy);
  append(...'abcd');
  const delivery = start();
  const waits: number[] = [];
  await time.settle();
  for (let attempt = 1; attempt <= 3; attempt++) {
    t.equal(destination.calls.length, attempt);
    t.match(delivery.status(), { up: false, lastError: 'fake: busy (429); wait', queued: 4 });
    assertIdentity(t, delivery, log);
    waits.push(time.waits[0]!);
    await time.advance(time.waits[0]!);
  }
  t.same(waits, [500, 1_000, 2_000]);
  t.match(delivery.status(), { up: true, lastError: null, delivered: 4, queued: 0 });
  t.same([...destination.stored.values()], [1, 1, 1, 1]);
  t.same(lines, ['fake: busy (429); wait', 'fake: reachable again'], 'one line for three failures');
  await delivery.close();
});

t.test('an event that is refused is dropped with its reason, its neighbours arrive', async (t) => {
  const { destination, log, time, start, append } = setUp();
  destination.script.push(async (events) =>
    events.map((event): Verdict => (event.id === 'b' ? { kind: 'refused', reason: 'mapping' } : destination.store(event))),
  );
  append(...'abcd');
  const delivery = start();
  await time.settle();
  t.match(delivery.status(), { up: true, delivered: 3, dropped: { mapping: 1 }, queued: 0 });
  t.same(log.loadLedger('fake').dropped, { mapping: 1 });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('a batch that is refused as a whole is halved until the event at fault stands alone', async (t) => {
  const { destination, log, time, start, append } = setUp(new FakeDestination({ events: 8, waitMs: 0 }));
  const refuseE: Behaviour = async (events, signal) =>
    events.some((event) => event.id === 'e') ? refuseBatch(events, signal) : destination.take(events, signal);
  for (let call = 0; call < 20; call++) destination.script.push(refuseE);
  append(...'abcdefgh');
  const delivery = start();
  await time.advance(1);
  t.same([...destination.stored.keys()].sort(), [...'abcdfgh']);
  t.match(delivery.status(), { delivered: 7, dropped: { 'bad-request': 1 }, queued: 0 });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('half an answer is no answer for the rest: only what is missing is sent again', async (t) => {
  const { destination, time, start, append } = setUp();
  destination.script.push(async (events) => events.slice(0, 2).map((event) => destination.store(event)));
  destination.script.push(async (events) => [destination.store(events[0]!), retry]);
  append(...'abcd');
  const delivery = start();
  await time.advance(10_000);
  t.same(destination.calls, [['a', 'b', 'c', 'd'], ['c', 'd'], ['d']]);
  t.same([...destination.stored.values()], [1, 1, 1, 1]);
  t.match(delivery.status(), { delivered: 4, queued: 0 });
  await delivery.close();
});

t.test('a destination that hangs is given up after the deadline and asked again', async (t) => {
  const { destination, time, start, append } = setUp();
  destination.script.push(hang);
  append(...'abcd');
  const delivery = start();
  await time.advance(29_999);
  t.equal(destination.calls.length, 1);
  await time.advance(1);
  t.match(delivery.status(), { up: false, lastError: /no answer within 30000 ms/ });
  await time.advance(500);
  t.equal(destination.calls.length, 2);
  t.match(delivery.status(), { up: true, delivered: 4 });
  await delivery.close();
});

t.test('an open that fails or hangs is tried again, and events wait', async (t) => {
  const { destination, log, time, start, append } = setUp();
  destination.openings.push(() => Promise.reject(new DeliveryError('forbidden', 'fake: refused (403); grant it', { retryable: true })));
  destination.openings.push(() => new Promise(() => {}));
  destination.openings.push(() => Promise.reject(new DeliveryError('bad', 'fake: not even retryable')));
  append(...'abcd');
  const delivery = start();
  await time.settle();
  t.match(delivery.status(), { up: false, lastError: 'fake: refused (403); grant it', queued: 4 });
  await time.advance(60_000);
  t.match(delivery.status(), { up: true, delivered: 4, lastError: null });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('a missing privilege keeps the events and says what to grant', async (t) => {
  const { destination, log, time, start, append } = setUp();
  for (let call = 0; call < 50; call++) {
    destination.script.push(async (events) =>
      events.map((): Verdict => ({ kind: 'retry', reason: 'document refused (403); grant create_doc' })),
    );
  }
  append(...'abcd');
  const delivery = start();
  await time.advance(600_000);
  t.match(delivery.status(), {
    up: false,
    lastError: 'fake: document refused (403); grant create_doc',
    delivered: 0,
    dropped: {},
    queued: 4,
  });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('what retention removed before it was sent is dropped as expired, wherever it stood', async (t) => {
  const { destination, log, time, start, append } = setUp();
  append(...'abcdefghij');
  log.remove((_, index) => index === 0 || index === 4 || index >= 8);
  const delivery = start();
  await time.advance(5_000);
  t.same(destination.calls.flat(), [...'bcdfgh']);
  t.match(delivery.status(), { delivered: 6, dropped: { expired: 4 }, queued: 0 });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('a crash between sending and saving sends again; twice is once by id, and the counts fit', async (t) => {
  const { destination, log, time, start, append } = setUp();
  append(...'abcd');
  log.failingSaves = 1_000;
  const crashed = start();
  await time.advance(3_000);
  t.equal(destination.calls.length, 1);
  t.match(crashed.status(), { delivered: 4, lastError: /ledger not saved: Error: disk full/ });
  // The process is gone: nothing of it is closed.
  log.failingSaves = 0;
  const again = new FakeDestination();
  const restarted = new Delivery({ exporter: again, log, clock: time, timer: time.timer, random: () => 0 });
  await time.settle();
  t.same(again.calls, [[...'abcd']], 'sent again under the same ids');
  t.match(restarted.status(), { accepted: 4, delivered: 4, queued: 0 });
  await crashed.close();
  await restarted.close();
});

t.test('while the ledger cannot be saved nothing more is sent, so that a crash repeats one batch at most', async (t) => {
  const { destination, log, time, start, append } = setUp();
  append(...'abcdefgh');
  log.failingSaves = 5;
  const delivery = start();
  await time.advance(3_000);
  t.equal(destination.calls.length, 1);
  t.match(delivery.status(), { up: false, lastError: 'fake: ledger not saved: Error: disk full' });
  assertIdentity(t, delivery, log);
  await time.advance(60_000);
  t.same(destination.calls, [[...'abcd'], [...'efgh']]);
  t.equal(log.loadLedger('fake').delivered, 8);
  await delivery.close();
});

t.test('flush sends what is there at once and tells whether everything went', async (t) => {
  const { destination, time, start, append } = setUp();
  const delivery = start();
  await time.settle();
  append('a');
  const flushed = delivery.flush(10_000);
  await time.settle();
  t.equal(await flushed, true);
  t.same(destination.calls, [['a']]);
  destination.script.push(hang);
  append('b');
  const late = delivery.flush(5_000);
  await time.advance(5_000);
  t.equal(await late, false);
  await delivery.close();
});

t.test('flush cuts a long wait short', async (t) => {
  const { destination, time, start, append } = setUp();
  for (let call = 0; call < 8; call++) destination.script.push(busy);
  append(...'abcd');
  const delivery = start();
  await time.advance(40_000);
  destination.script.length = 0;
  t.equal(delivery.status().queued, 4);
  const flushed = delivery.flush(10);
  await time.settle();
  t.equal(await flushed, true);
  await delivery.close();
});

t.test('close ends a hanging send, leaves its events in the log, and is safe twice', async (t) => {
  const { destination, log, time, start, append } = setUp();
  destination.script.push(hang);
  append(...'abcd');
  const delivery = start();
  await time.settle();
  const flushing = delivery.flush(60_000);
  await Promise.all([delivery.close(), delivery.close()]);
  t.equal(await flushing, false);
  t.equal(log.loadLedger('fake').delivered, 0);
  t.match(delivery.status(), { queued: 4 });
  t.ok(destination.closed >= 1);
  t.same(time.waits, [], 'no timer is left');
});

t.test('an exporter with a bug stays on the status and loses nothing', async (t) => {
  const { destination, log, time, start, append } = setUp();
  destination.script.push(() => {
    throw new TypeError('undefined is not a function');
  });
  // Not a list of verdicts at all.
  destination.script.push(async () => 'yes' as unknown as Verdict[]);
  append(...'abcd');
  const delivery = start();
  await time.settle();
  t.match(delivery.status(), { up: false, lastError: 'fake: TypeError: undefined is not a function', queued: 4 });
  await time.advance(5_000);
  t.match(delivery.status(), { up: true, delivered: 4 });
  assertIdentity(t, delivery, log);
  await delivery.close();
});

t.test('whatever a destination does and whenever the process dies, every event is stored, dropped with a reason, or queued', async (t) => {
  const fault = fc.constantFrom('take', 'busy', 'hang', 'refuse', 'half', 'some', 'bug', 'late');
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('fault' as const), fault }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 40_000 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), modulus: fc.integer({ min: 2, max: 7 }) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'full-disk' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 40 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999 })),
      async (steps, random) => {
        const { destination, log, time } = setUp();
        const start = () =>
          new Delivery({ exporter: destination, log, clock: time, timer: time.timer, random: () => random.next().value ?? 0 });
        const refused = new Set<string>();
        const behaviours: { readonly [name: string]: Behaviour } = {
          take: destination.take,
          busy,
          hang,
          refuse: async (events) =>
            events.map((event, index): Verdict => {
              if (index % 2 === 0) return destination.store(event);
              refused.add(event.id);
              return { kind: 'refused', reason: 'mapping' };
            }),
          half: async (events) => events.slice(0, 1).map((event) => destination.store(event)),
          some: async (events) => events.map((event, index) => (index % 2 === 0 ? retry : destination.store(event))),
          bug: () => Promise.reject(new RangeError('bug')),
          // Takes all, but the answer is lost.
          late: async (events, signal) => {
            await destination.take(events, signal);
            throw new DeliveryError('unreachable', 'reset', { retryable: true });
          },
        };
        let count = 0;
        const expired = new Set<string>();
        let delivery = start();
        for (const step of steps) {
          if (step.do === 'append') for (let n = 0; n < step.count; n++) log.append(anEvent(`e${count++}`));
          else if (step.do === 'fault') destination.script.push(behaviours[step.fault]!);
          else if (step.do === 'advance') await time.advance(step.ms);
          else if (step.do === 'full-disk') log.failingSaves = 2;
          else if (step.do === 'expire') {
            log.remove((event, index) => {
              const removed = index % step.modulus === 0;
              if (removed) expired.add(event.id);
              return removed;
            });
          } else {
            // The old process stops at once; only what it saved remains.
            await Promise.all([delivery.close(), time.settle()]);
            delivery = start();
          }
          delivery.wake();
          const { accepted, delivered, dropped, queued } = delivery.status();
          const drops = Object.values(dropped).reduce((sum, n) => sum + n, 0);
          if (accepted !== count || delivered + drops + queued !== count)
            throw new Error(`identity broken: ${JSON.stringify(delivery.status())} of ${count}`);
        }
        destination.script.length = 0;
        log.failingSaves = 0;
        await time.advance(600_000);
        const { delivered, dropped, queued } = delivery.status();
        if (queued !== 0) throw new Error(`${queued} left although the destination takes everything`);
        for (let n = 0; n < count; n++) {
          const id = `e${n}`;
          if (!destination.stored.has(id) && !refused.has(id) && !expired.has(id)) throw new Error(`${id} was lost`);
        }
        if (delivered > destination.stored.size) throw new Error('more counted as delivered than stored');
        if (delivered + (dropped.mapping ?? 0) + (dropped.expired ?? 0) !== count) throw new Error('counts do not add up');
        if (destination.mostInFlight > 1 && !steps.some((step) => step.do === 'fault' && step.fault === 'hang'))
          throw new Error('two batches at once');
        await delivery.close();
      },
    ),
    { seed: 20_180_417, numRuns: 150 },
  );
  t.pass('held at every step');
});
