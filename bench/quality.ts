/**
 * What each detector finds, and how often it alarms for nothing: `driftline backtest` with one detector at a time, on data made for it
 * and on the first year of Elec2. Writes docs/quality.json, from which the tables of docs/detectors.md are made.
 *
 * `npm run quality [-- --detector TYPE]… [--stream NAME] [--runs 10]`: what is not asked for stays as it was measured.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Backtest, backtest } from '../agent/backtest/backtest.ts';
import type { Rows } from '../agent/backtest/rows.ts';
import { packageFile } from '../agent/package-file.ts';
import { readStream } from '../agent/demo/stream.ts';
import type { DetectorDefinition } from '../contracts/detector.ts';
import type { Policy } from '../contracts/policy.ts';
import type { Cell } from '../contracts/record.ts';
import { detectorOf, detectors } from '../detectors/catalogue.ts';
import { Random } from '../detectors/performance/random.ts';
import { readQuality } from '../docs/quality-tables.ts';
import { parsePolicy } from '../policies/load.ts';

/** One detector on one stream. */
export interface Measured {
  readonly detector: string;
  readonly stream: string;
  /** What it watched: each column of numbers, the column of categories, all together, whether predictions were wrong; or the schema alone. */
  readonly watched: Watched;
  readonly runs: number;
  readonly falseAlarms: Backtest['falseAlarms'];
  readonly allowed: number | null;
  /** Changes of the kinds that it could see at all. */
  readonly injected: Backtest['injected'];
  readonly smallest: Backtest['smallest'];
  readonly remarks: readonly string[];
}

const WATCHED = ['numbers', 'categories', 'together', 'errors', 'schema'] as const;
export type Watched = (typeof WATCHED)[number];

/** Stands where a detector’s type does: no detector, the schema’s own checks. */
export const SCHEMA = 'schema';
const SEED = 1;
const FILE = path.join(import.meta.dirname, '../docs/quality.json');

/** Healthy rows and how they are to be replayed. */
interface Stream {
  readonly name: string;
  readonly rows: Rows;
  readonly windowRows: number;
  /** Null = the program finds out. */
  readonly blockRows: number | null;
}

/**
 * 6,000 rows that do not depend on each other: `level` normal, `amount` skewed (exponential) and correlated with it, `plan` one of four,
 * predictions of which one in ten is wrong.
 */
function generated(): Stream {
  const random = new Random(77);
  const columns = new Map<string, Cell[]>(['inputs.level', 'inputs.amount', 'inputs.plan', 'outputs.answer'].map((name) => [name, []]));
  const labels: Cell[] = [];
  for (let row = 0; row < 6_000; row++) {
    const level = random.normal();
    const truth = Number(random.uniform() < 0.5);
    columns.get('inputs.level')!.push(level);
    columns.get('inputs.amount')!.push(-Math.log(1 - random.uniform()) * Math.exp(0.7 * level));
    columns.get('inputs.plan')!.push(planOf(random.uniform()));
    columns.get('outputs.answer')!.push(random.uniform() < 0.1 ? 1 - truth : truth);
    labels.push(truth);
  }
  return { name: 'generated', rows: { count: labels.length, columns, labels }, windowRows: 500, blockRows: null };
}

function planOf(uniform: number): string {
  return uniform < 0.5 ? 'basic' : uniform < 0.8 ? 'plus' : uniform < 0.95 ? 'team' : 'trial';
}

/** Elec2’s first year: price and demand, whether the price rose, and a forecast that says what the last half hour did. */
async function elec2(): Promise<Stream> {
  const { training, sent } = await readStream();
  const year = [...training, ...sent].slice(0, 365 * 48);
  const directions = year.map(({ label }) => (label === 1 ? 'up' : 'down'));
  return {
    name: 'elec2',
    rows: {
      count: year.length,
      columns: new Map<string, Cell[]>([
        ['inputs.price', year.map(({ inputs }) => inputs.nswprice!)],
        ['inputs.demand', year.map(({ inputs }) => inputs.nswdemand!)],
        ['inputs.direction', directions],
        ['outputs.answer', year.map((_, row) => year[Math.max(0, row - 1)]!.label)],
      ]),
      labels: year.map(({ label }) => label),
    },
    windowRows: 480,
    blockRows: 48,
  };
}

/** All that a detector can watch. */
function watchedBy({ type, kind, observes }: DetectorDefinition): Watched[] {
  // Of numbers it sees only how many are 0, and here none is.
  if (type === 'two-proportion') return ['categories'];
  if (observes === 'binary') return ['errors'];
  if (observes === 'rows') return ['together'];
  if (observes === 'category') return ['categories'];
  if (observes === 'any') return ['numbers', 'categories'];
  return kind === 'streaming' ? ['numbers', 'errors'] : ['numbers'];
}

/** Kinds of change that show in what is watched. */
const KINDS: { readonly [watched in Watched]: readonly string[] } = {
  numbers: ['mean', 'spread', 'missing', 'unit', 'relation'],
  categories: ['category mix', 'missing', 'relation'],
  together: ['mean', 'spread', 'category mix', 'missing', 'unit', 'relation'],
  errors: ['error rate'],
  schema: ['mean', 'spread', 'category mix', 'missing', 'unit', 'relation'],
};

