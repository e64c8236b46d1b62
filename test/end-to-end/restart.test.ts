/**
 * Ends, starts and reloads of the running program, and what it makes of input that nobody should send.
 */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import type { Alert, Decision } from '../../contracts/alert.ts';
import type { Finding } from '../../contracts/finding.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, portsOf, runSidecar, type Sidecar, startProgram, until } from '../support/program.ts';

t.setTimeout(300_000);

const INFER = '/v2/models/stand-in/infer';
const REFERENCE_ROWS = 200;
const WINDOW_ROWS = 100;
const TTL_MS = 3_000;
const SECRET = Buffer.alloc(24, 3);

const POLICY = `apiVersion: driftline/v1
kind: Policy
metadata: { name: restart-test }
spec:
  model: { name: stand-in, version: "config:1", prediction: y }
  traffic:
    protocol: kserve-v2
    upstreams: { primary: { url: "\${MODEL}", timeout: 10s } }
  schema:
    inputs: [{ name: a, type: number }]
    outputs: [{ name: y, type: integer }]
  reference: { source: traffic, learn: { rows: ${REFERENCE_ROWS} } }
  window: { type: tumbling, rows: ${WINDOW_ROWS} }
  minSamples: 50
  monitors:
    - name: streaming
      features: [a, request.failed]
      detectors: { numeric: { type: adwin } }
      clear: { for: 1h }
    - name: windowed
      features: [a]
      detectors: { numeric: { type: ks, effect: { stat: D, atLeast: 0.3 } } }
  feedback: { join: { ttl: ${TTL_MS / 1000}s } }
  alerts: { routes: [{ match: { monitor: windowed }, actions: [tell] }] }
  actions:
    - { name: tell, type: webhook, url: "\${RECEIVER}", allowPrivate: true, signing: { secretRef: restart-test } }
`;

type ShownRecord = DriftlineRecord & { readonly feedback: readonly { readonly value: unknown }[] };

function predict(sidecar: Sidecar, body: string, id?: string) {
  return call(sidecar.data + INFER, { method: 'POST', body, headers: id === undefined ? {} : { 'x-request-id': id } });
}

function rowsSeen(sidecar: Sidecar, rows: number): Promise<Status> {
  return until(
    `${rows} rows`,
    () => sidecar.get<Status>('/v1/status'),
    (status) => status.rows.observed >= rows,
  );
}

function balanced(t: Test, { accounting }: Status): void {
  const dropped = Object.values(accounting.dropped).reduce((sum, count) => sum + count, 0);
  t.equal(accounting.accepted, accounting.stored + dropped + accounting.queued, 'accepted = stored + dropped + queued');
}

/** A policy file, the state beside it, and how to run on both. */
function house(t: Test, env: { readonly [name: string]: string }) {
  const folder = t.testdir({ 'policy.yaml': POLICY });
  const policyFile = path.join(folder, 'policy.yaml');
  const state = path.join(folder, 'state');
  const begin = async (before?: Sidecar) => {
    const sidecar = await runSidecar(['-c', policyFile, '--state', state], before === undefined ? undefined : portsOf(before), env);
    t.teardown(() => sidecar.kill());
    return sidecar;
  };
  return { policyFile, state, begin };
}

