/**
 * `npm run rehearse`: what `docker build` and `docker run` would do, without an engine. Carries out the Dockerfile's COPY and RUN in empty
 * folders, then starts its ENTRYPOINT as a model server and as the sidecar in front of it, sends a prediction, and ends both by its signal.
 *
 * The base image, the user and the read-only root are not rehearsed; that nothing is written beside the state is.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { readDockerfile, type Stage, wordsOf } from './dockerfile.ts';

const root = path.join(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'driftline-rehearsal-'));
const children = new Set<ReturnType<typeof spawn>>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const stages = readDockerfile();
for (const stage of stages) carryOut(stage);
const image = stages.at(-1)!;
const app = folderOf(image.name);
const before = listing(app);
const state = path.join(folder, 'state');
const [command = '', ...entry] = wordsOf(image, 'ENTRYPOINT').map((word) =>
  word.startsWith('/app/') ? path.join(app, word.slice(5)) : word,
);
const signal = image.instructions.find(({ word }) => word === 'STOPSIGNAL')?.rest as NodeJS.Signals;

const model = await start(
  ['serve', path.join(app, 'agent/demo/elec2.onnx'), '--name', 'elec2', '--listen', '127.0.0.1:0'],
  /http:\/\/\S+:\d+/,
);
const run = ['run', '--upstream', model.match, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--state', state];
const sidecar = await start(run, /(?<=page and API )http:\/\/\S+:\d+/);
const admin = sidecar.match;
await expect('GET /livez', 200, await fetch(`${admin}/livez`));
await expect('GET /readyz', 200, await fetch(`${admin}/readyz`));
const status = (await (await fetch(`${admin}/v1/status`)).json()) as { proxy: { address: string } };
const answer = await fetch(`http://${status.proxy.address}/v2/models/elec2/infer`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: readFileSync(path.join(root, 'deploy/compose/request.json')),
});
await expect('a prediction', 200, answer);
check('served by primary', answer.headers.get('x-driftline-served-by') === 'primary');
await expect('the page', 200, await fetch(`${admin}/`));
for (const { child, what } of [sidecar, model]) {
  child.kill(signal);
  const [code] = await once(child, 'exit');
  check(`${what} ends with 0 at ${signal}`, code === 0);
}
check('the record is in the state', statSync(path.join(state, 'driftline.sqlite')).size > 0);
check('nothing was written beside the state', listing(app) === before);
say(`the image's files are ${Math.round(bytesOf(app) / 1e6)} MB on top of ${image.base}`);

function carryOut(stage: Stage): void {
  const here = folderOf(stage.name);
  mkdirSync(here, { recursive: true });
  for (const { word, rest } of stage.instructions) {
    if (word === 'COPY') copy(here, rest);
    // What prepares the state's folder needs root and lies outside the app.
    else if (word === 'RUN' && !rest.includes('chown')) {
      say(`${stage.name ?? 'image'}: ${rest}`);
      execFileSync('sh', ['-c', rest], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
    }
  }
}

function copy(here: string, rest: string): void {
  const words = rest.split(/\s+/);
  const from = /^--from=(.+)$/.exec(words[0] ?? '')?.[1];
  const sources = from === undefined ? words.slice(0, -1) : words.slice(1, -1);
  const to = words.at(-1)!;
  for (const source of sources) {
    const origin = from === undefined ? path.join(root, source) : path.join(folderOf(from), source.replace(/^\/app\//, ''));
    cpSync(origin, to.endsWith('/') ? path.join(here, to, path.basename(source)) : path.join(here, to), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

function folderOf(stage: string | null): string {
  return path.join(folder, stage ?? 'image');
}

async function start(args: readonly string[], ready: RegExp) {
  const child = spawn(command, [...entry, ...args], {
    cwd: app,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const match = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', (line) => {
      say(line);
      const found = ready.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`${args[0]} ended with ${code} before it was ready`)));
  });
  return { child, match, what: args[0]! };
}

async function expect(what: string, code: number, response: Response): Promise<void> {
  await response.arrayBuffer();
  check(`${what} is ${code}`, response.status === code);
}

function check(what: string, good: boolean): void {
  say(`${good ? 'ok    ' : 'NOT OK'} ${what}`);
  if (!good) process.exit(1);
}

function listing(where: string): string {
  return readdirSync(where, { recursive: true, encoding: 'utf8' }).sort().join('\n');
}

function bytesOf(where: string): number {
  const files = readdirSync(where, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files.reduce((sum, file) => sum + statSync(path.join(file.parentPath, file.name)).size, 0);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
