/**
 * The model server dies, or falls silent, in mid-stream: the fallback answers, the alert fires, the rollback turns the route.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { verifyChain } from '../../policies/chain.ts';
import { inference, integers } from '../scorer/grpc-service.ts';
import { v2Row } from '../support/model-server.ts';
import { type Answer, call, type Program, portsOf, runSidecar, type Sidecar, startProgram, until } from '../support/program.ts';

t.setTimeout(300_000);

const MODEL = path.join(import.meta.dirname, '../../agent/demo/elec2.onnx');
const INFER = '/v2/models/elec2/infer';
const SENDERS = 4;
/** Enough answered calls before the fault for ADWIN to know what is normal. */
const HEALTHY_CALLS = 200;
const TIMEOUT_MS = 300;

const POLICY = `apiVersion: driftline/v1
kind: Policy
metadata: { name: fallback-test }
spec:
  model: { name: elec2, version: "path|config:1", prediction: direction }
  traffic:
    protocol: kserve-v2
    upstreams:
      primary: { url: "\${MODEL_SERVER}", timeout: ${TIMEOUT_MS}ms }
      fallback: { onnx: "${MODEL}" }
  schema:
    outputs: [{ name: direction, type: integer, tensor: label }]
  monitors:
    - name: failed-calls
      features: [request.failed]
      detectors: { numeric: { type: adwin, delta: 0.002 } }
      severity: critical
  alerts:
    routes:
      - { match: { monitor: failed-calls }, actions: [back] }
  actions:
    - { name: back, type: rollback, steps: [{ do: route, to: fallback }], guard: { maxPerDay: 1 } }
`;

interface Sent {
  readonly id: string;
  readonly at: number;
  /** Null when no whole answer came. */
  readonly answer: Answer | null;
}

/** Sends rows from several connections until it is stopped. */
class Sender {
  readonly sent: Sent[] = [];
  readonly #name: string;
  readonly #url: string;
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(name: string, url: string) {
    this.#name = name;
    this.#url = url + INFER;
    this.#loops = Array.from({ length: SENDERS }, () => this.#loop());
  }

  get healthy(): number {
    return this.sent.filter(({ answer }) => answer?.headers['x-driftline-served-by'] === 'primary').length;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const n = this.sent.length;
      const id = `${this.#name}-${n}`;
      const at = performance.now();
      const place = this.sent.push({ id, at, answer: null }) - 1;
      const price = (n % 100) / 100;
      const row = { period: 0.5, nswprice: price, nswdemand: 0.4, vicprice: 0.003, vicdemand: 0.42, transfer: 0.41 };
      const answer = await call(this.#url, { method: 'POST', headers: { 'x-request-id': id }, body: v2Row(row, `body-${n}`) }).catch(
        () => null,
      );
      this.sent[place] = { id, at, answer };
      await sleep(5);
    }
  }
}

interface Running {
  readonly server: Program;
  readonly sidecar: Sidecar;
  readonly again: () => Promise<Sidecar>;
}

/** A model server of our own in a process of its own, and the sidecar before it. */
async function start(t: Test): Promise<Running> {
  const server = startProgram(['serve', MODEL, '--listen', '127.0.0.1:0']);
  t.teardown(() => server.kill());
  const [, url = ''] = await server.saying(/on (http:\/\/[\d.]+:\d+)/);
  const folder = t.testdir({ 'policy.yaml': POLICY });
  const args = ['-c', path.join(folder, 'policy.yaml'), '--state', path.join(folder, 'state')];
  const env = { MODEL_SERVER: url };
  const sidecar = await runSidecar(args, undefined, env);
  t.teardown(() => sidecar.kill());
  const ports = portsOf(sidecar);
  return {
    server,
    sidecar,
    again: async () => {
      const next = await runSidecar(args, ports, env);
      t.teardown(() => next.kill());
      return next;
    },
  };
}