/** One measurement. */
async function measure(detector: string, watched: Watched, stream: Stream, runs: number): Promise<Measured> {
  const columns = columnsFor(watched, stream);
  const policy = policyOf(detector, watched, stream, [...columns.keys()]);
  const rows = { ...stream.rows, columns };
  // The data are the reference's first rows: what counts here are the replays.
  const head = {
    count: stream.windowRows,
    columns: new Map([...columns].map(([name, cells]) => [name, cells.slice(0, stream.windowRows)])),
  };
  const result = await backtest({
    policy,
    referenceFile: rows.columns,
    referenceLabels: watched === 'errors' ? rows.labels : null,
    rows: { ...head, labels: null },
    seed: SEED,
    runs,
    progress: (done, total) => process.stderr.write(`\r${detector} on ${watched} of ${stream.name}: ${done} of ${total} `),
  });
  process.stderr.write('\n');
  const isShown = (kind: string) => KINDS[watched].includes(kind);
  return {
    detector,
    stream: stream.name,
    watched,
    runs,
    falseAlarms: result.falseAlarms,
    allowed: result.allowed,
    injected: result.injected.filter(({ kind }) => isShown(kind)),
    smallest: result.smallest.filter(({ kind }) => isShown(kind)),
    remarks: result.remarks,
  };
}

/** The columns that the monitor is about; changes elsewhere would only take time. */
function columnsFor(watched: Watched, { rows }: Stream): Map<string, readonly Cell[]> {
  return new Map(
    [...rows.columns].filter(([signal, [first]]) => {
      if (watched === 'errors') return signal === 'outputs.answer';
      const isNumber = typeof first === 'number';
      return signal.startsWith('inputs.') && (watched === 'together' || watched === 'schema' || isNumber === (watched === 'numbers'));
    }),
  );
}

/** The reference is handed over; the policy’s path only has to be that of a file. */
function policyOf(detector: string, watched: Watched, { windowRows, blockRows, rows }: Stream, signals: readonly string[]): Policy {
  // The schema’s row: ranges as `driftline init` finds them, every column required, and no detector at all.
  const isSchema = watched === 'schema';
  const column = (signal: string) => {
    const cells = rows.columns.get(signal)!;
    if (typeof cells[0] !== 'number') return `type: categorical${isSchema ? ', required: true' : ''}`;
    const [low, high] = [Math.min(...cells.map(Number)), Math.max(...cells.map(Number))];
    return `type: number${isSchema ? `, required: true, min: ${low}, max: ${high}` : ''}`;
  };
  const slot = { schema: '', numbers: 'numeric', categories: 'categorical', together: 'multivariate', errors: 'error' }[watched];
  const inputs = signals.filter((signal) => signal.startsWith('inputs.')).map((signal) => `{name: ${signal.slice(7)}, ${column(signal)}}`);
  const monitor = `{name: drift, ${watched === 'errors' ? 'needs: feedback, ' : 'features: "*", '}detectors: {${slot}: {type: ${detector}}}}`;
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: quality}
spec:
  model: {name: m, prediction: answer}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  falseAlarms: {atMost: 1, per: 100 windows${blockRows === null ? '' : `, blocks: ${blockRows}`}}
  schema: {inputs: [${inputs.join(', ')}], outputs: [{name: answer, type: integer}]}
  reference: {source: file, path: ${JSON.stringify(packageFile('agent/demo/elec2.csv.gz'))}}
  window: {rows: ${windowRows}}
  monitors: [${isSchema ? '' : monitor}]
`;
  const known = new Map(detectors.map((one) => [one.type, one]));
  const { policy, mistakes } = parsePolicy(text, 'quality.yaml', { detectors: known, env: {} });
  if (policy === null) throw new Error(mistakes.map(({ path: at, message }) => `${at}: ${message}`).join('; '));
  return policy;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      detector: { type: 'string', multiple: true, default: [...detectors.map(({ type }) => type), SCHEMA] },
      stream: { type: 'string' },
      runs: { type: 'string', default: '10' },
    },
  });
  const streams = [generated(), await elec2()].filter(({ name }) => (values.stream ?? name) === name);
  const types = [...detectors.map(({ type }) => type), SCHEMA];
  const order = (one: Measured) => 1_000 * types.indexOf(one.detector) + WATCHED.indexOf(one.watched);
  for (const type of types.filter((one) => values.detector.includes(one))) {
    const definition = detectorOf(type);
    for (const watched of definition === null ? (['schema'] as const) : watchedBy(definition)) {
      for (const stream of streams) {
        const measured = await measure(type, watched, stream, Number(values.runs));
        const others = readQuality().filter(
          (one) => one.detector !== measured.detector || one.stream !== measured.stream || one.watched !== watched,
        );
        const all = [...others, measured].sort((a, b) => order(a) - order(b) || (a.stream < b.stream ? 1 : -1));
        writeFileSync(FILE, `${JSON.stringify(all, null, 1)}\n`);
      }
    }
  }
}
