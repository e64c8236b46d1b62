/**
 * `npm test`: runs the test files with tap, shows one line a file and every failure whole, and ends with `N passed, N failed`.
 *
 * tap is built without its TypeScript plug-in, since Node strips the types itself and the plug-in needs an older compiler.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';

const tap = path.join(import.meta.dirname, '../../node_modules/.bin/tap');

const built = spawnSync(tap, ['build'], { encoding: 'utf8' });
if (built.status !== 0) {
  process.stderr.write(`${built.stdout}${built.stderr}`);
  process.exit(1);
}

const run = spawn(tap, ['run', '--reporter=tap', ...process.argv.slice(2)], { stdio: ['ignore', 'pipe', 'inherit'] });
let totals = { pass: 0, fail: 0, skip: 0 };
/** Lines of the file that reports now; shown when it fails. */
let lines: string[] = [];
for await (const line of createInterface({ input: run.stdout })) {
  if (/^# \{ total:/.test(line)) totals = readTotals(line);
  else if (/^(not )?ok \d+ - /.test(line)) {
    if (line.startsWith('not ok')) process.stdout.write(`${lines.join('\n')}\n`);
    else for (const skipped of lines.filter((text) => /^\s+ok \d+ .*# SKIP/i.test(text))) process.stdout.write(`${skipped}\n`);
    process.stdout.write(`${line}\n`);
    lines = [];
  } else lines.push(line);
}
const code = await new Promise<number>((resolve) => run.on('close', (status) => resolve(status ?? 1)));
if (totals.pass + totals.fail === 0 || (code !== 0 && totals.fail === 0)) process.stdout.write(`${lines.join('\n')}\n`);
const failed = totals.fail === 0 && code !== 0 ? 1 : totals.fail;
process.stdout.write(`${totals.pass} passed, ${failed} failed${totals.skip > 0 ? `, ${totals.skip} skipped` : ''}\n`);
process.exit(code === 0 && totals.pass > 0 ? 0 : 1);

function readTotals(line: string): { pass: number; fail: number; skip: number } {
  const figure = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(line)?.[1] ?? 0);
  return { pass: figure('pass'), fail: figure('fail'), skip: figure('skip') };
}
