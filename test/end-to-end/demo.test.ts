/**
 * The main job as a user runs it: the demo with its fault and the control without one, side by side.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import type { DemoSummary } from '../../agent/demo/summary.ts';
import { FEATURES, FAULTY_COLUMN, readStream, withFault } from '../../agent/demo/stream.ts';
import { connectState } from '../../agent/store/open.ts';
import { StoreReader } from '../../agent/store/read.ts';
import type { Alert } from '../../contracts/alert.ts';

// Two whole demos; a bench figure, not this limit, says how long one takes.
t.setTimeout(1_200_000);

const launcher = path.join(import.meta.dirname, '../../bin/driftline.js');
const FLOOR = 0.15;

async function demo(folder: string, ...flags: string[]): Promise<{ summary: DemoSummary; alerts: readonly Alert[] }> {
  const command = [launcher, 'demo', '--exit', '--json', '--folder', folder, ...flags];
  const { stdout } = await promisify(execFile)(process.execPath, command, { maxBuffer: 64 * 1024 * 1024 });
  const db = connectState(path.join(folder, 'state'));
  const alerts = new StoreReader(db).page<Alert>('alerts', 0, 1_000).items;
  db.close();
  // One object and nothing else: anything more on stdout would not parse.
  return { summary: JSON.parse(stdout), alerts };
}

/** Two-sample KS D by its definition: the largest gap between the two empirical distributions, looked for at every value. */
function bruteForceD(left: readonly number[], right: readonly number[]): number {
  const share = (sample: readonly number[], value: number) => sample.filter((x) => x <= value).length / sample.length;
  return [...new Set([...left, ...right])].reduce((gap, value) => Math.max(gap, Math.abs(share(left, value) - share(right, value))), 0);
}

const folder = t.testdir({ fault: {}, control: {} });
const { training, sent } = await readStream();
const [fault, control] = await Promise.all([demo(path.join(folder, 'fault')), demo(path.join(folder, 'control'), '--fault', 'none')]);

t.test('every prediction is answered by the model server and every label joined', (t) => {
  for (const { summary } of [fault, control]) {
    t.ok(summary.predictions >= 36_000, `${summary.predictions} predictions`);
    t.equal(summary.failed, 0);
    t.same(summary.servedBy, { primary: summary.predictions, fallback: 0 });
    t.equal(summary.labelsJoined, summary.predictions);
    t.equal(summary.faultAtRow, Math.floor((sent.length * 2) / 3));
  }
  t.end();
});

t.test('the unit mix-up is found within 200 rows, as a breach of the schema', (t) => {
  const { alerts, faultAtRow } = fault.summary;
  const found = alerts.filter((alert) => alert.signal === `inputs.${FAULTY_COLUMN}` && alert.openedAtRow >= faultAtRow);
  t.match(found, [{ kind: 'schema', detector: 'schema' }]);
  t.ok((found[0]?.rowsAfterFault ?? 1_000) <= 200, `${found[0]?.rowsAfterFault} rows after the fault`);
  const drift = fault.alerts.find((alert) => alert.signal === `inputs.${FAULTY_COLUMN}` && alert.kind === 'drift');
  t.equal(drift?.state, 'inhibited', 'drift of that column is inhibited meanwhile');
  t.end();
});

t.test('the loss of accuracy before the fault calls for retraining, and from the fault on retraining is withheld', (t) => {
  const { alerts, faultAtRow, webhooks } = fault.summary;
  t.ok(alerts.some((alert) => alert.signal === 'feedback.error' && alert.openedAtRow < faultAtRow));
  t.ok(webhooks.delivered >= 1);
  t.equal(webhooks.verified, webhooks.delivered);
  t.ok(webhooks.withheld >= 1, `${webhooks.withheld} withheld`);
  t.end();
});

t.test('alerts are episodes, not alarms', (t) => {
  for (const { summary } of [fault, control]) {
    t.ok(summary.alerts.length <= 20, `${summary.alerts.length} alerts`);
    t.equal(new Set(summary.alerts.map((alert) => alert.id)).size, summary.alerts.length);
  }
  t.end();
});

t.test('without the fault nothing opens on that column, and accuracy there is at least 0.2 higher', (t) => {
  const { alerts, faultAtRow, accuracy } = control.summary;
  t.same(
    alerts.filter((alert) => alert.signal === `inputs.${FAULTY_COLUMN}` && alert.openedAtRow >= faultAtRow),
    [],
  );
  t.ok(
    (accuracy.after.measured ?? 0) >= (fault.summary.accuracy.after.measured ?? 1) + 0.2,
    JSON.stringify([accuracy.after, fault.summary.accuracy.after]),
  );
  t.equal(accuracy.before.measured, fault.summary.accuracy.before.measured, 'until the fault the two runs are the same');
  t.end();
});

t.test('every drift alert on an input names a window whose D, recomputed by brute force, is at or above the floor', (t) => {
  let checked = 0;
  for (const [{ alerts, summary }, faulty] of [
    [fault, true],
    [control, false],
  ] as const) {
    for (const alert of alerts.filter((alert) => alert.kind === 'drift' && alert.signal.startsWith('inputs.'))) {
      const column = alert.signal.slice('inputs.'.length);
      t.ok(FEATURES.includes(column as never), alert.signal);
      const { window, effect } = alert.opening;
      const rows = sent
        .map((row, index) => (faulty && index >= summary.faultAtRow ? withFault(row) : row))
        .slice(window?.fromRow, (window?.toRow ?? 0) + 1)
        .map((row) => row.inputs[column] ?? 0);
      const d = bruteForceD(
        rows,
        training.map((row) => row.inputs[column] ?? 0),
      );
      t.ok(Math.abs(d - (effect ?? 0)) < 1e-12, `${alert.signal}: D ${d}, the alert says ${effect}`);
      t.ok(d >= FLOOR);
      checked++;
    }
    t.notOk(alerts.some((alert) => alert.signal === 'inputs.period'));
  }
  t.ok(checked >= 6, `${checked} alerts checked`);
  t.end();
});
