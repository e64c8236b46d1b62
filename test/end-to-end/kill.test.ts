/**
 * kill -9, twenty times, while predictions, labels, alerts, webhooks and an exporter are under way: what was shown is still there.
 */
import { createHmac } from 'node:crypto';
import { Agent } from 'node:http';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { Random } from '../../detectors/performance/random.ts';
import { verifyChain } from '../../policies/chain.ts';
import { listen } from '../exporters/loopback.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, quietPorts, runSidecar, type Sidecar, until } from '../support/program.ts';

// Twenty-one starts of the program: half a minute where cores are free, minutes where they are not.
t.setTimeout(590_000);

const KILLS = 20;
const SEED = 20_26;
/** What was shown so long before a kill must be on disk. */
const GRACE_MS = 250;
/** Answered calls that a kill may cost are younger than this: two commits on a free machine, and much patience with a busy one. */
const LOSS_MS = 1_000;
/** The launcher is the process that others know; with it, and with the program, all must end. */
const VICTIMS = ['everything', 'launcher', 'program'] as const;
const SENDERS = 4;
const WINDOW_ROWS = 100;
/** Column `a` jumps every so many rows, so that alerts come and go through all of it. */
const STEP_ROWS = 250;
const SECRET = Buffer.alloc(32, 7);

interface SignalShown {
  readonly name: string;
  readonly monitor: string;
  readonly detector: string;
  readonly observed: number;
}

type ShownRecord = DriftlineRecord & { readonly feedback: readonly { readonly value: unknown }[] };

const POLICY = `apiVersion: driftline/v1
kind: Policy
metadata: { name: kill-test }
spec:
  model: { name: stand-in, version: "config:1", prediction: y }
  traffic:
    protocol: kserve-v2
    upstreams: { primary: { url: "\${MODEL}", timeout: 5s } }
  schema:
    inputs: [{ name: a, type: number }, { name: b, type: number }]
    outputs: [{ name: y, type: integer }]
  reference: { source: traffic, learn: { rows: 200 } }
  window: { type: tumbling, rows: ${WINDOW_ROWS} }
  minSamples: 50
  monitors:
    - name: streaming
      features: [a, request.failed]
      detectors: { numeric: { type: adwin } }
      clear: { for: 1s }
    - name: windowed
      features: [a, b]
      detectors: { numeric: { type: ks, effect: { stat: D, atLeast: 0.2 } } }
    - name: errors
      needs: feedback
      detectors: { error: { type: ddm } }
  alerts:
    routes: [{ actions: [tell] }]
  actions:
    - { name: tell, type: webhook, url: "\${RECEIVER}", allowPrivate: true, signing: { secretRef: kill-test } }
  exporters:
    elasticsearch: { nodes: ["\${ELASTICSEARCH}"] }
`;

/** What a test has read of the admin API, and when. */
class Witness {
  /** When an id was first seen in `/v1/records`. */
  readonly listed = new Map<string, number>();
  /** When feedback for an id was answered 202. */
  readonly labelled = new Map<string, number>();
  /** Figures of `/v1/signals` in the order of reading. */
  readonly figures: { readonly at: number; readonly signals: readonly SignalShown[] }[] = [];
  #after = '0';

  async read(sidecar: Sidecar): Promise<void> {
    const { items, next } = await sidecar.get<{ items: ShownRecord[]; next: string | null }>(`/v1/records?limit=200&after=${this.#after}`);
    const now = performance.now();
    for (const { id } of items) if (!this.listed.has(id)) this.listed.set(id, now);
    if (next !== null) this.#after = next;
    const { items: signals } = await sidecar.get<{ items: SignalShown[] }>('/v1/signals');
    this.figures.push({ at: performance.now(), signals });
  }

  /** The last figures read at or before this time. */
  signalsAt(time: number): readonly SignalShown[] {
    return this.figures.findLast(({ at }) => at <= time)?.signals ?? [];
  }
}

const before = (times: ReadonlyMap<string, number>, time: number) => [...times].filter(([, at]) => at <= time).map(([id]) => id);
const keyOf = ({ monitor, name, detector }: SignalShown) => `${monitor}/${name}/${detector}`;

