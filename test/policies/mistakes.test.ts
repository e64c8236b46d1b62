import t from 'tap';
import { CORRECTIONS } from '../../contracts/policy.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';

const sound = `apiVersion: driftline/v1
kind: Policy
metadata:
  name: credit-risk
spec:
  model: {name: credit-risk, prediction: label}
  traffic:
    protocol: kserve-v2
    upstreams:
      primary: {url: http://127.0.0.1:8081, timeout: 2s}
      older: {url: http://127.0.0.1:8082}
  schema:
    inputs:
      - {name: income, type: number, min: 0, max: 10}
      - {name: region, type: categorical, values: [north, south]}
      - {name: note, type: text}
    outputs:
      - {name: label, type: categorical}
  window: {rows: 500}
  minSamples: 50
  monitors:
    - name: input-drift
      features: [income, region]
      detectors:
        numeric: {type: ks, effect: {stat: D, atLeast: 0.1}}
        categorical: {type: chi-squared, minExpected: 5}
      clear: {effectBelow: 0.05, for: 2 windows}
      severity: warning
    - name: error-rate
      needs: feedback
      detectors: {error: {type: ddm}}
  alerts:
    routes:
      - {match: {monitor: input-drift}, actions: [tell]}
      - {match: {severity: critical}, actions: [back]}
  actions:
    - {name: tell, type: webhook, url: https://example.com/hook, signing: {secretRef: hook}}
    - {name: back, type: rollback, steps: [{do: route, to: older}], guard: {maxPerDay: 1}}
`;

const known = new Map(detectors.map((detector) => [detector.type, detector]));
const parse = (text: string) =>
  parsePolicy(text, 'p.yaml', { detectors: known, env: { HOOK: 'https://example.com' }, own: [{ host: '127.0.0.1', port: 8080 }] });

t.test('a sound policy has neither mistakes nor warnings', async (t) => {
  const { policy, mistakes, warnings } = parse(sound);
  t.same(mistakes, []);
  t.same(warnings, []);
  t.equal(policy?.monitors.length, 2);
});

