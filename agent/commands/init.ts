/**
 * `driftline init`: a policy, its reference and its editor schema from a data file or a model; guesses marked for review.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { ConfigError } from '../../contracts/errors.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';
import { policySchema, protocols } from '../../policies/schema.ts';
import { remedyFor } from '../../policies/suggest.ts';
import { figure, percent, several } from '../compare/words.ts';
import { readData } from '../data/file.ts';
import { delimiterHint } from '../delimiter.ts';
import { type GuessedColumn, guessColumns } from '../init/guess.ts';
import { guessModel } from '../init/model.ts';
import { type Draft, policyText } from '../init/policy-text.ts';
import { MOST_REFERENCE_ROWS, referenceSketch, referenceText } from '../init/reference-file.ts';
import { columnIndex } from '../table.ts';

interface InitFlags {
  readonly from: string;
  readonly output: string;
  readonly target?: string;
  readonly upstream?: string;
  readonly protocol: string;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly sketch?: boolean;
}

/** One map for all uses: the checks of a policy are compiled once for it. */
const KNOWN = new Map(detectors.map((detector) => [detector.type, detector]));
const POLICY = 'policy.yaml';
const REFERENCE = 'reference.csv';
const REFERENCE_SKETCH = 'reference.sketch.json';
const EDITOR_SCHEMA = 'policy.schema.json';
const UPSTREAM = 'http://127.0.0.1:8081';
const STRONG_AUTOCORRELATION = 0.3;
/** Rows that a window should have: what most tests are judged from where nothing is said. */
const ENOUGH_WINDOW_ROWS = 100;

/** The command. @throws ConfigError or ScorerError for a wrong argument, file or model */
export function initCommand(): Command {
  return new Command('init')
    .summary('a policy from a data file or a model')
    .description(
      'Writes policy.yaml, with guesses marked # REVIEW, and reference.csv from a data file (CSV, JSON lines, Parquet; .gz too), or policy.yaml ' +
        'alone from an ONNX model. Columns that identify someone or something are left out of both. Nothing is asked, and nothing overwritten.',
    )
    .requiredOption('--from <file>', 'rows that the model was trained on or has seen, or the model as .onnx')
    .option('--output <dir>', 'folder to write to', '.')
    .option('--target <column>', 'the label, which no request carries')
    .option('--upstream <url>', `the model server (default: ${UPSTREAM}, marked for review)`)
    .option('--protocol <name>', `what the bodies mean: ${protocols.join(', ')}`, 'auto')
    .option('--sketch', 'a reference without rows: counts and quantiles of every column, in reference.sketch.json')
    .option('--dry-run', 'print the policy and write nothing')
    .option('--force', 'overwrite files that are there')
    .option('--yes', 'for scripts: nothing is asked, with or without it')
    .action(init);
}