t.test('SIGTERM lets calls end and commits them; the next start goes on with detectors, window, alerts and outbox', async (t) => {
  const held = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const model = await startModelServer(async (url) => {
    if (!url.includes('slow')) return;
    arrived.resolve();
    await held.promise;
  });
  t.teardown(() => model.close());
  const received: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  const receiver = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    received.push({ headers: incoming.headers, body: Buffer.concat(chunks).toString() });
    outgoing.writeHead(204).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  receiver.close();
  t.teardown(() => receiver.close());
  const { begin } = house(t, {
    MODEL: model.url,
    RECEIVER: `http://127.0.0.1:${port}/`,
    DRIFTLINE_SECRET_RESTART_TEST: `whsec_${SECRET.toString('base64')}`,
  });

  const sidecar = await begin();
  let rows = 0;
  const send = async (to: Sidecar, until: number) => {
    for (; rows < until; rows++)
      await predict(to, v2Row({ a: Math.sin(rows * 12.9898) + (rows < REFERENCE_ROWS + WINDOW_ROWS ? 0 : 2) }), `row-${rows}`);
  };
  const half = REFERENCE_ROWS + 2 * WINDOW_ROWS + WINDOW_ROWS / 2;
  await send(sidecar, half);
  await rowsSeen(sidecar, half);
  const waiting = await until(
    'a first attempt',
    () => sidecar.all<Decision>('decisions'),
    ([decision]) => decision !== undefined && decision.attempts > 0,
  );
  t.match(waiting, [{ state: 'queued', type: 'webhook', attempts: 1 }], 'the receiver is down: the call waits in the outbox');

  const slow = call(`${sidecar.data}/v2/models/slow/infer`, { method: 'POST', body: v2Row({ a: 2 }), headers: { 'x-request-id': 'slow' } });
  await arrived.promise;
  const ending = sidecar.stop();
  await sidecar.saying(/draining/);
  held.resolve();
  t.match(await slow, { status: 200, headers: { 'x-driftline-id': 'slow' } }, 'a call under way is answered');
  t.same(await ending, { code: 0, signal: null });
  rows++;

  receiver.listen(port, '127.0.0.1');
  await once(receiver, 'listening');
  const next = await begin(sidecar);
  t.notMatch(next.said(), /set aside|starts fresh|damaged/);
  const status = await rowsSeen(next, 0);
  t.equal(status.rows.observed, half + 1, 'the call that was under way is on record, and all before it');
  balanced(t, status);
  const signals = await next.get<{ items: { name: string; detector: string; observed: number }[] }>('/v1/signals');
  t.same(
    signals.items.map(({ name, detector, observed }) => [name, detector, observed]),
    [
      ['inputs.a', 'adwin', half + 1],
      ['request.failed', 'adwin', half + 1],
      ['inputs.a', 'ks', half - WINDOW_ROWS / 2],
    ],
    'every detector goes on where it was',
  );
  const alerts = await next.all<Alert>('alerts');
  t.ok(
    alerts.some(({ monitor, state }) => monitor === 'windowed' && state === 'firing'),
    'what fired goes on firing',
  );

  await send(next, half + WINDOW_ROWS / 2);
  await rowsSeen(next, rows);
  const windows = (await next.all<Finding>('windows')).map(({ window, n }) => [window?.fromRow, window?.toRow, n]);
  t.same(
    windows.at(-1),
    [half - WINDOW_ROWS / 2, half + WINDOW_ROWS / 2 - 1, WINDOW_ROWS],
    'the window that was open is filled from both sides',
  );
  t.same(
    (await next.all<Alert>('alerts')).map(({ id }) => id),
    alerts.map(({ id }) => id),
    'and nothing fires anew',
  );

  const [decision] = await until(
    'the delivery',
    () => next.all<Decision>('decisions'),
    ([first]) => first?.state === 'done',
  );
  t.equal(received.length, 1);
  const [{ headers, body } = { headers: {}, body: '' }] = received;
  t.equal(headers['webhook-id'], waiting[0]?.id, 'the call that waited has its id still');
  t.equal(decision?.attempts, 2);
  const signature = createHmac('sha256', SECRET)
    .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
    .digest('base64');
  t.equal(headers['webhook-signature'], `v1,${signature}`);
  t.same(await next.stop(), { code: 0, signal: null });
});