t.test('twenty kills lose nothing that was shown, and count nothing twice', async (t) => {
  const model = await startModelServer();
  const receiver = await listen((request) => {
    const attempts = receiver.seen.filter(({ headers }) => headers['webhook-id'] === request.headers['webhook-id']).length;
    return attempts > 2 ? { status: 200 } : { status: 503, headers: { 'retry-after': '1' } };
  });
  const delivered = new Map<string, number>();
  const elasticsearch = await listen((request) => {
    const headers = { 'x-elastic-product': 'Elasticsearch', 'content-type': 'application/json' };
    if (!request.path.startsWith('/_bulk')) return { status: request.method === 'GET' ? 404 : 200, body: '{}', headers };
    const actions = request.body.split('\n').filter((line, at) => at % 2 === 0 && line !== '');
    const items = actions.map((line) => {
      const { _id: id } = JSON.parse(line).create;
      delivered.set(id, (delivered.get(id) ?? 0) + 1);
      return { create: { status: delivered.get(id) === 1 ? 201 : 409 } };
    });
    return { status: 200, body: JSON.stringify({ items }), headers };
  });
  t.teardown(() => Promise.all([model.close(), receiver.close(), elasticsearch.close()]));
  const folder = t.testdir({ 'policy.yaml': POLICY });
  const state = path.join(folder, 'state');
  const env = {
    MODEL: model.url,
    RECEIVER: receiver.url,
    ELASTICSEARCH: elasticsearch.url,
    DRIFTLINE_SECRET_KILL_TEST: `whsec_${SECRET.toString('base64')}`,
  };
  const ports = await quietPorts();
  const args = ['-c', path.join(folder, 'policy.yaml'), '--state', state];
  const begin = () => runSidecar(args, ports, env);

  let sidecar = await begin();
  t.teardown(() => sidecar.kill());
  const witness = new Witness();
  const random = new Random(SEED);
  /** Answered calls whose records are not known to be lost. */
  const answered = new Map<string, { readonly at: number; readonly life: number }>();
  /** Counts the processes; a call begun before one has ended is its own. */
  let life = 1;
  const stopping = new AbortController();
  let up = true;
  let sent = 0;
  let failed = 0;

  const send = async () => {
    const agent = new Agent({ keepAlive: true });
    while (!stopping.signal.aborted) {
      const row = sent++;
      const mine = life;
      const id = `call-${row}`;
      const a = (Math.floor(answered.size / STEP_ROWS) % 2) * 3 + Math.sin(row * 12.9898);
      try {
        const body = v2Row({ a, b: Math.cos(row * 78.233) });
        const { status } = await call(`${sidecar.data}/v2/models/stand-in/infer`, {
          method: 'POST',
          headers: { 'x-request-id': id },
          body,
          agent,
        });
        if (status === 200) answered.set(id, { at: performance.now(), life: mine });
        if (row % 5 === 0) {
          const { status: taken } = await sidecar.feedback({ id, label: row % 35 === 0 ? 1 : Number(a > 0.5) });
          if (taken === 202) witness.labelled.set(id, performance.now());
        }
      } catch {
        // The program is down, or went down with this call: the sender's own failure.
        failed++;
        await sleep(100);
      }
      await sleep(8);
    }
    agent.destroy();
  };
  const read = async () => {
    while (!stopping.signal.aborted) {
      // Figures of a process that is just being killed are none of the next one's.
      if (up) await witness.read(sidecar).catch(() => {});
      await sleep(40);
    }
  };
  const work = [read(), ...Array.from({ length: SENDERS }, send)];

  let restartMs = 0;
  let lostCalls = 0;
  let longestLossMs = 0;
  let judgedIds = 0;
  let judgedFigures = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    await sleep(random.uniform(400, 1_000));
    up = false;
    const killedAt = performance.now();
    await sidecar.kill(VICTIMS[kill % VICTIMS.length]);
    life++;
    sidecar = await begin();
    up = true;
    restartMs += performance.now() - killedAt;

    const records = new Map((await sidecar.all<ShownRecord>('records')).map((record) => [record.id, record]));
    const shown = before(witness.listed, killedAt - GRACE_MS);
    judgedIds = shown.length;
    const missing = shown.filter((id) => !records.has(id));
    const unlabelled = before(witness.labelled, killedAt).filter((id) => records.has(id) && records.get(id)?.feedback.length !== 1);
    const { items } = await sidecar.get<{ items: SignalShown[] }>('/v1/signals');
    const now = new Map(items.map((signal) => [keyOf(signal), signal.observed]));
    const last = witness.signalsAt(killedAt - GRACE_MS);
    judgedFigures += last.length;
    const fallen = last.filter((signal) => (now.get(keyOf(signal)) ?? 0) < signal.observed);
    if (missing.length + unlabelled.length + fallen.length > 0) {
      t.fail(`kill ${kill} lost something`, { missing: missing.slice(0, 5), unlabelled: unlabelled.slice(0, 5), fallen });
    }
    for (const [id, { at, life: of }] of answered) {
      if (of === life || records.has(id)) continue;
      lostCalls++;
      longestLossMs = Math.max(longestLossMs, killedAt - at);
      answered.delete(id);
    }
  }
  stopping.abort();
  await Promise.all(work);

  const status = await until(
    'an empty outbox and exporter queue',
    async () => {
      const decisions = await sidecar.all<Decision>('decisions');
      const { exporters, accounting, rows } = await sidecar.get<Status>('/v1/status');
      return { exporters, accounting, rows, waiting: decisions.filter(({ state }) => state === 'queued') };
    },
    ({ exporters, waiting }) => waiting.length === 0 && exporters[0]?.queued === 0,
  );
  const records = await sidecar.all<ShownRecord>('records');
  const alerts = await sidecar.all<Alert>('alerts');
  const decisions = await sidecar.all<Decision>('decisions');
  const { items: signals } = await sidecar.get<{ items: SignalShown[] }>('/v1/signals');
  const observed = (key: string) => signals.find((signal) => keyOf(signal) === key)?.observed;

  t.ok(judgedIds > 500, `${judgedIds} ids were shown in time before the last kill`);
  t.ok(judgedFigures >= 4 * KILLS, `${judgedFigures} figures of detectors were read in time before a kill`);
  t.equal(new Set(records.map(({ id }) => id)).size, records.length, 'no id is stored twice');
  t.same(
    [...answered.keys()].filter((id) => !records.some((record) => record.id === id)),
    [],
    'every call answered since the last kill has its record',
  );

  t.ok(longestLossMs < LOSS_MS, `a kill cost nothing older than ${Math.round(longestLossMs)} ms`);

  const { accepted, stored, dropped, queued } = status.accounting;
  t.equal(stored, records.length, 'what is counted as stored is there');
  t.equal(
    accepted,
    stored + Object.values(dropped).reduce((sum, count) => sum + count, 0) + queued,
    'accepted = stored + dropped + queued',
  );
  t.equal(status.rows.observed, records.length);
  t.equal(observed('streaming/inputs.a/adwin'), records.length, 'the detector has seen every stored row once');
  t.equal(observed('streaming/request.failed/adwin'), records.length);
  const judged = Math.floor(records.length / WINDOW_ROWS) * WINDOW_ROWS;
  t.equal(observed('windowed/inputs.b/ks'), judged, 'every full window was judged once');
  t.equal(observed('errors/feedback.error/ddm'), records.filter(({ feedback }) => feedback.length > 0).length);

  t.ok(alerts.length >= 3, `${alerts.length} alerts`);
  t.ok(decisions.length >= alerts.length, `${decisions.length} decisions`);
  t.equal(verifyChain(decisions), null, 'the audit chain holds over all restarts');
  const webhooks = Map.groupBy(receiver.seen, ({ headers }) => String(headers['webhook-id']));
  t.same(
    [...webhooks.keys()].sort(),
    decisions
      .filter(({ state }) => state === 'done')
      .map(({ id }) => id)
      .sort(),
    'each decision was delivered',
  );
  t.ok(decisions.every(({ state }) => state === 'done'));
  for (const [id, attempts] of webhooks) {
    const bodies = new Set(attempts.map(({ body }) => body));
    if (bodies.size !== 1) t.fail(`webhook ${id} changed its body between attempts`);
    for (const { headers, body } of attempts) {
      const text = `${id}.${headers['webhook-timestamp']}.${Buffer.from(body, 'latin1').toString()}`;
      const signature = `v1,${createHmac('sha256', SECRET).update(text).digest('base64')}`;
      if (headers['webhook-signature'] !== signature) t.fail(`webhook ${id} is not signed`);
    }
  }

  const exporter = status.exporters[0]!;
  const given = Object.values(exporter.dropped).reduce((sum, count) => sum + count, 0);
  t.equal(exporter.accepted, exporter.delivered + given + exporter.queued, 'the exporter: accepted = delivered + dropped + queued');
  t.equal(given, 0, 'the exporter dropped nothing');

  t.same(await sidecar.stop(), { code: 0, signal: null });
  const db = new DatabaseSync(path.join(state, 'driftline.sqlite'), { readOnly: true });
  const twice = db.prepare('SELECT kind, id, count(*) AS times FROM events GROUP BY kind, id HAVING times > 1').all();
  const logged = Number(db.prepare('SELECT count(*) AS events FROM events').get()?.events);
  db.close();
  t.same(twice, [], 'no event is logged twice');
  t.equal(delivered.size, logged, 'every event is at the destination, under an id of its own');

  t.comment(
    `${KILLS} kills, ${Math.round(restartMs / KILLS)} ms from kill to serving on average; ${sent} calls, ${answered.size + lostCalls} answered, ` +
      `${failed} while it was down, ${records.length} stored, ${lostCalls} answered calls lost with a kill (the oldest ${Math.round(longestLossMs)} ms before it); ` +
      `${alerts.length} alerts, ${decisions.length} webhooks in ${receiver.seen.length} attempts; ${logged} events exported`,
  );
});
