/**
 * The part of the policy's JSON Schema about windows and what they are compared with.
 */
import { choice, count, duration, type JsonSchema, map, text, when } from './schema-words.ts';

/** A file that a reference is read from. */
const TABLE: JsonSchema = {
  title: 'a table or a sketch: .csv, .csv.gz, .ndjson, .jsonl, .parquet or .sketch.json',
  examples: ['reference.csv', 'reference.csv.gz', 'reference.parquet', 'reference.sketch.json'],
  pattern: '\\.(csv|ndjson|jsonl)(\\.gz)?$|\\.(parquet|sketch\\.json)$',
};

/** `spec.window`. */
export function windowSchema(): JsonSchema {
  return map(
    'The stretch of recent rows that windowed tests compare with the reference. Each model version has its own.',
    {
      type: choice('`tumbling`: one after another, without overlap; `sliding`: a new one every `step`.', ['tumbling', 'sliding'], {
        default: 'tumbling',
      }),
      rows: count('Rows a window. Default: 500, where there is no `span`.', { minimum: 10, maximum: 1_000_000 }),
      span: duration('Instead of `rows`: its length in time; windows begin at multiples of it (of `step`, sliding) since midnight, UTC.'),
      maxAge: duration(
        'With `rows`, tumbling: a window whose first row is so old ends with the rows it has. Such a short one is marked, and `insufficient` below `minSamples`.',
      ),
      step: {
        description:
          'Sliding: from one window to the next, in rows or in time as the window; the window is a multiple of it, at most 100 steps.',
        type: ['integer', 'string'],
        title: 'a number of rows or a duration',
        examples: ['100', '10m'],
        minimum: 1,
        maximum: 1_000_000,
        pattern: duration('').pattern!,
      },
    },
    {
      default: {},
      allOf: [
        { if: { required: ['span'] }, else: { properties: { rows: { default: 500 } } } },
        when('type', 'sliding', { required: ['step'], properties: { maxAge: false } }),
        when('type', 'tumbling', { properties: { step: false } }, true),
      ],
    },
  );
}

/** `spec.seasonality`. */
export function seasonalitySchema(): JsonSchema {
  return map('Compares a window with the same hours of the week before: for traffic that looks different by hour and weekday.', {
    compareTo: choice('What with.', ['same-hour-of-week'], { default: 'same-hour-of-week' }),
    when: text('From how many weeks of history on; before, the reference serves, and the finding says so.', {
      title: 'historyWeeks >= N, N from 1 to 26',
      examples: ['historyWeeks >= 3'],
      pattern: '^historyWeeks >= ([1-9]|1[0-9]|2[0-6])$',
      default: 'historyWeeks >= 3',
    }),
  });
}

/** `spec.reference`. */
export function referenceSchema(): JsonSchema {
  return map(
    'What counts as normal.',
    {
      source: choice(
        '`traffic`: learned from the first rows and then frozen; `file`: read from a table; `upstream`: the rows that another upstream serves in the same window.',
        ['traffic', 'file', 'upstream'],
        { default: 'traffic' },
      ),
      learn: map('traffic: how much is learned. Outputs are learned anew for each model version.', {
        rows: count('The first rows; with `minAge` so many at most, spread over it.', { minimum: 50, maximum: 1_000_000, default: 1000 }),
        minAge: duration('Learning lasts at least so long.'),
      }),
      path: text(
        'file: CSV with a header, or one JSON object a line (each `.gz` too), or Parquet, or a sketch without rows that `driftline init --sketch` wrote; relative to the policy.',
        TABLE,
      ),
      versions: {
        description: 'file: tables of model versions that have one of their own, by version; the others have `path`.',
        type: 'object',
        additionalProperties: text('A table, relative to the policy.', TABLE),
        maxProperties: 50,
      },
      of: text('upstream: name of the upstream whose rows are the control.'),
      kind: choice('Where the rows come from.', ['training', 'production']),
    },
    {
      default: {},
      allOf: [
        when('source', 'file', { required: ['path'], properties: { learn: false, of: false } }),
        when('source', 'upstream', { required: ['of'], properties: { learn: false, path: false, versions: false } }),
        when('source', 'traffic', { properties: { path: false, versions: false, of: false, learn: { default: { rows: 1000 } } } }, true),
      ],
    },
  );
}