async function init(flags: InitFlags): Promise<void> {
  if (!(protocols as readonly string[]).includes(flags.protocol))
    throw new ConfigError('usage', `--protocol ${flags.protocol}: there is none; ${remedyFor(flags.protocol, protocols, '')}`);
  const isModel = /\.onnx$/i.test(flags.from);
  if (isModel && flags.sketch === true)
    throw new ConfigError('usage', `--sketch: a model has no rows to sketch; give a data file with --from`);
  if (!isModel && (await isPipe(flags.from))) throw new ConfigError('usage', `--from ${flags.from}: is read twice; name a file`);
  const plan = isModel ? await fromModel(flags) : await fromData(flags);
  const text = policyText(plan.draft);
  // Before anything is written; the files that it names are not there yet.
  verify(text, path.join(flags.output, POLICY), true);
  if (flags.dryRun === true) {
    process.stdout.write(text);
    for (const line of plan.found) process.stderr.write(`${line}\n`);
    const would = [POLICY, ...(plan.reference === null ? [] : [plan.reference.name]), EDITOR_SCHEMA].map((name) =>
      path.join(flags.output, name),
    );
    process.stderr.write(`dry run: would write ${would.join(', ')}\n`);
    return;
  }
  const written = await write(flags, text, plan.reference);
  verify(text, path.join(flags.output, POLICY), false);
  const review = text.match(/# REVIEW/g)?.length ?? 0;
  const policy = path.join(flags.output, POLICY);
  const lines = [
    ...plan.found,
    '',
    ...written,
    'the columns stand in the policy itself, under `schema`',
    '',
    `Next: look at the ${several(review, 'line')} marked REVIEW in ${policy}, then`,
    `  driftline check ${policy}`,
    `  driftline run -c ${policy}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

interface Plan {
  readonly draft: Draft;
  /** What was found, for the user. */
  readonly found: readonly string[];
  /** Pieces of the reference file; null = none. */
  readonly reference: Reference | null;
}

/** The reference file to write. */
interface Reference {
  readonly name: string;
  readonly pieces: AsyncIterable<string>;
  /** What is in it, for the user. */
  readonly holds: string;
}

async function fromData(flags: InitFlags): Promise<Plan> {
  const data = await readData(flags.from);
  if (flags.target !== undefined)
    columnIndex(
      data.columns.map(({ name }) => name),
      flags.target,
      flags.from,
    );
  const { columns, leftOut } = guessColumns(data.columns, flags.target ?? null);
  if (columns.length === 0) {
    const why = leftOut.map(({ name, why: reason }) => `${name}: ${reason}`).join('; ');
    throw new ConfigError('no-columns', `${flags.from}: has no column to watch (${why})`);
  }
  const rows = Math.min(data.rows, MOST_REFERENCE_ROWS);
  // Free text is not compared, and may say anything about anyone.
  const compared = columns.filter(({ type }) => type !== 'text');
  const reference: Reference | null =
    compared.length === 0
      ? null
      : flags.sketch === true
        ? {
            name: REFERENCE_SKETCH,
            pieces: referenceSketch(flags.from, compared, data.columns),
            holds: `${several(data.rows, 'row')} counted and none kept; single values and the names of categories are in it`,
          }
        : {
            name: REFERENCE,
            pieces: referenceText(flags.from, compared, data.rows),
            holds: `${several(rows, 'row')}, only columns that are compared`,
          };
  const used = new Set(columns.map(({ name }) => name));
  const dependent = data.columns.some(({ name, autocorrelation }) => used.has(name) && (autocorrelation ?? 0) > STRONG_AUTOCORRELATION);
  const windowRows = rows >= 5_000 ? 1_000 : Math.max(10, Math.floor(rows / 5));
  const notes: string[] = [];
  if (windowRows < ENOUGH_WINDOW_ROWS)
    notes.push(
      `only ${several(data.rows, 'row')}: windows of ${windowRows} show none but large changes (driftline check says how large); give some thousand rows where there are`,
    );
  const hint = data.format === 'csv' ? delimiterHint(data.columns.map(({ name }) => name)) : null;
  if (hint !== null) notes.push(`${flags.from}: ${hint}`);
  const width = Math.min(30, Math.max(...data.columns.map(({ name }) => name.length)));
  const label = (name: string, what: string, rest: string) => `  ${name.padEnd(width)}  ${what.padEnd(11)}  ${rest}`;
  return {
    draft: {
      ...draftOf(flags),
      inputs: columns,
      leftOut,
      reference: reference?.name ?? null,
      windowRows,
      notes,
      dependent,
    },
    found: [
      `${flags.from}: ${several(data.rows, 'row')}, ${several(data.columns.length, 'column')} (${data.format})`,
      ...columns.map((column) => label(column.name, column.type, inWords(column))),
      ...leftOut.map(({ name, kind, why, propose }) =>
        label(name, `(${kind})`, `left out: ${why}${propose === null ? '' : `; ${propose} it`}`),
      ),
      ...notes.map((note) => `  ${note}`),
    ].map(printable),
    reference,
  };
}

async function fromModel(flags: InitFlags): Promise<Plan> {
  const { inputs, outputs, prediction, notes } = await guessModel(flags.from);
  const fallback = path.relative(path.resolve(flags.output), path.resolve(flags.from));
  return {
    draft: { ...draftOf(flags), inputs, outputs, prediction, notes, fallback, windowRows: 500 },
    found: [
      `${flags.from}: ${several(inputs.length, 'input column')}, ${several(outputs.length, 'output column')}`,
      ...inputs.map(({ name, type }) => `  input   ${name}  ${type}`),
      ...outputs.map(({ name, type }) => `  output  ${name}  ${type}${name === prediction ? ', taken for the prediction' : ''}`),
      ...notes.map((note) => `  ${note}`),
      '  no reference: a model has no rows; it is learned from the first 1,000 rows of traffic',
    ].map(printable),
    reference: null,
  };
}

function draftOf(flags: InitFlags): Draft {
  const stem = path.basename(flags.from).replace(/(\.(csv|tsv|txt|ndjson|jsonl|json|parquet|pq|onnx|gz))+$/i, '');
  const name = stem
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '');
  return {
    from: path.basename(flags.from),
    name: name === '' ? 'model' : name,
    upstream: flags.upstream ?? UPSTREAM,
    upstreamGiven: flags.upstream !== undefined,
    protocol: flags.protocol,
    inputs: [],
    outputs: [],
    leftOut: [],
    target: flags.target ?? null,
    prediction: null,
    reference: null,
    windowRows: 500,
    dependent: false,
    editorSchema: EDITOR_SCHEMA,
    fallback: null,
    notes: [],
  };
}

/** The files, beside and renamed, the policy last: where it stands, what it names stands too. @throws ConfigError when one is there */
async function write(flags: InitFlags, text: string, reference: Plan['reference']): Promise<string[]> {
  const at = (name: string) => path.join(flags.output, name);
  const names = [POLICY, ...(reference === null ? [] : [reference.name]), EDITOR_SCHEMA];
  const there = names.map(at).filter((file) => existsSync(file));
  if (flags.force !== true && there.length > 0)
    throw new ConfigError(
      'exists',
      `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already; choose another --output, or give --force`,
    );
  const beside: string[] = [];
  const put = async (name: string, how: (file: string) => Promise<void>) => {
    const file = `${at(name)}.${process.pid}.tmp`;
    beside.push(file);
    await how(file);
    await rename(file, at(name));
  };
  try {
    await mkdir(flags.output, { recursive: true });
    if (reference !== null) await put(reference.name, (file) => pipeline(Readable.from(reference.pieces), createWriteStream(file)));
    await put(EDITOR_SCHEMA, (file) => writeFile(file, `${JSON.stringify(policySchema(KNOWN), null, 2)}\n`));
    await put(POLICY, (file) => writeFile(file, text));
  } catch (cause) {
    await Promise.all(beside.map((file) => rm(file, { force: true })));
    if (cause instanceof ConfigError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError('output', `cannot write to ${flags.output} (${why}); choose another folder with --output`, [], cause);
  }
  return [
    `wrote ${at(POLICY)}`,
    ...(reference === null ? [] : [`wrote ${at(reference.name)} (${reference.holds})`]),
    `wrote ${at(EDITOR_SCHEMA)} (for editors that know yaml-language-server)`,
  ];
}

/** A policy that `check` refuses is a mistake in the arguments, or a bug of ours. */
function verify(text: string, file: string, withoutFiles: boolean): void {
  const { mistakes } = parsePolicy(text, file, { detectors: KNOWN });
  const real = mistakes.filter((mistake) => !(withoutFiles && mistake.path === 'spec.reference.path'));
  if (real.length > 0)
    throw new ConfigError('refused', `the policy would be refused: ${real.slice(0, 3).map(formatMistake).join('; ')}`, real);
}

function inWords({ type, min, max, values, maxMissing, required, review }: GuessedColumn): string {
  const range = min === null || max === null ? null : `${figure(min)} to ${figure(max)}`;
  const list = values === null ? null : `${values.slice(0, 4).join(', ')}${values.length > 4 ? ` and ${values.length - 4} more` : ''}`;
  const missing = maxMissing !== null ? `up to ${percent(maxMissing)} missing` : required ? 'always there' : null;
  const note = type === 'text' ? review[0]! : (review.find((line) => line.startsWith('constant')) ?? null);
  return [range ?? list, missing, note].filter((part) => part !== null).join('; ');
}

async function isPipe(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null))?.isFIFO() ?? false;
}

/** A file's texts must not steer the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
