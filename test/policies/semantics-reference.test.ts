import path from 'node:path';
import t from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';
import { formatMistake } from '../../policies/mistakes.ts';

const known = new Map(detectors.map((detector) => [detector.type, detector]));

function parse(spec: string, file = 'p.yaml') {
  const text = `apiVersion: driftline/v1
kind: Policy
metadata: {name: m}
spec:
  model: {name: m}
  traffic: {upstreams: {stable: {url: "http://127.0.0.1:1"}, canary: {url: "http://127.0.0.1:2"}}}
${spec}`;
  return parsePolicy(text, file, { detectors: known, env: {} });
}

const wrong: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a window with two lengths',
    'window: {rows: 500, span: 1h}',
    ['7:12 spec.window.rows `rows` does not go with `span`: a window has a length in rows or in time — remove one'],
  ],
  [
    'an age of a window by time',
    'window: {span: 1h, maxAge: 2h}',
    ['7:22 spec.window.maxAge `maxAge` does not go with `span`: a window has a length in rows or in time — remove one'],
  ],
  ['a sliding window without its step', 'window: {type: sliding, span: 1h}', ['7:11 spec.window needs the key `step` — add it']],
  [
    'a step of a tumbling window',
    'window: {rows: 500, step: 100}',
    ['7:23 spec.window.step `step` does not go with `tumbling` — remove it'],
  ],
  [
    'an age of a sliding window',
    'window: {type: sliding, rows: 500, step: 100, maxAge: 1h}',
    ['7:49 spec.window.maxAge `maxAge` does not go with `sliding` — remove it'],
  ],
  [
    'a step in rows of a window by time',
    'window: {type: sliding, span: 1h, step: 100}',
    ['7:43 spec.window.step is 100 rows, and the window has a `span` — write a duration'],
  ],
  [
    'a step in time of a window by rows',
    'window: {type: sliding, rows: 500, step: 10m}',
    ['7:44 spec.window.step is `10m`, and the window has `rows` — write a number of rows'],
  ],
  [
    'a window that is no multiple of its step',
    'window: {type: sliding, span: 1h, step: 25m}',
    ['7:43 spec.window.step is 25m, and the window’s 1h are no multiple of it — choose a part of the window'],
  ],
  [
    'too many steps',
    'window: {type: sliding, rows: 1000, step: 1}',
    ['7:45 spec.window.step is 1: a window has at most 100 steps — make it longer'],
  ],
  ['a span that is nearly nothing', 'window: {span: 20ms}', ['7:18 spec.window.span is 20ms and must be at least 1s']],
  [
    'a window longer than its records are kept',
    'window: {span: 7d}\n  retention: {events: 2d}',
    ['7:18 spec.window.span is `7d` and must be at most 2d'],
  ],
  [
    'an age longer than records are kept',
    'reference: {learn: {minAge: 30d}}',
    ['7:31 spec.reference.learn.minAge is `30d` and must be at most 14d'],
  ],
  [
    'a control that is no upstream',
    'reference: {source: upstream, of: stabel}',
    ['7:37 spec.reference.of there is no upstream `stabel` — did you mean stable?'],
  ],
  ['a control without a name', 'reference: {source: upstream}', ['7:14 spec.reference needs the key `of` — add it']],
  [
    'a control with a path',
    'reference: {source: upstream, of: stable, path: r.csv}',
    ['7:45 spec.reference.path `path` does not go with `upstream` — remove it'],
  ],
  [
    'a version’s file that is not there',
    'reference: {source: file, path: r.csv, versions: {"8": /nowhere/8.csv}}',
    ['7:58 spec.reference.versions.8 there is no file `/nowhere/8.csv` — relative paths start at the policy’s folder'],
  ],
  [
    'a reference of another kind',
    'reference: {source: file, path: r.xlsx}',
    [
      '7:35 spec.reference.path is `r.xlsx` and must be a table or a sketch: .csv, .csv.gz, .ndjson, .jsonl, .parquet or .sketch.json, such as reference.csv, reference.csv.gz, reference.parquet or reference.sketch.json',
    ],
  ],
  [
    'a season without a number of weeks',
    'seasonality: {when: always}',
    ['7:23 spec.seasonality.when is `always` and must be historyWeeks >= N, N from 1 to 26, such as historyWeeks >= 3'],
  ],
];

for (const [name, line, expected] of wrong) {
  t.test(`${name} is told with its place and remedy`, async (t) => {
    const folder = t.testdir({ 'r.csv': '' });
    const { policy, mistakes } = parse(`  ${line}\n`, path.join(folder, 'p.yaml'));
    t.equal(policy, null);
    t.same(
      mistakes.map((mistake) => formatMistake(mistake).replace(`${folder}/p.yaml:`, '')),
      expected,
    );
  });
}

t.test('the only upstream is no control', async (t) => {
  const { mistakes } = parsePolicy(
    `apiVersion: driftline/v1
kind: Policy
metadata: {name: m}
spec:
  model: {name: m}
  traffic: {upstreams: {stable: {url: "http://127.0.0.1:1"}}}
  reference: {source: upstream, of: stable}
`,
    'p.yaml',
    { detectors: known, env: {} },
  );
  t.match(mistakes.map(formatMistake), [/spec\.reference\.of `stable` is the only upstream/]);
});

t.test('each kind of window, reference and season arrives as it was meant', async (t) => {
  const windowOf = (line: string) => parse(`  ${line}\n`).policy!.window;
  const none = { spanMs: null, maxAgeMs: null, stepRows: null, stepMs: null };
  t.same(windowOf('window: {}'), { ...none, rows: 500 });
  t.same(windowOf('window: {rows: 5000, maxAge: 6h}'), { ...none, rows: 5000, maxAgeMs: 21_600_000 });
  t.same(windowOf('window: {span: 10m}'), { ...none, rows: 1_000_000, spanMs: 600_000 });
  t.same(windowOf('window: {type: sliding, span: 1h, step: 10m}'), { ...none, rows: 1_000_000, spanMs: 3_600_000, stepMs: 600_000 });
  t.same(windowOf('window: {type: sliding, rows: 500, step: 100}'), { ...none, rows: 500, stepRows: 100 });
  t.equal(parse('  window: {span: 10m}\n').policy!.minSamples, 100);
  t.same(parse('  reference: {source: upstream, of: stable}\n').policy!.reference, { source: 'upstream', of: 'stable', kind: null });
  t.same(parse('  reference: {learn: {rows: 60, minAge: 2h}}\n').policy!.reference, {
    source: 'traffic',
    rows: 60,
    minAgeMs: 7_200_000,
    kind: null,
  });
  t.same(parse('  seasonality: {}\n').policy!.seasonality, { fromWeeks: 3 });
  t.same(parse('  seasonality: {compareTo: same-hour-of-week, when: historyWeeks >= 12}\n').policy!.seasonality, { fromWeeks: 12 });
});

t.test('a window over many hours of the week is warned of', async (t) => {
  const { warnings } = parse('  window: {span: 3d}\n  seasonality: {}\n');
  t.match(warnings.map(formatMistake), [/spec\.seasonality a window of 3d covers many hours of the week/]);
});
