/**
 * The part of the policy's JSON Schema about alerts and actions.
 */
import { severities } from './schema-monitors.ts';
import { choice, count, duration, flag, type JsonSchema, list, map, name, reference, text, url, when } from './schema-words.ts';

const kinds = ['drift', 'quality', 'schema', 'performance', 'failure'] as const;

/** `spec.alerts`. */
export function alertsSchema(): JsonSchema {
  return map(
    'What happens with an alert that fires.',
    {
      routes: list(
        'Which actions an alert sets off.',
        map(
          'The actions for the alerts that match.',
          {
            match: map(
              'All of these must hold; empty matches every alert.',
              {
                monitor: name('A monitor’s name, or `schema` for the columns’ own checks.'),
                severity: choice('The alert’s severity.', severities),
                kind: choice('What the alert is about.', kinds),
              },
              { default: {} },
            ),
            actions: list('Names of actions, in the order in which they are decided.', name('An action’s name.'), {
              minItems: 1,
              maxItems: 50,
              uniqueItems: true,
            }),
          },
          { required: ['actions'] },
        ),
        { default: [], maxItems: 200 },
      ),
      maxActive: count('Alerts that may fire at once; beyond, one summary stands for the rest.', { default: 20, maximum: 10_000 }),
    },
    { default: {} },
  );
}

/** `spec.actions`. */
export function actionsSchema(): JsonSchema {
  const only = (...keys: string[]) =>
    Object.fromEntries(WEBHOOK_AND_ROLLBACK.filter((key) => !keys.includes(key)).map((key) => [key, false]));
  const action = map(
    'One thing that can be done.',
    {
      name: name('Names the action in routes and in the audit.'),
      type: choice('`console` prints, `webhook` calls a URL, `rollback` switches the route.', ['console', 'webhook', 'rollback']),
      url: url('webhook: where it goes. http or https, without user or password; variables are expanded.'),
      format: choice('webhook: shape of the body.', ['cloudevents', 'alertmanager-v4'], { examples: ['cloudevents'] }),
      purpose: choice('webhook: `alert` tells of the alert, `retrain` asks a pipeline to train on the window that the body names.', [
        'alert',
        'retrain',
      ]),
      signing: map(
        'webhook: signature after Standard Webhooks.',
        { secretRef: reference('Name of the secret; see “Secrets”.') },
        { required: ['secretRef'] },
      ),
      allowPrivate: flag('webhook: private, loopback and link-local addresses are refused without it.'),
      timeout: duration('webhook: for the whole call; at most 5m.'),
      steps: list(
        'rollback: what is done.',
        map(
          'A switch of the route, verified by reading it back.',
          {
            do: choice('`route` sends all traffic to one upstream.', ['route']),
            to: name('An upstream’s name, or `fallback`.'),
            verifyWithin: duration('How long the new route may take to show; at most 5m.', { default: '5s' }),
          },
          { required: ['do', 'to'] },
        ),
        { minItems: 1, maxItems: 1 },
      ),
      guard: map(
        'Bounds of what is done without a person.',
        {
          maxPerDay: count('At most so often in 24 hours.', { maximum: 10_000 }),
          cooldown: duration('At least so long between two.'),
          dryRun: flag('Decide and record, but do nothing.', { default: false }),
          requireApproval: choice('Whether a person must agree first.', [false], { default: false }),
          notWhen: list(
            'Withhold it while an alert of this kind fires: new data would teach the fault.',
            choice('A kind of alert.', ['schema_violation', 'drift', 'quality', 'performance', 'failure']),
            { default: [], uniqueItems: true },
          ),
        },
        { default: {} },
      ),
    },
    {
      required: ['name', 'type'],
      allOf: [
        when('type', 'console', { properties: only() }),
        when('type', 'webhook', {
          required: ['url'],
          properties: {
            ...only('url', 'format', 'purpose', 'signing', 'allowPrivate', 'timeout'),
            format: { default: 'cloudevents' },
            purpose: { default: 'alert' },
            allowPrivate: { default: false },
            timeout: { default: '10s' },
          },
        }),
        when('type', 'rollback', { required: ['steps'], properties: only('steps') }),
      ],
    },
  );
  return list('What can be done.', action, { default: [], maxItems: 100 });
}

const WEBHOOK_AND_ROLLBACK = ['url', 'format', 'purpose', 'signing', 'allowPrivate', 'timeout', 'steps'];

/** `spec.exporters`. */
export function exportersSchema(): JsonSchema {
  return map(
    'Where events go besides the embedded store.',
    {
      elasticsearch: map(
        'Elasticsearch, as data streams.',
        {
          nodes: list('Addresses; variables are expanded.', url('An http or https address.'), { minItems: 1, maxItems: 50 }),
          apiKeyRef: reference('Name of the secret that holds the API key; see “Secrets”.'),
          namespace: { ...reference('Last part of the data streams’ names.'), default: 'default' },
        },
        { required: ['nodes'] },
      ),
      otlp: map('OpenTelemetry.', { fromEnv: choice('Configured by the `OTEL_*` variables.', [true]) }, { required: ['fromEnv'] }),
    },
    { default: {} },
  );
}

/** `metadata`. */
export function metadataSchema(): JsonSchema {
  const words = (description: string): JsonSchema => ({
    description,
    type: 'object',
    additionalProperties: text('Free words.'),
    maxProperties: 50,
    default: {},
  });
  return map(
    'What the policy is.',
    {
      name: reference('Names the policy in alerts; part of every alert’s id.'),
      labels: words('Become labels of Alertmanager webhooks; for sorting and finding.'),
      annotations: words('For people: `runbook_url` and `dashboard_url` become links in alerts.'),
    },
    { required: ['name'] },
  );
}
