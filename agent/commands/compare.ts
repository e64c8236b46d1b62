/**
 * `driftline compare`: two data files, column by column.
 */
import { rename, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import type { Comparison, CompareSettings } from '../compare/columns.ts';
import { compareData } from '../compare/compare.ts';
import { reportOf } from '../compare/report.ts';
import { headlineOf, rulesOf, tableOf } from '../compare/table.ts';
import { readData } from '../data/file.ts';

interface CompareFlags {
  readonly json?: boolean;
  readonly html?: string;
  readonly columns?: string;
  readonly threshold: string;
  readonly q: string;
  readonly minSamples: string;
}

/** The command; sets the exit code: 0 no drift, 1 drift. */
export function compareCommand(): Command {
  return new Command('compare')
    .summary('two data files, column by column')
    .description(
      'Compares two data files (CSV, JSON lines, Parquet; the first two also as .gz) column by column, with a test chosen by type and size: ' +
        'numbers by Kolmogorov–Smirnov, categories and numbers of few levels by chi-squared or Fisher. Exit 1 when a column has drifted.',
    )
    .argument('<reference>', 'what counts as normal')
    .argument('<current>', 'what is held against it')
    .option('--columns <names>', 'compare these columns only, separated by commas')
    .option('--threshold <effect>', 'least effect that is drift: D of Kolmogorov–Smirnov, Cramér’s V', '0.1')
    .option('--q <level>', 'level of the p-values adjusted over all tests', '0.05')
    .option('--min-samples <n>', 'values that each side must have', '30')
    .option('--html <file>', 'write a report to look at, in one file')
    .option('--json', 'print one JSON object and nothing else')
    .addHelpText(
      'after',
      '\nAt most 10 million cells of a file are kept (500,000 rows of 20 columns); of a larger one an even random sample is compared.',
    )
    .action(compare);
}

async function compare(reference: string, current: string, flags: CompareFlags): Promise<void> {
  const settings: CompareSettings = {
    q: share('--q', flags.q),
    threshold: share('--threshold', flags.threshold),
    minSamples: Number(flags.minSamples),
  };
  if (!Number.isInteger(settings.minSamples) || settings.minSamples < 2)
    throw new ConfigError('argument', '--min-samples is a whole number from 2');
  const columns = flags.columns?.split(',').map((name) => name.trim()) ?? null;
  const before = await readData(reference, { columns });
  const now = await readData(current, { columns });
  const comparison = compareData(before, now, settings);
  if (flags.html !== undefined) await write(flags.html, reportOf(comparison));
  if ([...comparison.columns, comparison.together].some((one) => one?.verdict === 'drift')) process.exitCode = 1;
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(asJson(comparison), null, 2)}\n`);
    return;
  }
  const terminal = process.stdout.isTTY === true;
  const layout = { width: terminal ? process.stdout.columns : null, colour: terminal && !process.env.NO_COLOR };
  process.stdout.write(`${tableOf(comparison, layout).join('\n')}\n`);
  for (const note of comparison.notes) process.stderr.write(`note: ${note}\n`);
  process.stderr.write(`${rulesOf(comparison)}\n${headlineOf(comparison)}\n`);
  if (flags.html !== undefined) process.stderr.write(`report: ${flags.html}\n`);
}

/** Pictures are for the report: they weigh more than the figures. */
function asJson({ columns, ...rest }: Comparison): object {
  const drifted = columns.filter(({ verdict }) => verdict === 'drift').length;
  return {
    verdict: drifted > 0 || rest.together?.verdict === 'drift' ? 'drift' : 'same',
    drifted,
    ...rest,
    columns: columns.map(({ picture, ...column }) => column),
  };
}

/** Beside and renamed: a report that is open is the old one or the new one. */
async function write(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(beside, text);
    await rename(beside, file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError('output', `cannot write ${file} (${why}); choose another place with --html`, [], cause);
  }
}

function share(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value < 1) return value;
  throw new ConfigError('argument', `${option} is a number between 0 and 1`);
}
