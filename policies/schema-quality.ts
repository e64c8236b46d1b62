/**
 * The parts of the policy's JSON Schema about slices and about the quality of data.
 */
import { COLUMN_CHECKS, ROW_CHECKS } from '../contracts/quality.ts';
import { choice, count, duration, type JsonSchema, list, map, name, share, text } from './schema-words.ts';

/** `spec.slices`. */
export function slicesSchema(): JsonSchema {
  const slice = map(
    'One way to cut the rows: `by` columns, one slice for each of their values, or `where` a condition holds.',
    {
      name: name('Names the entry; findings in a slice by a condition carry it, others the values, as in `region=north`.'),
      by: list(
        'Columns whose values make the slices; which values there are is taken from the reference. Values become part of alerts and metrics.',
        text('A column, inputs before outputs.', { maxLength: 200 }),
        { minItems: 1, maxItems: 5, uniqueItems: true },
      ),
      where: text('A condition in CEL over the row’s columns; `inputs["first-name"]` for names that are no words.', {
        examples: ["channel == 'mobile' && age > 40"],
      }),
      minSamples: count('Values that window and reference must have inside a slice; with fewer it is `insufficient`.', { default: 100 }),
      maxValues: count('by: the most frequent values become slices, the others are counted together.', { maximum: 100, default: 20 }),
    },
    { required: ['name'] },
  );
  return list('Parts of the rows that every windowed test judges by themselves as well; at most 100 in all.', slice, {
    default: [],
    maxItems: 50,
  });
}

/** `spec.monitors[].detectors.quality`. */
export function qualitySchema(): JsonSchema {
  return map(
    'Checks the quality of the data: of the columns that the monitor watches, of whole rows, and that they come.',
    {
      type: choice('The checks.', ['data-quality']),
      checks: list(
        'What is checked. Columns: `missing`, `type`, `range`, `unseen` (shares of rows) and `constant`. Rows: `duplicates` within a window, `violations` of the schema, `freshness` (silence), `rows` (how many come). Default: all.',
        choice('A check.', [...COLUMN_CHECKS, ...ROW_CHECKS]),
        { default: [...COLUMN_CHECKS, ...ROW_CHECKS], minItems: 1, uniqueItems: true },
      ),
      effect: map(
        'The smallest rise of a share that matters.',
        {
          stat: choice('The measure: what the share of bad rows has risen by.', ['share'], { default: 'share' }),
          atLeast: share('The floor; 0.01 is one row in a hundred more.', { default: 0.01 }),
        },
        { default: {} },
      ),
      freshness: map(
        'freshness: how long a silence is fine.',
        { within: duration('Longest silence; without it, three times the longest one of a week, once there is a week of history.') },
        { default: {} },
      ),
      rows: map(
        'rows: how many are fine.',
        {
          per: duration('Unit in which they are counted, by the wall clock; a divisor of a day from 10m on, or 7d.', { default: '1h' }),
          atLeast: count('Fewest rows of a unit.', { maximum: 1_000_000_000 }),
          atMost: count('Most rows of a unit.', { maximum: 1_000_000_000 }),
          factor: {
            description: 'So many times fewer or more than usual at this time of the week (or else the day), where no bound is stated.',
            type: 'number',
            exclusiveMinimum: 1,
            maximum: 1000,
            default: 3,
          },
        },
        { default: {} },
      ),
    },
    { required: ['type'] },
  );
}
