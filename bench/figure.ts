/**
 * One row of a benchmark, and how rows are shown.
 */
import { arch, cpus, loadavg, release } from 'node:os';

/** One figure: what was measured in so many runs. */
export interface Figure {
  readonly figure: string;
  readonly unit: string;
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
  readonly runs: number;
  /** 95 % bootstrap interval of the median; absent where runs are too few for one. */
  readonly interval?: readonly [low: number, high: number];
  /** What the median should not exceed; absent where nothing was promised. */
  readonly atMost?: number;
}

/** Fewer runs than this have no interval. */
const FEWEST_RUNS = 5;
const RESAMPLES = 2_000;

/** Where and when figures were taken. */
export interface Circumstances {
  readonly machine: string;
  readonly versions: { readonly [program: string]: string };
  /** Load averages over one minute, before and after: other work on the machine makes figures worse. */
  readonly load: { readonly before: number; readonly after: number };
  /** UTC. */
  readonly date: string;
}

/** What a benchmark gives. */
export interface Report {
  readonly name: string;
  /** What was done, for the reader of the figures. */
  readonly about: string;
  readonly figures: readonly Figure[];
  readonly versions: { readonly [program: string]: string };
}

/** Puts the runs of one figure into its row. @param atMost what the median should not exceed */
export function figureOf(figure: string, unit: string, values: readonly number[], atMost?: number): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    figure,
    unit,
    minimum: sorted[0]!,
    median: middleOf(sorted),
    maximum: sorted.at(-1)!,
    runs: sorted.length,
    ...(sorted.length < FEWEST_RUNS ? {} : { interval: bootstrap(sorted, medianOf) }),
    ...(atMost === undefined ? {} : { atMost }),
  };
}

/**
 * The median of ours less `times` that of theirs, of pairs of one round each: what two medians say of each other, where both have long tails of
 * their own. Least and most are of the pairs.
 */
export function figureOfMedians(
  figure: string,
  unit: string,
  pairs: readonly (readonly [ours: number, theirs: number])[],
  times: number,
  atMost: number,
): Figure {
  const between = (some: typeof pairs) => medianOf(some.map(([ours]) => ours)) - times * medianOf(some.map(([, theirs]) => theirs));
  const pair = figureOf(
    figure,
    unit,
    pairs.map(([ours, theirs]) => ours - times * theirs),
    atMost,
  );
  return { ...pair, median: between(pairs), ...(pair.interval === undefined ? {} : { interval: bootstrap(pairs, between) }) };
}

/** Met when the interval's upper end is within what was promised, open when the interval straddles it. */
export function verdictOf({ atMost, interval, median }: Figure): 'met' | 'open' | 'missed' | null {
  if (atMost === undefined) return null;
  const [low, high] = interval ?? [median, median];
  return high <= atMost ? 'met' : low <= atMost ? 'open' : 'missed';
}

/** The median of at least one value. */
export function medianOf(values: readonly number[]): number {
  return middleOf(values.toSorted((a, b) => a - b));
}

function middleOf(sorted: readonly number[]): number {
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

/** Percentile bootstrap (Efron 1979), with a seed, so that the same runs give the same interval. */
function bootstrap<T>(runs: readonly T[], statistic: (runs: readonly T[]) => number): [number, number] {
  let state = 1;
  const draw = () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return runs[Math.floor((state / 2 ** 32) * runs.length)]!;
  };
  const drawn = Array.from({ length: RESAMPLES }, () => statistic(Array.from(runs, draw))).sort((a, b) => a - b);
  return [drawn[Math.floor(0.025 * RESAMPLES)]!, drawn[Math.ceil(0.975 * RESAMPLES) - 1]!];
}

/** Reads the clock and the load; the answer reads them again and gives the circumstances of what ran in between. */
export function circumstances(): (versions: Report['versions']) => Circumstances {
  const before = loadavg()[0]!;
  return (versions) => ({
    machine: `${cpus().length} × ${cpus()[0]?.model ?? arch()}, Linux ${release()}`,
    versions: { node: process.versions.node, ...versions },
    load: { before, after: loadavg()[0]! },
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  });
}

/** The report as a Markdown section. */
export function describeReport({ name, about, figures }: Report, where: Circumstances): string {
  const versions = Object.entries(where.versions).map(([program, version]) => `${program} ${version}`);
  return [
    `## ${name}`,
    '',
    about,
    '',
    `${where.machine}; ${versions.join(', ')}; load average ${where.load.before.toFixed(1)} before, ${where.load.after.toFixed(1)} after; ${where.date} UTC.`,
    '',
    '| figure | unit | minimum | median | 95 % of the median | maximum | runs | to reach |',
    '|---|---|---:|---:|---:|---:|---:|---|',
    ...figures.map((row) => {
      const interval = row.interval === undefined ? '' : `${short(row.interval[0])}–${short(row.interval[1])}`;
      const target = row.atMost === undefined ? '' : `≤ ${short(row.atMost)}: ${verdictOf(row)}`;
      return `| ${row.figure} | ${row.unit} | ${short(row.minimum)} | ${short(row.median)} | ${interval} | ${short(row.maximum)} | ${row.runs} | ${target} |`;
    }),
    '',
  ].join('\n');
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}
