/**
 * What one value costs a streaming detector, one window a test, and one record the live line, with the peers' figures beside ours.
 *
 * Everything is measured in processes of its own, ours and the peers' in turn, so that both sides of a ratio ran under the same load.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure, Report } from './figure.ts';
import { figureOf } from './figure.ts';
import { installedPeers } from './peers.ts';

const ROUNDS = 5;
const TABLE = '10,000 × 20 table';
/** Runs of a table until its code is compiled. */
const WARM_TABLES = 3;

/** Name of the figure, as the peers have it too; type, options and stream. */
const STREAMING: readonly (readonly [string, string, { readonly [option: string]: unknown }, 'bits' | 'numbers'])[] = [
  ['ddm', 'ddm', {}, 'bits'],
  ['eddm', 'eddm', {}, 'bits'],
  ['hddm-a', 'hddm-a', {}, 'bits'],
  ['hddm-w', 'hddm-w', {}, 'bits'],
  ['page-hinkley', 'page-hinkley', { semantics: 'river' }, 'numbers'],
  ['page-hinkley, scaled', 'page-hinkley', {}, 'numbers'],
  ['page-hinkley, bits', 'page-hinkley', {}, 'bits'],
  ['adwin, clock 32, bits', 'adwin', { clock: 32 }, 'bits'],
  ['adwin, clock 32', 'adwin', { clock: 32, semantics: 'river' }, 'numbers'],
  ['adwin, clock 32, scaled', 'adwin', { clock: 32 }, 'numbers'],
  ['adwin, clock 1', 'adwin', { clock: 1, semantics: 'river' }, 'numbers'],
  ['kswin', 'kswin', {}, 'numbers'],
  ['cusum', 'cusum', {}, 'numbers'],
  ['variance', 'variance', {}, 'numbers'],
];

/** Quoted: 2026-11-22, two shared cores, Python 3.11.7, load 7 to 17; CPU minimum and median of nine runs. */
const QUOTED: readonly (readonly [string, number, number, number])[] = [
  ['evidently 0.7.23 (DataDriftPreset), quoted', 1_920, 2_170, 310],
  ['nannyml 0.13.1 (KS, JS, Wasserstein, chi-squared), quoted', 340, 430, 316],
  ['alibi-detect 0.13.0 (TabularDrift), quoted', 75, 80, 268],
];

/** What of a round is kept: values by row, in the order of the rows. */
type Rows = Map<string, { readonly unit: string; readonly values: number[] }>;

/** Takes some minutes, and one more to install the peers the first time. */
export async function benchDetectors(): Promise<Report> {
  const peers = await installedPeers();
  const cache = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const rows: Rows = new Map();
  try {
    // Fills the cache of compiled code: a published package is compiled, and carries no compiler with it.
    run('table.ts', [], cache);
    for (let round = 0; round < ROUNDS; round++) {
      const theirs = peers.map(({ label, measure }) => ({ label, costs: measure() }));
      const beside = (figure: string, unit: string, perUnit: number) => {
        for (const { label, costs } of theirs) {
          if (costs[figure] !== undefined)
            add(
              rows,
              `${label}: ${figure}`,
              unit,
              costs[figure].map((ns) => ns / perUnit),
            );
        }
      };
      for (const [figure, type, options, stream] of STREAMING) {
        const detector = run('streaming.ts', [type, JSON.stringify(options), stream]);
        add(rows, figure, 'ns per update', detector('updateNs'));
        beside(figure, 'ns per update', 1);
        add(rows, 'snapshot and restore through JSON, all detectors', 'µs', detector('snapshotUs'));
        add(rows, 'a multiplication and an addition, for comparison', 'ns', detector('loopNs'));
      }
      const windowed = run('single-tests.ts', []);
      for (const test of ['ks', 'wasserstein', 'chi-squared']) {
        add(
          rows,
          `${test}, 10,000 against 10,000 prepared`,
          'µs',
          windowed(test).map((ns) => ns / 1_000),
        );
        beside(test, 'µs', 1_000);
      }
      const table = run('table.ts', [], cache);
      add(rows, TABLE, 'ms', table('milliseconds').slice(WARM_TABLES));
      add(rows, `${TABLE}: its first run`, 'ms', table('milliseconds').slice(0, 1));
      add(rows, `${TABLE}: peak RSS as compiled code`, 'MB', table('peakMb'));
      add(rows, `${TABLE}: peak RSS from TypeScript sources`, 'MB', run('table.ts', [])('peakMb'));
      const line = run('live-line.ts', []);
      add(rows, 'a record of 20 numbers, each KS and ADWIN', 'µs', line('numbers'));
      add(rows, 'a record of 10 numbers, each KS and ADWIN, and 10 categories, each chi-squared', 'µs', line('mixed'));
    }
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  return {
    name: 'detectors',
    about:
      'CPU of a process. Streaming: 30,000 values without a drift, each detector in a process of its own; an error rate of 0.2 for those that ' +
      'observe errors (bits), uniform numbers for the others; `semantics: river` unless it says scaled or bits. Windows: exponential numbers and ' +
      'ten categories. Table: ten columns of numbers by KS and Wasserstein, ten of categories by chi-squared and Jensen–Shannon. Record: the ' +
      'live line from a decoded record on, windows of 5,000 rows against 10,000 included. Peers run in the same rounds, but those quoted: ' +
      'taken on 2026-11-22 on two shared cores, load 7 to 17, minimum and median of nine runs, MiB after the run.',
    figures: [...figures(rows), ...quoted()],
    versions: Object.fromEntries(peers.map(({ label }) => label.split(' ') as [string, string])),
  };
}

function figures(rows: Rows): Figure[] {
  return [...rows].map(([figure, { unit, values }]) => figureOf(figure, unit, values));
}

function quoted(): Figure[] {
  return QUOTED.flatMap(([peer, minimum, median, mebibytes]) => [
    { figure: `${peer}: ${TABLE}`, unit: 'ms', minimum, median, maximum: median, runs: 9 },
    figureOf(`${peer}: ${TABLE}: peak RSS`, 'MB', [mebibytes * 1.048_576]),
  ]);
}

function add(rows: Rows, figure: string, unit: string, values: readonly number[]): void {
  const row = rows.get(figure);
  if (row === undefined) rows.set(figure, { unit, values: [...values] });
  else row.values.push(...values);
}

/** The lists of numbers that a program of this folder prints, by name. */
function run(program: string, options: readonly string[], compileCache?: string): (name: string) => readonly number[] {
  const env = { ...process.env, ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }) };
  const printed = JSON.parse(execFileSync(process.execPath, [join(import.meta.dirname, program), ...options], { encoding: 'utf8', env }));
  return (name) => printed[name];
}
