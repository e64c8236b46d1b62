/**
 * Keeps what a test builds from the outside (a server's jars, a Go binary) for the next run.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why a real service cannot be started on this machine. */
export interface Skipped {
  readonly skipped: string;
}

/** The answer when a tool is missing: a reason to skip, or an error where nothing may be skipped. @throws Error under `CI=true`. */
export function missing(reason: string): Skipped {
  if (process.env.CI === 'true') throw new Error(`${reason} (under CI nothing is skipped)`);
  return { skipped: reason };
}

/**
 * Folder `NAME-HASH` in the cache, where the hash is over `inputs` (files); built once by `build`, which fills an empty folder.
 * Two processes never build the same thing at once, and a build that failed leaves nothing behind.
 */
export async function cached(name: string, inputs: readonly string[], build: (folder: string) => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(await readFile(input));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'driftline');
  const folder = join(cache, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (existsSync(folder)) return folder;
    const draft = await mkdtemp(`${folder}.draft-`);
    try {
      await build(draft);
      await rename(draft, folder);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return folder;
  } finally {
    await unlock();
  }
}

/** Waits until no living process holds the lock file, then holds it. */
async function lock(file: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (!(await holderLives(file))) await rm(file, { force: true });
    // Another process's build has no event to wait for.
    await sleep(250);
  }
}

async function holderLives(file: string): Promise<boolean> {
  const holder = Number(await readFile(file, 'utf8').catch(() => ''));
  // Empty: just made, its process not yet written into it.
  if (holder === 0) return true;
  try {
    process.kill(holder, 0);
    return true;
  } catch {
    return false;
  }
}
