/** `mode: observe` in a policy: what goes with it, and what is told of the rest. */
import t from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';

const known = new Map(detectors.map((detector) => [detector.type, detector]));

function parse(traffic: string, rest = '', model = '{name: m}') {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: p}
spec:
  model: ${model}
  traffic:
    upstreams: {primary: {url: "http://127.0.0.1:1", grpcUrl: "http://127.0.0.1:2"}}
${traffic.replace(/^/gm, '    ')}
${rest}
`;
  const { policy, mistakes, warnings } = parsePolicy(text, 'policy.yaml', { detectors: known });
  return { policy, mistakes: mistakes.map(formatMistake), warnings: warnings.map(formatMistake) };
}

t.test('calls are intervened in unless the policy says that they are observed', async (t) => {
  t.equal(parse('protocol: auto').policy?.traffic.mode, 'intervene');
  const { policy, mistakes, warnings } = parse(
    'mode: observe\nlimits: {connections: 7, connectionsPerAddress: 5, headTimeout: 3s, connectTimeout: 1s}',
  );
  t.match(policy?.traffic, { mode: 'observe', limits: { maxClients: 7, connectTimeoutMs: 1000 } });
  t.same([mistakes, warnings], [[], []]);
  t.match(parse('mode: watch').mistakes, [/^policy\.yaml:8:11 spec\.traffic\.mode is `watch` and must be `?intervene`? or `?observe/]);
});

const CANNOT: readonly (readonly [key: string, words: string, place: string])[] = [
  ['parser', 'parser: node', '9:5'],
  ['retry', 'retry: never', '9:5'],
  ['breaker', 'breaker: {failures: 3}', '9:5'],
  ['limits.requestBody', 'limits: {requestBody: 1MiB}', '9:14'],
  ['limits.stallTimeout', 'limits: {connections: 5, stallTimeout: 1s}', '9:30'],
];
for (const [key, words, place] of CANNOT) {
  t.test(`an onlooker has no ${key}, and is told so with the place and what to do`, async (t) => {
    const { mistakes } = parse(`mode: observe\n${words}`);
    t.equal(mistakes.length, 1);
    const [mistake = ''] = mistakes;
    t.ok(mistake.startsWith(`policy.yaml:${place} spec.traffic.${key} `), mistake);
    t.match(mistake, /— remove it, or use `mode: intervene`$/);
    t.same(parse(words).mistakes, [], 'it goes with `intervene`');
  });
}

t.test('an onlooker has one server, which may take its time, no fallback and no rollback', async (t) => {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: p}
spec:
  model: {name: m}
  traffic:
    mode: observe
    upstreams:
      primary: {url: "http://127.0.0.1:1", timeout: 3s}
      other: {url: "http://127.0.0.1:2"}
      fallback: {onnx: ${import.meta.filename}}
  alerts: {routes: [{actions: [back]}]}
  actions:
    - {name: back, type: rollback, steps: [{do: route, to: other}], guard: {maxPerDay: 1}}
`;
  const { mistakes } = parsePolicy(text, 'policy.yaml', { detectors: known });
  t.match(mistakes.map(formatMistake), [
    /^policy\.yaml:9:44 .*primary\.timeout no answer is waited for/,
    /^policy\.yaml:10:7 .*upstreams\.other there is one server/,
    /^policy\.yaml:11:7 .*upstreams\.fallback a fallback cannot answer/,
    /^policy\.yaml:14:\d+ spec\.actions\.0 no route can be turned/,
  ]);
});

t.test('labels of calls that brought no id find nothing, which is a warning', async (t) => {
  const warned = /^policy\.yaml:8:\d+ spec\.traffic\.mode callers are told no id: .* have callers send one/;
  t.match(parse('mode: observe', '', '{name: m, prediction: y}').warnings, [warned]);
  t.same(parse('mode: intervene', '', '{name: m, prediction: y}').warnings, []);
});
