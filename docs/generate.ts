/**
 * Writes what derives from the code: `docs/policies.md`, `docs/detectors.md` and the published JSON Schema. Run by `npm run docs`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DetectorDefinition } from '../contracts/detector.ts';
import type { OptionSchema } from '../contracts/options.ts';
import { detectors } from '../detectors/catalogue.ts';
import { policySchema } from '../policies/schema.ts';
import type { JsonSchema } from '../policies/schema-words.ts';
import { enumerate } from '../policies/suggest.ts';
import { unsupported } from '../policies/unsupported.ts';
import { choosing, measuring, notes } from './detectors-guide.ts';
import { readQuality, unmeasured, qualityTables } from './quality-tables.ts';

/** The generated files: path from the repository's root, and content. */
export function generate(): Map<string, string> {
  const schema = policySchema(new Map(detectors.map((detector) => [detector.type, detector])));
  return new Map([
    ['docs/policies.md', policiesPage(schema)],
    ['docs/detectors.md', detectorsPage()],
    ['policies/policy.schema.json', `${JSON.stringify(schema, null, 2)}\n`],
  ]);
}

const GENERATED = '<!-- Written by `npm run docs`; change the source instead. -->';

function policiesPage(schema: JsonSchema): string {
  return `${GENERATED}

# Policies

A policy is a YAML file: what Driftline watches, when that is an alert, and what is done then. \`driftline run -c policy.yaml\` takes it,
\`driftline check policy.yaml\` shows every mistake in it with its place and its remedy. Its JSON Schema is \`policies/policy.schema.json\`
(\`driftline check --schema\` prints it); put this on a policy's first line and editors complete and check the keys:

\`\`\`yaml
# yaml-language-server: $schema=policy.schema.json
\`\`\`

A key that is not in these tables is an error. The file is read again when it changes; a broken one leaves the old policy running, counted
and shown on the page. Kubernetes updates a mounted ConfigMap, but never one that is mounted with \`subPath\`.

- **Durations**: \`500ms\`, \`30s\`, \`5m\`, \`6h\`, \`7d\`. **Spans**: \`2 windows\`, or a duration. **Sizes**: \`64KiB\`, \`1MiB\`, or bytes.
- **Variables**: \`\${NAME}\` is the environment's value, in web addresses only; a missing one is a mistake.
- **Secrets** come by reference only. A key that ends in \`Ref\` names one; its value is the environment variable
  \`DRIFTLINE_SECRET_<NAME>\`, in upper case and with \`_\` for \`-\` (\`ticket-signing\` → \`DRIFTLINE_SECRET_TICKET_SIGNING\`), or else the file
  \`$DRIFTLINE_SECRETS_DIR/<name>\`.
- **Paths** of files start at the policy's folder.
- YAML's core schema: no merge keys, no tags of one's own, at most 1 MiB.

## Keys

\`[]\` stands for the items of a list, \`NAME\` for a name of your choice, **bold** keys are required where their parent is given.

${sections(schema)}
## Detectors

The keys beside \`type\` are the detector's options: [detectors](detectors.md).

## Slices

\`\`\`yaml
slices:
  - {name: region, by: [region], minSamples: 300, maxValues: 20}      # region=north, region=south …
  - {name: mobile, where: "channel == 'mobile' && age > 40", minSamples: 300}
\`\`\`

Every windowed test judges each slice against the same slice of the reference, and detectors of feedback watch each by itself. The most frequent
values of the reference are slices; the others are counted in \`/v1/status\`. While an alert of all rows fires, those of its slices are inhibited.
In a condition (CEL) numbers are doubles (\`age + 1.0\`), a missing value is \`null\`; rows on which it fails are in no slice, and counted.

## Data quality

\`\`\`yaml
monitors:
  - name: quality
    features: "*"
    detectors: {quality: {type: data-quality, effect: {atLeast: 0.01}, freshness: {within: 20m}}}
\`\`\`

Each check is a signal, which may stand under \`features\` as well: of a monitor with \`quality\`, or with a \`numeric\` detector of your own.

| Check | Signal | Is | Judged |
|---|---|---|---|
| \`missing\` | \`inputs.age.missing\` | 1 for a row without a value | share of a window against the reference’s, Fisher’s exact test |
| \`type\` | \`inputs.age.type\` | 1 for a value that is not of the column’s type | the same |
| \`range\` | \`inputs.age.range\` | 1 beyond \`min\` and \`max\`, or else beyond the reference’s | the same |
| \`unseen\` | \`inputs.region.unseen\` | 1 for a category outside \`values\`, or else the reference’s | the same |
| \`duplicates\` | \`rows.duplicates\` | 1 for a row of inputs that came before in the window | the same; not for streaming detectors |
| \`violations\` | \`schema.violations\` | 1 for a row that breaches the schema anywhere | the same |
| \`constant\` | \`inputs.age.constant\` | the column’s values | one value only, against the chance of that in the reference; with \`quality\` only |
| \`freshness\` | \`rows.freshness\` | silence | longer than \`within\`, or than three times the longest of a week; with \`quality\` only |
| \`rows\` | \`rows.count\` | rows of a unit of time | outside the bounds, or far from the usual at this hour of the week; with \`quality\` only |

## Data files

A reference, the rows of \`backtest\`, and what \`init\` and \`compare\` read are CSV, JSON lines or Parquet, the first two gzipped or not. JSON and
Parquet carry types and are taken at their word, as a call's body is. A cell of CSV is read alike by all of them:

- **Nothing**: an empty or blank cell, and \`NA\`, \`N/A\`, \`NaN\`, \`null\`, \`none\` in any letters. In a \`categorical\` column such a word is a category
  where \`values\` lists it (\`values: [NA, EU]\`), and nothing where it does not; \`init\` tells which words it took for nothing, and keeps them in \`reference.csv\`.
- **Numbers** are decimal (\`1.5\`, \`-3e2\`). \`0x10\`, \`true\`, a date in a column of numbers are values of another type; \`inf\` and \`Infinity\` are infinite,
  which no detector is shown.
- **true and false**, in any letters, and 1 and 0 in a \`boolean\` column.
- **Categories and text** are what stands there, without the blanks around it: \`007\`, \`True\`, \`31.01.2024\`. \`init\` leaves out columns of times.
- **Times** (\`backtest --time COLUMN\`) are ISO 8601, UTC where no zone stands there, or seconds or milliseconds since 1970, in order. Windows by time,
  \`seasonality\`, silences and the durations of alerts go by them; without the flag rows come at an even rate, \`traffic.expectedRows\` or one a second.

A reference file of more than 100,000 rows is thinned to 50,000 at least, in stretches of 2,000 neighbours drawn at random all over the file, so that replays still
have neighbours; \`check\`, \`backtest\` and the log say so. Rows that depend on each other over longer than that need a file of the newest 100,000.

## Not supported yet

These are part of the format and are refused until they work:

| Key | Value | Meanwhile |
|---|---|---|
${unsupported.map(({ position, value, instead }) => `| \`${position}\` | ${value === undefined ? '' : `\`${value}\``} | ${instead} |\n`).join('')}`;
}

