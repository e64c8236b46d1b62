#!/usr/bin/env node
// Plain JavaScript that any Node from 18 on can run: finds the Node 24 that npm brought and starts the program with it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { flags } from './flags.js';

const NEEDED_MAJOR = 24;
const here = path.dirname(fileURLToPath(import.meta.url));
const sources = path.join(here, '../agent/main.ts');
const compiled = path.join(here, '../dist/agent/main.js');
// A published package ships compiled code, since Node strips no types inside node_modules; a checkout runs its sources.
const main = existsSync(sources) ? sources : compiled;

/** The path of a Node 24, or null. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  try {
    const folder = path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const binary = path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}

const node = findNode();
if (node === null) {
  process.stderr.write(
    `driftline: needs Node ${NEEDED_MAJOR} or newer, and npm brought none for ${process.platform}-${process.arch}; ` +
      `install Node ${NEEDED_MAJOR} and put it first on PATH (this is ${process.versions.node})\n`,
  );
  process.exit(2);
}

const child = spawn(node, [...flags, main, ...process.argv.slice(2)], {
  // Nothing is said over the channel. Its end tells the program that the launcher was killed.
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`driftline: cannot start ${node}: ${error.message}\n`);
  process.exit(2);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 9)));
