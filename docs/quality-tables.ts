/**
 * The tables of docs/detectors.md that were measured: docs/quality.json, written by `npm run quality`, as Markdown.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Measured, Watched } from '../bench/quality.ts';

const TITLES: { readonly [watched in Watched]: string } = {
  errors: 'Errors, from labels',
  numbers: 'Columns of numbers',
  categories: 'A column of categories',
  together: 'All columns together',
  schema: 'No detector: the schema’s own checks',
};

const STREAMS: { readonly [stream: string]: string } = {
  generated: 'independent rows',
  elec2: 'Elec2, rows that depend on each other',
};

/** From here on a change counts as found. */
const FOUND = 0.8;

/** What `npm run quality` wrote. */
export function readQuality(): Measured[] {
  // Written by bench/quality.ts alone.
  return JSON.parse(readFileSync(path.join(import.meta.dirname, 'quality.json'), 'utf8')) as Measured[];
}

/** One table for each thing watched and each stream. */
export function qualityTables(measured: readonly Measured[]): string {
  let page = '';
  for (const watched of Object.keys(TITLES) as Watched[]) {
    for (const [stream, about] of Object.entries(STREAMS)) {
      const rows = measured.filter((one) => one.watched === watched && one.stream === stream);
      if (rows.length > 0) page += `**${TITLES[watched]}: ${about}**\n\n${table(rows)}\n`;
    }
  }
  return page;
}

/** Detectors of which there is no measurement. */
export function unmeasured(measured: readonly Measured[], types: readonly string[]): string[] {
  return types.filter((type) => !measured.some(({ detector }) => detector === type));
}

function table(rows: readonly Measured[]): string {
  const isSeen = (kind: string) => rows.some(({ injected }) => injected.some((one) => one.kind === kind && foundOf(one.missed) >= FOUND));
  // Gaps are no values: where no detector tells of them, columns of dashes would only hide the others.
  const changes = rows[0]!.injected.filter(({ kind }) => kind !== 'missing' || isSeen(kind));
  const head = ['Detector', 'Runs', 'False alarms (95 %)', ...changes.map(({ kind, size }) => `${kind} ${size}`)];
  const lines = rows.map(({ detector, runs, falseAlarms, injected, remarks }) => {
    const alarms = `${percent(falseAlarms.share)} (${percent(falseAlarms.low)} to ${percent(falseAlarms.high)})${withoutLevel(remarks)}`;
    const cells = changes.map(({ kind, size }) => {
      const { missed, delayRows } = injected.find((one) => one.kind === kind && one.size === size)!;
      return missed === null ? '*firing*' : found(foundOf(missed), delayRows?.median ?? null);
    });
    return `| \`${detector}\` | ${runs} | ${alarms} | ${cells.join(' | ')} |`;
  });
  return `| ${head.join(' | ')} |\n|---|---:|---|${'---:|'.repeat(changes.length)}\n${lines.join('\n')}\n`;
}

/** What the calibration had to say of columns that it could give no level: there the detector is silent. */
function withoutLevel(remarks: readonly string[]): string {
  const silent = remarks.filter((remark) => remark.startsWith('calibration: ')).length;
  return silent === 0 ? '' : `; no level for ${silent} column${silent === 1 ? '' : 's'}`;
}

/** 0 also where an alert fired before every change. */
function foundOf(missed: Measured['injected'][number]['missed']): number {
  return missed === null ? 0 : 1 - missed.share;
}

/** Share found and rows until then; bold where four in five were. */
function found(share: number, rows: number | null): string {
  if (share === 0 || rows === null) return '–';
  const text = `${Math.round(100 * share)} %`;
  return `${share >= FOUND ? `**${text}**` : text}, ${rows}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
