/**
 * Event loops that stand still in a program that serves: each thread's is told, and only that of a data thread gives up records.
 */
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, runSidecar, until } from '../support/program.ts';
import { threadFaults } from '../support/thread-faults.ts';

t.setTimeout(240_000);

t.test('threads blocked for 400 ms of every two seconds are told, and capture is given up for a data thread', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const faults = threadFaults(`${t.testdir()}/faults`);
  const sidecar = await runSidecar(['--upstream', model.url, '--state', `${t.testdirName}/state`], undefined, faults.env);
  t.teardown(() => sidecar.kill());
  const status = () => sidecar.get<Status>('/v1/status');
  const metrics = async () => (await call(`${sidecar.admin}/metrics`)).body.toString();
  const predict = async () => (await call(`${sidecar.data}/v2/models/m/infer`, { method: 'POST', body: v2Row({ x: 0.7 }) })).status;
  t.equal(await predict(), 200);
  t.same(Object.keys((await status()).loopDelaysMs), ['main', 'analysis', 'data-0']);

  faults.begin('main', 'block 400');
  faults.begin('analysis', 'block 400');
  const late = await until('word of both', status, ({ loopDelaysMs }) => loopDelaysMs.main! > 100 && loopDelaysMs.analysis! > 100, 60_000);
  t.match(await metrics(), /^driftline_event_loop_delay_seconds\{thread="analysis"\} 0\.[1-9]/m);
  faults.end('main');
  faults.end('analysis');
  t.match(late.proxy, { shedding: 'nothing' }, 'which costs no call anything');

  faults.begin('data-0', 'block 400');
  const shed = await until('records given up', status, ({ proxy }) => proxy.shedding === 'records', 60_000);
  t.ok(shed.proxy.loopDelayMs > 50, String(shed.proxy.loopDelayMs));
  t.match(await metrics(), /^driftline_shedding\{rung="records"\} 1$/m);
  t.match(await metrics(), /^driftline_event_loop_delay_seconds\{thread="data-0"\} 0\.[0-9]*[1-9]/m);
  t.equal(await predict(), 200);
  faults.end('data-0');
  const back = await until('the way back', status, ({ proxy }) => proxy.shedding === 'nothing', 90_000);
  t.ok(back.loopDelaysMs['data-0']! < 50);
  t.equal(await predict(), 200);
  const { accounting } = await until('the last record', status, ({ accounting }) => accounting.stored === 2);
  t.match(accounting, { accepted: 3, stored: 2, dropped: { shed: 1 } });
});
