/**
 * Faults in single threads of a program under test. Loaded into each of its threads beforehand (`NODE_OPTIONS=--import`), it does to its own what a
 * file of the thread's name says: `throw`, `reject` (a promise that nobody waits for), `block N`, of every two seconds the first N milliseconds, or `calls`:
 * each call that a data thread puts on record throws, from then on.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMainThread, threadName } from 'node:worker_threads';

const FOLDER = 'DRIFTLINE_TEST_FAULTS';
const LOOK_MS = 50;
const EVERY_MS = 2_000;

/** What may be done to threads of a program that is started with `env`. */
export interface ThreadFaults {
  readonly env: NodeJS.ProcessEnv;
  /** @param thread `main`, `analysis`, `data-0` … */
  begin(thread: string, fault: 'throw' | 'reject' | 'calls' | `block ${number}`): void;
  end(thread: string): void;
}

/** @param folder a place of its own */
export function threadFaults(folder: string): ThreadFaults {
  mkdirSync(folder, { recursive: true });
  return {
    env: { [FOLDER]: folder, NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${import.meta.url}` },
    begin: (thread, fault) => writeFileSync(path.join(folder, thread), fault),
    end: (thread) => rmSync(path.join(folder, thread)),
  };
}

/** The launcher has a main thread as well, and no part in this. */
const name = isMainThread ? (/agent\/main\.[jt]s$/.test(process.argv[1] ?? '') ? 'main' : null) : threadName;
const folder = process.env[FOLDER];
if (folder !== undefined && name !== null) setInterval(() => obey(folder, name), LOOK_MS).unref();

let blockedAt = Number.NEGATIVE_INFINITY;

function obey(folder: string, name: string): void {
  const [fault, milliseconds] = asked(path.join(folder, name)).split(' ');
  if (fault === 'throw') throw new Error('planted');
  if (fault === 'reject') void Promise.reject(new Error('planted'));
  if (fault === 'calls') void import('../../proxy/ring.ts').then(({ RingWriter }) => (RingWriter.prototype.write = planted));
  const now = performance.now();
  if (fault !== 'block' || now - blockedAt < EVERY_MS) return;
  blockedAt = now;
  while (performance.now() - now < Number(milliseconds));
}

function planted(): never {
  throw new Error('planted');
}

function asked(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
