/**
 * A container's limits, for real: 0.1 core and 256 MiB. Calls are served; what Driftline does for itself gives way.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Status } from '../../agent/status.ts';
import { type ControlGroup, controlGroup } from '../support/control-group.ts';
import { installPackage } from '../support/install-package.ts';
import { startModelServer, v2Row } from '../support/model-server.ts';
import { call, until } from '../support/program.ts';

t.setTimeout(420_000);

const MIB = 1024 * 1024;
const PREDICT = '/v2/models/m/infer';

/** What users run is compiled: Node's own stripping of types takes memory in every thread. */
const home = installPackage(t.testdir());

/** `driftline run` inside the group. */
async function runIn(
  t: Test,
  group: ControlGroup,
  model: string,
): Promise<{ pid: number; data: string; status(): Promise<Status>; alive(): boolean; said(): string }> {
  const main = path.join(await home, 'dist/agent/main.js');
  const run = ['run', '--upstream', model, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--state', t.testdir()];
  const { program, args } = group.command(process.execPath, [main, ...run]);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    group.remove();
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  const find = (what: RegExp) =>
    until(
      String(what),
      () => what.exec(said.join('\n'))?.[1] ?? '',
      (found) => found !== '',
      90_000,
    );
  const data = await find(/data port (http:\/\/[\d.]+:\d+)/);
  const admin = await find(/page and API (http:\/\/[\d.]+:\d+)/);
  return {
    pid: child.pid ?? 0,
    data,
    status: async () => JSON.parse((await call(`${admin}/v1/status`)).body.toString()) as Status,
    alive: () => child.exitCode === null && child.signalCode === null,
    said: () => said.join('\n'),
  };
}

t.test('0.1 core: calls are answered, recording gives way and comes back', async (t) => {
  const group = controlGroup(`driftline-cpu-${process.pid}`);
  if ('skipped' in group) return void t.comment(group.skipped);
  const model = await startModelServer();
  t.teardown(() => model.close());
  // Starting is not what is tested here.
  const sidecar = await runIn(t, group, model.url);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const predict = () => call(sidecar.data + PREDICT, { method: 'POST', body: v2Row({ x: 0.7 }), agent });
  const before = await predict();
  t.equal(before.status, 200);

  group.limitCpu(0.1);
  const statuses = new Set<number>();
  let loading = true;
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (loading) statuses.add((await predict()).status);
    }),
  );
  const squeezed = await until(
    'shedding',
    () => sidecar.status(),
    ({ proxy }) => proxy.shedding === 'records',
    90_000,
  );
  t.ok(squeezed.proxy.loopDelayMs > 50, String(squeezed.proxy.loopDelayMs));
  await until(
    'calls without a record',
    () => sidecar.status(),
    ({ accounting }) => (accounting.dropped.shed ?? 0) > 0,
    60_000,
  );
  loading = false;
  await load;
  t.same([...statuses], [200], 'every call was answered');

  group.limitCpu(null);
  const back = await until(
    'the way back',
    () => sidecar.status(),
    ({ proxy }) => proxy.shedding === 'nothing',
    90_000,
  );
  const { accepted, stored, dropped, queued } = back.accounting;
  t.equal(accepted, stored + queued + Object.values(dropped).reduce((sum, count) => sum + count, 0));
  t.match(sidecar.said(), /shedding: nothing → records \(.*event loop \d+ ms late\)/);
  const { headers } = await predict();
  await until(
    'the newest record',
    () => sidecar.status(),
    ({ accounting }) => accounting.stored > stored,
  );
  t.ok(headers['x-driftline-id']);
});

