/**
 * What one value costs a streaming detector, one window a test, and one record the live line, with the peers' figures beside ours.
 *
 * Everything is measured in processes of its own, ours and the peers' in turn, round by round, so that both sides of a ratio ran under the
 * same load. A round gives one value a row: the median of its runs. Ratios are taken round by round.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure, Report } from './figure.ts';
import { figureOf, medianOf } from './figure.ts';
import { installedPeers, type Peer } from './peers.ts';

const ROUNDS = 11;
const TABLE = '10,000 × 20 table';
/** Runs of a table until its code is compiled. */
const WARM_TABLES = 3;

/** A detector's row: its name, as the peers have it too; type, options, stream, and what is to be reached in nanoseconds. */
interface Streaming {
  readonly figure: string;
  readonly type: string;
  readonly options?: { readonly [option: string]: unknown };
  readonly stream: 'bits' | 'numbers';
  readonly atMost?: number;
}

const STREAMING: readonly Streaming[] = [
  { figure: 'ddm', type: 'ddm', stream: 'bits', atMost: 10 },
  { figure: 'eddm', type: 'eddm', stream: 'bits', atMost: 10 },
  { figure: 'hddm-a', type: 'hddm-a', stream: 'bits', atMost: 40 },
  { figure: 'hddm-w', type: 'hddm-w', stream: 'bits', atMost: 40 },
  { figure: 'page-hinkley', type: 'page-hinkley', options: { semantics: 'river' }, stream: 'numbers', atMost: 10 },
  { figure: 'page-hinkley, scaled', type: 'page-hinkley', stream: 'numbers', atMost: 10 },
  { figure: 'page-hinkley, bits', type: 'page-hinkley', stream: 'bits', atMost: 10 },
  { figure: 'adwin, clock 32, bits', type: 'adwin', options: { clock: 32 }, stream: 'bits', atMost: 60 },
  { figure: 'adwin, clock 32', type: 'adwin', options: { clock: 32, semantics: 'river' }, stream: 'numbers', atMost: 60 },
  { figure: 'adwin, clock 32, scaled', type: 'adwin', options: { clock: 32 }, stream: 'numbers', atMost: 60 },
  { figure: 'adwin, clock 1', type: 'adwin', options: { clock: 1, semantics: 'river' }, stream: 'numbers', atMost: 200 },
  { figure: 'kswin', type: 'kswin', stream: 'numbers', atMost: 3_000 },
  { figure: 'cusum', type: 'cusum', stream: 'numbers' },
  { figure: 'variance', type: 'variance', stream: 'numbers' },
];
const YARDSTICK = 'a running mean and no more, for comparison';

/** Quoted: 2026-11-22, two shared cores, Python 3.11.7, load 7 to 17; CPU minimum and median of nine runs. */
const QUOTED: readonly (readonly [string, number, number, number])[] = [
  ['evidently 0.7.23 (DataDriftPreset), quoted', 1_920, 2_170, 310],
  ['nannyml 0.13.1 (KS, JS, Wasserstein, chi-squared), quoted', 340, 430, 316],
  ['alibi-detect 0.13.0 (TabularDrift), quoted', 75, 80, 268],
];

/** One row: a value a round. */
interface Row {
  readonly unit: string;
  readonly atMost: number | undefined;
  readonly values: number[];
}

type Rows = Map<string, Row>;

