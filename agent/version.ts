/**
 * The version of this package.
 */
import { existsSync, readFileSync } from 'node:fs';

/** The sources lie one folder below package.json, the compiled code two. */
const file = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));

export const VERSION: string = file === undefined ? '0.0.0' : JSON.parse(readFileSync(file, 'utf8')).version;
