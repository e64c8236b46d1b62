/**
 * What a call costs in front of a model server: CPU per request of Driftline, thread by thread, against its peers.
 *
 * All stand before the same stand-in server and get the same load, turn by turn, so that other work on the machine meets them all. The load
 * is a closed loop: CPU per request is the figure, and the rates only say how busy the machine was. Added latency is `latency.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';
import { answerBody, COLUMNS, PATH, requestBodies, requestBody } from './load/bodies.ts';
import { type Round, wrk, wrkScript } from './load/wrk.ts';
import { dataPath, fastifyProxy, startDriftline, undici } from './proxies/in-node.ts';
import { cpuBetween, cpuOf, memoryOf, type Peer, type PeerKind } from './proxies/peer.ts';
import { envoy, haproxy, kserveAgent, missingFor, nginx, startModel, versionsOf } from './proxies/programs.ts';
import { startSink } from './proxies/stand-ins.ts';

const ROUNDS = 11;
const ROUND_S = 3;
const WARM_UP_S = 2;

/** One round through one peer. */
interface Measured extends Round {
  /** CPU microseconds by thread. */
  readonly cpuUs: ReadonlyMap<string, number>;
  /** Calls that were analysed; the others found the ring full. */
  readonly recorded: number;
  readonly peakBytes: number;
}

