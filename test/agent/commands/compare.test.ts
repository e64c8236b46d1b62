import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { compareCommand } from '../../../agent/commands/compare.ts';
import { parquet } from '../../support/parquet.ts';
import { runCommand } from '../../support/run-command.ts';

/** What the command line would have told is thrown. */
async function compare(t: Test, ...words: string[]) {
  const ran = await runCommand(t, compareCommand(), words);
  if (ran.thrown !== null) throw ran.thrown;
  return ran;
}

const sine = (count: number, shift: number) => Array.from({ length: count }, (_, row) => Math.sin(row * row) + shift);
const csv = (count: number, shift: number) =>
  `x,same\n${sine(count, shift)
    .map((x, row) => `${x},${row % 2 === 0 ? 'a' : 'b'}`)
    .join('\n')}\n`;

t.test('drift ends with 1: the table on stdout, largest first; rules and summary on stderr', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(500, 0), 'c.csv': csv(400, 0.5) });
  const { status, stdout, stderr } = await compare(t, path.join(folder, 'r.csv'), path.join(folder, 'c.csv'));
  t.equal(status, 1);
  const lines = stdout.trimEnd().split('\n');
  t.match(lines, [
    /^column +verdict +effect +test +p +adjusted p +missing +what$/,
    /^x +drift +D 0\.\d{3} +ks +\S+ +\S+ +shifted up: median/,
    /^same +same +V 0\.000/,
  ]);
  t.match(
    stderr,
    /drift = effect \(D or Cramér’s V\) of 0\.1 or more, and adjusted p of 0\.05 or less.*3 tests\); insufficient = fewer than 30 values/,
  );
  t.match(stderr, /c\.csv \(400 rows\) against .*r\.csv \(500 rows\): 1 column drifted, 1 same\n$/);
});

t.test('no drift ends with 0, and a file drifts never from itself', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(300, 0) });
  const file = path.join(folder, 'r.csv');
  const { status, stdout } = await compare(t, file, file, '--json');
  t.equal(status, 0);
  const result = JSON.parse(stdout);
  t.match(result, { verdict: 'same', drifted: 0, tests: 3, settings: { q: 0.05, threshold: 0.1, minSamples: 30 } });
  t.same(
    result.columns.map(({ test }: { test: { statistic: number; pValue: number } }) => [test.statistic, test.pValue]),
    [
      [0, 1],
      [0, 1],
    ],
  );
});

t.test('--json is one object and nothing else, every figure of every column in it', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(500, 0), 'c.csv': csv(400, 0.5) });
  const { stdout, stderr } = await compare(t, path.join(folder, 'r.csv'), path.join(folder, 'c.csv'), '--json');
  t.equal(stderr, '');
  const { columns, reference, verdict } = JSON.parse(stdout);
  t.equal(verdict, 'drift');
  t.match(reference, { rows: 500, kept: 500, format: 'csv' });
  t.same(Object.keys(columns[0]), [
    'name',
    'verdict',
    'reasons',
    'reference',
    'current',
    'test',
    'missingTest',
    'wasserstein',
    'newCategories',
    'vanishedCategories',
  ]);
  t.match(columns[0], {
    name: 'x',
    reference: { type: 'number', rows: 500, missing: 0, summary: { quartiles: [Number, Number, Number] } },
    test: { type: 'ks', adjustedPValue: Number, visible: Number, n: 400, referenceN: 500 },
  });
});

t.test('formats may differ, columns be chosen, the threshold moved', async (t) => {
  const cells = sine(400, 0.5);
  const folder = t.testdir({
    'r.csv': csv(500, 0),
    'c.parquet': parquet([{ name: 'x', type: 'double', cells }], { codec: 'SNAPPY', groupRows: 150 }),
    'c.ndjson': cells.map((x) => JSON.stringify({ x })).join('\n'),
  });
  const [r, parquetFile, lines] = ['r.csv', 'c.parquet', 'c.ndjson'].map((name) => path.join(folder, name)) as [string, string, string];
  const one = JSON.parse((await compare(t, r, parquetFile, '--json', '--columns', 'x')).stdout);
  const other = JSON.parse((await compare(t, r, lines, '--json', '--columns', 'x')).stdout);
  t.same(one.columns, other.columns);
  t.equal(one.columns.length, 1);
  t.equal((await compare(t, r, lines, '--columns', 'x', '--threshold', '0.9')).status, 0);
});

t.test('--html writes the report beside and leaves nothing else', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(500, 0), 'c.csv': csv(400, 0.5), out: {} });
  const html = path.join(folder, 'out/report.html');
  const { stderr } = await compare(t, path.join(folder, 'r.csv'), path.join(folder, 'c.csv'), '--html', html);
  t.match(stderr, `report: ${html}`);
  t.match(readFileSync(html, 'utf8'), /^<!doctype html>[\s\S]*1 of 2 columns drifted/);
  t.ok(statSync(html).size < 100_000);
  const nowhere = path.join(folder, 'none/report.html');
  await t.rejects(compare(t, path.join(folder, 'r.csv'), path.join(folder, 'c.csv'), '--html', nowhere), {
    code: 'output',
    message: /choose another place with --html/,
  });
});

t.test('a mistake in the words has a remedy', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(50, 0) });
  const file = path.join(folder, 'r.csv');
  for (const [words, message] of [
    [['--threshold', '2'], '--threshold is a number between 0 and 1'],
    [['--q', ''], '--q is a number between 0 and 1'],
    [['--min-samples', '1.5'], '--min-samples is a whole number from 2'],
    [['--columns', 'sam'], /has no column sam; did you mean same\?/],
  ] as const)
    await t.rejects(compare(t, file, file, ...words), { name: 'ConfigError', message }, words.join(' '));
});

t.test('the first fifth of Elec2 against the rest: the frozen columns drift, hours of the day do not', async (t) => {
  const lines = gunzipSync(readFileSync(fileURLToPath(new URL('../../../agent/demo/elec2.csv.gz', import.meta.url))))
    .toString()
    .trimEnd()
    .split('\n');
  const [header, ...rows] = lines;
  const cut = Math.floor(rows.length / 5);
  const folder = t.testdir({ 'r.csv': [header, ...rows.slice(0, cut)].join('\n'), 'c.csv': [header, ...rows.slice(cut)].join('\n') });
  const { columns, notes } = JSON.parse((await compare(t, path.join(folder, 'r.csv'), path.join(folder, 'c.csv'), '--json')).stdout);
  const verdicts = Object.fromEntries(columns.map(({ name, verdict }: { name: string; verdict: string }) => [name, verdict]));
  t.match(verdicts, { transfer: 'drift', vicprice: 'drift', vicdemand: 'drift', nswprice: 'drift', nswdemand: 'same', period: 'same' });
  t.match(notes.join(), /rows that follow each other are alike/);
});

t.test('the program exits 1 on drift and 2 on a file that is not there', async (t) => {
  const folder = t.testdir({ 'r.csv': csv(500, 0), 'c.csv': csv(400, 0.5) });
  const launcher = path.join(import.meta.dirname, '../../../bin/driftline.js');
  const run = (...names: string[]) =>
    spawnSync(process.execPath, [launcher, 'compare', ...names.map((name) => path.join(folder, name))], { encoding: 'utf8' });
  t.equal(run('r.csv', 'c.csv').status, 1);
  const missing = run('r.csv', 'none.csv');
  t.equal(missing.status, 2);
  t.match(missing.stderr, /none\.csv: there is no such file/);
  t.equal(missing.stdout, '');
});
