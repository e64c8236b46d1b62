/**
 * Does a budget of one false alarm in a hundred windows hold for each streaming detector? On independent values, and on values that depend on
 * their neighbours: an error rate that comes and goes, the first year of Elec2 in blocks of a day. Once in the long run and once among detectors
 * that have just begun: one that learns badly alarms soon, and hardly any of those are left later.
 *
 * By itself: `node bench/streaming-false-alarms.ts [--detector TYPE] [--stream NAME] [--first 0] [--references 40] [--values 250000]`.
 */
import { parseArgs } from 'node:util';
import { calibrate } from '../agent/calibration/calibrate.ts';
import { drawRows } from '../agent/calibration/replays.ts';
import { readStream } from '../agent/demo/stream.ts';
import { watchList } from '../agent/watch-list.ts';
import { withLevels } from '../agent/calibration/levels.ts';
import { withDefaults } from '../contracts/options.ts';
import type { Policy } from '../contracts/policy.ts';
import { detectorOf, detectors } from '../detectors/catalogue.ts';
import { Random } from '../detectors/performance/random.ts';
import { parsePolicy } from '../policies/load.ts';
import type { Figure, Report } from './figure.ts';
import { circumstances, describeReport } from './figure.ts';

const WINDOW_ROWS = 1_000;
const YEAR_ROWS = 365 * 48;
const DAY_ROWS = 48;

/** How much is measured: fresh values after each of so many references, as one stream and as many short ones. */
export interface StreamingSize {
  /** Number of the first reference, from which its seeds follow. */
  readonly first?: number;
  readonly references: number;
  readonly values: number;
}

/** Healthy values: a reference, and fresh ones of the same law. */
interface Law {
  readonly name: string;
  readonly blockRows: number | null;
  readonly reference: (random: Random) => number[];
  readonly fresh: (random: Random) => () => number;
}

const REFERENCE_ROWS = 10_000;
const YOUNG_VALUES = 25_000;
const many = (count: number, next: () => number) => Array.from({ length: count }, next);

/** A process by itself: the reference is a stretch of it, a year where blocks are stated. */
function processOf(name: string, begin: (random: Random) => () => number, blockRows: number | null = null): Law {
  const rows = blockRows === null ? REFERENCE_ROWS : YEAR_ROWS;
  return { name, blockRows, reference: (random) => many(rows, begin(random)), fresh: begin };
}

const BITS: readonly Law[] = [
  processOf('independent bits at 10 %', (random) => () => Number(random.uniform() < 0.1)),
  processOf('bits at 5 % and 25 %, in spells of about 20', (random) => {
    let rate = 0.05;
    return () => {
      if (random.uniform() < 0.05) rate = random.uniform() < 0.5 ? 0.05 : 0.25;
      return Number(random.uniform() < rate);
    };
  }),
];

const NUMBERS: readonly Law[] = [
  processOf('independent normal values', (random) => () => random.normal()),
  processOf('independent exponential values', (random) => () => -Math.log(1 - random.uniform())),
  processOf('normal values that correlate by 0.6 with the one before', (random) => {
    let value = random.normal();
    return () => (value = 0.6 * value + 0.8 * random.normal());
  }),
  processOf(
    'normal values about a new level each day',
    (random) => {
      let row = 0;
      let level = 0;
      return () => {
        if (row++ % DAY_ROWS === 0) level = random.normal();
        return level + random.normal();
      };
    },
    DAY_ROWS,
  ),
];

/** Blocks of a day, drawn anew with other seeds than the calibration's. */
async function elec2(): Promise<Law[]> {
  const stream = await readStream();
  const year = [...stream.training, ...stream.sent].slice(0, YEAR_ROWS);
  return ['nswdemand', 'nswprice'].map((column): Law => {
    const values = year.map(({ inputs }) => inputs[column]!);
    return {
      name: `Elec2’s first year, ${column}, blocks of a day`,
      blockRows: DAY_ROWS,
      reference: () => values,
      fresh: (random) => {
        let rows: Int32Array = new Int32Array(0);
        let next = 0;
        return () => {
          if (next === rows.length) [rows, next] = [drawRows(random, values.length, DAY_ROWS, 100 * DAY_ROWS), 0];
          return values[rows[next++]!]!;
        };
      },
    };
  });
}

