/**
 * Does a budget of one false alarm in a hundred windows hold, and what can still be seen? On twenty independent columns, and on the first
 * year of Elec2, whose half hours depend on each other.
 *
 * By itself: `node bench/false-alarms.ts [--part independent|elec2|slices] [--first 0] [--runs 200] [--windows 500]`.
 */
import { parseArgs } from 'node:util';
import { calibrate } from '../agent/calibration/calibrate.ts';
import type { Calibration } from '../agent/calibration/calibration.ts';
import { clusteredInterval } from '../agent/calibration/intervals.ts';
import { drawRows } from '../agent/calibration/replays.ts';
import { readStream } from '../agent/demo/stream.ts';
import { Reference } from '../agent/reference.ts';
import { WatchedSignals } from '../agent/watched-signals.ts';
import { WindowMonitor } from '../agent/window-monitor.ts';
import { windowOf } from '../agent/windows.ts';
import type { Finding } from '../contracts/finding.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import { detectors } from '../detectors/catalogue.ts';
import { Random } from '../detectors/performance/random.ts';
import { parsePolicy } from '../policies/load.ts';
import type { Figure, Report } from './figure.ts';
import { circumstances, describeReport } from './figure.ts';
import { slicedFalseAlarms } from './sliced-false-alarms.ts';

const WINDOW_ROWS = 1_000;
const YEAR_ROWS = 365 * 48;
const BLOCKS = { day: 48, week: 7 * 48 } as const;
const PARTS = ['independent', 'elec2', 'slices'] as const;

/** How much is measured. */
export interface Size {
  /** Number of the first run, for a measurement that is divided among processes. */
  readonly first?: number;
  readonly runs: number;
  readonly windows: number;
}

export type Columns = ReadonlyMap<string, readonly Cell[]>;

/** All measurements, or one part of them. */
export async function benchFalseAlarms(size: Size = { runs: 200, windows: 500 }, part: string | null = null): Promise<Report> {
  const measures: { readonly [part in (typeof PARTS)[number]]: () => Figure[] | Promise<Figure[]> } = {
    independent: () => independent(size),
    elec2: () => elec2(size),
    slices: () => slicedFalseAlarms(size),
  };
  const figures: Figure[] = [];
  for (const one of PARTS) if (part === null || part === one) figures.push(...(await measures[one]()));
  return {
    name: 'false-alarms',
    about:
      'Budget: 1 false alarm in 100 windows of 1,000 rows, KS on every column, Benjamini–Hochberg, nothing written out; the very code that judges live windows. ' +
      'A false alarm is a healthy window in which anything is found. The three figures of a row are a share in per cent between its 95 % bounds, ' +
      'which take windows of one reference or calibration as fewer.',
    figures,
    versions: {},
  };
}

/** Twenty independent columns (normal, uniform, exponential in turn); a fresh reference of 10,000 rows each run. */
function independent({ first = 0, runs, windows }: Size): Figure[] {
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`);
  const policy = policyOf(names, null);
  const alarms: number[] = [];
  const found: number[] = [];
  const methods = new Map<string, number>();
  for (let run = first; run < first + runs; run++) {
    const random = new Random(7_000 + run);
    const draw = (rows: number, shifted: string | null) =>
      new Map(names.map((name, index) => [`inputs.${name}`, column(random, index, rows, name === shifted ? 1 : 0)]));
    const { judge, calibration } = monitorOf(policy, draw(10_000, null), run);
    const method = calibration.levels[0]!.method;
    methods.set(method, (methods.get(method) ?? 0) + 1);
    alarms.push(countIf(windows, () => drifts(judge(draw(WINDOW_ROWS, null))).length > 0));
    const target = names[run % names.length]!;
    const seen = () => drifts(judge(draw(WINDOW_ROWS, target))).some(({ signal }) => signal === `inputs.${target}`);
    found.push(Number(seen() || seen()));
    process.stderr.write(
      `\rindependent: run ${run + 1 - first} of ${runs}, ${sum(alarms)} alarms in ${(run + 1 - first) * windows} windows `,
    );
  }
  process.stderr.write('\n');
  const how = [...methods].map(([method, count]) => `${method} in ${count}`).join(', ');
  return [
    share(`20 independent columns: healthy windows that alarm (level: ${how})`, alarms, windows),
    share('20 independent columns: a shift of one sd in one column found within 2 windows', found, 1),
  ];
}

function column(random: Random, index: number, rows: number, shiftSd: number): number[] {
  const draws = [() => random.normal(), () => random.uniform(-Math.sqrt(3), Math.sqrt(3)), () => -Math.log(1 - random.uniform())];
  const one = draws[index % draws.length]!;
  return Array.from({ length: rows }, () => one() + shiftSd);
}

/** Calibrated by blocks of a day or a week on one set of seeds, measured on windows of such blocks drawn with another. */
async function elec2({ runs, windows }: Size): Promise<Figure[]> {
  const stream = await readStream();
  const year = [...stream.training, ...stream.sent].slice(0, YEAR_ROWS);
  const columns = new Map(
    Object.keys(year[0]!.inputs)
      .map((name): [string, number[]] => [`inputs.${name}`, year.map(({ inputs }) => inputs[name]!)])
      .filter(([, values]) => isMoving(values)),
  );
  const names = [...columns.keys()].map((signal) => signal.slice('inputs.'.length));
  const figures: Figure[] = [];
  for (const [block, blockRows] of Object.entries(BLOCKS)) {
    const policy = policyOf(names, blockRows);
    const alarms: number[] = [];
    const pairs = Math.ceil(windows / 5);
    const seen = new Map(names.map((name) => [name, { once: [] as number[], twice: [] as number[] }]));
    const seeds = Math.max(1, Math.round(runs / 40));
    for (let seed = 0; seed < seeds; seed++) {
      const { judge } = monitorOf(policy, columns, seed);
      const random = new Random(90_000 + seed);
      const draw = (shifted: string | null) => {
        const rows = drawRows(random, YEAR_ROWS, blockRows, WINDOW_ROWS);
        return new Map(
          [...columns].map(([signal, values]) => {
            const shift = signal === `inputs.${shifted}` ? deviation(values) : 0;
            return [signal, Array.from(rows, (row) => values[row]! + shift)];
          }),
        );
      };
      alarms.push(countIf(8 * windows, () => drifts(judge(draw(null))).length > 0));
      for (const [name, { once, twice }] of seen) {
        const isFound = () => drifts(judge(draw(name))).some(({ signal }) => signal === `inputs.${name}`);
        let first = 0;
        const either = countIf(pairs, () => {
          const atOnce = isFound();
          if (atOnce) first++;
          return atOnce || isFound();
        });
        once.push(first);
        twice.push(either);
      }
      process.stderr.write(`\relec2, blocks of a ${block}: ${sum(alarms)} alarms in ${alarms.length * 8 * windows} windows `);
    }
    process.stderr.write('\n');
    figures.push(share(`Elec2's first year (${names.join(', ')}), blocks of a ${block}: healthy windows that alarm`, alarms, 8 * windows));
    for (const [name, { once, twice }] of seen) {
      figures.push(share(`blocks of a ${block}: a shift of one sd in ${name} found in its first window`, once, pairs));
      figures.push(share(`blocks of a ${block}: a shift of one sd in ${name} found within 2 windows`, twice, pairs));
    }
  }
  return figures;
}

