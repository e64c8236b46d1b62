import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { writeCrashRecord } from '../../agent/crash.ts';

/** What becomes of a process that prepares `serving` and crashes. */
function crashed(t: Test, serving: string, stateDirectory: string) {
  const source = `
    const { crash, drainAtCrash } = await import(${JSON.stringify(import.meta.resolve('../../agent/crash.ts'))});
    const log = (line) => console.log(line);
    drainAtCrash({ stateDirectory: ${JSON.stringify(stateDirectory)}, log, ${serving} });
    crash('data-0', new TypeError('first line\\nsecond line'));
    crash('main', new Error('another'));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.equal(stderr, '');
  return { status, lines: stdout.trimEnd().split('\n') };
}

t.test('a drain is waited for, failed or not, and broken off where it does not end', async (t) => {
  for (const [drain, drained] of [
    ['async () => { log("drained") }', true],
    ['async () => { log("drained"); throw new Error() }', true],
    ['() => new Promise(() => {})', false],
  ] as const) {
    const state = path.join(t.testdir(), 'state');
    const { status, lines } = crashed(t, `drain: ${drain}, withinMs: 200`, state);
    t.equal(status, 70);
    const [first, ...rest] = lines;
    t.match(
      first,
      /^driftline: a fault of ours in the thread data-0; please report it: TypeError: first line \(the rest is in .*; .* it ends with 70$/,
    );
    const another = 'driftline: a fault of ours in the thread main; please report it: Error: another';
    t.same(rest, drained ? ['drained', another] : [another]);
    t.equal(readdirSync(state).length, 1, 'what follows is told in a line, and has no record');
  }
});

t.test('where no record can be written, everything is told in the log', async (t) => {
  const folder = t.testdir({ state: 'a file' });
  const { status, lines } = crashed(t, 'drain: async () => {}, withinMs: 200', path.join(folder, 'state'));
  t.equal(status, 70);
  t.match(lines.join('\n'), /takes no record of it: EEXIST.*\) TypeError: first line\nsecond line\n +at /s);
});

t.test('the ten newest records stay, and nothing else is removed', async (t) => {
  const folder = path.join(t.testdir(), 'state');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'driftline.sqlite'), '');
  for (let at = 0; at < 12; at++) writeCrashRecord(folder, { at, thread: 'main', error: `number ${at}` });
  const names = readdirSync(folder).sort();
  t.equal(names.length, 11);
  t.equal(names[0], 'crash-1970-01-01T00-00-00.002Z.json');
  const record = JSON.parse(readFileSync(path.join(folder, 'crash-1970-01-01T00-00-00.011Z.json'), 'utf8'));
  t.match(record, { at: '1970-01-01T00:00:00.011Z', thread: 'main', error: 'number 11', version: String, node: process.version });
});