t.test('256 MiB: large bodies on many connections are served, and the kernel kills nothing', async (t) => {
  const group = controlGroup(`driftline-memory-${process.pid}`);
  if ('skipped' in group) return void t.comment(group.skipped);
  group.limitMemory(256 * MIB);
  const model = await startModelServer();
  t.teardown(() => model.close());
  const sidecar = await runIn(t, group, model.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  t.teardown(() => agent.destroy());
  const large = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP64', shape: [100_000], data: Array.from({ length: 100_000 }, (_, at) => at / 7) }],
  });
  const statuses = new Map<number, number>();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let turn = 0; turn < 20; turn++) {
        const { status } = await call(sidecar.data + PREDICT, { method: 'POST', body: large, agent });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  t.ok(sidecar.alive(), 'it lives');
  t.same([...statuses], [[200, 640]], 'every call was answered');
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${sidecar.pid}/status`, 'utf8'))?.[1]) / 1024;
  t.comment(`peak memory ${peak.toFixed(0)} MiB`);
  const status = await sidecar.status();
  const { accepted, stored, dropped, queued } = status.accounting;
  t.equal(accepted, stored + queued + Object.values(dropped).reduce((sum, count) => sum + count, 0));
});

/** A model server with answers of 8 MB at `/slow` and none at `/never`. */
async function startLargeModel(t: Test): Promise<{ readonly url: string }> {
  const large = Buffer.alloc(8 * MIB, 'x');
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === '/never') return;
    incoming.resume();
    outgoing.end(incoming.url === '/slow' ? large : '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Holds what it may while they are there, and serves when they have gone. */
async function livesOn(t: Test, sidecar: Awaited<ReturnType<typeof runIn>>, leave: () => void): Promise<void> {
  // Time for all to be read as far as it will be.
  for (let second = 0; second < 5 && sidecar.alive(); second++) await sleep(1000);
  t.ok(sidecar.alive(), 'it lives');
  const { heldBytes, evicted, bugs } = (await sidecar.status()).proxy.counters;
  t.ok((heldBytes ?? Number.NaN) <= 32 * MIB, `${heldBytes} bytes held, ${evicted} broken off`);
  t.equal(bugs, 0);
  leave();
  await until(
    'one more call is served',
    // One that is refused may be reset, where many are at once.
    () => call(`${sidecar.data}/other`).catch(() => null),
    (answer) => answer?.status === 200,
    60_000,
  );
}

const HEAD_END = ' HTTP/1.1\r\nHost: model\r\n';
const SLOW: readonly { readonly who: string; readonly sends: readonly (string | Buffer)[] }[] = [
  { who: 'fetch nothing of large answers', sends: [`GET /slow${HEAD_END}\r\n`] },
  { who: 'send requests behind one that hangs', sends: [`GET /never${HEAD_END}\r\n`, `GET /next${HEAD_END}\r\n`.repeat(6000)] },
  { who: 'send bodies that are not read', sends: [`POST /never${HEAD_END}Content-Length: 50000000\r\n\r\n`, Buffer.alloc(MIB)] },
];
const CLIENTS = 900;

for (const { who, sends } of SLOW) {
  t.test(`256 MiB: ${CLIENTS} clients that ${who} end nothing but their own calls`, async (t) => {
    const group = controlGroup(`driftline-slow-${process.pid}`);
    if ('skipped' in group) return void t.comment(group.skipped);
    group.limitMemory(256 * MIB);
    const model = await startLargeModel(t);
    const sidecar = await runIn(t, group, model.url);
    const { hostname, port } = new URL(sidecar.data);
    const clients = Array.from({ length: CLIENTS }, () => {
      const client = connect(Number(port), hostname);
      client.pause();
      client.on('error', () => {});
      client.on('connect', () => {
        for (const bytes of sends) client.write(bytes);
      });
      return client;
    });
    t.teardown(() => {
      for (const client of clients) client.destroy();
    });
    await until(
      'all calls',
      () => sidecar.status(),
      ({ proxy: { counters } }) => (counters.requests ?? 0) + (counters.refused ?? 0) >= CLIENTS,
      60_000,
    );
    await livesOn(t, sidecar, () => {
      for (const client of clients) client.destroy();
    });
    const { accepted, stored, dropped, queued } = (await sidecar.status()).accounting;
    t.equal(accepted, stored + queued + Object.values(dropped).reduce((sum, count) => sum + count, 0));
  });
}

t.test('256 MiB: 250 clients over HTTP/2, each with 20 calls of which it fetches nothing, end nothing but their own calls', async (t) => {
  const group = controlGroup(`driftline-streams-${process.pid}`);
  if ('skipped' in group) return void t.comment(group.skipped);
  group.limitMemory(256 * MIB);
  const model = await startLargeModel(t);
  const sidecar = await runIn(t, group, model.url);
  const sessions = Array.from({ length: 250 }, () => {
    const session = connectHttp2(sidecar.data);
    session.on('error', () => {});
    for (let n = 0; n < 20; n++) {
      const stream = session.request({ ':path': '/slow' });
      stream.on('error', () => {});
      stream.pause();
    }
    return session;
  });
  t.teardown(() => {
    for (const session of sessions) session.destroy();
  });
  await until(
    'the calls of 64 sessions, for which there is memory, taken or refused',
    () => sidecar.status(),
    ({ proxy: { counters } }) => (counters.requests ?? 0) + (counters.refused ?? 0) >= 64 * 20,
    60_000,
  );
  await livesOn(t, sidecar, () => {
    for (const session of sessions) session.destroy();
  });
});
