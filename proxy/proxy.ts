/**
 * The proxy as the rest of the program sees it: a data thread, the ring it fills, its counters, and the route.
 */
import { Worker } from 'node:worker_threads';
import { ConfigError } from '../contracts/errors.ts';
import type { BreakerOptions, Parser, Retry, Upstream } from '../contracts/policy.ts';
import { Counters, type ProxyCounters } from './counters.ts';
import type { Pem } from './credentials.ts';
import type { Order, Reply, ThreadData } from './data-thread.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS, type Limits } from './limits.ts';
import { openFileLimit, withinOpenFiles } from './open-files.ts';
import { createRing, DEFAULT_RING_BYTES } from './ring.ts';
import { checkRoute, type TrafficOptions } from './traffic.ts';

/** What can be changed while it runs. */
export interface TrafficChoice {
  /** The first is the primary. */
  readonly upstreams: readonly Upstream[];
  /** The scorer's HTTP server on loopback, or null. */
  readonly fallback: { readonly host: string; readonly port: number } | null;
  /** Bytes of each body that are copied for analysis. */
  readonly maxBodyBytes: number;
  readonly limits?: Partial<Limits>;
  /** Who reads HTTP/1.1 of new connections; `driftline` when not given. */
  readonly parser?: Parser;
  /** `all` when not given. */
  readonly retry?: Retry;
  readonly breaker?: BreakerOptions | null;
  /** The data port's own certificate; served in the clear when not given. */
  readonly certificate?: Pem | null;
  /** For TLS toward upstreams, by their names. */
  readonly credentials?: { readonly [upstream: string]: Pem };
}

export interface ProxyOptions extends TrafficChoice {
  /** Port 0 = any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** An upstream's name, or `fallback`. */
  readonly active: string;
  /** A power of two; 16 MiB when not given. */
  readonly ringBytes?: number;
  /** Hears of faults of our own: kept inside a connection (`fatal` false), or the end of the data thread. Without it they are thrown or warned of. */
  readonly onFault?: (fault: Error, fatal: boolean) => void;
}

export interface Proxy {
  readonly address: { readonly host: string; readonly port: number };
  /** For `new RingReader(ring)` in the one thread that reads it. */
  readonly ring: SharedArrayBuffer;
  counters(): ProxyCounters;
  /** An upstream's name, or `fallback`. */
  route(): string;
  /** @throws ConfigError `unknown-route`; nothing has changed then. */
  setRoute(to: string): Promise<{ readonly before: string; readonly after: string }>;
  /** Takes other upstreams and limits for new calls, the rest stays; a route to an upstream that is gone falls back to the primary. */
  configure(change: Partial<TrafficChoice>): Promise<void>;
  /** Stops accepting, lets running calls end with `Connection: close`, breaks off what is left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Breaks everything off. Safe twice. */
  close(): Promise<void>;
}

/** Our own suffix: TypeScript in the repository, JavaScript in the published package. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './data-thread.ts' : './data-thread.js', import.meta.url);

const LISTEN_PROBLEMS: { readonly [code: string]: readonly [code: string, text: string] } = {
  EADDRINUSE: ['port-in-use', 'is in use; stop what holds it or choose another address with --listen'],
  EACCES: ['port-denied', 'may not be opened by this user; choose a port above 1024 with --listen'],
  EADDRNOTAVAIL: ['no-such-address', 'is no address of this machine; choose another with --listen'],
};

/** Starts the data thread. @throws ConfigError when the address cannot be had (`port-in-use` …) or `active` is unknown. */
export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  checkRoute(options.active, options);
  const { listen } = options;
  const ring = createRing(options.ringBytes ?? DEFAULT_RING_BYTES);
  const counters = new Counters();
  const onFault = options.onFault ?? loud;
  let choice: TrafficChoice = options;
  const traffic = trafficOf(choice);
  const workerData: ThreadData = {
    listen,
    traffic,
    active: options.active,
    ring,
    counters: counters.memory,
  };
  const worker = new Worker(THREAD, { name: 'data-0', workerData });
  const waiting = new Map<number, { done: (reply: Reply & { kind: 'done' }) => void; failed: (error: Error) => void }>();
  let lastNumber = 0;
  let route = options.active;
  let closing: Promise<void> | null = null;
  let ended = false;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));

  const order = (what: DistributedOmit<Order>): Promise<Reply & { kind: 'done' }> =>
    new Promise((done, failed) => {
      if (ended) return failed(new Error('proxy: the data thread has ended'));
      lastNumber++;
      waiting.set(lastNumber, { done, failed });
      worker.postMessage({ ...what, number: lastNumber });
    });

  const address = await new Promise<{ host: string; port: number }>((resolve, reject) => {
    let started = false;
    worker.on('message', (reply: Reply) => {
      switch (reply.kind) {
        case 'listening':
          started = true;
          resolve(reply.address);
          break;
        case 'refused': {
          const [code, text] = LISTEN_PROBLEMS[reply.code] ?? ['cannot-listen', `cannot be opened: ${reply.message}`];
          reject(new ConfigError(code, `proxy: ${listen.host}:${listen.port} ${text}`));
          break;
        }
        case 'done':
          waiting.get(reply.number)?.done(reply);
          waiting.delete(reply.number);
          break;
        case 'failed':
          waiting.get(reply.number)?.failed(new Error(reply.message));
          waiting.delete(reply.number);
          break;
        case 'fault':
          onFault(new Error(`proxy: a fault was kept inside its connection: ${reply.text}`), false);
          break;
      }
    });
    worker.on('error', (error) => {
      if (started) onFault(error, true);
      else reject(error);
    });
    worker.on('exit', () => {
      ended = true;
      for (const { failed } of waiting.values()) failed(new Error('proxy: the data thread has ended'));
      waiting.clear();
    });
  });

  return {
    address,
    ring,
    counters: () => counters.read(),
    route: () => route,
    async setRoute(to) {
      checkRoute(to, choice);
      const reply = await order({ kind: 'route', to });
      route = reply.route;
      return { before: reply.before, after: reply.route };
    },
    async configure(change) {
      const next = { ...choice, ...change };
      const reply = await order({ kind: 'configure', traffic: trafficOf(next) });
      choice = next;
      route = reply.route;
    },
    async drain(timeoutMs) {
      if (!ended && closing === null) await order({ kind: 'drain', timeoutMs });
    },
    close() {
      closing ??= (async () => {
        // A thread that ended by itself has closed everything already.
        if (!ended) await order({ kind: 'close' }).catch(() => {});
        await exited;
      })();
      return closing;
    },
  };
}

type DistributedOmit<T> = T extends unknown ? Omit<T, 'number'> : never;

function trafficOf(choice: TrafficChoice): TrafficOptions {
  const { upstreams, fallback, maxBodyBytes, limits, parser = 'driftline', retry = 'all', breaker = DEFAULT_BREAKER } = choice;
  const { certificate = null, credentials = {} } = choice;
  if (upstreams.length === 0) throw new ConfigError('no-upstream', 'proxy: no upstream is given; name the model server with --upstream');
  return {
    upstreams,
    fallback,
    maxBodyBytes,
    limits: withinOpenFiles({ ...DEFAULT_LIMITS, ...limits }, openFileLimit()),
    parser,
    retry,
    breaker,
    certificate,
    credentials,
  };
}

function loud(fault: Error, fatal: boolean): void {
  if (fatal) throw fault;
  process.emitWarning(fault);
}
