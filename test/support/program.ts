/**
 * The whole program as its users start it, in a process of its own, and the calls that a test makes to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Agent, request } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const launcher = path.join(import.meta.dirname, '../../bin/driftline.js');

/** What ended a process: one of the two is null. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `driftline COMMAND` in a process of its own. */
export interface Program {
  readonly child: ChildProcess;
  /** Its stderr so far, and its stdout. */
  said(): string;
  printed(): string;
  /** Resolves with the first match in its stderr. @throws Error with all it said when it ends before. */
  saying(what: RegExp): Promise<RegExpExecArray>;
  /** SIGKILL, for everything at once as when a machine goes down, or for one of the two processes alone; waits until all of it has ended. */
  kill(whom?: 'everything' | 'launcher' | 'program'): Promise<void>;
  /** As an orchestrator does it: SIGTERM, and SIGKILL when that was of no use. */
  stop(): Promise<Ending>;
  readonly ended: Promise<Ending>;
}

const killAtExit = new Set<() => void>();
process.once('exit', () => {
  for (const kill of killAtExit) kill();
});
// Without a listener a signal ends the process with no word of it; tap sends one when a file takes too long.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** Starts a command. Nothing of it outlives the test process. */
export function startProgram(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  // A process group of its own, so that the launcher's children go with it.
  const child = spawn(process.execPath, [launcher, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const killGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  killAtExit.add(killGroup);
  const ended = once(child, 'close').then(([code, signal]): Ending => {
    killAtExit.delete(killGroup);
    return { code, signal };
  });
  let said = '';
  let printed = '';
  let heard = () => {};
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
    heard();
  });
  return {
    child,
    said: () => said,
    printed: () => printed,
    saying: (what) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = what.exec(said);
          if (match !== null) resolve(match);
        };
        const before = heard;
        heard = () => {
          before();
          look();
        };
        ended.then(({ code, signal }) => reject(new Error(`ended with ${code ?? signal} without saying ${what}; it said:\n${said}`)));
        look();
      }),
    async kill(whom = 'everything') {
      const pid = whom === 'launcher' ? child.pid : whom === 'program' ? programOf(child.pid) : undefined;
      if (pid === undefined) killGroup();
      else if (child.exitCode === null && child.signalCode === null) process.kill(pid, 'SIGKILL');
      // Its output closes when the last process that holds it has ended.
      await ended;
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(killGroup, 20_000);
      const ending = await ended;
      clearTimeout(timer);
      return ending;
    },
    ended,
  };
}

/** The process that a launcher started, where the system tells. */
function programOf(launcherPid: number | undefined): number | undefined {
  try {
    const [pid] = readFileSync(`/proc/${launcherPid}/task/${launcherPid}/children`, 'utf8').trim().split(' ').map(Number);
    return pid;
  } catch {
    return undefined;
  }
}

/** A `driftline run` that serves. */
export interface Sidecar extends Program {
  /** `http://127.0.0.1:PORT` (`https:` under TLS) of the data port and of the admin port. */
  readonly data: string;
  readonly admin: string;
  /** A GET of the admin API. @throws Error when the answer is not 2xx. */
  get<T>(path: string): Promise<T>;
  /** Every item of a list. */
  all<T>(list: string): Promise<T[]>;
  feedback(...lines: readonly unknown[]): Promise<Answer>;
}

/** Where a sidecar listens; the same again over restarts. */
export interface Ports {
  readonly listen: string;
  readonly admin: string;
}

export const ANY_PORTS: Ports = { listen: '127.0.0.1:0', admin: '127.0.0.1:0' };

/** The ports of one that ran, for the one that follows it. */
export function portsOf({ data, admin }: Sidecar): Ports {
  return { listen: new URL(data).host, admin: new URL(admin).host };
}

/** Starts `driftline run` with these arguments beside ports, and waits until it serves. @throws Error with its words when it ends first. */
export async function runSidecar(args: readonly string[], ports: Ports = ANY_PORTS, env: NodeJS.ProcessEnv = {}): Promise<Sidecar> {
  const program = startProgram(['run', ...args, '--listen', ports.listen, '--admin', ports.admin], env);
  const [, data = ''] = await program.saying(/data port (https?:\/\/[\d.]+:\d+)/);
  const [, admin = ''] = await program.saying(/page and API (http:\/\/[\d.]+:\d+)/);
  const get = async <T>(path: string): Promise<T> => {
    const { status, body } = await call(admin + path);
    if (status < 200 || status > 299) throw new Error(`${path} answered ${status}: ${body}`);
    // The tests look closely at what they read.
    return JSON.parse(body.toString()) as T;
  };
  return {
    ...program,
    data,
    admin,
    get,
    async all<T>(list: string) {
      const items: T[] = [];
      for (let after: string | null = '0'; after !== null; ) {
        const page: { items: T[]; next: string | null } = await get(`/v1/${list}?limit=1000&after=${after}`);
        items.push(...page.items);
        after = page.next;
      }
      return items;
    },
    feedback: (...lines) => call(`${admin}/v1/feedback`, { method: 'POST', body: lines.map((line) => JSON.stringify(line)).join('\n') }),
  };
}

export interface Answer {
  readonly status: number;
  /** Lower-case names; a repeated field's values are joined. */
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  /** In the order and case of the wire. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string } | readonly string[];
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  /** Sent in chunks, without a length. */
  readonly chunked?: boolean;
}

/** One HTTP call. @throws Error when no whole answer comes. */
export function call(url: string, { method = 'GET', headers = {}, body, agent, chunked = false }: CallOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body ?? '');
    const length = body === undefined || chunked ? [] : ['Content-Length', String(bytes.length)];
    const given = Array.isArray(headers) ? headers : Object.entries(headers).flat();
    // Without it Node adds none to headers that are given as a list.
    const host = given.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host') ? [] : ['Host', new URL(url).host];
    const sent = request(url, { method, agent: agent ?? false, headers: [...host, ...given, ...length] }, async (answer) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk);
        const raw = answer.rawHeaders;
        const fields = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []));
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, fields, body: Buffer.concat(chunks) });
      } catch (error) {
        reject(error);
      }
    });
    sent.on('error', reject);
    if (chunked) sent.write(bytes.subarray(0, bytes.length >> 1));
    sent.end(chunked ? bytes.subarray(bytes.length >> 1) : body === undefined ? undefined : bytes);
  });
}

/** Asks again and again until the answer holds, since another process gives no event for it. @throws Error with the last answer. */
export async function until<T>(what: string, ask: () => T | Promise<T>, holds: (answer: T) => boolean, withinMs = 30_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`${what} did not come within ${withinMs} ms; last: ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await sleep(50);
  }
}

/** Ports that are free, below those that the system gives out by itself, so that they are still free after a restart. */
export async function quietPorts(): Promise<Ports> {
  const found: string[] = [];
  for (let port = 12_000 + (process.pid % 9_000) * 2; found.length < 2; port++) {
    const taken = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.unref();
    });
    if (!taken) found.push(`127.0.0.1:${port}`);
  }
  const [listen = '', admin = ''] = found;
  return { listen, admin };
}
