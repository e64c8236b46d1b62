/**
 * The end after a fault of ours that nothing contained, in whichever thread: a record of it, an end of the calls under way, exit code 70.
 *
 * Nothing is carried on after such a fault, since nobody knows what it left undone; whoever supervises the process (the kubelet, systemd) starts it
 * anew. But calls that are running are not to blame, so they are drained first, as at SIGTERM.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { VERSION } from './version.ts';

/** EX_SOFTWARE of sysexits.h. */
const EXIT_CODE = 70;
const NAME = /^crash-.*\.json$/;
/** Records that stay in the state folder, the newest. */
const KEPT = 10;

/** A command that serves calls. */
export interface Serving {
  readonly stateDirectory: string;
  readonly log: (line: string) => void;
  /** Lets running calls end. Broken off after `withinMs`. */
  readonly drain: () => Promise<unknown>;
  readonly withinMs: number;
}

let serving: Serving | null = null;
let ending = false;

/** From now on crashes are recorded, and drained before the end. */
export function drainAtCrash(what: Serving): void {
  serving = what;
}

/** Ends the process. Of faults that follow while calls are drained only a line is left. @param thread its name; `main` for the main thread */
export function crash(thread: string, fault: unknown): void {
  process.exitCode = EXIT_CODE;
  const whole = inspect(fault);
  const [first = ''] = whole.split('\n');
  if (serving === null) {
    process.stderr.write(`driftline: a fault of ours in the thread ${thread}; please report it. ${whole}\n`);
    process.exit();
  }
  const { stateDirectory, log, drain, withinMs } = serving;
  const what = `driftline: a fault of ours in the thread ${thread}; please report it: ${first}`;
  if (ending) {
    log(what);
    return;
  }
  ending = true;
  try {
    const file = writeCrashRecord(stateDirectory, { at: Date.now(), thread, error: whole });
    log(`${what} (the rest is in ${file}); calls under way are drained, then it ends with ${EXIT_CODE}`);
  } catch (error) {
    log(`${what} (${stateDirectory} takes no record of it: ${error instanceof Error ? error.message : String(error)}) ${whole}`);
  }
  setTimeout(() => process.exit(), withinMs);
  drain().then(
    () => process.exit(),
    () => process.exit(),
  );
}

/** Writes `crash-TIME.json` and returns its path. @throws Error as the file system raises it. */
export function writeCrashRecord(
  directory: string,
  crash: { readonly at: number; readonly thread: string; readonly error: string },
): string {
  const at = new Date(crash.at).toISOString();
  const file = path.join(directory, `crash-${at.replaceAll(':', '-')}.json`);
  const record = { ...crash, at, version: VERSION, node: process.version };
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
  const records = readdirSync(directory).filter((name) => NAME.test(name));
  for (const old of records.sort().slice(0, -KEPT)) rmSync(path.join(directory, old), { force: true });
  return file;
}
