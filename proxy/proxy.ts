/**
 * The proxy as the rest of the program sees it: data threads, the rings they fill, their counters, and the route.
 */
import { createServer } from 'node:net';
import { ConfigError } from '../contracts/errors.ts';
import type { BreakerOptions, Mode, Parser, Retry, Sampling, Upstream } from '../contracts/policy.ts';
import { Counters, type ProxyCounters, sumOf } from './counters.ts';
import type { Pem } from './credentials.ts';
import { cannotListen, DataWorker } from './data-worker.ts';
import { DEFAULT_BREAKER, DEFAULT_LIMITS, type Limits } from './limits.ts';
import { LoopDelay } from './loop-delay.ts';
import { Pressure, type Rung } from './pressure.ts';
import { resources, within } from './resources.ts';
import { createRing, DEFAULT_RING_BYTES } from './ring.ts';
import { EVERYTHING } from './sampling.ts';
import { checkRoute, type TrafficOptions } from './traffic.ts';

/** What can be changed while it runs. */
export interface TrafficChoice {
  /** `intervene` when not given; `observe` has one upstream and no fallback. */
  readonly mode?: Mode;
  /** The first is the primary. */
  readonly upstreams: readonly Upstream[];
  /** The scorer's HTTP server on loopback, or null. */
  readonly fallback: { readonly host: string; readonly port: number } | null;
  /** Bytes of each body that are copied for analysis. */
  readonly maxBodyBytes: number;
  /** Everything is recorded when not given. */
  readonly sampling?: Sampling;
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
  /** Data threads, which share the address by `SO_REUSEPORT`, each with pools, limits and a ring of its own; 1 when not given. */
  readonly threads?: number;
  /** Of each thread's ring; a power of two, 16 MiB when not given. */
  readonly ringBytes?: number;
  /** Hears of faults of our own that were kept inside a connection. Without it they are warned of. */
  readonly onFault?: (fault: Error) => void;
  /** Hears of a data thread that ended by itself. Without it its fault is thrown. */
  readonly onDeath?: (thread: string, fault: Error) => void;
}

export interface Proxy {
  readonly address: { readonly host: string; readonly port: number };
  /** One a data thread, for `new RingReader(ring)` in the one thread that reads them. */
  readonly rings: readonly SharedArrayBuffer[];
  counters(): ProxyCounters;
  /** Whether there is a data thread left. */
  readonly serves: boolean;
  /** How late the event loop of each living data thread runs, in milliseconds, by the thread's name. */
  loopDelaysMs(): { readonly [thread: string]: number };
  /** Gives up what this rung and those below it name. */
  shed(rung: Rung): void;
  /** Has each data thread collect its garbage, which stops it for some tens of milliseconds. @throws Error where that fails */
  collectGarbage(): Promise<void>;
  /** An upstream's name, or `fallback`. */
  route(): string;
  /** @throws ConfigError `unknown-route`; nothing has changed then. */
  setRoute(to: string): Promise<{ readonly before: string; readonly after: string }>;
  /** Takes other upstreams and limits for new calls, the rest stays; a route to an upstream that is gone falls back to the primary. */
  configure(change: Partial<TrafficChoice>): Promise<void>;
  /**
   * Before a drain: serves on, and each answer of HTTP/1.x says `Connection: close`, so that no client is about to use a connection again when `drain`
   * closes it. HTTP/2 needs no such notice: its GOAWAY says which calls were not taken.
   */
  endKeepAlive(): Promise<void>;
  /** Stops accepting, closes idle connections, lets running calls end with `Connection: close`, breaks off what is left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Breaks everything off. Safe twice. */
  close(): Promise<void>;
}

