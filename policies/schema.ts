/**
 * The policy's JSON Schema: what the YAML may say. Checked by ajv, published as `policy.schema.json`, rendered in `docs/policies.md`.
 *
 * Defaults stand here and nowhere else. What the examples mention and is not built yet stands in `unsupported.ts`.
 */
import type { KeepAlways } from '../contracts/policy.ts';
import { actionsSchema, alertsSchema, exportersSchema, metadataSchema } from './schema-actions.ts';
import { type Detectors, monitorsSchema, severities } from './schema-monitors.ts';
import { slicesSchema } from './schema-quality.ts';
import { referenceSchema, seasonalitySchema, windowSchema } from './schema-reference.ts';
import { dataPathSchema } from './schema-traffic.ts';
import { dataPortTlsSchema, upstreamTlsSchema } from './schema-tls.ts';
import { choice, count, duration, flag, type JsonSchema, list, map, number, share, size, span, text, url } from './schema-words.ts';

/** Protocols whose bodies name no columns: the policy says where each stands. */
export const pathProtocols: ReadonlySet<string> = new Set(['raw-json', 'torchserve']);

/** Protocols a policy may name. */
export const protocols = ['auto', 'kserve-v1', 'kserve-v2', 'tfserving', 'mlflow', 'torchserve', 'openai', 'raw-json'] as const;

/** What is kept whatever the sampling rate says. */
export const keepAlways: readonly KeepAlways[] = ['schema_violation', 'upstream_error', 'has_feedback'];

/** The whole schema, with the options of these detectors. */
export function policySchema(detectors: Detectors): JsonSchema {
  return map(
    'What Driftline watches, when that is an alert, and what is done then.',
    {
      apiVersion: choice('Version of this format.', ['driftline/v1']),
      kind: choice('Kind of the document.', ['Policy']),
      metadata: metadataSchema(),
      spec: map(
        'The policy itself.',
        {
          falseAlarms: map(
            'How many false alarms are acceptable: sets every level that is not written out (`correction.q`, the detectors’ own thresholds); those written out are counted in it.',
            {
              atMost: {
                description:
                  'False alarms, all monitors together: windows in which something is found though nothing is wrong; an alert that fires on counts in each.',
                type: 'number',
                exclusiveMinimum: 0,
                maximum: 1000,
                default: 1,
              },
              per: span(
                'In this time, or in so many windows. A time needs `traffic.expectedRows`, or else the rate is measured from traffic, as the mean of the last week; the levels follow when it has doubled or halved.',
                {
                  default: '100 windows',
                },
              ),
              blocks: count(
                'Rows of a block when the reference is replayed: as long as neighbouring rows depend on each other, a day of rows where days differ. Default: estimated from the reference.',
                {
                  maximum: 1_000_000,
                },
              ),
            },
          ),
          owner: map(
            'Who is told.',
            {
              team: text('The team.', { examples: ['credit-ml'] }),
              contact: text('Where the team is reached.', { examples: ['"#credit-ml-oncall"'] }),
            },
            { default: {} },
          ),
          model: modelSchema(),
          traffic: trafficSchema(),
          schema: columnsSchema(),
          reference: referenceSchema(),
          window: windowSchema(),
          seasonality: seasonalitySchema(),
          minSamples: count(
            'Values a window must have of a signal to be judged; with fewer it is `insufficient`. Default: 100, or the window’s rows where that is less.',
          ),
          slices: slicesSchema(),
          monitors: monitorsSchema(detectors),
          feedback: map(
            'Labels that arrive later.',
            {
              join: map(
                'How a label finds its prediction.',
                {
                  by: choice('By the prediction’s `x-driftline-id`.', ['request_id'], { default: 'request_id' }),
                  ttl: duration('How long a prediction waits for its label.', { default: '7d' }),
                  via: list('How labels come: by `POST /v1/feedback`.', choice('A way.', ['http']), {
                    default: ['http'],
                    minItems: 1,
                    uniqueItems: true,
                  }),
                },
                { default: {} },
              ),
            },
            { default: {} },
          ),
          alerts: alertsSchema(),
          actions: actionsSchema(),
          exporters: exportersSchema(),
          retention: map(
            'How long the embedded store keeps things.',
            { events: duration('Records and feedback.', { default: '14d' }) },
            { default: {} },
          ),
        },
        { required: ['model', 'traffic'] },
      ),
    },
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      title: 'Driftline policy',
      required: ['apiVersion', 'kind', 'metadata', 'spec'],
    },
  );
}

function modelSchema(): JsonSchema {
  return map(
    'The model behind the upstreams.',
    {
      name: text('Names the model in records and alerts.', { maxLength: 200 }),
      version: text('Where the version comes from, first that answers wins: `header:NAME`, `path`, `config:TEXT`, joined by `|`.', {
        title: 'header:NAME, path or config:TEXT, joined by |',
        examples: ['header:x-model-version|path|config:7'],
        pattern: "^(header:[A-Za-z0-9!#$%&'*+.^_`~-]+|path|config:[^|]+)(\\|(header:[A-Za-z0-9!#$%&'*+.^_`~-]+|path|config:[^|]+))*$",
        default: 'path',
      }),
      prediction: text('Output column that labels are compared with; without it no label can be judged.'),
    },
    { required: ['name'] },
  );
}