/** Every streaming detector on every law that it can watch. */
export async function benchStreamingFalseAlarms(
  size: StreamingSize = { references: 40, values: 250_000 },
  only: { readonly detector?: string | undefined; readonly stream?: string | undefined } = {},
): Promise<Report> {
  const numbers = [...NUMBERS, ...(await elec2())];
  const figures: Figure[] = [];
  for (const { type, kind, observes } of detectors) {
    if (kind !== 'streaming' || (only.detector ?? type) !== type) continue;
    for (const law of observes === 'binary' ? BITS : [...BITS.slice(0, 1), ...numbers]) {
      if (!law.name.includes(only.stream ?? '')) continue;
      for (const figure of measure(type, law, size)) {
        figures.push(figure);
        process.stderr.write(`${figure.figure}: ${figure.minimum.toFixed(2)} ${figure.median.toFixed(2)} ${figure.maximum.toFixed(2)}\n`);
      }
    }
  }
  return {
    name: 'streaming-false-alarms',
    about:
      'Budget: 1 false alarm in 100 windows of 1,000 rows, the level set by the program from a reference; drifts on fresh values of the same law, as a multiple of what the budget allows, ' +
      'the median figure between its 95 % bounds over the references.',
    figures,
    versions: {},
  };
}

/** In the long run, and in the first values. */
function measure(type: string, law: Law, { first = 0, references, values }: StreamingSize): Figure[] {
  const policy = policyOf(type, law.blockRows);
  const perValue = 1 / 100 / WINDOW_ROWS;
  const lives = [values, YOUNG_VALUES].map((length) => ({ length, multiples: [] as number[] }));
  const methods = new Map<string, number>();
  for (let run = first; run < first + references; run++) {
    const random = new Random(5_000 + run);
    const reference = law.reference(random);
    const calibration = calibrate({
      policy,
      columns: policy.schema,
      cells: new Map([['inputs.x', reference]]),
      slices: [],
      rowsPerMs: null,
      seed: run,
    });
    const [level] = calibration.levels;
    methods.set(level!.method, (methods.get(level!.method) ?? 0) + 1);
    const [watch] = withLevels(policy, watchList(policy, policy.schema, detectorOf), calibration);
    // Where the reference cannot serve, the default stands and no budget is promised.
    if (watch?.kind !== 'streaming' || level!.method === 'unknown') continue;
    const next = law.fresh(new Random(90_000 + run));
    for (const { length, multiples } of lives) {
      let drifts = 0;
      for (let stream = 0; stream < values / length; stream++) {
        const detector = watch.definition.create(withDefaults(watch.definition.options, watch.choice.options));
        for (let k = 0; k < length; k++) if (detector.update(next()) === 'drift') drifts++;
      }
      multiples.push(drifts / values / perValue);
    }
  }
  const how = [...methods].map(([method, count]) => `${method} in ${count}`).join(', ');
  return lives.map(({ length, multiples }) => ({
    figure: `${type}, ${law.name}, ${length === values ? 'in the long run' : `first ${YOUNG_VALUES / 1_000},000 values`} (level: ${how})`,
    unit: '× budget',
    ...boundsOf(multiples, 3 / (multiples.length * values * perValue)),
    runs: multiples.length,
  }));
}

/** Mean and 95 % bounds. @param atMost the upper bound where nothing fired: Poisson's */
function boundsOf(multiples: readonly number[], atMost: number): Pick<Figure, 'minimum' | 'median' | 'maximum'> {
  const of = Math.max(1, multiples.length);
  const mean = multiples.reduce((sum, one) => sum + one, 0) / of;
  const spread = Math.sqrt(multiples.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, of - 1) / of);
  return { minimum: Math.max(0, mean - 1.96 * spread), median: mean, maximum: mean === 0 ? atMost : mean + 1.96 * spread };
}

function policyOf(type: string, blockRows: number | null): Policy {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: bench}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:1"}}}
  falseAlarms: {atMost: 1, per: 100 windows${blockRows === null ? '' : `, blocks: ${blockRows}`}}
  schema: {inputs: [{name: x, type: number}]}
  window: {rows: ${WINDOW_ROWS}}
  monitors: [{name: drift, detectors: {numeric: {type: adwin}}}]
`;
  const known = new Map(detectors.map((detector) => [detector.type, detector]));
  const { policy, mistakes } = parsePolicy(text, 'bench.yaml', { detectors: known, env: {} });
  if (policy === null) throw new Error(mistakes.map(({ message }) => message).join('; '));
  // The slot of numbers does not offer detectors of zeros and ones; what they are calibrated by is the same.
  const [monitor] = policy.monitors;
  return { ...policy, monitors: [{ ...monitor!, numeric: { type, options: {}, effectAtLeast: null, written: [] } }] };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      detector: { type: 'string' },
      stream: { type: 'string' },
      first: { type: 'string', default: '0' },
      references: { type: 'string', default: '40' },
      values: { type: 'string', default: '250000' },
    },
  });
  const finish = circumstances();
  const report = await benchStreamingFalseAlarms(
    { first: Number(values.first), references: Number(values.references), values: Number(values.values) },
    values,
  );
  process.stdout.write(`${describeReport(report, finish(report.versions))}\n`);
}