/** What is written instead of what, and what is said of it. */
const broken: [string, string, string, string[]][] = [
  [
    'an unknown key',
    'severity: warning',
    'severty: warning',
    ['p.yaml:28:7 spec.monitors.0.severty unknown key `severty` — did you mean severity?'],
  ],
  [
    'an unknown key without a neighbour',
    'window: {rows: 500}',
    'window: {rows: 500, banana: 1}',
    ['p.yaml:19:23 spec.window.banana unknown key `banana` — use type, rows, span, maxAge or step'],
  ],
  [
    'an unknown key at the top',
    'kind: Policy',
    'kind: Policy\nmetdata: {}',
    ['p.yaml:3:1 metdata unknown key `metdata` — did you mean metadata?'],
  ],
  [
    'a floor above what the measure can reach',
    'effect: {stat: D, atLeast: 0.1}',
    'effect: {stat: D, atLeast: 1.5}',
    ['p.yaml:25:56 spec.monitors.0.detectors.numeric.effect.atLeast is 1.5 and must be at most 1'],
  ],
  [
    'a floor for the end above what the measures can reach',
    '{type: ks, effect: {stat: D, atLeast: 0.1}}\n        categorical: {type: chi-squared, minExpected: 5}\n      clear: {effectBelow: 0.05,',
    '{type: ks}\n        categorical: {type: chi-squared, minExpected: 5}\n      clear: {effectBelow: 1.05,',
    ['p.yaml:27:28 spec.monitors.0.clear.effectBelow is 1.05, and these tests measure effects of at most 1 — lower it'],
  ],
  [
    'a test of several columns where labels are watched',
    'detectors: {error: {type: ddm}}',
    'detectors: {error: {type: ddm}, multivariate: {type: mmd}}',
    [
      'p.yaml:31:39 spec.monitors.1.detectors.multivariate `multivariate` does not go with `needs: feedback` — give it a monitor of its own',
    ],
  ],
  [
    'a test of one column for several',
    'numeric: {type: ks, effect: {stat: D, atLeast: 0.1}}',
    'multivariate: {type: ks}\n        numeric: {type: ks}',
    ['p.yaml:25:30 spec.monitors.0.detectors.multivariate.type is `ks` and must be mmd or domain-classifier'],
  ],
  [
    'one bound without the other',
    'error: {type: ddm}',
    'error: {type: e-detector, high: 1}',
    ['p.yaml:31:45 spec.monitors.1.detectors.error.high needs `low` beside it — write both, or neither'],
  ],
  [
    'bounds the wrong way round',
    'error: {type: ddm}',
    'error: {type: confidence-sequence, low: 1, high: 0}',
    ['p.yaml:31:59 spec.monitors.1.detectors.error.low is 1, not below high 0 — swap them'],
  ],
  [
    'a merge key',
    'window: {rows: 500}',
    'window: {<<: {rows: 500}}',
    ['p.yaml:19:12 spec.window.<< merge keys are off — write the keys out'],
  ],
  [
    'a key of a later issue',
    '  minSamples: 50',
    '  minSamples: 50\n  privacy: {default: drop}',
    ['p.yaml:21:3 spec.privacy `privacy` is not supported yet — remove it, and leave columns that must not be stored out of `schema`'],
  ],
  [
    'a value of a later issue',
    'do: route',
    'do: argo-rollouts',
    ['p.yaml:38:49 spec.actions.1.steps.0.do `argo-rollouts` is not supported yet — use route'],
  ],
  ['a missing key', '  model: {name: credit-risk, prediction: label}\n', '', ['p.yaml:6:3 spec needs the key `model` — add it']],
  [
    'a word that is none of those',
    'severity: warning',
    'severity: warn',
    ['p.yaml:28:17 spec.monitors.0.severity is `warn` and must be info, warning or critical'],
  ],
  [
    'a mistyped word',
    'protocol: kserve-v2',
    'protocol: kserv-v2',
    [
      'p.yaml:8:15 spec.traffic.protocol is `kserv-v2` and must be auto, kserve-v1, kserve-v2, tfserving, mlflow, torchserve, openai or raw-json — did you mean kserve-v2?',
    ],
  ],
  [
    'a duration without a unit',
    'timeout: 2s',
    'timeout: 2',
    ['p.yaml:10:54 spec.traffic.upstreams.primary.timeout is 2 and must be a duration, such as 500ms, 30s, 5m, 6h or 7d'],
  ],
  [
    'a timeout too long for a timer',
    'timeout: 2s',
    'timeout: 30d',
    ['p.yaml:10:54 spec.traffic.upstreams.primary.timeout is `30d` and must be at most 1h'],
  ],
  [
    'a span that is none',
    'for: 2 windows}',
    'for: two windows}',
    ['p.yaml:27:39 spec.monitors.0.clear.for is `two windows` and must be a number of windows or a duration, such as 2 windows or 5m'],
  ],
  ['a number in quotes', 'minSamples: 50', 'minSamples: "50"', ['p.yaml:20:15 spec.minSamples is `50` and must be a whole number']],
  ['a number out of range', 'window: {rows: 500}', 'window: {rows: 5}', ['p.yaml:19:18 spec.window.rows is 5 and must be at least 10']],
  ['a key without a value', 'window: {rows: 500}', 'window:', ['p.yaml:19:3 spec.window is empty and must be a map of keys']],
  ['a list where a map belongs', 'window: {rows: 500}', 'window: [500]', ['p.yaml:19:11 spec.window is [500] and must be a map of keys']],
  [
    'a name with blanks',
    'name: input-drift\n',
    'name: input drift\n',
    [
      'p.yaml:22:13 spec.monitors.0.name is `input drift` and must be a name of letters, digits, -, _ and ., such as income',
      'p.yaml:34:27 spec.alerts.routes.0.match.monitor there is no monitor `input-drift` — did you mean input drift?',
    ],
  ],
  [
    'a name taken twice',
    'name: error-rate',
    'name: input-drift',
    ['p.yaml:29:13 spec.monitors.1.name the name `input-drift` is taken already — choose another'],
  ],
  [
    'a name that is reserved',
    'name: error-rate',
    'name: schema',
    ['p.yaml:29:13 spec.monitors.1.name the name `schema` is taken by the columns’ own checks — choose another'],
  ],
  [
    'a column written twice',
    'name: region,',
    'name: income,',
    [
      'p.yaml:15:16 spec.schema.inputs.1.name the name `income` is taken already — choose another',
      'p.yaml:23:26 spec.monitors.0.features.1 there is no column or signal `region` — use income, note, label, request.latency, request.failed, request.timeToFirstByte, request.timeToFirstToken, request.tokensPerSecond, rows.duplicates, schema.violations, rows.freshness or rows.count',
    ],
  ],
  [
    'a feature that is no column',
    '[income, region]',
    '[incme, region]',
    ['p.yaml:23:18 spec.monitors.0.features.0 there is no column or signal `incme` — did you mean income?'],
  ],
  [
    'a feature listed twice',
    '[income, region]',
    '[income, income]',
    ['p.yaml:23:17 spec.monitors.0.features has the same entry twice (1 and 2) — keep one'],
  ],
  [
    'a feature of text',
    '[income, region]',
    '[income, note]',
    ['p.yaml:23:26 spec.monitors.0.features.1 note is of type text, which no detector watches — remove it'],
  ],
  [
    'KS on a categorical column',
    '        categorical: {type: chi-squared, minExpected: 5}\n',
    '',
    [
      'p.yaml:23:26 spec.monitors.0.features.1 region is of type categorical and the monitor has no `categorical` detector — add one, or remove the feature',
    ],
  ],
  [
    'KS under categorical',
    '{type: chi-squared, minExpected: 5}',
    '{type: ks}',
    [
      'p.yaml:26:29 spec.monitors.0.detectors.categorical.type is `ks` and must be chi-squared, g-test, fisher, two-proportion, jensen-shannon, hellinger, psi, total-variation or l-infinity',
    ],
  ],
  [
    'KS on calls',
    '[income, region]',
    '[request.latency]',
    [
      'p.yaml:23:18 spec.monitors.0.features.0 request.latency is watched call by call, and `ks` is a windowed test — use a streaming detector such as adwin',
    ],
  ],
  [
    'a detector there is not',
    'type: ddm',
    'type: dmm',
    [
      'p.yaml:31:33 spec.monitors.1.detectors.error.type is `dmm` and must be ddm, eddm, hddm-a, hddm-w, adwin, page-hinkley, kswin, cusum, variance, e-detector or confidence-sequence — did you mean ddm?',
    ],
  ],
  [
    'another detector’s option',
    '{type: ddm}',
    '{type: ddm, delta: 0.1}',
    ['p.yaml:31:38 spec.monitors.1.detectors.error.delta `delta` does not go with `ddm` — remove it'],
  ],
  [
    'an option out of range',
    'minExpected: 5',
    'minExpected: -1',
    ['p.yaml:26:55 spec.monitors.0.detectors.categorical.minExpected is -1 and must be at least 0'],
  ],
  [
    'a mistyped option',
    'minExpected: 5',
    'minExpcted: 5',
    ['p.yaml:26:42 spec.monitors.0.detectors.categorical.minExpcted unknown key `minExpcted` — did you mean minExpected?'],
  ],
  [
    'another test’s effect',
    'stat: D,',
    'stat: cramers_v,',
    ['p.yaml:25:44 spec.monitors.0.detectors.numeric.effect.stat is `cramers_v` and must be D'],
  ],
  [
    'an end above the beginning',
    'effectBelow: 0.05',
    'effectBelow: 0.2',
    ['p.yaml:27:28 spec.monitors.0.clear.effectBelow is 0.2, above the floor 0.1 that opens the alert: it would end at once — lower it'],
  ],
  [
    'feedback without the word for it',
    '      needs: feedback\n',
    '',
    ['p.yaml:30:19 spec.monitors.1.detectors.error `error` watches feedback — add `needs: feedback` to the monitor'],
  ],
  [
    'features of feedback',
    'needs: feedback\n',
    'needs: feedback\n      features: [income]\n',
    [
      'p.yaml:31:7 spec.monitors.1.features does not go with `needs: feedback`, which watches feedback.error and feedback.reward — remove it',
    ],
  ],
  [
    'a prediction that is no output',
    'prediction: label',
    'prediction: labl',
    ['p.yaml:6:42 spec.model.prediction there is no output column `labl` — did you mean label?'],
  ],
  [
    'more samples than rows',
    'minSamples: 50',
    'minSamples: 501',
    ['p.yaml:20:15 spec.minSamples is 501, more than the window’s 500 rows: nothing would ever be judged — lower it'],
  ],
  ['min above max', 'min: 0, max: 10', 'min: 20, max: 10', ['p.yaml:14:38 spec.schema.inputs.0.min min 20 is above max 10 — swap them']],
  [
    'a range of words',
    'type: categorical, values: [north, south]',
    'type: categorical, min: 0',
    ['p.yaml:15:43 spec.schema.inputs.1.min `min` does not go with type categorical — remove it'],
  ],
  [
    'a column from two places',
    '- {name: note, type: text}',
    '- {name: note, type: text, from: "header:x-note", tensor: note}',
    ['p.yaml:16:57 spec.schema.inputs.2.tensor `tensor` does not go with `from` — remove one of them'],
  ],
  [
    'a column from a field that is never kept',
    '- {name: note, type: text}',
    '- {name: note, type: text, from: "header:Authorization"}',
    ['p.yaml:16:40 spec.schema.inputs.2.from the field authorization is never kept — use another, or remove the column'],
  ],
  [
    'a column from something that is no field',
    '- {name: note, type: text}',
    '- {name: note, type: text, from: x-note}',
    ['p.yaml:16:40 spec.schema.inputs.2.from is `x-note` and must be header:NAME, such as header:content-type'],
  ],
  [
    'something derived from nothing',
    '- {name: note, type: text}',
    '- {name: note, type: number, derive: entropy}',
    ['p.yaml:16:9 spec.schema.inputs.2 `derive` needs the key `of` — add `of: "$.…"`'],
  ],
  [
    'nothing derived from something, where bodies have no paths',
    '- {name: note, type: text}',
    '- {name: note, type: text, of: $.a}',
    [
      'p.yaml:16:9 spec.schema.inputs.2 `of` needs the key `derive` — add `derive: entropy`, or use `path`',
      'p.yaml:16:28 spec.schema.inputs.2.type an entropy is a number — write `type: number`',
      'p.yaml:16:34 spec.schema.inputs.2.of `of` does not go with protocol kserve-v2 — use `tensor` and `index`',
    ],
  ],
  [
    'a path where tensors have names',
    'min: 0, max: 10',
    'path: $.a',
    ['p.yaml:14:38 spec.schema.inputs.0.path `path` does not go with protocol kserve-v2 — use `tensor` and `index`'],
  ],
  [
    'an upstream that is Driftline',
    'http://127.0.0.1:8081',
    'http://localhost:8080',
    ['p.yaml:10:22 spec.traffic.upstreams.primary.url `http://localhost:8080` is Driftline’s own address — name the model server’s'],
  ],
  [
    'an upstream with a path',
    'http://127.0.0.1:8081',
    'http://127.0.0.1:8081/v1',
    ['p.yaml:10:22 spec.traffic.upstreams.primary.url carries a path — write http://HOST:PORT; the caller’s path passes through'],
  ],
  [
    'an upstream that speaks no HTTP',
    'http://127.0.0.1:8081',
    'ftp://127.0.0.1:8081',
    ['p.yaml:10:22 spec.traffic.upstreams.primary.url is not http or https (ftp://) — write http://HOST:PORT'],
  ],
  [
    'a fallback that is not there',
    'older: {url: http://127.0.0.1:8082}',
    'older: {url: http://127.0.0.1:8082}\n      fallback: {onnx: /nowhere/m.onnx}',
    ['p.yaml:12:24 spec.traffic.upstreams.fallback.onnx there is no file `/nowhere/m.onnx` — relative paths start at the policy’s folder'],
  ],
  [
    'a reference that is not there',
    '  window: {rows: 500}',
    '  reference: {source: file, path: /nowhere/r.csv.gz}\n  window: {rows: 500}',
    ['p.yaml:19:35 spec.reference.path there is no file `/nowhere/r.csv.gz` — relative paths start at the policy’s folder'],
  ],
  [
    'a reference without its file',
    '  window: {rows: 500}',
    '  reference: {source: file}\n  window: {rows: 500}',
    ['p.yaml:19:14 spec.reference needs the key `path` — add it'],
  ],
  [
    'a file that is learned',
    '  window: {rows: 500}',
    '  reference: {path: r.csv}\n  window: {rows: 500}',
    ['p.yaml:19:15 spec.reference.path `path` does not go with `traffic` — remove it'],
  ],
  [
    'a rollback to nowhere',
    'to: older',
    'to: oldr',
    ['p.yaml:38:60 spec.actions.1.steps.0.to there is no upstream `oldr` — did you mean older?'],
  ],
  [
    'a route to nowhere',
    'actions: [tell]',
    'actions: [tel]',
    ['p.yaml:34:51 spec.alerts.routes.0.actions.0 there is no action `tel` — did you mean tell?'],
  ],
  [
    'a route from nowhere',
    'match: {monitor: input-drift}',
    'match: {monitor: input}',
    ['p.yaml:34:27 spec.alerts.routes.0.match.monitor there is no monitor `input` — use input-drift, error-rate or schema'],
  ],
  [
    'a webhook with a password',
    'https://example.com/hook',
    'https://me:pw@example.com/hook',
    ['p.yaml:37:40 spec.actions.0.url carries a user or password — take it out; secrets come by reference'],
  ],
  [
    'a webhook by another protocol',
    'https://example.com/hook',
    'ftp://example.com/hook',
    ['p.yaml:37:40 spec.actions.0.url is not http or https (ftp:) — write https://HOST/PATH'],
  ],
  [
    'a webhook into the metadata service',
    'https://example.com/hook',
    'http://169.254.169.254/latest',
    ['p.yaml:37:40 spec.actions.0.url `169.254.169.254` is a private address and would be refused — add `allowPrivate: true`'],
  ],
  [
    'a webhook to a number in disguise',
    'https://example.com/hook',
    'http://0x7f.1/',
    ['p.yaml:37:40 spec.actions.0.url `127.0.0.1` is a private address and would be refused — add `allowPrivate: true`'],
  ],
  ['a webhook without a target', ' url: https://example.com/hook,', '', ['p.yaml:37:7 spec.actions.0 needs the key `url` — add it']],
  [
    'a rollback’s key on a webhook',
    'signing: {secretRef: hook}',
    'steps: [{do: route, to: older}]',
    ['p.yaml:37:66 spec.actions.0.steps `steps` does not go with `webhook` — remove it'],
  ],
  [
    'a variable that is missing',
    'https://example.com/hook',
    `"\${HOOKS}/x"`,
    ['p.yaml:37:40 spec.actions.0.url the environment has no `HOOKS` — set it'],
  ],
  [
    'a variable in a secret',
    'secretRef: hook',
    `secretRef: "\${HOOK}"`,
    [
      'p.yaml:37:87 spec.actions.0.signing.secretRef variables are expanded in web addresses only — write the value out, or use a `…Ref` for a secret',
      `p.yaml:37:87 spec.actions.0.signing.secretRef is \`\${HOOK}\` and must be a name of lower-case letters, digits and -, such as credit-risk`,
    ],
  ],
  ['a half-written file', sound.slice(sound.indexOf('  schema:')), '  schema: {inputs: [{name: income', ['p.yaml:12:34 not valid YAML: ']],
];

