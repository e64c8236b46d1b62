/**
 * The part of the policy's JSON Schema about monitors. The options of detectors come from the detectors themselves.
 */
import type { DetectorDefinition } from '../contracts/detector.ts';
import type { OptionSchemas } from '../contracts/options.ts';
import { CORRECTIONS } from '../contracts/policy.ts';
import { qualitySchema } from './schema-quality.ts';
import { choice, type JsonSchema, list, map, name, number, share, span, text, when } from './schema-words.ts';

/** The detectors there are, by type. */
export type Detectors = ReadonlyMap<string, DetectorDefinition>;

/** The keys under `detectors` that take a detector, and what it must observe. */
export type Slot = 'numeric' | 'categorical' | 'multivariate' | 'error';

/** The severities, least first. */
export const severities = ['info', 'warning', 'critical'] as const;

/** The detectors that a slot takes. */
export function fitting(slot: Slot, detectors: Detectors): DetectorDefinition[] {
  return [...detectors.values()].filter((detector) => {
    if (slot === 'numeric') return detector.observes === 'number' || detector.observes === 'any';
    if (slot === 'multivariate') return detector.observes === 'rows';
    if (slot === 'categorical') return detector.observes === 'category' || detector.observes === 'any';
    return detector.kind === 'streaming';
  });
}

/** `spec.monitors`. */
export function monitorsSchema(detectors: Detectors): JsonSchema {
  const monitor = map(
    'One thing that is watched.',
    {
      name: name('Names the monitor in alerts and routes; `schema` is taken by the columns’ own checks.'),
      features: {
        description:
          'What is watched: `"*"` for all input columns, or a list of columns and signals (`income`, `outputs.p`, `request.failed`; `request.latency`, `request.timeToFirstByte`, `request.timeToFirstToken` in milliseconds, `request.tokensPerSecond`); of data quality `income.missing`, `schema.violations`. Default: `"*"`.',
        type: ['string', 'array'],
        title: '"*" or a list of columns and signals',
        examples: ['"*"', '[income, request.failed]'],
        pattern: '^\\*$',
        items: text('A column, inputs before outputs, or a signal with its full name.'),
        minItems: 1,
        maxItems: 1000,
        uniqueItems: true,
      },
      needs: choice('`feedback` for a monitor that judges labels.', ['feedback']),
      detectors: map(
        'The detectors, each for the signals it fits.',
        {
          numeric: slot('numeric', 'For number, integer and boolean signals.', detectors),
          categorical: slot('categorical', 'For categorical columns.', detectors),
          multivariate: slot(
            'multivariate',
            'For all watched columns together, numbers and categories alike: sees what changes between columns. One test a window, on the signal `inputs` (`outputs`, or `columns` where both sides are watched).',
            detectors,
          ),
          error: slot(
            'error',
            'For `feedback.error`: 1 for each label that contradicts the prediction, 0 for each that confirms it.',
            detectors,
          ),
          predictor: predictor(),
          quality: qualitySchema(),
        },
        { minProperties: 1 },
      ),
      correction: map(
        'How the p-values of one window’s tests are corrected together.',
        {
          method: choice(
            '`benjamini-hochberg`: the usual choice, of the findings at most the share q is false; `benjamini-yekutieli`: the same where columns may depend on each other in any way. ' +
              'Where any false finding is one too many: `bonferroni` (the simplest), `holm` (never weaker, same promise for any dependence), `holm-sidak` (independent columns), ' +
              '`hochberg` and `hommel` (stronger still, for independent or alike columns; `hommel` the strongest). `none`: each test by itself, for a monitor of one column.',
            CORRECTIONS,
            { default: 'benjamini-hochberg' },
          ),
          family: choice(
            '`window`: the monitor’s tests in one window, those of its slices among them; `slice`: those of all rows, and of each slice, by themselves.',
            ['window', 'slice'],
            { default: 'window' },
          ),
          q: { description: 'Significance after the correction.', type: 'number', exclusiveMinimum: 0, maximum: 0.5, default: 0.05 },
        },
        { default: {} },
      ),
      for: span('How long the finding must last before the alert fires.', { default: '1 window' }),
      clear: map(
        'When the alert ends.',
        {
          effectBelow: number('The effect must fall below this; without it, below the floor that opened the alert.', { minimum: 0 }),
          for: span('How long the calm must last.', { default: '1 window' }),
        },
        { default: {} },
      ),
      severity: choice('`info`: on the page only; `warning`: a ticket; `critical`: a person, now.', severities, { default: 'warning' }),
    },
    { required: ['name', 'detectors'] },
  );
  return list('What is watched, and when it is an alert.', monitor, { default: [], maxItems: 200 });
}

/** A detector and its options; which options there are follows from the type. */
function slot(kind: Slot, description: string, detectors: Detectors): JsonSchema {
  const definitions = fitting(kind, detectors);
  const optionNames = new Set(definitions.flatMap((detector) => Object.keys(detector.options)));
  const properties: { [name: string]: JsonSchema | boolean } = {
    type: choice(
      'The detector.',
      definitions.map((detector) => detector.type),
    ),
  };
  if (definitions.some((detector) => detector.kind === 'windowed')) {
    properties.effect = map(
      'The smallest difference that matters: what is significant but smaller is no finding. It does not depend on how many rows either side has.',
      {
        stat: { description: 'The measure of the difference.', type: 'string' },
        atLeast: number('The floor; at most 1 where the measure is.', { minimum: 0 }),
      },
      { required: ['atLeast'] },
    );
  }
  for (const option of optionNames) properties[option] = {};
  return map(description, properties, {
    required: ['type'],
    allOf: definitions.map((detector) => when('type', detector.type, { properties: optionsOf(detector, optionNames, properties) })),
  });
}

function optionsOf(detector: DetectorDefinition, names: ReadonlySet<string>, all: object): { [name: string]: JsonSchema | boolean } {
  const properties: { [name: string]: JsonSchema | boolean } = {};
  const own: OptionSchemas = detector.options;
  for (const option of names) properties[option] = Object.hasOwn(own, option) ? own[option]! : false;
  if (detector.kind === 'windowed') {
    const stat = choice('The measure of the difference.', [detector.effect], { default: detector.effect });
    properties.effect = { properties: detector.isUnbounded === true ? { stat } : { stat, atLeast: { maximum: 1 } } };
  } else if ('effect' in all) properties.effect = false;
  return properties;
}

function predictor(): JsonSchema {
  return map(
    'Estimates the model’s quality from its outputs, without labels.',
    {
      type: choice('The predictor.', ['performance']),
      model: text('File that `driftline train-predictor` wrote; relative to the policy.'),
      dropAtLeast: share('Drop of the estimate below the reference that matters, absolute.', { default: 0.05 }),
      require: choice('`certain`: the whole interval must lie below; `suspect`: the estimate alone.', ['certain', 'suspect'], {
        default: 'certain',
      }),
    },
    { required: ['type', 'model'] },
  );
}
