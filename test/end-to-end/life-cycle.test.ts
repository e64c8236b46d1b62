/**
 * Starting, stopping and sharing the work: `driftline run` before, beside and after its model server, and on several threads.
 */
import type { Agent } from 'node:http';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import { untilTold } from '../support/kept-client.ts';
import { type ModelServer, startModelServer, v2Row } from '../support/model-server.ts';
import { type Answer, call, type Ending, quietPorts, runSidecar, type Sidecar, until } from '../support/program.ts';

t.setTimeout(180_000);

const PREDICT = '/v2/models/m/infer';

interface Ready {
  readonly ready: boolean;
  readonly why: string;
}

const predict = (sidecar: Sidecar, agent?: Agent): Promise<Answer> =>
  call(sidecar.data + PREDICT, { method: 'POST', body: v2Row({ x: 0.7 }), ...(agent === undefined ? {} : { agent }) });

const readiness = async (sidecar: Sidecar): Promise<Ready> => JSON.parse((await call(`${sidecar.admin}/readyz`)).body.toString());

/** A model server whose answers wait until `release` is called. */
async function heldServer(t: Test): Promise<ModelServer & { readonly arrived: () => number; release(): void }> {
  const held: (() => void)[] = [];
  let arrived = 0;
  let open = false;
  const server = await startModelServer(async () => {
    arrived++;
    if (!open) await new Promise<void>((resolve) => held.push(resolve));
  });
  t.teardown(() => server.close());
  return {
    ...server,
    arrived: () => arrived,
    release() {
      open = true;
      for (const go of held.splice(0)) go();
    },
  };
}

/** Below what an ordinary end may take for connections (2 s), exporters (5 s) and calls (10 s); what is over in half a second is so on a busy machine too. */
const AT_ONCE_MS = 2_000;

/** How it ends; it is killed where it does not. */
async function ending(t: Test, { ended, kill }: Sidecar): Promise<Ending> {
  const timer = setTimeout(() => void kill(), 20_000);
  t.teardown(() => clearTimeout(timer));
  return ended;
}

/** Ids of the records that a process left on disk. */
function storedIds(state: string): string[] {
  const db = new DatabaseSync(path.join(state, 'driftline.sqlite'), { readOnly: true });
  try {
    return db
      .prepare('SELECT id FROM records')
      .all()
      .map((row) => String(row.id));
  } finally {
    db.close();
  }
}

/** How many sockets listen on a port of 127.0.0.1, as the system tells (proc(5): address and state in hexadecimal, 0A = listening). */
function listenersOn(port: number): number {
  const place = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return sockets.map((line) => line.trim().split(/\s+/)).filter(([, local, , state]) => local === place && state === '0A').length;
}

t.test('it lives before its model server, is ready with it, and again after the model server alone was restarted', async (t) => {
  const { listen: place } = await quietPorts();
  const port = Number(place.split(':')[1]);
  const sidecar = await runSidecar(['--upstream', `http://127.0.0.1:${port}`, '--state', t.testdir()]);
  t.teardown(() => sidecar.kill());
  t.equal((await call(`${sidecar.admin}/livez`)).status, 200, 'the startup probe does not wait for the model server');
  const before = await readiness(sidecar);
  t.equal(before.ready, false);
  t.match(before.why, `the model server primary (127.0.0.1:${port}) accepts no connection`);
  t.match((await predict(sidecar)).headers, { 'x-driftline-reason': 'connect-refused' });

  for (const turn of ['started', 'restarted']) {
    const model = await startModelServer(undefined, port);
    await until(
      `readiness, ${turn}`,
      () => readiness(sidecar),
      ({ ready }) => ready,
    );
    t.equal(
      (
        await until(
          'an answer',
          () => predict(sidecar),
          ({ status }) => status === 200,
        )
      ).status,
      200,
      turn,
    );
    await model.close();
    await until(
      'its end',
      () => readiness(sidecar),
      ({ ready }) => !ready,
    );
  }
});

t.test('SIGTERM: not ready at once, served on for the delay, running calls end whole, and everything is on disk', async (t) => {
  const model = await heldServer(t);
  const state = t.testdir();
  const sidecar = await runSidecar(['--upstream', model.url, '--state', state, '--drain-delay', '3s']);
  t.teardown(() => sidecar.kill());
  await until(
    'readiness',
    () => readiness(sidecar),
    ({ ready }) => ready,
  );
  const running = Array.from({ length: 50 }, () => predict(sidecar));
  await until('50 calls at the model server', model.arrived, (count) => count === 50);

  sidecar.child.kill('SIGTERM');
  t.same(
    await until(
      'the word',
      () => readiness(sidecar),
      ({ ready }) => !ready,
    ),
    { ready: false, why: 'draining' },
  );
  const late = predict(sidecar);
  await until('a call within the delay', model.arrived, (count) => count === 51);
  model.release();
  const answers = await Promise.all([...running, late]);
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  t.same(await sidecar.ended, { code: 0, signal: null });
  const stored = new Set(storedIds(state));
  t.ok(
    answers.every(({ headers }) => stored.has(String(headers['x-driftline-id']))),
    'every call that was answered is recorded',
  );
});

