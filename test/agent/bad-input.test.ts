/** Hard input over the commands and the line: whatever a file or a call brings, there is a verdict, a count or a message. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { Command } from 'commander';
import { backtestCommand } from '../../agent/commands/backtest.ts';
import { compareCommand } from '../../agent/commands/compare.ts';
import { detectCommand } from '../../agent/commands/detect.ts';
import { initCommand } from '../../agent/commands/init.ts';
import type { Alert } from '../../contracts/alert.ts';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parquet } from '../support/parquet.ts';
import { exchangeOf, openLine } from '../support/line.ts';
import { policyOf } from '../support/policies.ts';
import { uniforms } from '../support/random-streams.ts';
import { runCommand } from '../support/run-command.ts';

t.setTimeout(120_000);

const drawn = uniforms(6_000, 1);
const tableOf = (delimiter: string, length = 400, decimal = '.') =>
  [
    ['x', 'c', 'p'].join(delimiter),
    ...Array.from({ length }, (_, k) =>
      [drawn[2 * k]!.toFixed(6).replace('.', decimal), ['a', 'b'][k % 2]!, drawn[2 * k + 1]!.toFixed(4).replace('.', decimal)].join(
        delimiter,
      ),
    ),
    '',
  ].join('\n');
const PLAIN = tableOf(',');
/** The same table as people save it. */
const WRITTEN: { readonly [name: string]: string | Buffer } = {
  'semicolon.csv': tableOf(';'),
  'tab.csv': tableOf('\t'),
  'bar.csv': tableOf('|'),
  'bom.csv': `\ufeff${PLAIN}`,
  'bom-semicolon.csv': `\ufeff${tableOf(';')}`,
  'crlf.csv': PLAIN.replaceAll('\n', '\r\n'),
  'no-end.csv': PLAIN.trimEnd(),
  'zipped.csv.gz': gzipSync(tableOf(';')),
};
const POLICY = `apiVersion: driftline/v1
kind: Policy
metadata: {name: p}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}, {name: c, type: categorical}], outputs: [{name: p, type: number}]}
  reference: {source: file, path: reference.csv}
  window: {type: tumbling, rows: 100}
  monitors: [{name: d, detectors: {numeric: {type: ks}, categorical: {type: chi-squared}}, correction: {q: 0.001}}]
  actions: [{name: console, type: console}]
`;

/** What the command says of the file, without its name and the time it took. */
async function said(t: Test, command: Command, words: readonly string[], name: string): Promise<string> {
  const { stdout, stderr, thrown } = await runCommand(t, command, words);
  if (thrown !== null) throw thrown;
  return (stdout + stderr).replaceAll(name, 'FILE').replace(/in [\d.]+ m?s/g, '');
}

/** Each command that reads a data file, as words for a file in a folder. */
const READERS: readonly {
  readonly name: string;
  readonly command: () => Command;
  readonly words: (folder: string, file: string) => string[];
}[] = [
  { name: 'detect', command: detectCommand, words: (folder, file) => [path.join(folder, file), '--detector', 'adwin', '--column', 'x'] },
  { name: 'compare', command: compareCommand, words: (folder, file) => [path.join(folder, 'plain.csv'), path.join(folder, file)] },
  {
    name: 'backtest',
    command: backtestCommand,
    words: (folder, file) => [path.join(folder, 'p.yaml'), path.join(folder, file), '--runs', '1'],
  },
  {
    name: 'init',
    command: initCommand,
    words: (folder, file) => ['--from', path.join(folder, file), '--output', path.join(folder, 'out'), '--dry-run'],
  },
];

