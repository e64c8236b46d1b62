/**
 * What a call costs in front of a model server: CPU per request of Driftline, thread by thread and with its full default analysis,
 * against nginx as a plain proxy.
 *
 * Both stand before the same stand-in server and get the same load, turn by turn, so that other work on the machine meets both. The load is
 * a closed loop: CPU per request is the figure, and the rates only say how busy the machine was.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled, runTool, startServer } from '../test/support/child.ts';
import type { Report } from './figure.ts';
import { figureOf } from './figure.ts';

const ROUNDS = 7;
const ROUND_S = 3;
const CONNECTIONS = 16;
const PATH = '/v2/models/bench/infer';
const COLUMNS = 14;
const ANSWERED_VALUES = 178;
/** Different bodies, so that the analysis sees values that vary. */
const BODIES = 500;
/** Longest wait for the analysis to have read what a round left in the ring. */
const CATCH_UP_MS = 60_000;

/** CPU nanoseconds by thread name since the process began. */
type Cpu = ReadonlyMap<string, number>;

interface Proxy {
  readonly url: string;
  readonly pid: number;
}

/** A round through one proxy. */
interface Round {
  readonly requests: number;
  readonly perSecond: number;
  /** CPU microseconds by thread. */
  readonly cpuUs: Cpu;
  /** Calls that were analysed; the others found the ring full. */
  readonly recorded: number;
}

/** Takes about a minute. @throws Error that names the Debian package when a program is missing. */
export async function benchProxy(): Promise<Report> {
  for (const [command, debianPackage] of [
    ['nginx', 'nginx-light'],
    ['wrk', 'wrk'],
  ] as const) {
    if (!(await isInstalled(command)))
      throw new Error(`${command} is not installed; it is Debian's package ${debianPackage}: apt-get install ${debianPackage}`);
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'driftline-bench-'));
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const model = await startNginx(folder, 'model', modelConfig());
    closers.push(model.stop);
    const nginx = await startNginx(folder, 'proxy', proxyConfig(model.url));
    closers.push(nginx.stop);
    const state = path.join(folder, 'state');
    const main = path.join(import.meta.dirname, '../agent/main.ts');
    const args = [main, 'run', '--upstream', model.url, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--state', state];
    const server = await startServer(process.execPath, args, /page and API/, { FORCE_COLOR: '0' });
    closers.push(() => server.stop());
    const admin = /http:\/\/[\d.:]+/.exec(server.ready)?.[0] ?? '';
    const { proxy } = await statusOf(admin);
    const driftline = { url: `http://${proxy.address}`, pid: server.process.pid!, admin };
    const script = path.join(folder, 'load.lua');
    writeFileSync(script, loadScript());

    for (const proxy of [nginx, driftline]) await wrk(proxy.url, script, 2);
    await caughtUp(driftline.admin);
    const byNginx: Round[] = [];
    const byDriftline: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      byNginx.push(await measure(nginx, script, async () => 0));
      byDriftline.push(await measure(driftline, script, () => caughtUp(driftline.admin)));
    }
    return report(byNginx, byDriftline, {
      nginx: (await runTool('nginx', ['-v'])).replace(/.*nginx\//s, '').trim(),
      wrk: /wrk \S*?([\d.]+)/.exec(await runTool('sh', ['-c', 'wrk --version || true']))?.[1] ?? 'unknown',
    });
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

function report(byNginx: readonly Round[], byDriftline: readonly Round[], versions: Report['versions']): Report {
  const total = ({ cpuUs }: Round) => [...cpuUs.values()].reduce((sum, one) => sum + one, 0);
  const each = (rounds: readonly Round[], cpu: (round: Round) => number) => rounds.map((round) => cpu(round) / round.requests);
  const thread = (name: string) => each(byDriftline, (round) => round.cpuUs.get(name) ?? 0);
  const nginx = each(byNginx, total);
  const whole = each(byDriftline, total);
  const ratio = (values: readonly number[]) => values.map((value, round) => value / nginx[round]!);
  const data = thread('data-0');
  const sum = (count: (round: Round) => number) => byDriftline.reduce((total, round) => total + count(round), 0);
  const share = sum(({ recorded }) => recorded) / sum(({ requests }) => requests);
  return {
    name: 'proxy',
    about:
      `A POST of ${requestBody(0).length} bytes (KServe V2, ${COLUMNS} columns), an answer of ${answerBody().length}, ${CONNECTIONS} connections in a closed ` +
      `loop, rounds of ${ROUND_S} s turn by turn. Driftline: \`run --upstream\` with capture on and its default policy. The analysis's share is per ` +
      `request sent, with all that it had left to do when the load ended; it recorded ${(100 * share).toFixed(1)} % of them and counted the rest as dropped.`,
    figures: [
      figureOf('nginx, one worker, unbuffered', 'µs CPU per request', nginx),
      figureOf('Driftline, data thread', 'µs CPU per request', data),
      figureOf('Driftline, analysis thread', 'µs CPU per request', thread('analysis')),
      figureOf(
        'Driftline, analysis thread, per call recorded',
        'µs CPU',
        byDriftline.map(({ cpuUs, recorded }) => (cpuUs.get('analysis') ?? 0) / recorded),
      ),
      figureOf('Driftline, main thread', 'µs CPU per request', thread('main')),
      figureOf('Driftline, whole process', 'µs CPU per request', whole),
      figureOf('data thread against nginx', 'ratio', ratio(data)),
      figureOf('whole process against nginx', 'ratio', ratio(whole)),
      figureOf(
        'through nginx',
        'requests/s',
        byNginx.map(({ perSecond }) => perSecond),
      ),
      figureOf(
        'through Driftline',
        'requests/s',
        byDriftline.map(({ perSecond }) => perSecond),
      ),
    ],
    versions,
  };
}

async function measure({ url, pid }: Proxy, script: string, recordedSoFar: () => Promise<number>): Promise<Round> {
  const recordedBefore = await recordedSoFar();
  const before = cpuOf(pid);
  const { requests, perSecond } = await wrk(url, script, ROUND_S);
  const recorded = (await recordedSoFar()) - recordedBefore;
  const cpuUs = new Map([...cpuOf(pid)].map(([thread, ns]) => [thread, (ns - (before.get(thread) ?? 0)) / 1_000]));
  return { requests, perSecond, cpuUs, recorded };
}

/** Node names its workers' threads; the main one is called after the program, V8's and libuv's helpers have names of their own. */
function cpuOf(pid: number): Cpu {
  const cpu = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    const thread = Number(task) === pid ? 'main' : readFileSync(`${folder}/comm`, 'utf8').trim();
    const [ns] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    cpu.set(thread, (cpu.get(thread) ?? 0) + Number(ns));
  }
  return cpu;
}