/** Not the same value in nine rows of ten. */
function isMoving(values: readonly number[]): boolean {
  const counts = [...Map.groupBy(values, (value) => value).values()].map(({ length }) => length);
  return Math.max(...counts) < 0.9 * values.length;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** @param by columns of categories, beside those of numbers, that the rows are cut by; each by itself */
export function policyOf(names: readonly string[], blockRows: number | null, by: readonly string[] = []): Policy {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: bench}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  falseAlarms: {atMost: 1, per: 100 windows${blockRows === null ? '' : `, blocks: ${blockRows}`}}
  schema: {inputs: [${[...names.map((name) => `{name: ${name}, type: number}`), ...by.map((name) => `{name: ${name}, type: categorical}`)].join(', ')}]}
  window: {rows: ${WINDOW_ROWS}}
  slices: [${by.map((name) => `{name: ${name}, by: [${name}]}`).join(', ')}]
  monitors: [{name: drift, detectors: {numeric: {type: ks}}}]
`;
  const known = new Map(detectors.map((detector) => [detector.type, detector]));
  const { policy, mistakes } = parsePolicy(text, 'bench.yaml', { detectors: known, env: {} });
  if (policy === null) throw new Error(mistakes.map(({ message }) => message).join('; '));
  return policy;
}

/** What the analysis would have: the reference, its levels and the tests. */
export function monitorOf(
  policy: Policy,
  reference: Columns,
  seed: number,
): { judge: (columns: Columns) => Finding[]; calibration: Calibration } {
  const { schema } = policy;
  const watched = new WatchedSignals(
    policy,
    schema,
    new Reference(policy, [{ columns: reference, sketches: new Map(), sha256: '', thinned: null }]),
  );
  const calibration = calibrate({ policy, ...watched.task(), rowsPerMs: null, seed });
  const monitor = new WindowMonitor(policy, watched, new Map(), calibration);
  const range = { fromRow: 0, toRow: WINDOW_ROWS - 1, fromAt: 0, toAt: 0 };
  return { judge: (columns) => monitor.judge(windowOf(range, columns)).findings, calibration };
}

function drifts(findings: readonly Finding[]): Finding[] {
  if (findings.some(({ level }) => level === 'insufficient')) throw new Error(`not judged: ${findings[0]?.note}`);
  return findings.filter(({ level }) => level === 'drift');
}

/** How often it comes out. */
export function countIf(times: number, holds: () => boolean): number {
  let count = 0;
  for (let time = 0; time < times; time++) if (holds()) count++;
  return count;
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((total, one) => total + one, 0);
}

/** A share in per cent, counted in runs of `of` trials each, which share a reference or the seed of a calibration. */
export function share(figure: string, counts: readonly number[], of: number): Figure {
  const [low, high] = clusteredInterval(counts, of);
  const trials = counts.length * of;
  return { figure, unit: '%', minimum: 100 * low, median: (100 * sum(counts)) / trials, maximum: 100 * high, runs: trials };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      part: { type: 'string' },
      first: { type: 'string', default: '0' },
      runs: { type: 'string', default: '200' },
      windows: { type: 'string', default: '500' },
    },
  });
  const finish = circumstances();
  const report = await benchFalseAlarms(
    { first: Number(values.first), runs: Number(values.runs), windows: Number(values.windows) },
    values.part ?? null,
  );
  process.stdout.write(`${describeReport(report, finish(report.versions))}\n`);
}
