/**
 * Debian's (or any other) Chromium for tests of the page: nothing is downloaded.
 */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

/** What to do where there is none. */
export const NO_CHROMIUM = 'no Chromium is installed (apt-get install chromium, or set CHROMIUM_PATH)';

/** Path of the browser to use, or null when none is installed. `CHROMIUM_PATH` outweighs the usual places. */
export function findChromium(): string | null {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const usual = ['/usr/bin', ...PATH.split(path.delimiter)].flatMap((folder) => names.map((name) => path.join(folder, name)));
  return (CHROMIUM_PATH === undefined ? usual : [CHROMIUM_PATH]).find(isExecutable) ?? null;
}

/** A browser without any way out: every name but those in `hosts` stays unknown, and these lead to this machine. */
export function launchChromium(executablePath: string, hosts: readonly string[] = []): Promise<Browser> {
  const rules = [...hosts.map((host) => `MAP ${host} 127.0.0.1`), 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'].join(', ');
  // Containers run as root and with little shared memory.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=${rules}`] });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