for (const { name, command, words } of READERS) {
  t.test(`${name}: other delimiters, line ends, a byte order mark and gzip change nothing`, async (t) => {
    const folder = t.testdir({ ...WRITTEN, 'plain.csv': PLAIN, 'p.yaml': POLICY, 'reference.csv': PLAIN });
    const wordsFor = (file: string) => words(folder, file);
    const plain = await said(t, command(), wordsFor('plain.csv'), 'plain.csv');
    t.ok(plain.length > 20);
    // The slow one reads as the others do.
    for (const file of name === 'backtest' ? ['bom-semicolon.csv', 'zipped.csv.gz'] : Object.keys(WRITTEN)) {
      const other = await said(t, command(), wordsFor(file), file);
      // `init` names the model after the file.
      const stem = file.replace(/\..*/, '');
      t.equal(other.replaceAll(stem, 'plain').replaceAll('plain.csv', 'FILE'), plain.replaceAll('plain.csv', 'FILE'), file);
    }
  });

  t.test(`${name}: a file that is cut off, ragged or no table is refused with its name, and its line where it has lines`, async (t) => {
    const whole = parquet([{ name: 'x', type: 'double', cells: drawn.slice(0, 500) }], { codec: 'GZIP' });
    const zipped = gzipSync(PLAIN);
    const cases: [string, string | Buffer, RegExp][] = [
      ['cut.csv', `${tableOf(',', 50)}0.5,a`, /cut\.csv:52: has 2 cells where the first line has 3; .*copy the file again/],
      ['ragged.csv', tableOf(';', 50).replace(';a;', ';a;b;'), /ragged\.csv:2: has 4 cells where the first line has 3/],
      ['quote.csv', `${tableOf(',', 50)}0.5,"a,1\n${tableOf(',', 50)}`, /quote\.csv:52: is not CSV: a quote is opened/],
      ['cut.csv.gz', zipped.subarray(0, zipped.length - 900), /cut\.csv\.gz: the gzip data ends too early/],
      ['empty.csv', '', /empty\.csv: is empty/],
    ];
    // `detect` reads CSV only.
    if (name !== 'detect') {
      cases.push(['cut.parquet', whole.subarray(0, whole.length - 9), /cut\.parquet: .*cut off/]);
      cases.push(['cut.ndjson', '{"x": 1, "c": "a", "p": 1}\n{"x": 2, "c', /cut\.ndjson:2: is not JSON; .*copy it again/]);
    }
    const folder = t.testdir({
      ...Object.fromEntries(cases.map(([file, content]) => [file, content])),
      'plain.csv': PLAIN,
      'p.yaml': POLICY,
      'reference.csv': PLAIN,
    });
    for (const [file, , message] of cases) {
      const { thrown } = await runCommand(t, command(), words(folder, file));
      t.type(thrown, ConfigError, file);
      t.match((thrown as Error | null)?.message, message, file);
    }
  });
}

t.test('words, gaps, infinities and 10³⁰⁰ where numbers were: all figures are numbers, and all output is JSON', async (t) => {
  const odd = ['north', '', 'NaN', 'inf', '-inf', '1e300', '-1e300', '1e-300', '1e999', 'null', '0x10', ' '];
  const rows = (share: number, seed: number) =>
    uniforms(900, seed).map((value, k) => `${value < share ? odd[k % odd.length] : value},${k % 3 === 0 ? '' : 'a'},${value}`);
  const folder = t.testdir({
    'r.csv': `x,c,p\n${rows(0.02, 1).join('\n')}\n`,
    'c.csv': `x,c,p\n${rows(0.9, 2).join('\n')}\n`,
    'p.yaml': POLICY,
    'reference.csv': PLAIN,
  });
  const commands: readonly [Command, string[]][] = [
    [compareCommand(), [path.join(folder, 'r.csv'), path.join(folder, 'c.csv'), '--json']],
    [detectCommand(), [path.join(folder, 'c.csv'), '--detector', 'kswin', '--column', 'x', '--json']],
    [backtestCommand(), [path.join(folder, 'p.yaml'), path.join(folder, 'c.csv'), '--runs', '1', '--json']],
  ];
  for (const [command, words] of commands) {
    const { stdout, thrown } = await runCommand(t, command, words);
    t.equal(thrown, null);
    t.notMatch(stdout, /NaN|Infinity/);
    for (const text of command.name() === 'detect' ? stdout.split('\n').filter((line) => line !== '') : [stdout])
      t.type(JSON.parse(text), 'object');
  }
});

t.test('two columns of a hundred thousand categories each are compared, and drawn', async (t) => {
  const ids = (from: number) =>
    Array.from({ length: 220_000 }, (_, k) => (k % 20 === 0 ? 'frequent' : `id-${from + (Math.floor(k / 3) % 70_000)}`)).join('\n');
  const folder = t.testdir({ 'r.csv': `c\n${ids(0)}\n`, 'c.csv': `c\n${ids(65_000)}\n` });
  const html = path.join(folder, 'report.html');
  const { stdout, thrown } = await runCommand(t, compareCommand(), [
    path.join(folder, 'r.csv'),
    path.join(folder, 'c.csv'),
    '--html',
    html,
    '--json',
  ]);
  t.equal(thrown, null);
  const [column] = JSON.parse(stdout).columns;
  t.equal(column.verdict, 'drift');
  t.equal(column.newCategories.length, 50);
  t.ok(readFileSync(html).length < 500_000);
});

