import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { detectors } from '../../detectors/catalogue.ts';
import { compilePolicy } from '../../policies/compile.ts';
import type { PolicyDocument } from '../../policies/document.ts';
import { readDocument } from '../../policies/load.ts';
import { at, formatMistake } from '../../policies/mistakes.ts';
import { findUnsupported, positionOf, unsupported } from '../../policies/unsupported.ts';
import { readYaml, type Path } from '../../policies/yaml.ts';

const folder = path.join(import.meta.dirname, '../golden/policies');
const examples = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

/** The examples stand in a folder that has the files they name, with the variables they use. */
function readExample(t: Test, file: string) {
  const home = t.testdir({
    models: { 'credit-risk-fallback.onnx': '' },
    'predictor.json': '{}',
    reference: { 'credit-risk-v7.sketch.json': '{}' },
  });
  const env = Object.fromEntries(['TICKET_URL', 'AIRFLOW_URL', 'ES_URL', 'LABEL_QUEUE_URL'].map((name) => [name, 'https://example.com/x']));
  const text = readFileSync(path.join(folder, file), 'utf8');
  const context = { detectors: new Map(detectors.map((detector) => [detector.type, detector])), env };
  return { text, home, ...readDocument(text, path.join(home, file), context) };
}

/** Every key and every value of a document. */
function partsOf(value: unknown, here: Path = []): { path: Path; value: unknown }[] {
  const children = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [
    { path: here, value },
    ...children.flatMap(([key, child]) => partsOf(child, [...here, Array.isArray(value) ? Number(key) : key])),
  ];
}

/** Keys that have one value only, so that nothing is left to compile. */
const SETTLED = new Set([
  'apiVersion',
  'kind',
  'spec.traffic.failOpen',
  'spec.window.type',
  'spec.seasonality.compareTo',
  'spec.monitors[].detectors.numeric.effect.stat',
  'spec.monitors[].detectors.categorical.effect.stat',
  'spec.feedback.join.by',
  'spec.feedback.join.via[]',
  'spec.actions[].steps[].do',
  'spec.actions[].guard.requireApproval',
]);

t.test('there are three examples', async (t) => t.equal(examples.length, 3));

for (const example of examples) {
  t.test(`${example}: whatever is refused is refused as not supported yet, with its place`, async (t) => {
    const { mistakes } = readExample(t, example);
    t.ok(mistakes.length > 5);
    for (const mistake of mistakes) {
      t.match(formatMistake(mistake), / is not supported yet — /);
      t.ok(mistake.line > 1 && mistake.column >= 1);
    }
  });

  t.test(`${example}: whatever is on the list is refused`, async (t) => {
    const { text, mistakes } = readExample(t, example);
    const refusedAt = new Set(mistakes.map((mistake) => mistake.path));
    const listed = partsOf(readYaml(text, example).value).filter(
      (part) => findUnsupported(part.path) ?? findUnsupported(part.path, part.value),
    );
    t.ok(listed.length > 5);
    t.same(
      listed.map((part) => part.path.join('.')).filter((place) => !refusedAt.has(place)),
      [],
    );
  });

  t.test(`${example}: whatever is not refused is compiled`, async (t) => {
    const { text, document, home } = readExample(t, example);
    const { spec } = document as { spec: { actions: unknown[]; monitors: unknown[]; reference?: { source?: string; learn?: unknown } } };
    // What has lost its type, its detectors or its target is no longer there to be compiled.
    spec.actions = spec.actions.filter((action) => ['console', 'webhook'].includes(String(at(action, ['type']))));
    spec.monitors = spec.monitors.filter((monitor) => Object.keys(Object(at(monitor, ['detectors']))).length > 0);
    fill(spec);

    const read = new Set<string>();
    compilePolicy(recordReads(document, read, []) as PolicyDocument, { hash: '', file: null, folder: home });
    const written = readYaml(text, example).value;
    const leaves = partsOf(JSON.parse(JSON.stringify(document))).filter(
      (part) => typeof part.value !== 'object' && at(written, part.path) !== undefined,
    );
    t.ok(leaves.length > 15);
    const ignored = leaves.map((part) => positionOf(part.path)).filter((position) => !read.has(position) && !SETTLED.has(position));
    t.same([...new Set(ignored)], []);
  });
}

/** Gives the document back what its refused parts leave missing. */
function fill(spec: { reference?: { source?: string; learn?: unknown } }): void {
  if (at(spec, ['reference', 'source']) !== undefined && at(spec, ['reference', 'path']) !== undefined) return;
  spec.reference = { ...spec.reference, source: 'traffic', learn: spec.reference?.learn ?? { rows: 1000 } };
}

/** The document, noting which positions are read. */
function recordReads(value: unknown, read: Set<string>, here: Path): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const child = Reflect.get(target, key);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return child;
      const place = [...here, Array.isArray(target) ? Number(key) : key];
      read.add(positionOf(place));
      return recordReads(child, read, place);
    },
  });
}

t.test('everything on the list is in an example', async (t) => {
  const parts = examples.flatMap((file) => partsOf(readYaml(readFileSync(path.join(folder, file), 'utf8'), file).value));
  const found = new Set(parts.flatMap((part) => [findUnsupported(part.path), findUnsupported(part.path, part.value)]));
  t.same(
    unsupported.filter((entry) => !found.has(entry)),
    [],
  );
});

t.test('nothing on the list stands there twice, and each entry says what to do', async (t) => {
  t.equal(new Set(unsupported.map(({ position, value }) => `${position}=${value}`)).size, unsupported.length);
  for (const { instead } of unsupported) t.match(instead, /^(remove|use|write)/);
});

t.test('the list only shrinks', async (t) => {
  // A key that starts to work leaves the list, and this number falls with it.
  t.equal(unsupported.length, 51);
});
