/** What the command line ends with. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { call, runSidecar, startProgram, until } from '../support/program.ts';

t.setTimeout(60_000);

t.test('an address that cannot be had ends 3, that of the data port as that of the admin port', async (t) => {
  const folder = t.testdir();
  const started = (listen: string, admin: string) =>
    startProgram(['run', '--upstream', 'http://127.0.0.1:9', '--listen', listen, '--admin', admin, '--state', `${folder}/${listen}`]);
  const programs = [started('192.0.2.1:0', '127.0.0.1:0'), started('127.0.0.1:0', '192.0.2.1:0')];
  for (const { ended, said } of programs) {
    t.equal((await ended).code, 3);
    t.match(said(), /192\.0\.2\.1:0 .*; choose another/);
  }
});

t.test('a sidecar whose log nobody reads any more serves on, and still ends as it should', async (t) => {
  const upstream = createServer((_, answer) => answer.end('{}')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  // A server on a port has an address of that form.
  const { port } = upstream.address() as AddressInfo;
  const policy = (name: string) => `apiVersion: driftline/v1
kind: Policy
metadata: {name: ${name}}
spec: {model: {name: m}, traffic: {upstreams: {primary: {url: "http://127.0.0.1:${port}"}}}}
`;
  const folder = t.testdir({ 'policy.yaml': policy('first') });
  const sidecar = await runSidecar(['-c', `${folder}/policy.yaml`, '--state', `${folder}/state`]);
  t.teardown(() => sidecar.kill());
  sidecar.child.stdout?.destroy();
  sidecar.child.stderr?.destroy();
  // Taking another policy is said in the log.
  writeFileSync(`${folder}/policy.yaml`, policy('second'));
  const name = async () => (await sidecar.get<{ policy: { name: string } }>('/v1/status')).policy.name;
  await until('the second policy', name, (taken) => taken === 'second');
  t.equal((await call(`${sidecar.data}/any`)).status, 200);
  t.same(await sidecar.stop(), { code: 0, signal: null });
});

t.test('a command whose output is cut short by its reader ends without a word', async (t) => {
  const { child, ended, said } = startProgram(['check', '--schema']);
  child.stdout?.destroy();
  t.same(await ended, { code: 0, signal: null });
  t.equal(said(), '');
});
