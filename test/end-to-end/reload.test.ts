/**
 * A policy whose fallback cannot be loaded is refused at reload, and the old fallback goes on answering. Secrets that a policy needs and does
 * not find are told as soon as it is in use.
 */
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import { v2Row } from '../support/model-server.ts';
import { call, runSidecar, until } from '../support/program.ts';

t.setTimeout(120_000);

const INPUTS = { period: 0.1, nswprice: 0.1, nswdemand: 0.4, vicprice: 0.1, vicdemand: 0.4, transfer: 0.4 };

t.test('a fallback that cannot be loaded is refused, and the one in use is not lost', async (t) => {
  const folder = t.testdir({ 'broken.onnx': 'this is no model' });
  copyFileSync(path.join(import.meta.dirname, '../../agent/demo/elec2.onnx'), path.join(folder, 'good.onnx'));
  const file = path.join(folder, 'policy.yaml');
  const write = (onnx: string, note: string) => {
    // Beside it and renamed, so that it is never read half-written.
    writeFileSync(
      `${file}.new`,
      `# ${note}
apiVersion: driftline/v1
kind: Policy
metadata: {name: reloaded}
spec:
  model: {name: elec2}
  actions:
    - {name: retrain, type: webhook, url: "https://example.com/", signing: {secretRef: of-the-${note}}}
  traffic:
    protocol: kserve-v2
    upstreams:
      primary: {url: "http://127.0.0.1:9"}
      fallback: {onnx: ${onnx}, provider: cpu}
`,
    );
    renameSync(`${file}.new`, file);
  };
  write('good.onnx', 'first');
  const sidecar = await runSidecar(['-c', file, '--state', path.join(folder, 'state')]);
  t.teardown(() => sidecar.kill());
  await sidecar.saying(/action retrain: secret of-the-first is not configured/);
  const predict = () => call(`${sidecar.data}/v2/models/elec2/infer`, { method: 'POST', body: v2Row(INPUTS) });
  t.match((await predict()).headers, { 'x-driftline-served-by': 'fallback', 'x-driftline-reason': 'connect-refused' });

  write('broken.onnx', 'second');
  const status = () => sidecar.get<Status>('/v1/status');
  const refused = await until('the refusal', status, ({ policy }) => policy.reloadFailures === 1);
  t.match(refused.policy.lastError, /broken\.onnx/);
  t.equal(refused.proxy.fallback, 'ready');
  t.equal((await predict()).status, 200, 'the old fallback still answers');
  t.match((await call(`${sidecar.admin}/v1/policy`)).body.toString(), /good\.onnx/, 'and the policy shown is the one in use');

  write('good.onnx', 'third');
  const mended = await until('the reload', status, ({ policy }) => policy.reloads === 1);
  t.equal(mended.policy.lastError, null);
  await sidecar.saying(/action retrain: secret of-the-third is not configured/);
  t.equal((await predict()).status, 200);
});
