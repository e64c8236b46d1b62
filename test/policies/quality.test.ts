import t from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';

const text = (slices: string, monitor = '{name: drift, detectors: {numeric: {type: ks}}}') => `apiVersion: driftline/v1
kind: Policy
metadata: {name: p}
spec:
  model: {name: m}
  traffic: {upstreams: {primary: {url: "http://127.0.0.1:8081"}}}
  schema:
    inputs: [{name: income, type: number}, {name: channel, type: categorical}, {name: first-name, type: text}]
    outputs: [{name: p, type: number}]
  slices:
    - ${slices}
  monitors:
    - ${monitor}
`;
const known = new Map(detectors.map((detector) => [detector.type, detector]));
const parse = (yaml: string) => parsePolicy(yaml, 'p.yaml', { detectors: known, env: {} });

const SOUND = '{name: a, by: [channel]}';

for (const [slice, ...expected] of [
  ['{name: a, by: [chanel]}', 'p.yaml:11:22 spec.slices.0.by.0 there is no column `chanel` — did you mean channel?'],
  ['{name: a, by: ["header:x-user"]}', 'p.yaml:11:22 spec.slices.0.by.0 request headers are not kept with the rows — slice by a column'],
  [
    '{name: a, where: "chanel == \'mobile\'"}',
    'p.yaml:11:24 spec.slices.0.where names `chanel` at character 1, and there is no such column — did you mean channel?',
  ],
  [
    '{name: a, where: "channel =="}',
    "p.yaml:11:24 spec.slices.0.where is no CEL expression (Unexpected token: EOF at character 11) — write one such as channel == 'mobile' && age > 40",
  ],
  ['{name: a}', 'p.yaml:11:7 spec.slices.0 needs `by` (columns) or `where` (a condition)'],
  ['{name: a, by: [channel], where: "p > 0.5"}', 'p.yaml:11:7 spec.slices.0 has both `by` and `where` — make two slices of them'],
  [
    '{name: a, where: "p > 0.5", maxValues: 3}',
    'p.yaml:11:35 spec.slices.0.maxValues `maxValues` does not go with `where`, which makes one slice — remove it',
  ],
  ['{name: a, by: [channel], minSample: 3}', 'p.yaml:11:32 spec.slices.0.minSample unknown key `minSample` — did you mean minSamples?'],
  ['{name: a, by: [channel]}\n    - {name: a, by: [p]}', 'p.yaml:12:14 spec.slices.1.name the name `a` is taken already — choose another'],
] as const) {
  t.test(`slice ${slice}`, async (t) => {
    const { mistakes } = parse(text(slice));
    t.same(mistakes.map(formatMistake), expected);
  });
}

t.test('what works and makes no sense is warned of', async (t) => {
  const { policy, warnings } = parse(text('{name: a, by: [income]}\n    - {name: b, where: "channel > 3"}'));
  t.equal(policy?.slices.length, 2);
  t.match(warnings.map(formatMistake), [
    /income is a number, of which each value is a slice/,
    /can hold for no row \(no such overload: string > int/,
  ]);
});

t.test('a condition may reach a column whose name is no word', async (t) => {
  t.same(parse(text(`{name: a, where: 'inputs["first-name"] == "Ada"'}`)).mistakes, []);
});

const quality = (keys: string, features = '') => `{name: q, ${features}detectors: {quality: {type: data-quality${keys}}}}`;

for (const [monitor, ...expected] of [
  [quality(', checks: [missng]'), /must be missing, type, .* did you mean missing\?/],
  [
    quality(', rows: {per: 7h}'),
    /spec\.monitors\.0\.detectors\.quality\.rows\.per is `7h` and must be a divisor of a day from 10m on, or 7d/,
  ],
  [quality(', rows: {per: 5m}'), /must be a divisor of a day from 10m on/],
  [quality(', rows: {atLeast: 5, atMost: 4}'), /atLeast is 5, above `atMost` 4/],
  [quality(', checks: [missing], freshness: {within: 5m}'), /`freshness` is not among the checks/],
  [quality(', freshness: {within: 90d}'), /is `90d` and must be at most 30d/],
  [quality('', 'features: [incme.missing], '), /there is no column or signal `incme\.missing`/],
  ['{name: q, features: [income.constant], detectors: {numeric: {type: ks}}}', /income\.constant has no value with each row/],
  ['{name: q, features: [rows.duplicates], detectors: {numeric: {type: adwin}}}', /rows\.duplicates is known at the end of a window only/],
  ['{name: q, features: [schema.violations], detectors: {categorical: {type: chi-squared}}}', /has neither `quality` nor `numeric`/],
  ['{name: q, needs: feedback, detectors: {quality: {type: data-quality}}}', /`quality` does not go with `needs: feedback`/],
] as const) {
  t.test(`quality ${monitor}`, async (t) => {
    const told = parse(text(SOUND, monitor)).mistakes.map(formatMistake);
    t.match(told, expected);
    t.equal(told.length, 1, told.join('\n'));
  });
}

t.test('signals of quality are features: to quality checks, to streaming detectors and to windowed tests', async (t) => {
  for (const monitor of [
    quality('', 'features: [income.missing, inputs.channel.unseen, p, rows.count], '),
    '{name: q, features: [income.missing, schema.violations], detectors: {numeric: {type: adwin}}}',
    '{name: q, features: [channel.unseen, rows.duplicates], detectors: {numeric: {type: two-proportion}}}',
  ])
    t.same(parse(text(SOUND, monitor)).mistakes.map(formatMistake), []);
});
