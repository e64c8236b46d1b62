/**
 * The peers that run in Node: two proxies made of packages, and Driftline in its degrees.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Server, startServer } from '../../test/support/child.ts';
import { installPackage } from '../../test/support/install-package.ts';
import { answers, freePort, type Peer, type PeerKind } from './peer.ts';

/** The launcher’s, under which users run Driftline. */
const { flags } = (await import(pathToFileURL(join(import.meta.dirname, '../../bin/flags.js')).href)) as {
  readonly flags: readonly string[];
};

/** `node:http` with undici's pool. */
export const undici: PeerKind = {
  name: 'node:http + undici',
  start: (model) => startProgram('node:http + undici', 'undici-proxy.ts', model),
};

/** fastify with `@fastify/http-proxy`. */
export const fastifyProxy: PeerKind = {
  name: '@fastify/http-proxy',
  start: (model) => startProgram('@fastify/http-proxy', 'fastify-proxy.ts', model),
};

const DEGREES = {
  off: 'Driftline, capture off',
  on: 'Driftline, capture on',
  unread: 'Driftline, ring full',
  observe: 'Driftline, observing',
};

/** Driftline's data path: capture off, on with a reader that discards, on with a ring that nobody reads, or `mode: observe` with that reader. */
export function dataPath(capture: keyof typeof DEGREES): PeerKind {
  const name = DEGREES[capture];
  return {
    name,
    async start(model) {
      const server = await startServer(
        process.execPath,
        [...flags, join(import.meta.dirname, 'data-path.ts'), model, capture],
        /^ready on/,
      );
      return { name, url: server.ready.slice('ready on '.length), pid: server.process.pid!, stop: () => server.stop() };
    },
  };
}

/** All of Driftline, as `driftline run --upstream` starts it. */
export interface WholeDriftline extends Peer {
  /** Resolves when everything captured has been analysed and committed, with the number of records so far. */
  caughtUp(): Promise<number>;
}

/**
 * Starts `driftline run` compiled and with its launcher’s flags, as users run it: types stripped at run time would take memory in every thread.
 *
 * @returns the process, and the address of its admin port
 */
export async function startRun(folder: string, what: readonly string[]): Promise<{ readonly server: Server; readonly admin: string }> {
  const main = join(await installPackage(folder), 'dist/agent/main.js');
  const args = [...flags, main, 'run', ...what, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--state', join(folder, 'state')];
  const server = await startServer(process.execPath, args, /page and API/, { FORCE_COLOR: '0' });
  return { server, admin: /http:\/\/[\d.:]+/.exec(server.ready)?.[0] ?? '' };
}

/** Starts it with its default policy, or with this one. */
export async function startDriftline(model: string, folder: string, policy?: string): Promise<WholeDriftline> {
  const { server, admin } = await startRun(folder, policy === undefined ? ['--upstream', model] : ['-c', policy]);
  const status = async () => (await (await fetch(`${admin}/v1/status`)).json()) as Status;
  return {
    name: 'Driftline, everything on',
    url: `http://${(await status()).proxy.address}`,
    pid: server.process.pid!,
    stop: () => server.stop(),
    async caughtUp() {
      const until = Date.now() + CATCH_UP_MS;
      for (;;) {
        const { proxy, accounting } = await status();
        const settled = accounting.stored + (accounting.dropped['duplicate-id'] ?? 0);
        if (settled >= proxy.counters.exchanges) return accounting.stored;
        if (Date.now() > until)
          throw new Error(`the analysis is ${proxy.counters.exchanges - settled} records behind after ${CATCH_UP_MS} ms`);
        await sleep(200);
      }
    },
  };
}

/** Longest wait for the analysis to have read what a round left in the ring. */
const CATCH_UP_MS = 60_000;

interface Status {
  readonly proxy: { readonly address: string; readonly counters: { readonly exchanges: number } };
  readonly accounting: { readonly stored: number; readonly dropped: { readonly [reason: string]: number } };
}

async function startProgram(name: string, program: string, model: string): Promise<Peer> {
  const port = await freePort();
  const server = await startServer(process.execPath, [join(import.meta.dirname, program), model, String(port)], /^ready/);
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}/v2/models/bench/infer`);
  return { name, url, pid: server.process.pid!, stop: () => server.stop(500) };
}
