import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { ActionDefinition, ActionResult } from '../../contracts/action.ts';
import type { Decision } from '../../contracts/alert.ts';
import type { ActionPolicy, Policy } from '../../contracts/policy.ts';
import { actionOf } from '../../policies/catalogue.ts';
import { Dispatcher, type DispatcherParts, type Outbox, RETRY_SCHEDULE_MS } from '../../policies/dispatch.ts';
import { policyWith, webhookWith } from '../support/alerting.ts';

const START = 1_000_000;

/** An outbox that keeps its decisions as text, as a disk would. */
class Memory implements Outbox {
  readonly kept = new Map<string, string>();
  saves = 0;
  broken = false;

  constructor(...decisions: Decision[]) {
    for (const decision of decisions) this.kept.set(decision.id, JSON.stringify(decision));
  }

  get all(): Decision[] {
    return [...this.kept.values()].map((text) => JSON.parse(text));
  }

  due(now: number): Decision[] {
    return this.all.filter((decision) => decision.state === 'queued' && (decision.nextAttemptAt ?? 0) <= now);
  }

  nextAt(): number | null {
    const times = this.all.filter((decision) => decision.state === 'queued').map((decision) => decision.nextAttemptAt ?? 0);
    return times.length === 0 ? null : Math.min(...times);
  }

  save(decision: Decision): void {
    if (this.broken) throw new Error('disk full');
    this.saves += 1;
    this.kept.set(decision.id, JSON.stringify(decision));
  }
}