t.test('SIGTERM: clients on kept connections are told to close by their next answer, and lose no call', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const sidecar = await runSidecar(['--upstream', model.url, '--state', t.testdir(), '--drain-delay', '10m']);
  t.teardown(() => sidecar.kill());
  const { hostname: host, port } = new URL(sidecar.data);
  const address = { host, port: Number(port) };
  let answers = 0;
  const clients = Array.from({ length: 20 }, () => untilTold(t, { address }, () => answers++));
  await until(
    'calls on kept connections',
    () => answers,
    (count) => count > 200,
  );
  sidecar.child.kill('SIGTERM');
  t.same(new Set(await Promise.all(clients)), new Set(['told']));
  const late = await predict(sidecar);
  t.match([late.status, late.headers], [200, { connection: 'close' }], 'those who come new are served as well');
  // The rest of the delay is not waited for.
  await model.close();
  t.same(await ending(t, sidecar), { code: 0, signal: null });
});

t.test('a second SIGTERM ends it at once, and what was recorded stays', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const state = t.testdir();
  const sidecar = await runSidecar(['--upstream', model.url, '--state', state, '--drain-delay', '10m']);
  t.teardown(() => sidecar.kill());
  const { headers } = await predict(sidecar);
  await until(
    'the record',
    () => sidecar.all<{ id: string }>('records'),
    (records) => records.length === 1,
  );
  // A client that sends half a request would be waited for.
  const { hostname, port } = new URL(sidecar.data);
  const half = connect(Number(port), hostname, () => half.write(`POST ${PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf`));
  t.teardown(() => half.destroy());
  half.on('error', () => {});
  await until(
    'the half call',
    () => sidecar.get<Status>('/v1/status'),
    ({ proxy }) => (proxy.counters.requests ?? 0) === 2,
  );
  sidecar.child.kill('SIGTERM');
  await sidecar.saying(/draining; once more ends at once/);
  // As soon as somebody who has read that can press a key.
  await sleep(400);
  const asked = performance.now();
  sidecar.child.kill('SIGTERM');
  t.same(await ending(t, sidecar), { code: 130, signal: null });
  t.ok(performance.now() - asked < AT_ONCE_MS, 'and waits neither for the ten minutes nor for the half call');
  t.same(storedIds(state), [headers['x-driftline-id']]);
});

t.test('what comes so close behind the first signal that it can only be the same one ends nothing in haste', async (t) => {
  const model = await heldServer(t);
  const sidecar = await runSidecar(['--upstream', model.url, '--state', t.testdir()]);
  t.teardown(() => sidecar.kill());
  const running = predict(sidecar);
  await until('the call at the model server', model.arrived, (count) => count === 1);
  // To the launcher, which passes it on, and to the program, as a terminal does it.
  process.kill(-(sidecar.child.pid ?? 0), 'SIGTERM');
  await sidecar.saying(/draining/);
  await sleep(100);
  model.release();
  t.equal((await running).status, 200);
  t.same(await ending(t, sidecar), { code: 0, signal: null });
});

t.test('a sidecar whose model server is gone has nothing to wait for', async (t) => {
  const model = await startModelServer();
  const sidecar = await runSidecar(['--upstream', model.url, '--state', t.testdir(), '--drain-delay', '10m']);
  t.teardown(() => sidecar.kill());
  await until(
    'readiness',
    () => readiness(sidecar),
    ({ ready }) => ready,
  );
  await model.close();
  const asked = performance.now();
  sidecar.child.kill('SIGTERM');
  t.same(await ending(t, sidecar), { code: 0, signal: null });
  const tookMs = performance.now() - asked;
  t.comment(`${tookMs.toFixed(0)} ms`);
  t.ok(tookMs < AT_ONCE_MS, 'neither for the ten minutes nor for calls or exporters');
});

t.test('several data threads share the port, their counts add up, and another process cannot slip in beside them', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const ports = await quietPorts();
  const state = t.testdir();
  const sidecar = await runSidecar(['--upstream', model.url, '--state', state, '--data-threads', '3'], ports);
  t.teardown(() => sidecar.kill());
  t.equal(listenersOn(Number(ports.listen.split(':')[1])), 3);
  // Every call on a connection of its own: the kernel shares connections out, not calls.
  const answers = await Promise.all(Array.from({ length: 120 }, () => predict(sidecar)));
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
  const status = await until(
    'all records',
    () => sidecar.get<Status>('/v1/status'),
    ({ accounting }) => accounting.stored === 120,
  );
  t.match(status.proxy.counters, { requests: 120, answered: 120, exchanges: 120, ringFull: 0 });
  const ids = (await sidecar.all<{ id: string }>('records')).map(({ id }) => id).sort();
  t.same(ids, answers.map(({ headers }) => String(headers['x-driftline-id'])).sort());

  await t.rejects(
    runSidecar(['--upstream', model.url, '--state', path.join(state, 'other'), '--data-threads', '3'], { ...ports, admin: '127.0.0.1:0' }),
    /is in use; stop what holds it or choose another address with --listen/,
  );
});

t.test('wrong numbers of threads and delays are refused with a remedy', async (t) => {
  const start = (...args: string[]) => runSidecar(['--upstream', 'http://127.0.0.1:9', '--state', t.testdirName, ...args]);
  await t.rejects(start('--data-threads', '0'), /--data-threads 0: must be a whole number from 1 to 64/);
  await t.rejects(start('--drain-delay', 'soon'), /--drain-delay soon: must be a duration, such as 5s/);
});