interface Row {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  readonly fallback: unknown;
}

function sections(schema: JsonSchema): string {
  const rows = rowsOf(schema, '');
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const [first = '', second] = row.key.split('.');
    const group = first === 'spec' && second !== undefined ? `spec.${second.replace(/\[\]$/, '')}` : first;
    groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  let page = '| Key | Type | Default | Meaning |\n|---|---|---|---|\n';
  for (const [, group] of groups) {
    for (const { key, schema: node, required, fallback } of group) {
      page += `| ${required ? `**\`${key}\`**` : `\`${key}\``} | ${cell(typeOf(node))} | ${cell(defaultOf(fallback))} | ${cell(node.description ?? '')} |\n`;
    }
  }
  return page;
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  const rows: Row[] = [];
  const isDetector = /\.detectors\.(numeric|categorical|error)$/.test(prefix);
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    // A detector's own options stand on the detectors' page.
    if (typeof node === 'boolean' || (isDetector && name !== 'type' && name !== 'effect')) continue;
    const key = prefix === '' ? name : `${prefix}.${name}`;
    rows.push(
      { key, schema: node, required: schema.required?.includes(name) ?? false, fallback: node.default ?? branchDefault(schema, name) },
      ...below(node, key),
    );
  }
  const others = schema.additionalProperties;
  if (typeof others === 'object')
    rows.push({ key: `${prefix}.NAME`, schema: others, required: false, fallback: undefined }, ...below(others, `${prefix}.NAME`));
  return rows;
}

function below(node: JsonSchema, key: string): Row[] {
  if (node.type === 'object') return rowsOf(node, key);
  return node.items?.type === 'object' ? rowsOf(node.items, `${key}[]`) : [];
}

/** A default that holds for one type of thing only. */
function branchDefault(schema: JsonSchema, name: string): unknown {
  for (const { then } of schema.allOf ?? []) {
    const node = then?.properties?.[name];
    if (typeof node === 'object' && node.default !== undefined) return node.default;
  }
  return undefined;
}

function typeOf(node: JsonSchema): string {
  if (node.enum !== undefined) return node.enum.map((word) => `\`${word}\``).join(', ');
  if (node.title !== undefined) return node.title;
  if (node.type === 'array')
    return node.items?.type === 'object' ? 'list of maps' : `list of ${node.items?.enum === undefined ? 'texts' : typeOf(node.items)}`;
  const words: { readonly [type: string]: string } = {
    object: 'map',
    string: 'text',
    integer: 'whole number',
    number: 'number',
    boolean: '`true`, `false`',
  };
  const type = [node.type ?? []].flat().map((word) => words[word] ?? word);
  const from = node.minimum ?? node.exclusiveMinimum;
  const range = from === undefined ? '' : node.maximum === undefined ? `, from ${from}` : `, ${from} to ${node.maximum}`;
  return `${enumerate(type)}${range}`;
}

