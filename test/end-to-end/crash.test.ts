/**
 * Faults of ours that nothing contains, in each thread: calls under way end whole, a record of it stays, and the exit code is 70.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { type Answer, call, runSidecar, type Sidecar, startProgram, until } from '../support/program.ts';
import { type ThreadFaults, threadFaults } from '../support/thread-faults.ts';

t.setTimeout(240_000);

const predict = (sidecar: Sidecar): Promise<Answer> =>
  call(`${sidecar.data}/v2/models/m/infer`, { method: 'POST', body: v2Row({ x: 0.7 }) });

/** The crash records in a state folder, by name. */
function records(state: string): readonly { readonly [field: string]: string }[] {
  const names = readdirSync(state).filter((name) => /^crash-[\dT.-]+Z\.json$/.test(name));
  return names.sort().map((name) => JSON.parse(readFileSync(path.join(state, name), 'utf8')));
}

interface Stage {
  readonly sidecar: Sidecar;
  readonly faults: ThreadFaults;
  readonly state: string;
  /** Calls that came to the model server so far; it answers none before `release`. */
  readonly arrived: () => number;
  release(): void;
  again(): Promise<Sidecar>;
}

async function stage(t: Test, ...more: readonly string[]): Promise<Stage> {
  let arrived = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const model = await startModelServer(async () => {
    arrived++;
    await held;
  });
  t.teardown(() => model.close());
  const faults = threadFaults(path.join(t.testdir(), 'faults'));
  const state = path.join(t.testdirName, 'state');
  const start = async (env: NodeJS.ProcessEnv = {}) => {
    const sidecar = await runSidecar(['--upstream', model.url, '--state', state, ...more], undefined, env);
    t.teardown(() => sidecar.kill());
    return sidecar;
  };
  return { sidecar: await start(faults.env), faults, state, arrived: () => arrived, release, again: start };
}

for (const fault of ['throw', 'reject'] as const) {
  t.test(`the analysis thread, ${fault}: calls are drained as at SIGTERM, and what is not analysed is counted`, async (t) => {
    const { sidecar, faults, state, arrived, release, again } = await stage(t, '--drain-delay', '3s');
    const running = predict(sidecar);
    await until('the call at the model server', arrived, (count) => count === 1);
    faults.begin('analysis', fault);
    await sidecar.saying(/a fault of ours in the thread analysis; please report it: Error: planted \(the rest is in .*crash-.*\.json\)/);
    t.equal((await call(`${sidecar.admin}/readyz`)).status, 503);
    const late = predict(sidecar);
    await until('a call within the delay', arrived, (count) => count === 2);
    release();
    t.match([await running, await late], [{ status: 200 }, { status: 200, headers: { connection: 'close' } }]);
    t.same(await sidecar.ended, { code: 70, signal: null });
    t.match(records(state), [{ thread: 'analysis', version: /^\d+\.\d+\.\d+/, node: process.version, error: /^Error: planted\n +at / }]);

    const next = await again();
    t.equal((await predict(next)).status, 200);
    const { accounting } = await until(
      'the next record',
      () => next.get<Status>('/v1/status'),
      ({ accounting }) => accounting.stored === 1,
    );
    t.match(accounting, { accepted: 3, stored: 1, queued: 0, dropped: { internal: 2 } });
    t.same(await next.stop(), { code: 0, signal: null });
  });
}

for (const fault of ['throw', 'reject'] as const) {
  t.test(`the main thread, ${fault}: calls are drained and recorded`, async (t) => {
    const { sidecar, faults, state, arrived, release, again } = await stage(t);
    const running = predict(sidecar);
    await until('the call at the model server', arrived, (count) => count === 1);
    // Again and again, as a timer would do it.
    faults.begin('main', fault);
    await sidecar.saying(/a fault of ours in the thread main; please report it: Error: planted/);
    release();
    t.match(await running, { status: 200, headers: { connection: 'close' } });
    t.same(await sidecar.ended, { code: 70, signal: null });
    t.match(records(state), [{ thread: 'main' }]);
    const { accounting } = await (await again()).get<Status>('/v1/status');
    t.match(accounting, { accepted: 1, stored: 1, queued: 0 }, JSON.stringify(accounting));
  });
}

t.test('the only data thread: nobody is left to wait for', async (t) => {
  const { sidecar, faults, state, release } = await stage(t, '--drain-delay', '10m');
  release();
  t.equal((await predict(sidecar)).status, 200);
  faults.begin('data-0', 'throw');
  t.same(await sidecar.ended, { code: 70, signal: null });
  t.match(records(state), [{ thread: 'data-0', error: /^Error: planted/ }]);
});

t.test('one of two data threads: the other one drains', async (t) => {
  const { sidecar, faults, state, arrived, release } = await stage(t, '--data-threads', '2', '--drain-delay', '3s');
  const running = Array.from({ length: 20 }, () => predict(sidecar).catch(() => null));
  await until('the calls at the model server', arrived, (count) => count === 20);
  faults.begin('data-1', 'throw');
  await sidecar.saying(/a fault of ours in the thread data-1/);
  release();
  const answers = await Promise.all(running);
  t.same(new Set(answers.map((answer) => answer?.status ?? 'broken off')), new Set([200, 'broken off']));
  t.equal((await predict(sidecar)).status, 200, 'new calls go to the other thread');
  sidecar.child.kill('SIGTERM');
  t.same(await sidecar.ended, { code: 70, signal: null }, 'whoever asks for an end meanwhile gets this one');
  t.match(records(state), [{ thread: 'data-1' }]);
});

t.test('a fault before it serves, and one in another command', async (t) => {
  const model = path.join(import.meta.dirname, '../../agent/demo/elec2.onnx');
  const state = path.join(t.testdir(), 'state');
  const run = ['run', '--upstream', 'http://127.0.0.1:9', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--state'];
  for (const [thread, args] of [
    ['main', [...run, `${state}-of-main`]],
    ['analysis', [...run, state]],
    ['main', ['serve', model, '--listen', '127.0.0.1:0']],
  ] as const) {
    const faults = threadFaults(path.join(t.testdirName, 'faults'));
    faults.begin(thread, 'throw');
    const { ended, said, kill } = startProgram(args, faults.env);
    t.teardown(() => kill());
    t.same(await ended, { code: 70, signal: null }, `${args[0]}, ${thread}`);
    // A thread that breaks while it starts makes the start fail, which is the main thread's.
    t.match(said(), /driftline: a fault of ours in the thread (main|analysis); please report it.*Error: planted/);
    faults.end(thread);
  }
  t.match(records(state), [{ error: /^Error: planted/ }]);
});

t.test('a fault in each call: told once a minute, counted each time, and the next call is served', async (t) => {
  const { sidecar, faults, release } = await stage(t);
  release();
  faults.begin('data-0', 'calls');
  await until(
    'the fault',
    async () => {
      await predict(sidecar).catch(() => null);
      return bugs(sidecar);
    },
    (count) => count > 0,
  );
  for (let i = 0; i < 20; i++) await predict(sidecar).catch(() => null);
  t.ok((await bugs(sidecar)) >= 20);
  const said = () => sidecar.said().match(/proxy: a fault was kept inside its connection: Error: planted/g)?.length;
  t.equal(said(), 1);
  t.equal((await call(`${sidecar.admin}/livez`)).status, 200);
  t.same(await sidecar.stop(), { code: 0, signal: null });
});

async function bugs(sidecar: Sidecar): Promise<number> {
  return (await sidecar.get<Status>('/v1/status')).proxy.counters.bugs ?? 0;
}
