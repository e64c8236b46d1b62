/**
 * What a proxy adds to the time of a call at a load it can bear: an open loop at half the rate at which Driftline with capture on is
 * saturated, the same rate for everybody, the latency counted from when each request was due (`load/open-loop.ts`).
 *
 * Rounds are short and many, peer by peer, each second one in the opposite order: who is compared stands next to each other, each as often
 * before the other as after it, and what the machine does meanwhile meets both. Who is there for comparison only has fewer turns.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { busyBetween, LOAD_CORE, openPlacing, type Placing, PROXY_CORE, readCores } from './cores.ts';
import { type Figure, figureOf, figureOfMedians, medianOf, type Report } from './figure.ts';
import { answerBody, PATH, requestBodies, requestBody } from './load/bodies.ts';
import { type Latencies, OpenLoop, openLoopProgram } from './load/open-loop.ts';
import { wrk, wrkScript } from './load/wrk.ts';
import { dataPath, startDriftline } from './proxies/in-node.ts';
import type { Peer } from './proxies/peer.ts';
import { envoy, haproxy, missingFor, nginx, startModel, versionsOf } from './proxies/programs.ts';

const ROUNDS = 150;
const ROUND_S = 0.3;
/** Peers that nothing is judged by have a turn in one of so many rounds. */
const SELDOM = 5;
const CONNECTIONS = 64;
/** Of a second each: what a core bears changes with what its neighbours do. */
const BURSTS = 15;
/** Of each peer, before anything is measured. */
const WARM_ROUNDS = 5;

const DIRECT = 'model';
const OFF = 'Driftline, capture off';
const FULL = 'Driftline, ring full';
const ON = 'Driftline, capture on';
const SHARED = 'Driftline, capture on, one core for all';
const EVERYTHING = 'Driftline, everything on';
/** Those of Driftline's threads that answer calls. */
const DATA_THREADS = /^data-/;
/** Who has a turn in each round; the last two have a second one in the opposite order. */
const OFTEN = [DIRECT, ON, 'nginx', OFF, FULL];

/** A peer, and what its analysis has to catch up with before the next one's turn. */
interface Entrant extends Peer {
  caughtUp?(): Promise<unknown>;
}

/** One turn of one peer. */
interface Measured extends Latencies {
  readonly name: string;
  readonly proxyCoreBusy: number;
  readonly loadCoreBusy: number;
}

/** The turns of a round, in their order. */
type Round = readonly Measured[];

/** Takes some eight minutes. @throws Error where the tools or the cores for it are missing; a peer that is missing is left out, with a notice. */
export async function benchLatency(options: { rounds?: number; seconds?: number } = {}): Promise<Report> {
  const { rounds = ROUNDS, seconds = ROUND_S } = options;
  const program = await openLoopProgram();
  const placing = await openPlacing();
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const peers = await startPeers(folder, closers);
    await place(peers, placing);
    closers.push(placing.keepAwake());
    const script = wrkScript(folder, 'load', requestBodies());
    const closedLoop = (peer: Peer, length: number) => wrk(`${peer.url}${PATH}`, script, { connections: CONNECTIONS, seconds: length });
    for (const peer of peers) await closedLoop(peer, 2);
    await Promise.all(peers.map((peer) => peer.caughtUp?.()));
    const on = peers.find(({ name }) => name === ON)!;
    const saturated: number[] = [];
    while (saturated.length < BURSTS) saturated.push((await closedLoop(on, 1)).perSecond);
    const perSecond = Math.floor(medianOf(saturated) / 2);

    const bodies = join(folder, 'bodies');
    writeFileSync(bodies, `${requestBodies().join('\n')}\n`);
    const load = { bodies, perSecond, seconds, connections: CONNECTIONS, under: placing.loadMaker };
    const loops = new Map<Entrant, OpenLoop>();
    for (const peer of peers) {
      const loop = OpenLoop.start(program, `${peer.url}${PATH}`, load);
      closers.push(() => loop.stop());
      loops.set(peer, loop);
      // What belongs to a connection is moved twice before it stays where it is.
      for (let k = 0; k < WARM_ROUNDS; k++) await loop.round();
      await peer.caughtUp?.();
    }
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const turns = peers.filter(({ name }) => round % SELDOM === 0 || OFTEN.includes(name));
      const pair = turns.filter(({ name }) => name === OFF || name === FULL);
      const results: Measured[] = [];
      for (const peer of [...(round % 2 === 0 ? turns : turns.toReversed()), ...(round % 2 === 0 ? pair.toReversed() : pair)]) {
        const before = readCores();
        const one = await loops.get(peer)!.round();
        const after = readCores();
        const [proxyCoreBusy, loadCoreBusy] = [busyBetween(before, after, PROXY_CORE), busyBetween(before, after, LOAD_CORE)];
        results.push({ ...one, name: peer.name, proxyCoreBusy, loadCoreBusy });
        await peer.caughtUp?.();
      }
      measured.push(results);
      if ((round + 1) % 10 === 0)
        process.stderr.write(`bench: latency, ${round + 1} of ${rounds} rounds at ${perSecond} requests a second\n`);
    }
    return { name: 'latency', about: aboutOf(perSecond, seconds, placing), figures: figuresOf(measured), versions: await versionsOf() };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