t.test('a state that cannot be continued from is set aside, said, and the program serves', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const { state, begin } = house(t, { MODEL: model.url, RECEIVER: 'http://127.0.0.1:9/' });
  const file = path.join(state, 'driftline.sqlite');
  const first = await begin();
  await predict(first, v2Row({ a: 1 }));
  await rowsSeen(first, 1);
  await first.stop();

  const faults: readonly (readonly [what: string, make: () => void, said: RegExp])[] = [
    [
      'another version’s format',
      () => {
        const db = new DatabaseSync(file);
        db.exec("UPDATE meta SET value = '999' WHERE key = 'format'");
        db.close();
      },
      /format 999.*renamed to driftline\.sqlite\.set-aside-\d+ and a fresh state was begun/,
    ],
    ['a damaged file', () => writeFileSync(file, Buffer.alloc(20_000, 'no database')), /renamed to driftline\.sqlite\.set-aside-\d+/],
  ];
  let before = first;
  for (const [at, [what, make, said]] of faults.entries()) {
    make();
    before = await begin(before);
    t.match(before.said(), said, `${what} is said`);
    t.equal((await predict(before, v2Row({ a: 1 }))).status, 200);
    const status = await rowsSeen(before, 1);
    t.equal(status.rows.observed, 1, `after ${what} it counts from the beginning`);
    t.match(status.notices, [said], 'the notice is in the status too');
    t.equal(readdirSync(state).filter((name) => /set-aside-\d+$/.test(name)).length, at + 1, 'the old file is kept');
    await before.stop();
  }
  t.ok(existsSync(file));
});

t.test('a port in use ends 3 and says which option mends it', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const taken = new URL(model.url).host;
  const folder = t.testdir();
  await Promise.all(
    ['--listen', '--admin'].map(async (option) => {
      const other = option === '--listen' ? '--admin' : '--listen';
      const args = ['run', '--upstream', 'http://127.0.0.1:9', '--state', path.join(folder, option), option, taken, other, '127.0.0.1:0'];
      const program = startProgram(args);
      t.same(await program.ended, { code: 3, signal: null });
      t.match(program.said(), new RegExp(`${taken}.*${option}`));
    }),
  );
});