function defaultOf(value: unknown): string {
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function detectorsPage(): string {
  const observes = {
    binary: 'zeros and ones',
    number: 'numbers',
    category: 'categories',
    any: 'numbers or categories',
    rows: 'several columns',
  } as const;
  const needRows = enumerate(
    detectors.filter((detector) => detector.kind === 'windowed' && detector.sketched === undefined).map(({ type }) => `\`${type}\``),
  );
  let page = `${GENERATED}

# Detectors

Streaming detectors judge after every value; windowed tests compare a window with the reference. A policy names them by type and takes
their options beside it: \`{type: adwin, delta: 0.002}\`. \`driftline detect --detector adwin --option delta=0.002\` runs one over a column.
Against a [reference without rows](decisions/0013-a-reference-without-rows.md) all windowed tests run but ${needRows}.

${choosing}## All of them

| Type | Kind | Observes | Effect | What it says |
|---|---|---|---|---|
`;
  for (const detector of detectors) {
    const effect = detector.kind === 'windowed' ? `\`${detector.effect}\`` : '';
    page += `| [\`${detector.type}\`](#${detector.type}) | ${detector.kind} | ${observes[detector.observes]} | ${effect} | ${cell(detector.summary)} |\n`;
  }
  return `${page}\n${notesTable()}\n${qualitySection()}${detectors.map(optionsTable).join('')}`;
}

function notesTable(): string {
  const rows = detectors.map(({ type }) => {
    const { goodAt = '', badAt = '', needs = '', cost = '' } = notes[type] ?? {};
    return `| [\`${type}\`](#${type}) | ${[goodAt, badAt, needs, cost].map(cell).join(' | ')} |\n`;
  });
  return `Cost is of one value for streaming detectors, of one window for tests, on a busy machine ([how measured](../bench/results.md)).

| Type | Good at | Bad at, and when not to use it | Needs | Cost |
|---|---|---|---|---|
${rows.join('')}`;
}

function qualitySection(): string {
  const measured = readQuality();
  const missing = unmeasured(
    measured,
    detectors.map(({ type }) => type),
  );
  return `${measuring(measured)}${qualityTables(measured)}${missing.length === 0 ? '' : `Not measured yet: ${missing.map((type) => `\`${type}\``).join(', ')}.\n`}`;
}

function optionsTable(detector: DetectorDefinition): string {
  const options: { readonly [name: string]: OptionSchema } = detector.options;
  if (Object.keys(options).length === 0) return `\n## ${detector.type}\n\nNo options.\n`;
  const rows = Object.entries(options).map(
    ([name, option]) => `| \`${name}\` | ${cell(typeOf(option))} | ${cell(defaultOf(option.default))} | ${cell(option.description)} |\n`,
  );
  return `\n## ${detector.type}\n\n| Option | Type | Default | Meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

/** A table cell: a bar would end it. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

if (import.meta.main) {
  for (const [file, content] of generate()) writeFileSync(path.join(import.meta.dirname, '..', file), content);
}