for (const [name, from, to, expected] of broken) {
  t.test(`${name} is told with its place and remedy`, async (t) => {
    t.ok(sound.includes(from), 'the sound policy has what is replaced');
    const { policy, mistakes } = parse(sound.replace(from, to));
    t.equal(policy, null);
    const told = mistakes.map(formatMistake);
    t.equal(told.length, expected.length, told.join('\n'));
    for (const [index, words] of expected.entries()) {
      // A message that goes on with the machine's own folder, or the parser's own words, is given as far as it is ours.
      if (/( `|: )$/.test(words)) t.equal(told[index]?.slice(0, words.length), words);
      else t.equal(told[index], words);
    }
  });
}

t.test('all mistakes are told at once, in the order of the file', async (t) => {
  const text = sound
    .replace('kind: Policy', 'kind: Polcy')
    .replace('[income, region]', '[incme, region]')
    .replace('to: older', 'to: oldr')
    .replace('severity: warning', 'severty: warning');
  t.same(
    parse(text).mistakes.map((mistake) => `${mistake.line}:${mistake.column} ${mistake.path}`),
    ['2:7 kind', '23:18 spec.monitors.0.features.0', '28:7 spec.monitors.0.severty', '38:60 spec.actions.1.steps.0.to'],
  );
});

t.test('one mistake does not make others of what depends on it', async (t) => {
  const text = sound
    .replace('name: tell, type: webhook', 'name: tell, type: webhok')
    .replace('- {name: income, type: number,', '- {name: income, type: numbr,');
  t.same(
    parse(text).mistakes.map((mistake) => mistake.path),
    ['spec.schema.inputs.0.type', 'spec.actions.0.type'],
  );
});

const doubtful: [string, string, string, string][] = [
  [
    'a rollback without a guard',
    ', guard: {maxPerDay: 1}',
    '',
    'p.yaml:38:7 spec.actions.1 this rollback has no guard — add `guard: {maxPerDay: 1}`',
  ],
  [
    'a retraining call without a guard',
    'type: webhook,',
    'type: webhook, purpose: retrain,',
    'p.yaml:37:7 spec.actions.0 this retraining call has no guard — add `guard: {maxPerDay: 1, notWhen: [schema_violation]}`',
  ],
  [
    'an action that no route names',
    'actions: [back]',
    'actions: [tell]',
    'p.yaml:38:14 spec.actions.1.name no route leads to `back` — add one under spec.alerts.routes',
  ],
  [
    'labels without a prediction',
    ', prediction: label',
    '',
    'p.yaml:29:7 spec.monitors.1 `error` stays silent: no label can be judged without a prediction to compare it with — add `spec.model.prediction`',
  ],
];
for (const [name, from, to, expected] of doubtful) {
  t.test(`${name} is a warning, and the policy works`, async (t) => {
    t.ok(sound.includes(from));
    const { policy, warnings } = parse(sound.replace(from, to));
    t.ok(policy);
    t.same(warnings.map(formatMistake), [expected]);
  });
}

t.test('names that traffic will teach are not called unknown', async (t) => {
  const learned = sound.replace(/ {2}schema:[\s\S]*?(?= {2}window)/, '');
  t.same(parse(learned).mistakes.map(formatMistake), []);
});

t.test('a measure without bound takes a floor above 1, and each correction is taken', async (t) => {
  const floor = parse(
    sound
      .replace('{type: ks, effect: {stat: D, atLeast: 0.1}}', '{type: wasserstein, effect: {stat: wasserstein_sd, atLeast: 1.5}}')
      .replace('effectBelow: 0.05', 'effectBelow: 1.2'),
  );
  t.same(floor.mistakes, []);
  t.match(floor.policy?.monitors[0], { numeric: { effectAtLeast: 1.5 }, clear: { effectBelow: 1.2 } });
  for (const method of CORRECTIONS) {
    const { policy, mistakes } = parse(
      sound.replace('      severity: warning', `      severity: warning\n      correction: {method: ${method}}`),
    );
    t.same(mistakes, []);
    t.equal(policy?.monitors[0]?.correction.method, method);
  }
});
