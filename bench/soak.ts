/**
 * The long run: `node bench/soak.ts --minutes 60 --rate 200`. All of Driftline in front of a model server that misbehaves (`proxies/faulty-model.ts`)
 * and dies now and then, with clients that leave in mid-call, labels of which some belong to nobody, and a policy that is rewritten, at
 * times into nonsense. Its memory is read every second: the medians of the second and of the last quarter are to differ by at most 5 MB.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Server, startServer } from '../test/support/child.ts';
import { circumstances, describeReport, figureOf, type Report } from './figure.ts';
import { PATH, requestBodies } from './load/bodies.ts';
import { startRun } from './proxies/in-node.ts';
import { freePort, memoryOf } from './proxies/peer.ts';

const ABORTED = 0.005;
const LABELLED = 0.2;
const ORPHANED = 0.01;
const KILL_EVERY_MS = 97_000;
const DEAD_MS = 3_000;
const REWRITE_EVERY_MS = 61_000;

/** Calls by what the client saw. */
interface Tally {
  [outcome: string]: number;
}

/** @param options.minutes of load; @param options.rate calls a second */
export async function soak(options: { minutes: number; rate: number; say: (line: string) => void }): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-soak-'));
  const modelPort = await freePort();
  let seed = 1;
  const startModel = () =>
    startServer(process.execPath, [join(import.meta.dirname, 'proxies/faulty-model.ts'), String(seed++), String(modelPort)], /^ready on/);
  let model: Server = await startModel();
  const policy = join(folder, 'policy.yaml');
  writeFileSync(policy, policyText(modelPort, 1));
  const { server: driftline, admin } = await startRun(folder, ['-c', policy]);
  const pid = driftline.process.pid!;
  try {
    const status = async () => (await (await fetch(`${admin}/v1/status`)).json()) as { proxy: { address: string }; accounting: unknown };
    const url = new URL(`http://${(await status()).proxy.address}${PATH}`);
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const bodies = requestBodies();
    const tally: Tally = {};
    const count = (outcome: string) => {
      tally[outcome] = (tally[outcome] ?? 0) + 1;
    };
    const labels: string[] = [];
    let sent = 0;
    const call = () => {
      const aborts = Math.random() < ABORTED;
      const outgoing = request(url, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (answer) => {
        answer.resume();
        answer.on('error', () => count('cut off'));
        answer.on('end', () => {
          count(String(answer.statusCode));
          const id = answer.headers['x-driftline-id'];
          if (typeof id === 'string' && Math.random() < LABELLED) labels.push(id);
        });
      });
      outgoing.on('error', () => count(aborts ? 'left by the client' : 'broken'));
      outgoing.end(bodies[sent++ % bodies.length]);
      if (aborts) setTimeout(() => outgoing.destroy(), 20 * Math.random());
    };
    const feedback = async () => {
      const lines = labels
        .splice(0)
        .map((id) => JSON.stringify({ id: Math.random() < ORPHANED ? `nobody-${id}` : id, label: Math.round(Math.random()) }));
      if (lines.length === 0) return;
      const sentLabels = fetch(`${admin}/v1/feedback`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.join('\n'),
      });
      await sentLabels.then((answer) => answer.arrayBuffer()).catch(() => count('feedback refused'));
    };

    const memory: number[] = [];
    const startedAt = Date.now();
    const endAt = startedAt + options.minutes * 60_000;
    let nextSecond = startedAt + 1_000;
    let nextKill = startedAt + KILL_EVERY_MS;
    let nextRewrite = startedAt + REWRITE_EVERY_MS;
    let rewritten = 1;
    for (let due = 0; Date.now() < endAt; ) {
      for (; startedAt + (due * 1000) / options.rate <= Date.now(); due++) call();
      if (Date.now() >= nextSecond) {
        nextSecond += 1_000;
        memory.push(memoryOf(pid) / 1e6);
        await feedback();
        if (memory.length % 60 === 0)
          options.say(`minute ${memory.length / 60}: ${memory.at(-1)!.toFixed(0)} MB, ${JSON.stringify(tally)}`);
      }
      if (Date.now() >= nextKill) {
        nextKill += KILL_EVERY_MS;
        await model.stop(0);
        setTimeout(async () => {
          model = await startModel();
        }, DEAD_MS);
      }
      if (Date.now() >= nextRewrite) {
        nextRewrite += REWRITE_EVERY_MS;
        writeFileSync(policy, rewritten++ % 3 === 0 ? 'spec: [this is no policy' : policyText(modelPort, rewritten));
      }
      await sleep(4);
    }
    await sleep(3_000);
    const quarter = Math.floor(memory.length / 4);
    const second = memory.slice(quarter, 2 * quarter);
    const last = memory.slice(3 * quarter);
    const [before, after] = [figureOf('memory in the second quarter', 'MB', second), figureOf('memory in the last quarter', 'MB', last)];
    const accounting = (await status()).accounting;
    return {
      name: 'soak',
      about:
        `${options.minutes} minutes at ${options.rate} calls a second, all of Driftline: 2 % of the answers faulty, the model server killed every ${KILL_EVERY_MS / 1000} s for ${DEAD_MS / 1000} s, ` +
        `${100 * ABORTED} % of the clients leave, the policy rewritten every ${REWRITE_EVERY_MS / 1000} s (one in three times into nonsense). The clients saw ${JSON.stringify(tally)}. ` +
        `Accounting at the end: ${JSON.stringify(accounting)}.`,
      figures: [
        figureOf('memory', 'MB', memory, 230),
        before,
        after,
        figureOf('difference of the quarters’ medians', 'MB', [Math.abs(after.median - before.median)], 5),
      ],
      versions: {},
    };
  } finally {
    await driftline.stop();
    await model.stop(0);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `turn` changes something harmless, so that the file is another one. */
function policyText(port: number, turn: number): string {
  return `apiVersion: driftline/v1
kind: Policy
metadata: {name: soak, annotations: {turn: "${turn}"}}
spec:
  model: {name: bench, prediction: label}
  traffic:
    protocol: kserve-v2
    upstreams: {primary: {url: "http://127.0.0.1:${port}", timeout: 1s}}
  reference: {source: traffic, learn: {rows: 1000}}
  window: {type: tumbling, rows: 500}
  monitors:
    - name: input-drift
      detectors: {numeric: {type: ks, effect: {stat: D, atLeast: 0.15}}}
    - name: failed-calls
      features: [request.failed]
      detectors: {numeric: {type: adwin, delta: 0.002}}
  retention: {events: 10m}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, rate: { type: 'string', default: '200' } } });
  const finish = circumstances();
  const report = await soak({
    minutes: Number(values.minutes),
    rate: Number(values.rate),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${describeReport(report, finish(report.versions))}\n`);
  process.exit(0);
}
