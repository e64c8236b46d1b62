/**
 * `driftline backtest`: what a policy would have said of data, how often it alarms for nothing, and what it misses.
 */
import { rename, writeFile } from 'node:fs/promises';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { loadPolicy } from '../../policies/load.ts';
import { backtest } from '../backtest/backtest.ts';
import { reportOf } from '../backtest/report.ts';
import { readReferenceLabels, readRows } from '../backtest/rows.ts';
import { headlineOf, linesOf } from '../backtest/words.ts';
import { readReferences, remarksOnFiles } from '../reference.ts';

interface BacktestFlags {
  readonly json?: boolean;
  readonly html?: string;
  readonly label?: string;
  readonly time?: string;
  readonly seed: string;
  readonly runs: string;
}

/** The command; sets the exit code: 0 nothing fired on the data, 1 something did. */
export function backtestCommand(): Command {
  return new Command('backtest')
    .summary('what a policy would have said of data, its false alarms and what it misses')
    .description(
      'Replays data files (CSV, JSON lines, Parquet) through the analysis under a virtual clock: what would have fired. Then replays the ' +
        'reference in blocks: how often a healthy window alarms, and how many changes of several kinds and sizes are missed. The same seed ' +
        'gives the same figures. Exit 1 when something fired on the data.',
    )
    .argument('<policy.yaml>', 'the policy')
    .argument('<data...>', 'rows in time order; columns are named as in the policy’s schema')
    .option('--label <column>', 'column of the true answers, told as feedback right after each row')
    .option('--time <column>', 'column of the times at which rows came; without it they come at an even rate')
    .option('--runs <n>', 'replays of the reference (50 windows each), and changes of each size', '20')
    .option('--seed <n>', 'same seed, same figures', '1')
    .option('--html <file>', 'write a report to look at, in one file')
    .option('--json', 'print one JSON object and nothing else')
    .action(run);
}

async function run(file: string, data: readonly string[], flags: BacktestFlags): Promise<void> {
  const runs = whole('--runs', flags.runs, 1, 10_000);
  const seed = whole('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER);
  const policy = loadPolicy(file, { detectors: new Map(detectors.map((detector) => [detector.type, detector])) });
  const files = await readReferences(policy);
  const referenceFile = files.main?.columns ?? new Map();
  const referenceLabels = flags.label === undefined ? null : await readReferenceLabels(policy, flags.label);
  const rows = await readRows(policy, data, flags);
  const bar = new SingleBar({
    format: 'replaying {bar} {percentage} % | {value} of {total} | {eta_formatted} left',
    // Draws nothing where this is no terminal.
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    // The replays compute on this very thread: the bar is drawn when a step is done, not by a timer.
    synchronousUpdate: true,
  });
  let started = false;
  const progress = (done: number, total: number) => {
    if (started) bar.update(done);
    else bar.start(total, done);
    started = true;
  };
  let result: Awaited<ReturnType<typeof backtest>>;
  try {
    const remarks = remarksOnFiles(policy, files);
    result = await backtest({ policy, referenceFile, referenceLabels, rows, remarks, seed, runs, progress });
  } finally {
    if (started) bar.stop();
  }
  if (flags.html !== undefined) await write(flags.html, reportOf(result));
  if (result.fired.length > 0) process.exitCode = 1;
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${linesOf(result).join('\n')}\n`);
  for (const remark of result.remarks) process.stderr.write(`note: ${remark}\n`);
  process.stderr.write(`${policy.name}: ${headlineOf(result)}\n`);
  if (flags.html !== undefined) process.stderr.write(`report: ${flags.html}\n`);
}

/** Beside and renamed: a report that is open is the old one or the new one. */
async function write(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(beside, text);
    await rename(beside, file);
  } catch (cause) {
    throw new ConfigError('unwritable', `--html ${file}: cannot be written; name a file in a folder that can be`, [], cause);
  }
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new ConfigError('argument', `${flag} is a whole number from ${least} to ${most}`);
  return value;
}
