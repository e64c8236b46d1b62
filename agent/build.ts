/**
 * Who is connected to whom: puts one running Driftline together from its parts, and takes it apart again.
 *
 *   proxy (data thread) → ring → analysis thread → store → { dispatcher, exporters, admin port }
 *
 * The store is the only way from the analysis to the rest: a message says "there is more", what there is stands in the store.
 */
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../contracts/clock.ts';
import type { Policy } from '../contracts/policy.ts';
import { openExporters } from '../exporters/catalogue.ts';
import { Delivery, systemTimer } from '../exporters/delivery.ts';
import { Dispatcher } from '../policies/dispatch.ts';
import { openAlerts, readAlertsState } from '../policies/alerts-state.ts';
import { signingFaults } from '../policies/actions/webhook.ts';
import { readSecret } from '../policies/secrets.ts';
import { alertText } from '../policies/text.ts';
import { LOOK_SELDOM_MS, LoopDelay } from '../proxy/loop-delay.ts';
import { openProxy } from '../proxy/proxy.ts';
import { type Counts, countLost, passedSince, readCounts } from './accounting.ts';
import { openAdmin } from './admin/server.ts';
import { AnalysisThread } from './analysis.ts';
import { Certificates } from './certificates.ts';
import { KeptRoute } from './kept-route.ts';
import { mappingOf } from './mapping.ts';
import { memoryShare } from './memory-limit.ts';
import { neverReloaded, reloadPolicy } from './reload.ts';
import type { ScorerProcess } from './scorer.ts';
import { startScorer } from './scorer.ts';
import { seldom } from './seldom.ts';
import type { Status } from './status.ts';
import { readStatus } from './status.ts';
import { connectState, lockState } from './store/open.ts';
import { Shedding } from './shedding.ts';
import { collectGarbage } from '../proxy/collect-garbage.ts';
import { returnMemory } from './return-memory.ts';
import { StoredEventLog, StoredOutbox, StoredState } from './store/outbox.ts';
import { StoreReader } from './store/read.ts';
import { UpstreamProbe } from './upstream-probe.ts';
import { VERSION } from './version.ts';

const DRAIN_MS = 10_000;
const FLUSH_MS = 5_000;
/** How often it is asked, before draining, whether there is still a model server to answer. */
const STILL_THERE_MS = 100;
/** Longest wait of a hasty end for what was analysed to be on disk. */
const SYNC_MS = 250;
const NOTICES_KEPT = 50;

export interface DriftlineOptions {
  readonly policy: Policy;
  /** Reads the policy file again, @throws ConfigError when it is broken; null = the policy does not come from a file that could change. */
  readonly reload: { readonly file: string; readonly load: (file: string) => Policy } | null;
  readonly listen: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  readonly stateDirectory: string;
  /** Data threads; 1 when not given. */
  readonly dataThreads?: number;
  /** For people: alert texts. */
  readonly print: (text: string) => void;
  /** For operators: one line each. */
  readonly log: (line: string) => void;
  /** Hears of a thread that ended by itself: a fault of ours, after which Driftline is to be closed. Calls go on as far as they can. */
  readonly onDeath: (thread: string, fault: Error) => void;
}

/** A running Driftline. */
export interface Driftline {
  readonly data: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  readonly reader: StoreReader;
  readonly events: StoredEventLog;
  /** Emits `committed` whenever the store holds more. */
  readonly changes: EventEmitter<{ committed: [] }>;
  status(): Status;
  /**
   * Says not ready, serves on for `delayMs` (whoever shares calls out needs time to see it) unless nothing is left to answer, drains the data
   * port, analyses and commits what came, tells the exporters, and ends. Safe twice.
   */
  close(delayMs?: number): Promise<void>;
  /** For a hasty end: resolves when what was analysed so far is on disk, at the latest after a quarter of a second. */
  sync(): Promise<void>;
}

/** @throws ConfigError when a port, the state directory, the model or the policy cannot be used; whatever was opened is closed again. */
export async function build(options: DriftlineOptions): Promise<Driftline> {
  const opened: { close(): unknown }[] = [];
  try {
    return await connect(options, opened);
  } catch (error) {
    for (const part of opened.toReversed()) await part.close();
    throw error;
  }
}