/** Takes some ten minutes, and one more to install the peers the first time. */
export async function benchDetectors(): Promise<Report> {
  const peers = await installedPeers();
  const cache = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const rows: Rows = new Map();
  try {
    // Fills the cache of compiled code: a published package is compiled, and carries no compiler with it.
    run('table.ts', [], cache);
    for (let round = 0; round < ROUNDS; round++) oneRound(rows, peers, cache);
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  return {
    name: 'detectors',
    about:
      'CPU of a process; a row is of the medians of its rounds. Streaming: 30,000 values of one law to a fresh detector, again and again ' +
      'for 40 ms a run, each detector in a process of its own; an error rate of 0.2 for those that observe errors (bits), uniform numbers for ' +
      'the others; `semantics: river` unless it says scaled or bits. Windows: exponential numbers and ten categories. Table: ten columns of ' +
      'numbers by KS and Wasserstein, ten of categories by chi-squared and Jensen–Shannon. Record: the live line from a decoded record on, ' +
      'windows of 5,000 rows against 10,000 included. Peers run in the same rounds, but those quoted: taken on 2026-11-22 on two shared cores, ' +
      'load 7 to 17, minimum and median of nine runs, MiB after the run.',
    figures: [...[...rows].map(([figure, { unit, values, atMost }]) => figureOf(figure, unit, values, atMost)), ...quoted()],
    versions: Object.fromEntries(peers.map(({ label }) => label.split(' ') as [string, string])),
  };
}

function oneRound(rows: Rows, peers: readonly Peer[], cache: string): void {
  const add = (figure: string, unit: string, value: number, atMost?: number) => {
    const row = rows.get(figure) ?? { unit, atMost, values: [] };
    row.values.push(value);
    rows.set(figure, row);
  };
  const beside = (figure: string, unit: string, perUnit: number, ours: number) => {
    for (const { label, figures, measure } of peers) {
      if (!figures.includes(figure)) continue;
      const theirs = medianOf(measure(figure)) / perUnit;
      add(`${label}: ${figure}`, unit, theirs);
      add(`${figure}: ours by ${label.split(' ')[0]}’s`, '×', ours / theirs);
    }
  };
  add(YARDSTICK, 'ns per update', medianOf(run('streaming.ts', ['running-mean', '{}', 'bits'])('updateNs')));
  let slowest = 0;
  for (const { figure, type, options = {}, stream, atMost } of STREAMING) {
    const measured = run('streaming.ts', [type, JSON.stringify(options), stream]);
    const ours = medianOf(measured('updateNs'));
    add(figure, 'ns per update', ours, atMost);
    beside(figure, 'ns per update', 1, ours);
    slowest = Math.max(slowest, medianOf(measured('snapshotUs')));
  }
  add('snapshot and restore through JSON, the slowest detector', 'µs', slowest, 1_000);
  const windowed = run('single-tests.ts', []);
  for (const test of ['ks', 'wasserstein', 'chi-squared']) {
    const ours = medianOf(windowed(test)) / 1_000;
    add(`${test}, 10,000 against 10,000 prepared`, 'µs', ours, test === 'ks' ? 1_800 : undefined);
    beside(test, 'µs', 1_000, ours);
  }
  const table = run('table.ts', [], cache);
  add(TABLE, 'ms', medianOf(table('milliseconds').slice(WARM_TABLES)), 30);
  add(`${TABLE}: its first run`, 'ms', table('milliseconds')[0]!);
  add(`${TABLE}: peak RSS as compiled code`, 'MB', table('peakMb')[0]!, 100);
  add(`${TABLE}: peak RSS from TypeScript sources`, 'MB', run('table.ts', [])('peakMb')[0]!);
  const line = run('live-line.ts', []);
  add('a record of 20 numbers, each KS and ADWIN', 'µs', medianOf(line('numbers')), 5);
  add('a record of 10 numbers, each KS and ADWIN, and 10 categories, each chi-squared', 'µs', medianOf(line('mixed')), 5);
}

function quoted(): Figure[] {
  return QUOTED.flatMap(([peer, minimum, median, mebibytes]) => [
    { figure: `${peer}: ${TABLE}`, unit: 'ms', minimum, median, maximum: median, runs: 9 },
    figureOf(`${peer}: ${TABLE}: peak RSS`, 'MB', [mebibytes * 1.048_576]),
  ]);
}

/** The lists of numbers that a program of this folder prints, by name. */
function run(program: string, options: readonly string[], compileCache?: string): (name: string) => readonly number[] {
  const env = { ...process.env, ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }) };
  const printed = JSON.parse(execFileSync(process.execPath, [join(import.meta.dirname, program), ...options], { encoding: 'utf8', env }));
  return (name) => printed[name];
}