/** In the order of their turns: those that are compared are neighbours. */
async function startPeers(folder: string, closers: (() => unknown)[]): Promise<Entrant[]> {
  const model = await startModel(folder, answerBody());
  closers.push(model.stop);
  const whole = await startDriftline(model.url, folder);
  closers.push(whole.stop);
  const peers: Entrant[] = [model];
  const shared = { ...dataPath('on'), name: SHARED };
  for (const kind of [haproxy, envoy, null, shared, nginx, dataPath('on'), dataPath('off'), dataPath('unread')]) {
    if (kind === null) {
      peers.push(whole);
      continue;
    }
    const missing = await missingFor(kind);
    if (missing !== null) {
      process.stderr.write(`bench: ${missing}\n`);
      continue;
    }
    const peer = await kind.start(model.url, folder);
    closers.push(peer.stop);
    peers.push({ ...peer, name: kind.name });
  }
  return peers;
}

async function place(peers: readonly Peer[], placing: Placing): Promise<void> {
  await placing.bench(LOAD_CORE);
  for (const { name, pid } of peers) {
    await placing.server(pid, name === DIRECT ? LOAD_CORE : PROXY_CORE);
    if (name.startsWith('Driftline') && name !== SHARED) await placing.aside(pid, DATA_THREADS);
  }
}

function aboutOf(perSecond: number, seconds: number, { realTime }: Placing): string {
  const priority = realTime
    ? 'All that answers a call, and the load maker, has real-time priority, so that other work on the machine waits for it.'
    : 'The bench may not give real-time priority here: other work on the machine is measured too.';
  return (
    `An open loop of ${perSecond} requests a second, half of what Driftline with capture on bears in the same arrangement (the median of ${BURSTS} bursts of a second), over ${CONNECTIONS} connections that stay open from round to round; a POST of ${requestBody(0).length} bytes, an ` +
    `answer of ${answerBody().length}; rounds of ${seconds} s peer by peer, each second one in the opposite order. The proxy under test has one core, the load maker and the model server the other. ${priority} ` +
    'Driftline’s threads that answer no call (main, analysis, the engine’s helpers) run on either core when nobody there wants it, as they do where there are cores to spare; in `one core for all` they stand on the proxy’s core with ' +
    'the priority of the thread that answers. A loop of the idle class keeps both cores awake. Added: less the same quantile of direct calls in the same round. Lateness is the load maker’s own: from when a request was due to when it noticed. ' +
    'The figure to reach, at most twice what nginx adds, is judged as a difference that is at most 0, as what nginx adds may be next to nothing: the median of what is added less twice the median of what nginx adds, rounds drawn again for its interval.'
  );
}

function figuresOf(measured: readonly Round[]): Figure[] {
  const figures: Figure[] = [];
  const row = (figure: string, unit: string, values: readonly number[], atMost?: number) => {
    if (values.length > 0) figures.push(figureOf(figure, unit, values, atMost));
  };
  const turns = measured.flat();
  const each = (name: string, value: (turn: Measured) => number) => turns.filter((turn) => turn.name === name).map(value);
  /** What two peers have of a round, for each of their turns in it. */
  const paired = <T>(name: string, other: string, value: (turn: Measured, other: Measured, direct: Measured) => T) =>
    measured.flatMap((round) => {
      const direct = round.find((turn) => turn.name === DIRECT)!;
      const others = round.filter((turn) => turn.name === other);
      return round
        .filter((turn) => turn.name === name)
        .flatMap((turn, index) => {
          const beside = others[Math.min(index, others.length - 1)];
          return beside === undefined ? [] : [value(turn, beside, direct)];
        });
    });
  row(
    'direct: p50',
    'ms',
    each(DIRECT, ({ p50Ms }) => p50Ms),
  );
  row(
    'direct: p99',
    'ms',
    each(DIRECT, ({ p99Ms }) => p99Ms),
  );
  for (const name of new Set(turns.map((turn) => turn.name))) {
    if (name === DIRECT) continue;
    row(
      `${name}: added p50`,
      'ms',
      paired(name, DIRECT, (turn, direct) => turn.p50Ms - direct.p50Ms),
    );
    row(
      `${name}: added p99`,
      'ms',
      paired(name, DIRECT, (turn, direct) => turn.p99Ms - direct.p99Ms),
    );
    row(
      `${name}: the proxy’s core busy`,
      'share',
      each(name, ({ proxyCoreBusy }) => proxyCoreBusy),
    );
  }
  row(
    'the load maker’s lateness, p99',
    'ms',
    turns.map(({ lateP99Ms }) => lateP99Ms),
  );
  row(
    'the load maker’s core busy',
    'share',
    turns.map(({ loadCoreBusy }) => loadCoreBusy),
  );
  for (const name of [ON, SHARED, EVERYTHING]) {
    const added = paired(name, 'nginx', (turn, nginx, direct) => [turn.p99Ms - direct.p99Ms, nginx.p99Ms - direct.p99Ms] as const);
    if (added.length > 0) figures.push(figureOfMedians(`${name}: added p99 less twice nginx’s`, 'ms', added, 2, 0));
    row(
      `${name}: added p99 less twice nginx’s, round by round`,
      'ms',
      added.map(([ours, nginx]) => ours - 2 * nginx),
    );
    row(
      `${name}: added p99 less nginx’s`,
      'ms',
      added.map(([ours, nginx]) => ours - nginx),
      1,
    );
  }
  row(
    'ring full, p99, against capture off',
    'ratio',
    paired(FULL, OFF, (turn, off) => turn.p99Ms / off.p99Ms),
    1.1,
  );
  return figures;
}
