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
}

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

/** Puts the runs of one figure into its row. */
export function figureOf(figure: string, unit: string, values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
  return { figure, unit, minimum: sorted[0]!, median: middle, maximum: sorted.at(-1)!, runs: sorted.length };
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
    '| figure | unit | minimum | median | maximum | runs |',
    '|---|---|---:|---:|---:|---:|',
    ...figures.map(
      ({ figure, unit, minimum, median, maximum, runs }) =>
        `| ${figure} | ${unit} | ${short(minimum)} | ${short(median)} | ${short(maximum)} | ${runs} |`,
    ),
    '',
  ].join('\n');
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}