async function connect(options: DriftlineOptions, opened: { close(): unknown }[]): Promise<Driftline> {
  const startedAt = Date.now();
  const stopping = new AbortController();
  const changes = new EventEmitter<{ committed: [] }>();
  changes.setMaxListeners(0);
  const notices: string[] = [];
  const log = (line: string) => {
    options.log(line);
    notices.push(`${new Date().toISOString()} ${line}`);
    if (notices.length > NOTICES_KEPT) notices.shift();
  };
  let policy = options.policy;
  let policyText = textOf(policy);

  opened.push(lockState(options.stateDirectory));
  let scorer = await startFallback(policy, log);
  opened.push({ close: () => scorer?.close() });

  const certificates = new Certificates(policy.traffic, {
    apply: (next) => proxy.configure(next),
    log,
    signal: stopping.signal,
  });
  const tellFault = seldom(log, () => performance.now());
  const proxy = await openProxy({
    listen: options.listen,
    ...policy.traffic,
    ...certificates.inUse,
    fallback: addressOf(scorer),
    active: policy.traffic.upstreams[0]?.name ?? 'fallback',
    threads: options.dataThreads ?? 1,
    // One at each call would fill the log.
    onFault: ({ message }) => tellFault(message),
    onDeath: options.onDeath,
  });
  opened.push(proxy);
  certificates.watch();
  opened.push({ close: () => stopping.abort() });

  const { thread, setAside, atStart } = await AnalysisThread.start({ stateDirectory: options.stateDirectory, policy, rings: proxy.rings });
  opened.push(thread);
  if (setAside !== null) log(setAside);
  thread.on('log', log);
  thread.on('died', (fault) => options.onDeath('analysis', fault));

  const db = connectState(options.stateDirectory);
  opened.push({ close: () => db.isOpen && db.close() });
  const reader = new StoreReader(db);
  const events = new StoredEventLog(db);
  const kept = new KeptRoute(new StoredState(db, 'route'), proxy, log);
  const route = (to: string) => kept.set(to);
  /** Where the analysis has died, what it did not come to is dropped. */
  const countTheRest = () => {
    const counts = readCounts(reader.state('accounting'));
    // The analysis thread's own, as long as that lives.
    if (countLost(counts, passedSince(atStart, proxy.counters()))) new StoredState<Counts>(db, 'accounting').set(counts);
  };
  await kept.restore(reader.state('route'));

  const dispatcher = new Dispatcher({
    outbox: new StoredOutbox(db),
    policy: () => policy,
    clock: systemClock,
    random: Math.random,
    tools: { secret: readSecret, print: options.print, route },
    setTimer: (run, afterMs) => systemTimer(afterMs, run),
    // An outcome is an event of its own; without new traffic no commit would tell of it.
    onOutcome: () => tellAll(),
    onTrouble: log,
  });
  opened.push(dispatcher);
  const exporters = await openExporters(policy.exporters, { secret: readSecret, service: policy.model.name, version: VERSION });
  const deliveries = exporters.map(
    (exporter) => new Delivery({ exporter, log: events, clock: systemClock, timer: systemTimer, random: Math.random, report: log }),
  );
  opened.push({ close: () => Promise.all(deliveries.map((delivery) => delivery.close())) });
  const tellAll = () => {
    for (const delivery of deliveries) delivery.wake();
    changes.emit('committed');
  };
  const wakeAll = () => {
    dispatcher.wake();
    tellAll();
  };
  thread.on('committed', wakeAll);

  // Now rather than at the first alert.
  const tellUnsigned = ({ actions }: Policy) => signingFaults(actions, readSecret).forEach(log);
  tellUnsigned(policy);
  const usePolicy = async (next: Policy) => {
    // What can fail comes first, and nothing of the old policy ends before the new one stands.
    const credentials = certificates.for(next.traffic);
    const same = JSON.stringify(next.traffic.fallback) === JSON.stringify(policy.traffic.fallback);
    const before = scorer;
    const after = same ? before : await startFallback(next, log);
    try {
      await thread.setPolicy(next);
    } catch (error) {
      if (!same) await after?.close();
      throw error;
    }
    await proxy.configure({ ...next.traffic, ...credentials, fallback: addressOf(after) });
    certificates.took(next.traffic, credentials);
    scorer = after;
    policy = next;
    policyText = textOf(next);
    tellUnsigned(next);
    if (!same) await before?.close();
  };
  const reloads =
    options.reload === null
      ? neverReloaded
      : reloadPolicy({ ...options.reload, hash: policy.hash, use: usePolicy, log, signal: stopping.signal });

  const share = memoryShare();
  const loopDelay = new LoopDelay();
  opened.push({ close: loopDelay.watch(LOOK_SELDOM_MS) });
  const shedding = new Shedding({
    // The other threads' lateness costs no call anything.
    read: () => ({ memory: share(), loopDelayMs: Math.max(0, ...Object.values(proxy.loopDelaysMs())) }),
    shed: (rung) => proxy.shed(rung),
    collectGarbage() {
      const told = ({ message }: Error) => log(`shedding: garbage was not collected (${message})`);
      proxy.collectGarbage().catch(told);
      thread.collectGarbage().catch(told);
      collectGarbage();
    },
    log,
  });
  opened.push(shedding);
  const active = () => policy.traffic.upstreams.find(({ name }) => name === proxy.route()) ?? null;
  const probe = new UpstreamProbe(active);
  opened.push(probe);
  await probe.look();
  let draining = false;
  const readiness = (): { ready: boolean; why: string } => {
    if (draining) return { ready: false, why: 'draining' };
    if (probe.reachable) return { ready: true, why: 'serving' };
    if (scorer?.ready === true) return { ready: true, why: 'the fallback answers' };
    const to = active();
    return {
      ready: false,
      why: to === null ? 'the fallback is starting' : `the model server ${to.name} (${to.host}:${to.port}) accepts no connection`,
    };
  };
  const status = () =>
    readStatus(reader, {
      version: VERSION,
      startedAt,
      now: Date.now(),
      policy,
      reloads,
      proxy: {
        mode: policy.traffic.mode,
        address: `${proxy.address.host}:${proxy.address.port}`,
        route: proxy.route(),
        upstreams: policy.traffic.upstreams.map((upstream) => upstream.name),
        fallback: scorer === null ? 'none' : scorer.ready ? 'ready' : 'starting',
        counters: flat(proxy.counters()),
        shedding: shedding.rung,
        loopDelayMs: shedding.reading.loopDelayMs,
        memoryShare: shedding.reading.memory,
      },
      loopDelaysMs: { main: loopDelay.ms, analysis: thread.loopDelayMs, ...proxy.loopDelaysMs() },
      certificates: certificates.status(),
      exporters: deliveries.map((delivery) => delivery.status()),
      notices,
      passed: passedSince(atStart, proxy.counters()),
    });
  const admin = await openAdmin({
    listen: options.admin,
    // An unset shell variable or an empty key of a Secret is no token.
    token: process.env.DRIFTLINE_ADMIN_TOKEN?.trim() || null,
    reader,
    status,
    ready: readiness,
    feedback: (lines) => thread.feedback(lines),
    route,
    policyText: () => policyText,
    explain: (alert) =>
      alertText(alert, {
        policy,
        open: openAlerts(readAlertsState(reader.state('alerts'))),
        decisions: reader.decisionsOf(alert.id),
      }),
    changes,
  });
  opened.push(admin);
  wakeAll();
  returnMemory();

  let closed: Promise<void> | null = null;
  const close = async (delayMs: number) => {
    draining = true;
    stopping.abort();
    await proxy.endKeepAlive();
    // A native sidecar outlives its model server: there is nobody left to drain for. Nor is there anybody to do it without a data thread.
    for (const until = performance.now() + delayMs; performance.now() < until && proxy.serves; ) {
      await sleep(STILL_THERE_MS);
      await probe.look();
      if (!probe.reachable && scorer?.ready !== true) break;
    }
    await proxy.drain(DRAIN_MS);
    await thread.close();
    countTheRest();
    wakeAll();
    await Promise.all([dispatcher.flush(FLUSH_MS), ...deliveries.map((delivery) => delivery.flush(FLUSH_MS))]);
    for (const part of opened.toReversed()) await part.close();
  };
  return {
    data: proxy.address,
    admin: admin.address,
    reader,
    events,
    changes,
    status,
    close: (delayMs = 0) => {
      closed ??= close(delayMs);
      return closed;
    },
    sync: () => Promise.race([once(changes, 'committed').then(() => {}), sleep(SYNC_MS)]),
  };
}

async function startFallback(policy: Policy, log: (line: string) => void): Promise<ScorerProcess | null> {
  const { fallback, protocol } = policy.traffic;
  if (fallback === null) return null;
  return startScorer({ model: fallback.onnx, provider: fallback.provider, protocol, mapping: mappingOf(policy), log });
}

function addressOf(scorer: ScorerProcess | null): { host: string; port: number } | null {
  return scorer === null ? null : { host: '127.0.0.1', port: scorer.port };
}

/** `{ failedBy: { reset: 2 } }` → `{ 'failedBy.reset': 2 }`. */
function flat(counters: object): { [event: string]: number } {
  const flattened: { [event: string]: number } = {};
  for (const [name, value] of Object.entries(counters)) {
    if (typeof value === 'number') flattened[name] = value;
    else for (const [part, count] of Object.entries(value as { [part: string]: number })) flattened[`${name}.${part}`] = count;
  }
  return flattened;
}

/** The text of the policy in use, whatever becomes of the file. */
function textOf(policy: Policy): string {
  return policy.file === null ? '# no policy file: built-in defaults\n' : readFileSync(policy.file, 'utf8');
}