/** Time that moves only when told; a timer runs when its time has come. */
class ManualTime {
  now = START;
  readonly timers = new Set<{ at: number; run: () => void }>();
  readonly setTimer = (run: () => void, afterMs: number): (() => void) => {
    const timer = { at: this.now + afterMs, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  advance(ms: number): void {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.run();
    }
  }
}

function queued(action: string, number = 1): Decision {
  return {
    id: `a-${number}-${action}`,
    alertId: 'a',
    alertState: 'firing',
    signal: 'inputs.income',
    action,
    type: 'webhook',
    state: 'queued',
    reason: null,
    decidedAt: START,
    finishedAt: null,
    attempts: 0,
    nextAttemptAt: START,
    payload: '{}',
    result: null,
    hash: 'h',
    previousHash: 'p',
  };
}

interface Bench {
  readonly dispatcher: Dispatcher;
  readonly time: ManualTime;
  readonly outbox: Memory;
  readonly ran: string[];
  readonly outcomes: Decision[];
  readonly trouble: string[];
}

type Perform = (action: ActionPolicy, decision: Decision, signal: AbortSignal) => Promise<ActionResult>;

function bench(t: Test, outbox: Memory, perform: Perform, over: Partial<DispatcherParts> = {}): Bench {
  const time = new ManualTime();
  const [ran, outcomes, trouble]: [string[], Decision[], string[]] = [[], [], []];
  const definition: ActionDefinition = {
    type: 'webhook',
    summary: '',
    prepare: () => null,
    perform: (action, decision, tools) => {
      ran.push(decision.id);
      return perform(action, decision, tools.signal);
    },
  };
  const policy = policyWith({ actions: ['a', 'b'].map((name) => webhookWith({ name })) });
  const dispatcher = new Dispatcher({
    outbox,
    policy: () => policy,
    tools: { secret: () => null, print: () => {}, route: async () => ({ before: '', after: '' }) },
    clock: { now: () => time.now },
    random: () => 0.5,
    setTimer: time.setTimer,
    onOutcome: (decision) => outcomes.push(decision),
    onTrouble: (message) => trouble.push(message),
    actionOf: () => definition,
    ...over,
  });
  t.teardown(() => dispatcher.close());
  return { dispatcher, time, outbox, ran, outcomes, trouble };
}

const done: ActionResult = { kind: 'done', result: 'HTTP 200' };
const busy: ActionResult = { kind: 'retry', reason: 'HTTP 503', afterMs: null };

t.test('what is due is done once, saved, and told', async (t) => {
  const { dispatcher, outbox, ran, outcomes } = bench(t, new Memory(queued('a'), queued('b')), async () => done);
  await dispatcher.flush(1000);
  t.same(ran, ['a-1-a', 'a-1-b']);
  t.match(outbox.all[0], {
    state: 'done',
    attempts: 1,
    result: 'HTTP 200',
    reason: null,
    finishedAt: START,
    nextAttemptAt: null,
    hash: 'h',
  });
  t.equal(outcomes.length, 2);
  await dispatcher.flush(1000);
  t.equal(ran.length, 2);
});

t.test('retries follow the schedule, ten attempts in about three days, then it is given up', async (t) => {
  const { dispatcher, time, outbox, ran } = bench(t, new Memory(queued('a')), async () => busy);
  await dispatcher.flush(1000);
  const begun = time.now;
  for (const waitMs of RETRY_SCHEDULE_MS) {
    t.match(outbox.all[0], { state: 'queued', reason: 'HTTP 503', nextAttemptAt: time.now + waitMs });
    const attempts = ran.length;
    time.advance(waitMs - 1);
    await dispatcher.flush(1000);
    t.equal(ran.length, attempts, 'not a millisecond early');
    time.advance(1);
    await dispatcher.flush(1000);
  }
  t.match(outbox.all[0], { state: 'failed', attempts: 10, reason: 'given up after 10 attempts: HTTP 503', nextAttemptAt: null });
  t.equal(ran.length, 10);
  t.equal(time.now - begun, ((75 * 60 + 35) * 60 + 5) * 1000);
});

t.test('the timer alone brings a retry about', async (t) => {
  const second = Promise.withResolvers<void>();
  const { dispatcher, time, ran } = bench(t, new Memory(queued('a')), async () => {
    if (ran.length === 2) second.resolve();
    return busy;
  });
  await dispatcher.flush(1000);
  time.advance(5000);
  await second.promise;
  t.equal(ran.length, 2);
});

t.test('what the receiver asks for counts instead of the schedule, and chance moves the schedule by a fifth at most', async (t) => {
  const asked = bench(t, new Memory(queued('a')), async () => ({ kind: 'retry', reason: 'HTTP 429', afterMs: 17_000 }));
  await asked.dispatcher.flush(1000);
  t.equal(asked.outbox.all[0]!.nextAttemptAt, START + 17_000);
  for (const [random, waitMs] of [
    [0, 4000],
    [0.999_999, 6000],
  ] as const) {
    const { dispatcher, outbox } = bench(t, new Memory(queued('a')), async () => busy, { random: () => random });
    await dispatcher.flush(1000);
    t.equal(outbox.all[0]!.nextAttemptAt, START + waitMs);
  }
});

t.test('one action runs one decision at a time, in order, and a hanging one delays no other', async (t) => {
  const gate = Promise.withResolvers<ActionResult>();
  const { dispatcher, ran, outbox } = bench(
    t,
    new Memory(queued('a', 1), queued('a', 2), queued('b', 1), queued('b', 2)),
    async (action) => (action.name === 'a' ? await gate.promise : done),
  );
  const flushed = dispatcher.flush(1000);
  await new Promise(setImmediate);
  t.same(ran, ['a-1-a', 'a-1-b', 'a-2-b']);
  gate.resolve(done);
  await flushed;
  t.same(ran, ['a-1-a', 'a-1-b', 'a-2-b', 'a-2-a']);
  t.ok(outbox.all.every((decision) => decision.state === 'done'));
});

t.test('a wake during an attempt does not start it twice', async (t) => {
  const gate = Promise.withResolvers<ActionResult>();
  const { dispatcher, ran } = bench(t, new Memory(queued('a')), async () => await gate.promise);
  for (let count = 0; count < 5; count += 1) dispatcher.wake();
  gate.resolve(done);
  await dispatcher.flush(1000);
  t.equal(ran.length, 1);
});

t.test('a decision fails when its action left the policy or became another', async (t) => {
  const { dispatcher, outbox, ran } = bench(t, new Memory(queued('gone'), { ...queued('a'), type: 'rollback' }), async () => done);
  await dispatcher.flush(1000);
  t.same(ran, []);
  for (const decision of outbox.all) t.match(decision, { state: 'failed', reason: 'the action is no longer in the policy', attempts: 0 });
});

t.test('after 410 the action is off, until the policy changes', async (t) => {
  let policy: Policy = policyWith({ actions: [webhookWith({ name: 'a' })] });
  const gone: ActionResult = { kind: 'failed', reason: 'HTTP 410', disable: true };
  const { dispatcher, outbox, ran } = bench(t, new Memory(queued('a', 1), queued('a', 2)), async () => gone, { policy: () => policy });
  await dispatcher.flush(1000);
  t.match(outbox.all, [
    { state: 'failed', reason: 'HTTP 410' },
    { state: 'failed', reason: /410 before/, attempts: 0 },
  ]);
  policy = { ...policy, hash: 'new' };
  outbox.save(queued('a', 3));
  await dispatcher.flush(1000);
  t.same(ran, ['a-1-a', 'a-3-a']);
});

t.test('an action that throws fails its decision and nothing else', async (t) => {
  const { dispatcher, outbox } = bench(t, new Memory(queued('a'), queued('b')), async (action) => {
    if (action.name === 'a') throw new TypeError('x is not a function');
    return done;
  });
  await dispatcher.flush(1000);
  t.match(outbox.all, [{ state: 'failed', reason: 'unexpected: x is not a function' }, { state: 'done' }]);
});

t.test('an outcome that cannot be saved is saved later, and the act is not repeated meanwhile', async (t) => {
  const { dispatcher, time, outbox, ran, outcomes, trouble } = bench(t, new Memory(queued('a')), async () => done);
  outbox.broken = true;
  await dispatcher.flush(1000);
  time.advance(1000);
  await dispatcher.flush(1000);
  t.match(trouble[0], 'outbox: cannot be written (disk full)');
  t.same([ran.length, outcomes.length, outbox.all[0]!.state], [1, 0, 'queued']);
  outbox.broken = false;
  time.advance(1000);
  t.same([ran.length, outcomes.length, outbox.all[0]!.state], [1, 1, 'done']);
});

t.test('an outbox that cannot be read is told and tried again', async (t) => {
  const outbox = new Memory(queued('a'));
  const due = outbox.due.bind(outbox);
  outbox.due = () => {
    throw new Error('locked');
  };
  const { dispatcher, time, ran, trouble } = bench(t, outbox, async () => done);
  t.doesNotThrow(() => dispatcher.wake());
  t.match(trouble[0], 'outbox: cannot be read (locked)');
  outbox.due = due;
  time.advance(1000);
  await dispatcher.flush(1000);
  t.equal(ran.length, 1);
});

t.test('close breaks an attempt off and leaves it queued; a new dispatcher finds it again under the same id', async (t) => {
  const outbox = new Memory(queued('a'));
  const first = bench(t, outbox, async (_action, _decision, signal) => {
    await once(signal, 'abort');
    return busy;
  });
  first.dispatcher.wake();
  await first.dispatcher.close();
  await first.dispatcher.close();
  t.match(outbox.all[0], { state: 'queued', attempts: 0, nextAttemptAt: START });
  first.dispatcher.wake();
  t.equal(first.ran.length, 1);
  const second = bench(t, outbox, async () => done);
  await second.dispatcher.flush(1000);
  t.same(second.ran, first.ran);
  t.equal(outbox.all[0]!.state, 'done');
});

t.test('flush gives up waiting when its time is over', async (t) => {
  const { dispatcher, time } = bench(t, new Memory(queued('a')), async (_action, _decision, signal) => {
    await once(signal, 'abort');
    return busy;
  });
  const flushed = dispatcher.flush(1000);
  time.advance(1000);
  await flushed;
  t.pass('came back');
});

t.test('a webhook answered after the crash of its sender arrives twice with one id, and nothing is lost', async (t) => {
  const ids: (string | undefined)[] = [];
  const arrived = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    ids.push(String(request.headers['webhook-id']));
    request.resume();
    // The first call is left hanging: its sender will be gone before the answer.
    if (ids.length === 1) arrived.resolve();
    else response.writeHead(202).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const outbox = new Memory(queued('a'));
  const over = { policy: () => policyWith({ actions: [webhookWith({ name: 'a', url })] }), actionOf };
  const first = bench(t, outbox, async () => done, over);
  first.dispatcher.wake();
  await arrived.promise;
  await first.dispatcher.close();
  const second = bench(t, outbox, async () => done, over);
  const told = second.dispatcher.flush(60_000);
  await told;
  t.same(ids, ['a-1-a', 'a-1-a']);
  t.match(outbox.all[0], { state: 'done', result: 'HTTP 202', attempts: 1 });
});
