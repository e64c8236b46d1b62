/**
 * `driftline run --upstream URL` and nothing else: what is normal is learned from traffic, and a shift from it is found.
 */
import path from 'node:path';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Alert } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';
import { startModelServer } from '../support/model-server.ts';
import { call, runSidecar, until } from '../support/program.ts';

t.setTimeout(120_000);

const REFERENCE_ROWS = 1_000;
const WINDOW_ROWS = 500;
/** No divisor of the window, so that windows end inside a call. */
const BATCH_ROWS = 30;

t.test('a column that moves away from the first thousand rows is found, window by window, then as an alert', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const sidecar = await runSidecar(['--upstream', model.url, '--state', path.join(t.testdir(), 'state')]);
  t.teardown(() => sidecar.kill());
  const random = new Random(7);
  let rows = 0;
  let calls = 0;
  /** Sends batches until at least so many rows have gone. */
  const sendUntil = async (total: number, shift: number) => {
    for (; rows < total; rows += BATCH_ROWS, calls++) {
      const instances = Array.from({ length: BATCH_ROWS }, () => ({
        income: random.normal() + shift,
        age: random.uniform(18, 80),
        plan: random.pick(['basic', 'plus', 'pro']),
      }));
      const { status } = await call(`${sidecar.data}/v1/models/credit:predict`, { method: 'POST', body: JSON.stringify({ instances }) });
      if (status !== 200) t.fail(`call ${calls} answered ${status}`);
    }
    return until(
      'all rows',
      () => sidecar.get<Status>('/v1/status'),
      (status) => status.rows.observed === rows,
    );
  };
  const early = await sendUntil(REFERENCE_ROWS / 2, 0);
  t.equal(early.reference.ready, false, 'half of the reference is not a reference');
  t.match(early.verdict, { verdict: 'insufficient', decision: 'inconclusive' });

  const learned = await sendUntil(3 * REFERENCE_ROWS, 0);
  t.match(learned.reference, { source: 'traffic', ready: true });
  t.equal(learned.accounting.stored, calls, 'a call is one record, however many rows it has');
  t.same(learned.alerts, [], 'no alert while nothing moves');
  t.match(learned.verdict, { verdict: 'ok', decision: 'pass' });

  const shiftRow = rows;
  const moved = await sendUntil(shiftRow + 3 * WINDOW_ROWS, 1);
  const windows = await sidecar.all<Finding>('windows');
  const judged = windows.filter(({ signal }) => signal === 'inputs.income');
  t.same(
    judged.map(({ window }) => [window?.fromRow, window?.toRow]),
    // The columns are known from the call on that fills the reference; the same call fills the second window.
    Array.from({ length: Math.floor(rows / WINDOW_ROWS) }, (_, n) => [n * WINDOW_ROWS, (n + 1) * WINDOW_ROWS - 1]).slice(1),
    'windows count rows, not calls',
  );
  // The window that holds only a few shifted rows may say either.
  const settled = judged.filter(({ window }) => window !== null && (window.fromRow >= shiftRow || window.toRow < shiftRow));
  for (const { window, level, effect, effectAtLeast } of settled.filter(({ level }) => level !== 'insufficient')) {
    const isShifted = window!.fromRow >= shiftRow;
    t.equal(level, isShifted ? 'drift' : 'stable', `rows ${window!.fromRow} to ${window!.toRow}, D ${effect}`);
    t.equal((effect ?? 0) >= (effectAtLeast ?? 1), isShifted);
  }
  t.ok(settled.filter(({ level }) => level === 'drift').length >= 2);
  t.same(
    windows.filter(({ signal, level }) => signal !== 'inputs.income' && level === 'drift').map(({ signal }) => signal),
    [],
    'the columns that stayed are not accused',
  );

  const alerts = await sidecar.all<Alert>('alerts');
  t.same(
    alerts.map(({ signal, state }) => [signal, state]),
    [['inputs.income', 'firing']],
  );
  const [alert] = alerts;
  const first = judged.find(({ level }) => level === 'drift')?.window;
  t.equal(alert?.opening.window?.fromRow, first?.fromRow);
  const fullAt = (first?.toRow ?? 0) + 1 + WINDOW_ROWS;
  t.equal(alert?.openedAtRow, Math.ceil(fullAt / BATCH_ROWS) * BATCH_ROWS, 'it fires with the call that fills the second window in a row');
  t.match(alert?.opening, { detector: 'ks', note: /income|shifted|median/ });
  t.equal(moved.alerts.length, 1);
  t.match(sidecar.printed(), /inputs\.income/, 'and is told on the terminal');

  const records = await sidecar.all<DriftlineRecord>('records');
  t.ok(records.every((record) => record.rows === BATCH_ROWS && record.inputs.income?.length === BATCH_ROWS));
  t.same(
    records.slice(0, 3).map(({ firstRow }) => firstRow),
    [0, BATCH_ROWS, 2 * BATCH_ROWS],
  );
  t.same(await sidecar.stop(), { code: 0, signal: null });
});
