/** The whole program with `mode: observe`: nothing of it is to be seen in the calls, and all of them are in its records. */
import path from 'node:path';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import type { DriftlineRecord } from '../../contracts/record.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, runSidecar, until } from '../support/program.ts';

t.setTimeout(120_000);

t.test('calls are observed, labels find them by the id that they brought, and what cannot be seen is told', async (t) => {
  const server = await startModelServer();
  t.teardown(() => server.close());
  const folder = t.testdir({
    'policy.yaml': `apiVersion: driftline/v1
kind: Policy
metadata: {name: onlooker}
spec:
  model: {name: m, prediction: y}
  traffic: {mode: observe, protocol: kserve-v2, upstreams: {primary: {url: "${server.url}"}}}
`,
  });
  const sidecar = await runSidecar(['-c', path.join(folder, 'policy.yaml'), '--state', path.join(folder, 'state')]);
  t.teardown(() => sidecar.kill());
  const infer = '/v2/models/m/infer';
  for (let i = 0; i < 5; i++) {
    const own: { [name: string]: string } = i === 0 ? {} : { 'x-request-id': `own-${i}` };
    const direct = await call(server.url + infer, { method: 'POST', headers: own, body: v2Row({ x: i / 4 }) });
    const observed = await call(sidecar.data + infer, { method: 'POST', headers: own, body: v2Row({ x: i / 4 }) });
    t.same(observed.body, direct.body);
    t.same(
      observed.fields.map(([name]) => name),
      direct.fields.map(([name]) => name),
    );
  }
  // Refused by the server, not here; nothing that follows on that connection is looked at.
  t.equal((await call(`${sidecar.data}/`, { headers: { 'Content-Length': '1', 'Transfer-Encoding': 'chunked' } })).status, 400);
  const status = await until(
    'word of all calls',
    () => sidecar.get<Status>('/v1/status'),
    ({ accounting }) => accounting.stored === 5,
  );
  t.match(status.proxy, { mode: 'observe', counters: { requests: 5, answered: 5, unseen: 0, 'unobservedBy.unreadable': 1 } });
  const metrics = (await call(`${sidecar.admin}/metrics`)).body.toString();
  t.match(metrics, /^driftline_proxy_events_total\{event="unobservedBy\.unreadable"\} 1$/m);
  const records = await sidecar.all<DriftlineRecord>('records');
  t.equal(records.filter(({ id }) => id.startsWith('own-')).length, 4);
  t.ok(records.every(({ undecoded, inputs, outputs }) => undecoded === null && 'x' in inputs && 'y' in outputs));
  t.equal((await sidecar.feedback({ id: 'own-1', label: 0 })).status, 202);
  await until(
    'word of the label',
    () => sidecar.get<Status>('/v1/status'),
    ({ accounting }) => accounting.feedback.joined === 1,
  );
  t.same(await sidecar.stop(), { code: 0, signal: null });
});