async function wrk(url: string, script: string, seconds: number): Promise<{ requests: number; perSecond: number }> {
  const out = await runTool('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, `${url}${PATH}`]);
  const requests = Number(/(\d+) requests in/.exec(out)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1]);
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(out)) throw new Error(`the load maker met errors:\n${out}`);
  return { requests, perSecond };
}

interface Status {
  readonly proxy: { readonly address: string; readonly counters: { readonly exchanges: number } };
  readonly accounting: { readonly stored: number; readonly dropped: { readonly [reason: string]: number } };
}

async function statusOf(admin: string): Promise<Status> {
  const answer = await fetch(`${admin}/v1/status`);
  return (await answer.json()) as Status;
}

/** Resolves when everything in the ring has been analysed and committed, with the number of records so far. */
async function caughtUp(admin: string): Promise<number> {
  const until = Date.now() + CATCH_UP_MS;
  for (;;) {
    const { proxy, accounting } = await statusOf(admin);
    const settled = accounting.stored + (accounting.dropped['duplicate-id'] ?? 0);
    if (settled >= proxy.counters.exchanges) return accounting.stored;
    if (Date.now() > until) throw new Error(`the analysis is ${proxy.counters.exchanges - settled} records behind after ${CATCH_UP_MS} ms`);
    await sleep(200);
  }
}

/** A body of random numbers for one row; about 1 KB. */
function requestBody(seed: number): string {
  let state = seed + 1;
  const inputs = Array.from({ length: COLUMNS }, (_, column) => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return { name: `column_${column}`, datatype: 'FP32', shape: [1, 1], data: [Number((state / 2 ** 32).toFixed(4))] };
  });
  return JSON.stringify({ inputs });
}

/** The stand-in's only answer; about 2 KB. */
function answerBody(): string {
  const scores = Array.from({ length: ANSWERED_VALUES }, (_, index) => Number((0.1 + index / 1_000).toFixed(6)));
  const outputs = [
    { name: 'label', datatype: 'INT64', shape: [1], data: [1] },
    { name: 'scores', datatype: 'FP32', shape: [1, ANSWERED_VALUES], data: scores.map((score) => score + 0.000_001) },
  ];
  return JSON.stringify({ model_name: 'bench', model_version: '1', outputs });
}

/** For wrk: bodies are formatted once, so that the load maker costs little. */
function loadScript(): string {
  const bodies = Array.from({ length: BODIES }, (_, seed) => `'${requestBody(seed)}'`);
  return `local bodies = {${bodies.join(',')}}
local requests, next = {}, 0
init = function()
  for i, body in ipairs(bodies) do requests[i] = wrk.format('POST', nil, { ['content-type'] = 'application/json' }, body) end
end
request = function()
  next = next % #requests + 1
  return requests[next]
end
`;
}

/** Starts nginx with one worker on a free port; `pid` is the worker's. */
async function startNginx(folder: string, name: string, server: string): Promise<Proxy & { stop(): Promise<void> }> {
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`);
  const file = path.join(folder, `${name}.conf`);
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; ${temporary.join(' ')}
${server.replace('LISTEN', `listen 127.0.0.1:${port}`)} }
`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', file], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
    const answers = await fetch(url, { method: 'POST', body: 'x' }).then(
      () => true,
      () => false,
    );
    if (children !== '' && answers) return { url, pid: Number(children.split(' ')[0]), stop };
    await sleep(50);
  }
  await stop();
  throw new Error(`nginx did not start: ${readFileSync(`${folder}/${name}.log`, 'utf8').slice(-500)}`);
}

function modelConfig(): string {
  return `server { LISTEN; location / { default_type application/json; return 200 '${answerBody()}'; } }`;
}

function proxyConfig(model: string): string {
  return `upstream model { server ${model.slice('http://'.length)}; keepalive 64; keepalive_requests 1000000000; }
server { LISTEN; location / { proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_buffering off; proxy_request_buffering off; } }`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