function trafficSchema(): JsonSchema {
  return map(
    'What passes through, and where to.',
    {
      protocol: choice(
        'What the bodies mean; `auto` takes the first protocol that matches a call’s path. `openai` gives the columns `prompt`, `messages`, `characters`, `tools`, `max_tokens` … and `content`, `finish_reason`, `characters`, `tool_calls`, `prompt_tokens`, `completion_tokens`.',
        protocols,
        { default: 'auto' },
      ),
      upstreams: {
        description: 'The model servers, by name. `primary`, or else the first, gets the traffic.',
        type: 'object',
        properties: {
          fallback: map(
            'Answers when the upstream does not.',
            {
              onnx: text('ONNX file; relative to the policy.'),
              provider: choice('What it runs on.', ['cpu', 'cuda'], { default: 'cpu' }),
            },
            { required: ['onnx'] },
          ),
        },
        propertyNames: { title: 'a name of letters, digits, -, _ and .', pattern: '^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$' },
        additionalProperties: map(
          'A model server.',
          {
            url: url('`http://HOST:PORT` or `https://HOST:PORT`, without a path; variables are expanded.'),
            grpcUrl: url('Where gRPC calls go, in the same form, over HTTP/2. Default: to `url`.'),
            tls: upstreamTlsSchema(),
            timeout: duration(
              'Until the first byte of the answer, interim ones aside; at most 1h. For a silent server a fallback answers gRPC only where it is shorter than the callers’ deadlines.',
              { default: '30s' },
            ),
            version: text('Version it serves, for records.', { maxLength: 200 }),
          },
          { required: ['url'] },
        ),
        minProperties: 1,
        maxProperties: 20,
      },
      expectedRows: map(
        'The usual rate of traffic, for `falseAlarms` per time.',
        { count: count('Rows.', { maximum: 1_000_000_000 }), per: duration('In this time.', { default: '1d' }) },
        { required: ['count'] },
      ),
      tls: dataPortTlsSchema(),
      ...dataPathSchema(),
      failOpen: choice('Monitoring never blocks a prediction.', [true], { default: true }),
      sampling: map(
        'What is kept of the calls.',
        {
          rate: share(
            'Share of the calls that are kept, stored and exported: those whose id’s hash is below it, on every replica the same ones.',
            { default: 1 },
          ),
          keepAlways: list(
            'Kept whatever the rate says: calls that breach the schema, calls that failed, were given up or that the upstream answered with 5xx, and calls that get feedback. While the list is not empty, every call is decoded, checked and watched; an empty one leaves the others out before they are copied.',
            choice('A kind of call.', keepAlways),
            { default: keepAlways, uniqueItems: true },
          ),
          maxBodyBytes: size(
            'Bytes of each body that are copied for analysis; 0 = request bodies are never read, and of answers 256 KiB are.',
            { default: '256KiB' },
          ),
        },
        { default: {} },
      ),
    },
    { required: ['upstreams'] },
  );
}

const bodyPath: JsonSchema = {
  title: 'a path',
  examples: ['$.a.b', '$.a[0]', '$[*].a'],
  pattern: '^\\$(\\.[^.\\[\\]\\s]+|\\[(0|[1-9][0-9]*|\\*)\\])*$',
};

function columnsSchema(): JsonSchema {
  const column = map(
    'One column.',
    {
      name: text('Names the column; its signal is `inputs.NAME` or `outputs.NAME`.', { maxLength: 200 }),
      type: choice('What its values are.', ['number', 'integer', 'categorical', 'boolean', 'text']),
      tensor: text('Tensor that carries it; without it, the tensor or table column of the same name.', { maxLength: 200 }),
      index: { description: 'Position inside a row of that tensor.', type: 'integer', minimum: 0, maximum: 1_000_000 },
      path: text(
        'raw-json and torchserve: where it stands in the body: `$.a.b`, `$.a[0]`, `$[*].a`; `max_key` and `max_value` as last step give the key with the largest number and that number.',
        bodyPath,
      ),
      from: text('Takes the value from a header field instead: of the request for an input, of the answer for an output.', {
        title: 'header:NAME',
        examples: ['header:content-type'],
        pattern: "^header:[A-Za-z0-9!#$%&'*+.^_`~-]+$",
        maxLength: 200,
      }),
      derive: choice('Works the value out: `entropy` of the scores that stand at `of`, in nats, their sum taken for 1.', ['entropy']),
      of: text('Where the list or the object of scores stands, as in `path`.', bodyPath),
      required: flag('A missing value is a breach.', { default: false }),
      min: number('Smallest value that is no breach.'),
      max: number('Largest value that is no breach.'),
      values: list(
        'The categories there are; another one is a breach.',
        { type: ['string', 'number', 'boolean'] },
        { minItems: 1, maxItems: 10_000, uniqueItems: true },
      ),
      maxMissing: share('Largest share of missing values that is no breach.'),
      maxUnseen: share('Largest share of values outside `values`, or outside the reference’s, that is no breach.'),
    },
    { required: ['name', 'type'] },
  );
  return map(
    'The columns, and what is a breach of them.',
    {
      inputs: list('Columns of requests; empty = learned from traffic.', column, { default: [], maxItems: 2000 }),
      outputs: list('Columns of answers; empty = learned from traffic.', column, { default: [], maxItems: 2000 }),
      onViolation: map(
        'When breaches become an alert.',
        {
          severity: choice('Severity of the alert.', severities, { default: 'warning' }),
          minFraction: share('Share of breaching rows from which it is a finding.', { default: 0.01 }),
          for: span('How long it must last before the alert fires.', { default: '1 window' }),
        },
        { default: {} },
      ),
    },
    { default: {} },
  );
}