/** Takes some twelve minutes. @throws Error when nginx or wrk is missing; other peers that are missing are left out, with a notice. */
export async function benchProxy(options: { rounds?: number; seconds?: number; only?: readonly string[] } = {}): Promise<Report> {
  const { rounds = ROUNDS, seconds = ROUND_S, only } = options;
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const model = await startModel(folder, answerBody());
    closers.push(model.stop);
    const sink = await startSink();
    closers.push(sink.stop);
    const script = wrkScript(folder, 'load', requestBodies());
    const kinds: PeerKind[] = [
      nginx,
      haproxy,
      envoy,
      undici,
      fastifyProxy,
      kserveAgent(null),
      kserveAgent(sink.url),
      dataPath('off'),
      dataPath('on'),
      dataPath('unread'),
      dataPath('observe'),
    ];
    const present: PeerKind[] = [];
    for (const kind of kinds) {
      if (only !== undefined && !only.includes(kind.name)) continue;
      const missing = await missingFor(kind);
      if (missing === null) present.push(kind);
      else process.stderr.write(`bench: ${missing}\n`);
    }
    const whole = await startDriftline(model.url, folder);
    closers.push(() => whole.stop());
    const stay: Peer[] = [];
    for (const kind of present) {
      // Two agents cannot stand side by side, and one that logs has work left after its round.
      if (kind.name.startsWith('KServe')) continue;
      const peer = await kind.start(model.url, folder);
      closers.push(peer.stop);
      stay.push(peer);
    }
    const agents = present.filter((kind) => kind.name.startsWith('KServe'));

    const figures: Figure[] = [];
    for (const connections of [16, 64]) {
      const measured = new Map<string, Measured[]>();
      const keep = (name: string, round: Measured) => measured.set(name, [...(measured.get(name) ?? []), round]);
      for (const peer of [...stay, whole]) await wrk(`${peer.url}${PATH}`, script, { connections, seconds: WARM_UP_S });
      await whole.caughtUp();
      for (let round = 0; round < rounds; round++) {
        keep('direct', await measure(model, script, connections, seconds));
        for (const peer of stay) keep(peer.name, await measure(peer, script, connections, seconds));
        keep(whole.name, await measure(whole, script, connections, seconds, whole.caughtUp));
        for (const kind of agents) {
          const peer = await kind.start(model.url, folder);
          try {
            await wrk(`${peer.url}${PATH}`, script, { connections, seconds: 1 });
            keep(peer.name, await measure(peer, script, connections, seconds));
          } finally {
            await peer.stop();
          }
        }
      }
      figures.push(...figuresOf(measured, connections));
    }
    return {
      name: 'proxy',
      about:
        `A POST of ${requestBody(0).length} bytes (KServe V2, ${COLUMNS} columns), an answer of ${answerBody().length}, 16 and 64 connections in a closed loop, rounds of ` +
        `${seconds} s turn by turn. \`capture on\`: the data path of \`driftline run\` with a thread that reads the ring and discards; \`everything on\`: \`driftline run --upstream\` with its ` +
        'default policy, its analysis counted to the last call that it had left when the load ended. CPU is that of whole processes unless a thread is named; nginx’s that of its worker.',
      figures,
      versions: await versionsOf(),
    };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function measure(peer: Peer, script: string, connections: number, seconds: number, recordedSoFar = async () => 0): Promise<Measured> {
  const recordedBefore = await recordedSoFar();
  const before = cpuOf(peer.pid);
  const round = await wrk(`${peer.url}${PATH}`, script, { connections, seconds });
  const recorded = (await recordedSoFar()) - recordedBefore;
  return { ...round, cpuUs: cpuBetween(before, cpuOf(peer.pid)), recorded, peakBytes: memoryOf(peer.pid, 'VmHWM') };
}

function figuresOf(measured: ReadonlyMap<string, readonly Measured[]>, connections: number): Figure[] {
  const c = `c${connections}`;
  const each = (name: string, value: (round: Measured) => number) => (measured.get(name) ?? []).map(value);
  const total = (round: Measured) => [...round.cpuUs.values()].reduce((sum, one) => sum + one, 0) / round.requests;
  const thread = (one: string) => (round: Measured) => (round.cpuUs.get(one) ?? 0) / round.requests;
  const against = (values: readonly number[], others: readonly number[]) =>
    values.flatMap((value, round) => (others[round] === undefined ? [] : [value / others[round]]));
  const figures: Figure[] = [];
  const row = (figure: string, unit: string, values: readonly number[], atMost?: number) => {
    if (values.length > 0) figures.push(figureOf(`${c}: ${figure}`, unit, values, atMost));
  };
  const byNginx = each('nginx', total);
  for (const name of measured.keys()) {
    if (name !== 'direct') row(name, 'µs CPU per request', each(name, total));
    row(
      name,
      'requests/s',
      each(name, (round) => round.perSecond),
    );
    row(
      `${name}: p50`,
      'ms',
      each(name, (round) => round.p50Ms),
    );
    row(
      `${name}: p99`,
      'ms',
      each(name, (round) => round.p99Ms),
    );
    if (name !== 'direct')
      row(
        `${name}: peak memory`,
        'MB',
        each(name, (round) => round.peakBytes / 1e6),
      );
  }
  const on = 'Driftline, capture on';
  const observing = 'Driftline, observing';
  const everything = 'Driftline, everything on';
  for (const name of [on, observing, everything])
    for (const one of ['data-0', 'analysis', 'main']) row(`${name}: thread ${one}`, 'µs CPU per request', each(name, thread(one)));
  row(
    `${everything}: analysis, per call recorded`,
    'µs CPU',
    each(everything, (round) => (round.cpuUs.get('analysis') ?? 0) / round.recorded),
  );
  row(
    `${everything}: share of calls recorded`,
    'ratio',
    each(everything, (round) => round.recorded / round.requests),
  );
  row('capture on, data thread, against nginx', 'ratio', against(each(on, thread('data-0')), byNginx), 1.6);
  row('capture on, whole process, against nginx', 'ratio', against(each(on, total), byNginx), 2.2);
  row('capture on, whole process, against Envoy', 'ratio', against(each(on, total), each('Envoy', total)), 1);
  row(
    'capture on, whole process, against the KServe agent logging all',
    'ratio',
    against(each(on, total), each('KServe agent, logging all', total)),
    0.25,
  );
  row(
    'capture on, whole process, against @fastify/http-proxy',
    'ratio',
    against(each(on, total), each('@fastify/http-proxy', total)),
    1 / 3,
  );
  row('capture on, whole process, against node:http + undici', 'ratio', against(each(on, total), each('node:http + undici', total)), 1 / 3);
  row('observing, data thread, against nginx', 'ratio', against(each(observing, thread('data-0')), byNginx));
  row('everything on, data thread, against nginx', 'ratio', against(each(everything, thread('data-0')), byNginx));
  row('everything on, whole process, against nginx', 'ratio', against(each(everything, total), byNginx), 5);
  return figures;
}
