/**
 * Certificate files swapped under a running process, as Kubernetes swaps those of a Secret, while calls are on their way.
 */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import type { Status } from '../../agent/status.ts';
import { authority, issue } from '../support/certificates.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { runSidecar, until } from '../support/program.ts';

t.setTimeout(180_000);

const SWAPS = 6;

/** One call; its status, and the serial number of the certificate that its connection was shown. @throws Error when no whole answer comes. */
function predict(port: string, model: string, agent: Agent): Promise<{ status: number; serial: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, method: 'POST', path: `/v2/models/${model}/infer`, servername: 'localhost' };
    const sent = request(options, async (answer) => {
      try {
        // An https request has a TLS socket; a session that is resumed shows no certificate again.
        const { serialNumber } = (answer.socket as TLSSocket).getPeerCertificate();
        for await (const _ of answer);
        resolve({ status: answer.statusCode ?? 0, serial: serialNumber });
      } catch (error) {
        reject(error);
      }
    });
    sent.on('error', reject);
    sent.end(v2Row({ x: 0.7 }));
  });
}

t.test('certificate files that are swapped under a running proxy cost no call, and new connections are shown the new one', async (t) => {
  const folder = t.testdir({});
  const ca = await authority(folder, 'ca');
  // As a Secret is mounted: the files are links through `..data`, which is swapped.
  const serials: string[] = [];
  for (let n = 0; n <= SWAPS; n++) {
    const { cert, key } = await issue(ca, `number-${n}`);
    mkdirSync(path.join(folder, `version-${n}`));
    writeFileSync(path.join(folder, `version-${n}`, 'tls.crt'), cert);
    writeFileSync(path.join(folder, `version-${n}`, 'tls.key'), key);
    serials.push(new X509Certificate(cert).serialNumber);
  }
  const swapTo = (n: number) => {
    symlinkSync(`version-${n}`, path.join(folder, '..data.new'));
    renameSync(path.join(folder, '..data.new'), path.join(folder, '..data'));
  };
  swapTo(0);
  for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, path.join(folder, file));

  let held: (() => void)[] = [];
  const model = await startModelServer(async (asked) => {
    if (asked.includes('/slow/')) await new Promise<void>((resolve) => held.push(resolve));
  });
  t.teardown(() => model.close());
  writeFileSync(
    path.join(folder, 'policy.yaml'),
    `apiVersion: driftline/v1
kind: Policy
metadata: {name: rotated}
spec:
  model: {name: m}
  traffic:
    tls: {cert: tls.crt, key: tls.key}
    upstreams: {primary: {url: "${model.url}"}}
`,
  );
  const sidecar = await runSidecar(['-c', path.join(folder, 'policy.yaml'), '--state', path.join(folder, 'state')]);
  t.teardown(() => sidecar.kill());
  const { protocol, port } = new URL(sidecar.data);
  t.equal(protocol, 'https:', 'as its log says');
  const status = () => sidecar.get<Status>('/v1/status');
  const agents = {
    fresh: new Agent({ ca: ca.cert, maxCachedSessions: 0 }),
    kept: new Agent({ ca: ca.cert, keepAlive: true, maxSockets: 2 }),
  };
  t.teardown(() => agents.kept.destroy());

  let isRotating = true;
  let calls = 0;
  const failures: unknown[] = [];
  const load = async (agent: Agent) => {
    while (isRotating) {
      await predict(port, 'quick', agent).then(
        ({ status }) => status === 200 || failures.push(status),
        (error) => failures.push(error),
      );
      calls++;
    }
  };
  const loads = [load(agents.fresh), load(agents.fresh), load(agents.kept), load(agents.kept)];
  t.equal((await predict(port, 'quick', agents.fresh)).serial, serials[0]);
  for (let n = 1; n <= SWAPS; n++) {
    const slow = [agents.fresh, agents.fresh, agents.kept].map((agent) => predict(port, 'slow', agent));
    await until(
      'the slow calls at the model server',
      () => held.length,
      (count) => count === slow.length,
    );
    const before = calls;
    swapTo(n);
    await until('the new certificate in use', status, ({ certificates }) => certificates.reloads === n);
    t.equal((await predict(port, 'quick', agents.fresh)).serial, serials[n], 'a new connection is shown it');
    await until(
      'more calls',
      () => calls,
      (count) => count > before + 4,
    );
    for (const release of held) release();
    held = [];
    for (const { status, serial } of await Promise.all(slow)) {
      t.equal(status, 200);
      t.not(serial, serials[n], 'a call that was on its way ends over its old connection');
    }
  }
  isRotating = false;
  await Promise.all(loads);
  t.same(failures, []);
  t.ok(calls > SWAPS * 4);
  const { proxy, certificates } = await status();
  t.match(certificates, { reloads: SWAPS, reloadFailures: 0, lastError: null });
  t.match(proxy.counters, { failed: 0, aborted: 0, refused: 0, handshakesFailed: 0, bugs: 0 });
});
