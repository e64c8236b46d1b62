/**
 * Files that come with the package and are read rather than imported. They stay beside the sources, and compiled code runs from `dist/`.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The folder of package.json: one above the sources of `agent/`, two above the compiled ones. */
const root = path.join(import.meta.dirname, existsSync(path.join(import.meta.dirname, '../package.json')) ? '..' : '../..');

/** Absolute path of a file or folder of the package; `name` starts at its root. */
export function packageFile(name: string): string {
  return path.join(root, name);
}