t.test('windows of constants, of nothing, of words where numbers were and of one row have findings with finite figures', async (t) => {
  const monitors = ['ks', 'wasserstein', 'energy', 'psi', 'two-proportion']
    .map((type) => `    - {name: n-${type}, features: [x], detectors: {numeric: {type: ${type}}}, correction: {q: 0.001}}\n`)
    .concat(
      ['chi-squared', 'g-test', 'fisher', 'jensen-shannon'].map(
        (type) => `    - {name: c-${type}, features: [c], detectors: {categorical: {type: ${type}}}, correction: {q: 0.001}}\n`,
      ),
    );
  const folder = t.testdir({ 'reference.csv': PLAIN });
  const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}, {name: c, type: categorical}], outputs: [{name: predictions, type: number}]}
  reference: {source: file, path: ${JSON.stringify(path.join(folder, 'reference.csv'))}}
  window: {type: tumbling, rows: 100}
  minSamples: 1
  monitors:
${monitors.join('')}`);
  const line = await openLine(policy, folder);
  const windows: { readonly [name: string]: (k: number) => { readonly [column: string]: unknown } } = {
    constant: () => ({ x: 7, c: 'a' }),
    nothing: () => ({ x: null, c: null }),
    absent: () => ({}),
    words: (k) => ({ x: `word-${k}`, c: k }),
    huge: (k) => ({ x: k % 2 === 0 ? 1e300 : -1e300, c: 'a'.repeat(5_000) }),
    tiny: (k) => ({ x: k % 2 === 0 ? 1e-300 : 5e-324, c: '' }),
    'one value': (k) => (k === 0 ? { x: 0.5, c: 'a' } : { x: null, c: null }),
    mixed: (k) => ({ x: [1, '2', true, null, 'x', 1e308][k % 6], c: ['a', 1, true, null, ''][k % 5] }),
  };
  for (const [name, cells] of Object.entries(windows)) {
    line.analysis.observe(
      exchangeOf(
        name,
        1,
        Array.from({ length: 100 }, (_, k) => cells(k)),
      ),
    );
    const batch = line.analysis.take()!;
    line.analysis.committed();
    t.equal(batch.windows.length, monitors.length, name);
    for (const { monitor, statistic, pValue, adjustedP, effect, level, note } of batch.windows) {
      const figures = [statistic, pValue, adjustedP, effect];
      t.ok(
        figures.every((figure) => figure === null || Number.isFinite(figure)),
        `${name} ${monitor}: ${figures.join(', ')}`,
      );
      if (level === 'insufficient') t.ok(note !== null && note.length > 5, `${name} ${monitor} says why`);
      else t.ok(figures.every((figure) => figure !== null));
      t.ok((note?.length ?? 0) < 500, `${name} ${monitor}: the note is short`);
    }
  }
  t.same(
    line.log.filter((text) => text.includes('failed')),
    [],
  );
  line.crash();
});

t.test(
  'words, gaps and infinities among a stream’s numbers reach no detector: each stands where it stood without them, and they are counted',
  async (t) => {
    const types = detectors.filter(({ kind, observes }) => kind === 'streaming' && observes === 'number').map(({ type }) => type);
    const policy = policyOf(`  model: {name: m}
  traffic: {protocol: kserve-v1, upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  schema: {inputs: [{name: x, type: number}], outputs: [{name: predictions, type: number}]}
  reference: {source: traffic, learn: {rows: 100}}
  monitors:
${types.map((type) => `    - {name: ${type}, features: [x], detectors: {numeric: {type: ${type}}}}\n`).join('')}`);
    const odd: readonly unknown[] = ['north', '', 'NaN', 'Infinity', '-Infinity', '1e999', null, undefined];
    const alarming = new Set<string>();
    const statesAfter = async (odds: readonly unknown[]) => {
      const line = await openLine(policy, t.testdir());
      for (const [k, value] of uniforms(4_000, 3).entries()) {
        const rows = [...(k % 5 === 0 ? odds : []), value + (k < 3_000 ? 0 : 2)];
        line.analysis.observe(
          exchangeOf(
            `id-${k}`,
            k,
            rows.map((x) => ({ x })),
          ),
        );
      }
      line.commit();
      const accounting = line.reader.state('accounting') as { readonly skippedValues: { readonly [signal: string]: number } };
      const monitors = line.reader.monitors().filter(({ key }) => types.some((type) => key.includes(type)));
      for (const { monitor } of line.reader.page<Alert>('alerts', 0, 1_000).items) alarming.add(monitor);
      line.crash();
      return { states: monitors.map(({ key, state }) => ({ key, state })), skipped: accounting.skippedValues['inputs.x'] };
    };
    const plain = await statesAfter([]);
    const disturbed = await statesAfter(odd);
    t.equal(plain.states.length, types.length);
    t.same(disturbed.states, plain.states);
    t.equal(disturbed.skipped, 800 * odd.length);
    // The mean changes, and not the spread.
    for (const type of types) t.equal(alarming.has(type), type !== 'variance', type);
  },
);