t.test('bad input is counted, feedback has its fates, and a broken policy changes nothing', async (t) => {
  const model = await startModelServer();
  t.teardown(() => model.close());
  const { policyFile, begin } = house(t, { MODEL: model.url, RECEIVER: 'http://127.0.0.1:9/' });
  const sidecar = await begin();
  const record = (id: string) =>
    until(
      `the record ${id}`,
      () => sidecar.get<ShownRecord>(`/v1/records/${id}`).catch(() => null),
      (found) => found !== null,
    );
  const fates = async () => (await sidecar.get<Status>('/v1/status')).accounting.feedback;

  await t.test('feedback is early, joined, duplicate, contradicting, ambiguous, late or orphan', async (t) => {
    const label = (id: string, value: unknown) => sidecar.feedback({ id, label: value });
    t.match(await label('never', 1), { status: 202 });
    await label('f1', 1);
    t.match(await fates(), { early: 2 }, 'feedback that comes before its record waits');
    await predict(sidecar, v2Row({ a: 1 }), 'f1');
    await until('the join', fates, (counted) => counted.joined === 1);
    t.match((await record('f1'))?.feedback, [{ value: 1 }], 'and is joined when it comes');
    await label('f1', '1.0');
    await label('f1', 0);
    t.match(await fates(), { joined: 1, duplicate: 1, contradicting: 1 });
    t.match((await record('f1'))?.feedback, [{ value: 1 }], 'the first word stands');

    await predict(sidecar, v2Row({ a: 1 }, 'body-1'), 'f2');
    await record('f2');
    await label('body-1', 1);
    t.match(await fates(), { joined: 2 }, 'the id inside the body will do while one record has it');
    for (const id of ['f3', 'f4']) await predict(sidecar, v2Row({ a: 1 }, 'body-2'), id);
    await record('f4');
    await label('body-2', 1);
    t.match(await fates(), { ambiguous: 1 }, 'of two records with one id none is chosen');
    t.same((await record('f3'))?.feedback, []);

    const { at } = (await record('f4'))!;
    await sleep(Math.max(0, at + TTL_MS + 10 - Date.now()));
    await label('f4', 1);
    t.match(await fates(), { late: 1 });
    t.same((await record('f4'))?.feedback, [], 'a label after its time counts for nothing');
    await until('the orphan', fates, (counted) => counted.orphan === 1);
  });

  await t.test('feedback that is none is refused line by line', async (t) => {
    const post = (body: string) => call(`${sidecar.admin}/v1/feedback`, { method: 'POST', body });
    for (const body of ['[1, 2]', '"text"', '{"id": "f1"', '', '{"id": "f1"}', '{"id": 7, "label": 1}']) {
      const { status, body: answer } = await post(body);
      t.equal(status, 400, body);
      t.match(JSON.parse(answer.toString()), { accepted: 0, rejected: [{ line: 1, reason: /\w/ }] });
    }
    const { status, body } = await post('{"id": "x1", "label": 1}\nnonsense\n{"id": "x2", "label": 0}\n7');
    t.equal(status, 202);
    t.match(JSON.parse(body.toString()), { accepted: 2, rejected: [{ line: 2 }, { line: 4 }] });
  });

  await t.test('bodies that cannot be decoded pass, and are recorded with the reason', async (t) => {
    const bodies: readonly (readonly [id: string, body: string, undecoded: string])[] = [
      ['not-json', '{"inputs": [', 'not-json'],
      ['no-object', '[1, 2, 3]', 'unexpected-structure'],
      ['shape', '{"inputs": [{"name": "a", "datatype": "FP64", "shape": [3], "data": [1]}]}', 'shape-mismatch'],
      ['huge-shape', '{"inputs": [{"name": "a", "datatype": "FP64", "shape": [9007199254740991, 4], "data": [1]}]}', 'shape-mismatch'],
    ];
    for (const [id, body, undecoded] of bodies) {
      const direct = await call(model.url + INFER, { method: 'POST', body });
      const answer = await predict(sidecar, body, id);
      t.equal(answer.status, direct.status, `${id}: the model server has its say`);
      t.same(answer.body, direct.body);
      t.match(await record(id), { undecoded, rows: 0, outcome: 'answered' });
    }
    t.equal((await predict(sidecar, v2Row({ a: 1 }), 'sound')).status, 200, 'it serves on');
    t.match(await record('sound'), { undecoded: null, rows: 1 });
    const status = await sidecar.get<Status>('/v1/status');
    t.match(status.accounting.undecoded, { 'not-json': 1, 'shape-mismatch': 2 });
    balanced(t, status);
  });

  await t.test('a changed policy is taken, a broken one is refused and counted, a mended one is taken', async (t) => {
    const policy = async () => (await sidecar.get<Status>('/v1/status')).policy;
    const { hash } = await policy();
    writeFileSync(policyFile, POLICY.replace('atLeast: 0.3', 'atLeast: 0.25'));
    const changed = await until('the reload', policy, ({ reloads }) => reloads === 1);
    t.not(changed.hash, hash);
    writeFileSync(policyFile, POLICY.replace('monitors:', 'monitros:'));
    const broken = await until('the refusal', policy, ({ reloadFailures }) => reloadFailures === 1);
    t.equal(broken.hash, changed.hash, 'the old one goes on');
    t.match(broken.lastError, /monitros|policy/);
    t.match(sidecar.said(), /broken, the old one goes on/);
    const { body } = await call(`${sidecar.admin}/metrics`);
    t.match(body.toString(), /^driftline_policy_reload_failures_total 1$/m);
    t.equal((await predict(sidecar, v2Row({ a: 1 }), 'meanwhile')).status, 200, 'it serves on');
    t.match(await record('meanwhile'), { rows: 1 });
    writeFileSync(policyFile, POLICY);
    t.match(await until('the mended one', policy, ({ reloads }) => reloads === 2), { lastError: null, reloadFailures: 1, hash });
  });
  t.same(await sidecar.stop(), { code: 0, signal: null });
});
