/**
 * The analysis thread: reads the rings, analyses, and commits everything of the last moments in one transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Policy } from '../contracts/policy.ts';
import { LOOK_SELDOM_MS, LoopDelay } from '../proxy/loop-delay.ts';
import { RingReader } from '../proxy/ring.ts';
import { bump, readCounts } from './accounting.ts';
import { Analysis } from './analyse.ts';
import type { AnalysisStart, FromAnalysis, ToAnalysis } from './analysis-messages.ts';
import { calibrateApart } from './calibration/calibration-thread.ts';
import { readReferences } from './reference.ts';
import { collectGarbage } from '../proxy/collect-garbage.ts';
import { returnMemory } from './return-memory.ts';
import { Committer } from './store/commit.ts';
import { openState } from './store/open.ts';
import { StoreReader } from './store/read.ts';

/** A record waits at most so long before it is on disk. */
const COMMIT_MS = 100;
const TICK_MS = 1_000;
/** Exchanges taken of each ring in one go, so that messages are not kept waiting. */
const AT_ONCE = 256;
const EXPIRE_AT_ONCE = 2_000;
/** Waits after a commit that failed (disk full …): the ring fills meanwhile, and drops are counted there. */
const RETRY_COMMIT_MS = 1_000;

const port = parentPort;
if (port === null) throw new Error('analysis-thread.ts is a worker entry');
const start = workerData as AnalysisStart;
const say = (message: FromAnalysis) => port.postMessage(message);

const { db, setAside } = openState(start.stateDirectory);
const reader = new StoreReader(db);
const committer = new Committer(db);
const atStart = readCounts(reader.state('accounting'));
const rings = start.rings.map((ring) => new RingReader(ring));
const inbox: ToAnalysis[] = [];
port.on('message', (message: ToAnalysis) => {
  inbox.push(message);
  wake?.();
});
let wake: (() => void) | null = null;
const waits = new Map<RingReader, Promise<void>>();

let policy = start.policy;
let analysis = await open(policy);
returnMemory();
let lastCommit = Date.now();
let lastTick = Date.now();
new LoopDelay(start.loopDelay).watch(LOOK_SELDOM_MS);
say({ kind: 'ready', setAside, atStart });

for (let closing = false; !closing; ) {
  let taken = 0;
  for (const ring of rings) {
    // What was read has left the ring, so the limit is asked first.
    for (let ofThis = 0; ofThis < AT_ONCE; ofThis++) {
      const exchange = ring.read();
      if (exchange === null) break;
      taken++;
      analysis.observe(exchange);
    }
  }
  const done: { token: number; error: string | null }[] = [];
  for (let message = inbox.shift(); message !== undefined; message = inbox.shift()) {
    if (message.kind === 'close') {
      closing = taken === 0;
      if (!closing) inbox.unshift(message);
      break;
    }
    done.push({ token: message.token, error: await handle(message) });
  }
  const now = Date.now();
  if (now - lastTick >= TICK_MS) {
    lastTick = now;
    try {
      analysis.tick();
      committer.expire(now - policy.retention.eventsMs, EXPIRE_AT_ONCE);
    } catch (error) {
      // A locked or full store: the next tick tries again, nothing is lost by waiting.
      say({ kind: 'log', line: `state: cannot tidy up (${error instanceof Error ? error.message : String(error)}); trying again` });
    }
  }
  if (closing || done.length > 0 || now - lastCommit >= COMMIT_MS) await commit();
  for (const { token, error } of done) say({ kind: 'done', token, error });
  if (taken === 0 && inbox.length === 0 && !closing) await pause();
  else if (taken >= AT_ONCE) await sleep(0);
}
db.close();
process.exit(0);

async function open(policy: Policy): Promise<Analysis> {
  return new Analysis({
    policy,
    referenceFiles: await readReferences(policy),
    reader,
    now: Date.now,
    monotonic: () => performance.now(),
    log: (line) => say({ kind: 'log', line }),
    calibrate: calibrateApart,
  });
}

async function handle(message: Exclude<ToAnalysis, { kind: 'close' }>): Promise<string | null> {
  try {
    if (message.kind === 'feedback') {
      for (const line of message.lines) analysis.feedback(line);
      return null;
    }
    if (message.kind === 'collect-garbage') {
      collectGarbage();
      return null;
    }
    // The new one continues from the store, so everything of the old one has to be there first.
    await commit();
    analysis = await open(message.policy);
    policy = message.policy;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function commit(): Promise<void> {
  for (;;) {
    const leftOut = { ...atStart.leftOut };
    for (const ring of rings) for (const [why, count] of Object.entries(ring.leftOut)) bump(leftOut, why, count);
    const batch = analysis.take(leftOut);
    lastCommit = Date.now();
    if (batch === null) return;
    try {
      committer.commit(batch);
      analysis.committed();
      say({ kind: 'committed' });
      return;
    } catch (error) {
      say({
        kind: 'log',
        line: `state: cannot commit (${error instanceof Error ? error.message : String(error)}); free space under --state; trying again`,
      });
      await sleep(RETRY_COMMIT_MS);
    }
  }
}

/** Until there are exchanges or a message, or a commit or a tick is due. */
async function pause(): Promise<void> {
  const message = new Promise<void>((resolve) => {
    wake = resolve;
  });
  // Between the two also where the clock was set back, or has moved on since a commit was looked for.
  const dueMs = Math.min(COMMIT_MS, Math.max(1, lastCommit + COMMIT_MS - Date.now()));
  // A wait that a message cut short goes on; a second one beside it would only confuse the writer.
  for (const ring of rings) {
    if (!waits.has(ring))
      waits.set(
        ring,
        ring.waitForMore(dueMs).finally(() => waits.delete(ring)),
      );
  }
  await Promise.race([message, ...waits.values()]);
  wake = null;
}
