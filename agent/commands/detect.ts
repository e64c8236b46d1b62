/**
 * `driftline detect`: a streaming detector over a column of a CSV file, or over numbers on stdin; one line per change of level.
 */
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { Command } from 'commander';
import type { Level, StreamingDefinition, StreamingDetector } from '../../contracts/detector.ts';
import { ConfigError } from '../../contracts/errors.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectorOf, detectors } from '../../detectors/catalogue.ts';
import { suggest } from '../../policies/suggest.ts';
import { parseOptions } from '../option-text.ts';
import { columnIndex, numberCell, openTable, streamTable, type TableStream } from '../table.ts';

interface DetectFlags {
  readonly detector: string;
  readonly option?: readonly string[];
  readonly column?: string;
  readonly json?: boolean;
}

/** The command; exit code 0 whatever it found. */
export function detectCommand(): Command {
  const collect = (word: string, before: readonly string[] = []) => [...before, word];
  return new Command('detect')
    .summary('a detector over a column, or over numbers on stdin')
    .description(
      'Runs a streaming detector over one column of a CSV file (.gz is read too), or over numbers on stdin, one a line. ' +
        'Prints one line per change of level, and one for every drift; index is the 0-based data row.',
    )
    .argument('[stream.csv]', 'the file; stdin without it')
    .requiredOption('--detector <type>', `the detector: ${streamingTypes().join(', ')}`)
    .option('--option <name=value>', 'an option of the detector, as in a policy; may be repeated', collect)
    .option('--column <name>', 'the column to watch')
    .option('--json', 'print JSON lines')
    .action(detect);
}

async function detect(file: string | undefined, flags: DetectFlags): Promise<void> {
  const definition = streamingDefinition(flags.detector);
  const options = withDefaults(definition.options, parseOptions(definition.options, flags.option ?? [], definition.type));
  const { cells, name } = await cellsOf(file, flags.column);
  const output = new Lines(process.stdout);
  const seen = await follow(definition.create(options), definition.observes === 'binary', cells, async (change) => {
    return output.write(flags.json === true ? JSON.stringify(change) : inWords(change));
  });
  const tally = `${seen.values} values, ${seen.drifts} drift${seen.drifts === 1 ? '' : 's'}, ${seen.warnings} warning${seen.warnings === 1 ? '' : 's'}`;
  if (flags.json !== true) process.stderr.write(`${definition.type} on ${name}: ${tally}\n`);
  if (seen.skipped > 0) {
    const wanted = definition.observes === 'binary' ? '0 or 1' : 'a finite number';
    process.stderr.write(
      `driftline: ${seen.skipped} cell${seen.skipped === 1 ? ' is' : 's are'} not ${wanted} and ${seen.skipped === 1 ? 'was' : 'were'} skipped\n`,
    );
  }
}

/** One line of the output. */
interface Change {
  /** 0-based row of the file. */
  readonly index: number;
  readonly level: Exclude<Level, 'warming-up'>;
  readonly statistic: number | null;
  readonly threshold: number | null;
  /** At drift: how many of the newest values belong to the new concept. */
  readonly changedFor: number | null;
}

interface Tally {
  values: number;
  skipped: number;
  drifts: number;
  warnings: number;
}

/** Feeds the cells to the detector and tells each change, until the cells end or `tell` answers false. */
async function follow(
  detector: StreamingDetector,
  binary: boolean,
  cells: AsyncIterable<string>,
  tell: (change: Change) => Promise<boolean>,
): Promise<Tally> {
  const tally: Tally = { values: 0, skipped: 0, drifts: 0, warnings: 0 };
  let last: Change['level'] = 'stable';
  let index = -1;
  for await (const cell of cells) {
    index++;
    const value = numberCell(cell);
    if (value === null || (binary && value !== 0 && value !== 1)) {
      tally.skipped++;
      continue;
    }
    tally.values++;
    const given = detector.update(value);
    // A detector that begins anew has nothing against the stream.
    const level = given === 'warming-up' ? 'stable' : given;
    if (level === last && level !== 'drift') continue;
    last = level;
    if (level === 'drift') tally.drifts++;
    if (level === 'warning') tally.warnings++;
    const { statistic, threshold, changedFor } = detector;
    if (!(await tell({ index, level, statistic, threshold, changedFor }))) break;
  }
  return tally;
}

/** The cells to watch, and what to call them. */
async function cellsOf(file: string | undefined, column: string | undefined): Promise<{ cells: AsyncIterable<string>; name: string }> {
  const fromStdin = file === undefined || file === '-';
  if (fromStdin && column === undefined) return { cells: createInterface({ input: process.stdin, crlfDelay: Infinity }), name: 'stdin' };
  const source = fromStdin ? 'stdin' : file;
  const table = fromStdin ? await streamTable(process.stdin, source) : await openTable(file);
  try {
    const index = chosenColumn(table.columns, column, source);
    return { cells: columnOf(table, index), name: table.columns[index]! };
  } catch (error) {
    // An open stdin would keep the process waiting.
    await table.rows.return();
    throw error;
  }
}

function chosenColumn(columns: readonly string[], column: string | undefined, source: string): number {
  if (column !== undefined) return columnIndex(columns, column, source);
  if (columns.length === 1) return 0;
  throw new ConfigError('usage', `${source}: has ${columns.length} columns; choose one with --column (${columns.join(', ')})`);
}

async function* columnOf({ rows }: TableStream, index: number): AsyncGenerator<string, void, undefined> {
  for await (const row of rows) yield row[index]!;
}

function streamingDefinition(type: string): StreamingDefinition {
  const definition = detectorOf(type);
  if (definition?.kind === 'streaming') return definition;
  const types = streamingTypes();
  if (definition === null) {
    const near = suggest(type, types);
    throw new ConfigError(
      'unknown-detector',
      `--detector ${type}: there is none${near === null ? '' : `; did you mean ${near}?`} (${types.join(', ')})`,
    );
  }
  throw new ConfigError(
    'usage',
    `--detector ${type}: compares a window with a reference and has no level for a single value; use it as a monitor in a policy, or one of ${types.join(', ')} here`,
  );
}

function streamingTypes(): string[] {
  return detectors.filter((detector) => detector.kind === 'streaming').map((detector) => detector.type);
}

function inWords({ index, level, statistic, threshold, changedFor }: Change): string {
  const figures =
    statistic === null || threshold === null
      ? ''
      : `  ${statistic.toPrecision(4)} ${level === 'drift' ? 'above' : 'against'} ${threshold.toPrecision(4)}`;
  return `row ${index}  ${level}${figures}${changedFor === null ? '' : `  changed for ${changedFor} values`}`;
}

/** Lines to a stream that may be slow, or closed by its reader (`| head`). */
class Lines {
  readonly #stream: Writable;
  #open = true;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.#open = false;
    });
  }

  /** Resolves when there is room again; false once the reader has gone. */
  async write(line: string): Promise<boolean> {
    if (!this.#open || this.#stream.write(`${line}\n`)) return this.#open;
    await new Promise<void>((resolve) => {
      const settle = () => {
        for (const event of ['drain', 'error', 'close']) this.#stream.off(event, settle);
        resolve();
      };
      for (const event of ['drain', 'error', 'close']) this.#stream.on(event, settle);
    });
    return this.#open;
  }
}
