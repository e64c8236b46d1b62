import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import t from 'tap';
import { detectCommand } from '../../../agent/commands/detect.ts';
import { readJson } from '../../support/golden-file.ts';

const runner = fileURLToPath(new URL('../../support/detect-runner.ts', import.meta.url));
const elec2 = fileURLToPath(new URL('../../../agent/demo/elec2.csv.gz', import.meta.url));

/** Runs `driftline detect` to its end. */
async function detect(words: readonly string[], input = ''): Promise<{ code: number; out: string[]; errors: string }> {
  const child = spawn(process.execPath, [runner, 'detect', ...words]);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out: out.split('\n').filter(Boolean), errors };
}

t.test('ADWIN over the price of Elec2 drifts where river does', async (t) => {
  const { cases } = readJson(fileURLToPath(new URL('../../golden/vectors/detectors/adwin.json', import.meta.url))) as {
    cases: { stream: string; params: object; drifts: number[] }[];
  };
  const expected = cases.find((one) => one.stream === 'elec-price' && Object.keys(one.params).length === 0)?.drifts;
  const { code, out, errors } = await detect([
    '--detector',
    'adwin',
    '--option',
    'semantics=river',
    '--column',
    'nswprice',
    '--json',
    elec2,
  ]);
  const lines = out.map((line) => JSON.parse(line));
  t.equal(code, 0);
  t.equal(expected?.length, 10);
  t.same(
    lines.filter((line) => line.level === 'drift').map((line) => line.index),
    expected,
  );
  t.same(Object.keys(lines[0]), ['index', 'level', 'statistic', 'threshold', 'changedFor']);
  t.equal(errors, '');
});

t.test('each change of level is a line; every drift is one, and outranks warning', async (t) => {
  const bits = [...new Array(100).fill(0), 1, ...new Array(60).fill(0), 1];
  const { out, errors } = await detect(['--detector', 'ddm', '--option', 'semantics=river', '--json'], bits.join('\n'));
  t.same(
    out.map((line) => JSON.parse(line)).map(({ index, level, changedFor }) => ({ index, level, changedFor })),
    [
      { index: 100, level: 'drift', changedFor: 1 },
      { index: 101, level: 'stable', changedFor: null },
      { index: 161, level: 'drift', changedFor: 1 },
    ],
  );
  t.equal(errors, '');
});

t.test('cells that are not numbers are skipped and told, and rows keep their numbers', async (t) => {
  const folder = t.testdir({ 'a.csv': `n,x\n${Array.from({ length: 100 }, (_, k) => `${k},NA\n${k},0`).join('\n')}\n100,1\n` });
  const { code, out, errors } = await detect([
    '--detector',
    'ddm',
    '--option',
    'semantics=river',
    '--column',
    'x',
    path.join(folder, 'a.csv'),
  ]);
  t.equal(code, 0);
  t.match(out, [/^row 200 {2}drift {2}\S+ above \S+ {2}changed for 1 values$/]);
  t.match(errors, /ddm on x: 101 values, 1 drift, 0 warnings\n.*100 cells are not 0 or 1 and were skipped/);
});

t.test('a mistake in the words is answered with a remedy and the list', async (t) => {
  for (const [words, message] of [
    [['--detector', 'adwim'], /did you mean adwin\? \(ddm, .*adwin/],
    [['--detector', 'nothing'], /nothing: there is none \(ddm, [a-z, -]+, confidence-sequence\)$/],
    [['--detector', 'ks'], /compares a window with a reference.*monitor in a policy/],
    [['--detector', 'chi-squared', elec2], /monitor in a policy/],
    [['--detector', 'adwin', '--option', 'dleta=1', elec2], /did you mean delta\?/],
    [['--detector', 'adwin', '--column', 'nswprize', elec2], /did you mean nswprice\?/],
    [['--detector', 'adwin', elec2], /has 7 columns; choose one with --column \(period, nswprice/],
    [['--detector', 'adwin', 'missing.csv'], /there is no such file/],
  ] as const) {
    const command = new Command().addCommand(detectCommand());
    await t.rejects(command.parseAsync(['detect', ...words], { from: 'user' }), { name: 'ConfigError', message }, words.join(' '));
  }
});

t.test('a mistake ends the program with 2 and prints no data', async (t) => {
  const { code, out, errors } = await detect(['--detector', 'adwin', '--column', 'c'], 'a,b\n1,2\n');
  t.equal(code, 2);
  t.same(out, []);
  t.match(errors, /stdin: has no column c; did you mean a\?/);
});

t.test('a reader that leaves early ends the run quietly', async (t) => {
  const child = spawn(process.execPath, [runner, 'detect', '--detector', 'adwin', '--json']);
  child.stdin.on('error', () => {});
  const errors = text(child.stderr);
  child.stdout.once('data', () => child.stdout.destroy());
  const closed = once(child, 'exit');
  // Steps, each of which drifts: far more lines than a pipe holds.
  child.stdin.end(Array.from({ length: 120_000 }, (_, k) => (Math.floor(k / 64) % 2) * 100).join('\n'));
  const [code] = await closed;
  t.equal(code, 0);
  t.equal(await errors, '');
});

t.test('CSV on stdin is read when a column is named', async (t) => {
  const rows = Array.from({ length: 200 }, (_, k) => `${k},${k < 100 ? 0 : 50}`);
  const { code, out } = await detect(['--detector', 'adwin', '--column', 'b', '--json'], `a,b\n${rows.join('\n')}\n`);
  t.equal(code, 0);
  t.match(JSON.parse(out[0]!), { index: 127, level: 'drift' });
});