/** Breaks the model server while calls run; what follows must be the same however it broke. */
async function breaks(t: Test, running: Running, reason: string, fault: () => void): Promise<Sidecar> {
  const { sidecar, again } = running;
  const sender = new Sender('before', sidecar.data);
  t.teardown(() => sender.stop());
  await until(
    'healthy calls',
    () => sender.healthy,
    (healthy) => healthy >= HEALTHY_CALLS,
  );
  fault();
  const faultAt = performance.now();
  const route = await until(
    'the rollback',
    async () => (await sidecar.get<{ active: string }>('/v1/routes')).active,
    (active) => active === 'fallback',
    60_000,
  );
  const turnedMs = performance.now() - faultAt;
  t.equal(route, 'fallback', 'the rollback turned the route');
  await sleep(200);
  await sender.stop();

  const unanswered = sender.sent.filter(({ answer }) => answer?.status !== 200);
  const inFlight = sender.sent.filter(({ at }) => at <= faultAt).slice(-SENDERS);
  t.ok(
    unanswered.every((call) => inFlight.includes(call)),
    `only calls in flight may fail; ${unanswered.length} of ${sender.sent.length} did`,
  );
  const byFallback = sender.sent.filter(({ answer }) => answer?.headers['x-driftline-served-by'] === 'fallback');
  t.ok(byFallback.length > 20, `${byFallback.length} answers of the fallback, the route turned after ${Math.round(turnedMs)} ms`);
  for (const { id, answer } of byFallback) {
    const body = JSON.parse(answer!.body.toString());
    if (answer!.headers['x-driftline-id'] !== id || body.id === undefined || body.outputs?.[0]?.name !== 'label') {
      t.fail('an answer of the fallback is not what the caller expects', { id, body });
      break;
    }
  }

  const [alert] = await sidecar.all<Alert>('alerts');
  t.match(alert, { monitor: 'failed-calls', signal: 'request.failed', kind: 'failure', state: 'firing', severity: 'critical' });
  const decisions = await until(
    'the audit of the rollback',
    () => sidecar.all<Decision>('decisions'),
    (all) => all.some(({ type, state }) => type === 'rollback' && state === 'done'),
  );
  t.match(decisions[0], { action: 'back', type: 'rollback', alertId: alert?.id, result: 'primary → fallback' });
  t.equal(verifyChain(decisions), null, 'the audit chain holds');

  const records = await until(
    'a record of every call',
    async () => new Map((await sidecar.all<DriftlineRecord>('records')).map((record) => [record.id, record])),
    (found) => sender.sent.every(({ id, answer }) => answer === null || found.has(id)),
  );
  const expected = byFallback.map(({ id }) => records.get(id));
  t.ok(
    expected.every((record) => record?.servedBy === 'fallback' && record.outputs.direction?.length === 1),
    'each is on record as such',
  );
  const reasons = Map.groupBy(expected, (record) => record?.reason ?? 'none');
  t.ok(reasons.has(reason), `the reasons on record: ${[...reasons].map(([name, calls]) => `${name} ${calls.length}`).join(', ')}`);
  t.same(
    [...reasons.keys()].filter(
      (name) => !['route', 'reset', 'connect-refused', 'no-answer', 'connect-timeout', 'circuit-open'].includes(name),
    ),
    [],
  );

  t.same(await sidecar.stop(), { code: 0, signal: null });
  const next = await again();
  t.match(next.said(), /route: fallback, as before the restart/);
  const after = await call(next.data + INFER, {
    method: 'POST',
    body: v2Row({ period: 0.5, nswprice: 0.5, nswdemand: 0.5, vicprice: 0.5, vicdemand: 0.5, transfer: 0.5 }),
  });
  t.equal(after.status, 200);
  t.equal(after.headers['x-driftline-served-by'], 'fallback', 'the rollback outlives the restart');
  t.same(await next.all<Decision>('decisions'), decisions, 'and so does its audit');
  const { accounting } = await next.get<Status>('/v1/status');
  const dropped = Object.values(accounting.dropped).reduce((sum, count) => sum + count, 0);
  t.equal(accounting.accepted, accounting.stored + dropped + accounting.queued);
  return next;
}

t.test('a model server that is killed is replaced by the fallback, and the rollback outlives a restart', async (t) => {
  const running = await start(t);
  const next = await breaks(t, running, 'connect-refused', () => void running.server.kill());
  const metadata = await call(`${next.data}/v2/health/ready`);
  t.equal(metadata.status, 502, 'the fallback answers predictions only');
  t.equal(metadata.headers['x-driftline-reason'], 'connect-refused');

  await next.kill('launcher');
  await t.rejects(call(`${next.data}/v2/health/ready`), 'the program ends with its launcher, and the scorer with the program');
});

t.test('a model server that falls silent is replaced by the fallback within its timeout', async (t) => {
  const running = await start(t);
  // Stopped, not ended: its kernel still accepts connections, and nobody answers.
  const stop = () => process.kill(-running.server.child.pid!, 'SIGSTOP');
  await breaks(t, running, 'no-answer', stop);
});

t.test('a call over gRPC is answered by the fallback with what the model server had said, and is on record with its columns', async (t) => {
  const { server, sidecar } = await start(t);
  const model = inference(t, new URL(sidecar.data).host);
  const COLUMNS = ['period', 'nswprice', 'nswdemand', 'vicprice', 'vicdemand', 'transfer'];
  const request = {
    model_name: 'elec2',
    id: 'row-1',
    inputs: COLUMNS.map((name, index) => ({ name, datatype: 'FP32', shape: [1, 1], contents: { fp32_contents: [index / 10] } })),
  };
  const before = await model.call('ModelInfer', request);
  t.same(before.head.get('x-driftline-served-by'), ['primary']);
  await server.kill();
  const after = await model.call('ModelInfer', request);
  t.same(after.head.get('x-driftline-served-by'), ['fallback']);
  t.match(String(after.head.get('x-driftline-reason')), /^(reset|connect-refused)$/);
  t.equal(integers((after.answer.raw_output_contents as Buffer[])[0]).length, 1);
  t.same(after.answer, before.answer);
  const [first, second] = await until(
    'both records',
    () => sidecar.all<DriftlineRecord>('records'),
    (records) => records.length === 2,
  );
  const byPrimary = first!.servedBy === 'primary' ? first! : second!;
  const byFallback = first!.servedBy === 'primary' ? second! : first!;
  t.match(byFallback, { servedBy: 'fallback', status: 200, protocol: 'kserve-v2' });
  t.same(byFallback.inputs, byPrimary.inputs);
  t.same(byFallback.outputs, byPrimary.outputs);
  t.equal(byFallback.outputs.direction?.length, 1);
});