/** Starts the data threads. @throws ConfigError when the address cannot be had (`port-in-use` …) or `active` is unknown. */
export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  checkRoute(options.active, options);
  const { active, threads = 1 } = options;
  const ringBytes = options.ringBytes ?? DEFAULT_RING_BYTES;
  const { onFault = (fault) => process.emitWarning(fault), onDeath = raise } = options;
  let choice: TrafficChoice = options;
  let route = active;
  const traffic = trafficOf(choice, threads);
  const parts = Array.from({ length: threads }, (_, index) => ({
    name: `data-${index}`,
    ring: createRing(ringBytes),
    counters: new Counters(),
    pressure: new Pressure(),
    loopDelay: new LoopDelay(),
  }));
  // With `reusePort` the kernel would let a second Driftline on the same address, and share the calls out between the two.
  if (threads > 1 && options.listen.port !== 0) await checkFree(options.listen);
  let { listen } = options;
  const workers: DataWorker[] = [];
  const closeAll = () => Promise.all(workers.map((worker) => worker.close()));
  // One that ends meanwhile has nothing left to end.
  const tellAll = (what: Parameters<DataWorker['order']>[0]) => Promise.allSettled(workers.map((worker) => worker.order(what)));
  try {
    for (const { name, ring, counters, pressure, loopDelay } of parts) {
      const shared = { ring, counters: counters.memory, pressure: pressure.memory, loopDelay: loopDelay.memory };
      const { worker, address } = await DataWorker.start(
        name,
        { listen, reusePort: threads > 1, traffic, active, ...shared },
        onFault,
        onDeath,
      );
      workers.push(worker);
      listen = address;
    }
  } catch (error) {
    await closeAll();
    throw error;
  }

  let closing: Promise<unknown> | null = null;
  return {
    address: listen,
    rings: parts.map(({ ring }) => ring),
    counters: () => sumOf(parts.map(({ counters }) => counters.read())),
    loopDelaysMs: () => {
      const living = parts.filter((_, index) => workers[index]?.ended === false);
      return Object.fromEntries(living.map(({ name, loopDelay }) => [name, loopDelay.ms]));
    },
    shed(rung) {
      for (const { pressure } of parts) pressure.shed(rung);
    },
    async collectGarbage() {
      await Promise.all(workers.filter(({ ended }) => !ended).map((worker) => worker.order({ kind: 'collect-garbage' })));
    },
    get serves() {
      return workers.some((worker) => !worker.ended);
    },
    route: () => route,
    async setRoute(to) {
      checkRoute(to, choice);
      const before = route;
      const [reply] = await Promise.all(workers.map((worker) => worker.order({ kind: 'route', to })));
      route = reply!.route;
      return { before, after: route };
    },
    async configure(change) {
      const next = { ...choice, ...change };
      const nextTraffic = trafficOf(next, threads);
      const [reply] = await Promise.all(workers.map((worker) => worker.order({ kind: 'configure', traffic: nextTraffic })));
      choice = next;
      route = reply!.route;
    },
    async endKeepAlive() {
      if (closing === null) await tellAll({ kind: 'end-keep-alive' });
    },
    async drain(timeoutMs) {
      if (closing === null) await tellAll({ kind: 'drain', timeoutMs });
    },
    async close() {
      closing ??= closeAll();
      await closing;
    },
  };
}

/** @throws ConfigError `port-in-use` when somebody listens there. */
function checkFree({ host, port }: ProxyOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen({ host, port }, error.code ?? '', error.message)));
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

function trafficOf(choice: TrafficChoice, threads: number): TrafficOptions {
  const {
    upstreams,
    fallback,
    maxBodyBytes,
    sampling = EVERYTHING,
    limits,
    parser = 'driftline',
    retry = 'all',
    breaker = DEFAULT_BREAKER,
  } = choice;
  const { mode = 'intervene', certificate = null, credentials = {} } = choice;
  if (upstreams.length === 0) throw new ConfigError('no-upstream', 'proxy: no upstream is given; name the model server with --upstream');
  return {
    mode,
    upstreams,
    fallback,
    maxBodyBytes,
    sampling,
    limits: within({ ...DEFAULT_LIMITS, ...limits }, resources(), threads),
    parser,
    retry,
    breaker,
    certificate,
    credentials,
  };
}

function raise(_: string, fault: Error): never {
  throw fault;
}
