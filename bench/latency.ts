/**
 * What a proxy adds to the time of a call at a load it can bear: an open loop at half the rate at which Driftline with capture on is
 * saturated, the same rate for everybody, the latency counted from when each request was due (`load/open-loop.ts`).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, figureOf, type Report } from './figure.ts';
import { answerBody, PATH, requestBodies, requestBody } from './load/bodies.ts';
import { type OpenLoop, openLoop } from './load/open-loop.ts';
import { wrk, wrkScript } from './load/wrk.ts';
import { dataPath, startDriftline } from './proxies/in-node.ts';
import type { Peer } from './proxies/peer.ts';
import { envoy, haproxy, missingFor, nginx, startModel, versionsOf } from './proxies/programs.ts';

const ROUNDS = 11;
const ROUND_S = 4;
const CONNECTIONS = 64;

/** Takes some seven minutes. */
export async function benchLatency(options: { rounds?: number; seconds?: number } = {}): Promise<Report> {
  const { rounds = ROUNDS, seconds = ROUND_S } = options;
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const model = await startModel(folder, answerBody());
    closers.push(model.stop);
    const peers: Peer[] = [model];
    for (const kind of [nginx, haproxy, envoy, dataPath('off'), dataPath('on'), dataPath('unread')]) {
      const missing = await missingFor(kind);
      if (missing !== null) {
        process.stderr.write(`bench: ${missing}\n`);
        continue;
      }
      const peer = await kind.start(model.url, folder);
      closers.push(peer.stop);
      peers.push(peer);
    }
    const whole = await startDriftline(model.url, folder);
    closers.push(() => whole.stop());
    peers.push(whole);

    const script = wrkScript(folder, 'load', requestBodies());
    const on = peers.find(({ name }) => name === 'Driftline, capture on')!;
    for (const peer of peers) await wrk(`${peer.url}${PATH}`, script, { connections: CONNECTIONS, seconds: 2 });
    await whole.caughtUp();
    const saturated = await besideSpinner(() => wrk(`${on.url}${PATH}`, script, { connections: CONNECTIONS, seconds: 3 }));
    const perSecond = Math.floor(saturated.perSecond / 2);
    const measured = new Map<string, OpenLoop[]>(peers.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        measured.get(peer.name)!.push(await openLoop(`${peer.url}${PATH}`, { perSecond, seconds, connections: CONNECTIONS }));
        if (peer === whole) await whole.caughtUp();
      }
    }
    return {
      name: 'latency',
      about:
        `An open loop of ${perSecond} requests a second, half of what Driftline with capture on can bear here on the cores that the load maker leaves, over ${CONNECTIONS} connections; a POST of ${requestBody(0).length} bytes, an ` +
        `answer of ${answerBody().length}; rounds of ${seconds} s turn by turn. Added: less the same quantile of direct calls in the same round. The load maker spins on one of the cores.`,
      figures: figuresOf(measured),
      versions: await versionsOf(),
    };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function figuresOf(measured: ReadonlyMap<string, readonly OpenLoop[]>): Figure[] {
  const direct = measured.get('model')!;
  const figures = [
    figureOf(
      'direct: p50',
      'ms',
      direct.map((round) => round.p50Ms),
    ),
    figureOf(
      'direct: p99',
      'ms',
      direct.map((round) => round.p99Ms),
    ),
  ];
  const added = (name: string, quantile: 'p50Ms' | 'p99Ms') =>
    measured.get(name)!.map((round, index) => round[quantile] - direct[index]![quantile]);
  for (const name of measured.keys()) {
    if (name === 'model') continue;
    figures.push(figureOf(`${name}: added p50`, 'ms', added(name, 'p50Ms')), figureOf(`${name}: added p99`, 'ms', added(name, 'p99Ms')));
  }
  if (!measured.has('nginx')) return figures;
  const nginxAdded = added('nginx', 'p99Ms');
  for (const name of ['Driftline, capture on', 'Driftline, everything on']) {
    const ours = added(name, 'p99Ms');
    // A ratio of differences that may be near nothing: the ratio of medians is steadier, but has no rounds to take an interval from.
    figures.push(
      figureOf(
        `${name}: added p99 against nginx’s`,
        'ratio',
        ours.map((value, round) => value / nginxAdded[round]!),
        2,
      ),
      figureOf(
        `${name}: added p99 above nginx’s`,
        'ms',
        ours.map((value, round) => value - nginxAdded[round]!),
        1,
      ),
    );
  }
  const p99 = (name: string) => measured.get(name)!.map((round) => round.p99Ms);
  const off = p99('Driftline, capture off');
  figures.push(
    figureOf(
      'ring full, p99, against capture off',
      'ratio',
      p99('Driftline, ring full').map((value, round) => value / off[round]!),
      1.1,
    ),
  );
  return figures;
}

/** The load maker of the open loop keeps a core busy; what can be borne is what the others give. */
async function besideSpinner<T>(work: () => Promise<T>): Promise<T> {
  const spinner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  try {
    return await work();
  } finally {
    spinner.kill('SIGKILL');
  }
}
