/**
 * Large bodies and idle connections: what 1 MB each way costs against nginx, and what a thousand silent clients weigh.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { figureOf, type Report } from './figure.ts';
import { answerBody, PATH, requestBody } from './load/bodies.ts';
import { wrk, wrkScript } from './load/wrk.ts';
import { dataPath } from './proxies/in-node.ts';
import { cpuBetween, cpuOf, memoryOf, type Peer } from './proxies/peer.ts';
import { nginx, startModel, versionsOf } from './proxies/programs.ts';
import { startLargeModel } from './proxies/stand-ins.ts';

const ROUNDS = 40;
const ROUND_S = 1;
const CONNECTIONS = 8;
const BYTES = 1_000_000;
const IDLE = 1_000;
const IDLE_ROUNDS = 5;

/** Takes some three minutes. Rounds are short and many, each second one in the opposite order; nginx stands next to whom it is compared with. */
export async function benchBodies(options: { rounds?: number; seconds?: number } = {}): Promise<Report> {
  const { rounds = ROUNDS, seconds = ROUND_S } = options;
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const large = await startLargeModel(BYTES);
    closers.push(large.stop);
    const peers: Peer[] = [];
    for (const kind of [dataPath('off'), nginx, dataPath('on')]) {
      const peer = await kind.start(large.url, folder);
      closers.push(peer.stop);
      peers.push(peer);
    }
    const script = wrkScript(folder, 'large', [`{"inputs":["${'x'.repeat(BYTES)}"]}`]);
    const costs = new Map<string, number[]>(peers.map(({ name }) => [name, []]));
    const load = (peer: Peer, length: number) => wrk(`${peer.url}${PATH}`, script, { connections: CONNECTIONS, seconds: length });
    for (const peer of peers) await load(peer, 1);
    for (let round = 0; round < rounds; round++) {
      for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
        const before = cpuOf(peer.pid);
        const { requests } = await load(peer, seconds);
        const spent = cpuBetween(before, cpuOf(peer.pid));
        costs.get(peer.name)!.push([...spent.values()].reduce((sum, one) => sum + one, 0) / requests);
      }
      if ((round + 1) % 10 === 0) process.stderr.write(`bench: bodies, ${round + 1} of ${rounds} rounds\n`);
    }
    const model = await startModel(folder, answerBody());
    closers.push(model.stop);
    const idle: number[] = [];
    for (let round = 0; round < IDLE_ROUNDS; round++) idle.push(await weightOfIdle(model.url, folder));
    const byNginx = costs.get('nginx')!;
    return {
      name: 'bodies',
      about: `${BYTES} bytes each way over ${CONNECTIONS} connections in a closed loop, rounds of ${seconds} s turn by turn, each second one in the opposite order; then ${IDLE} clients that made one call each and stay connected, silent: memory after less memory before.`,
      figures: [
        ...[...costs].map(([name, values]) => figureOf(`1 MB bodies: ${name}`, 'µs CPU per request', values)),
        figureOf(
          '1 MB bodies: capture on against nginx',
          'ratio',
          costs.get('Driftline, capture on')!.map((value, round) => value / byNginx[round]!),
          1,
        ),
        figureOf(`${IDLE} idle connections`, 'MB', idle, 30),
      ],
      versions: await versionsOf(),
    };
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

/** Megabytes that a thousand idle clients take, of a process that has served as many calls before. */
async function weightOfIdle(model: string, folder: string): Promise<number> {
  const peer = await dataPath('on').start(model, folder);
  const sockets: Socket[] = [];
  try {
    const warm = wrkScript(folder, 'warm', [requestBody(0)]);
    await wrk(`${peer.url}${PATH}`, warm, { connections: 16, seconds: 2 });
    await sleep(1_000);
    const before = memoryOf(peer.pid);
    for (let index = 0; index < IDLE; index++) sockets.push(await callAndStay(peer.url));
    await sleep(2_000);
    return (memoryOf(peer.pid) - before) / 1e6;
  } finally {
    for (const socket of sockets) socket.destroy();
    await peer.stop();
  }
}

function callAndStay(url: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const body = requestBody(1);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    });
    let seen = '';
    socket.on('data', (bytes) => {
      seen += bytes.toString('latin1');
      if (seen.endsWith('}')) resolve(socket);
    });
    socket.once('error', reject);
  });
}
