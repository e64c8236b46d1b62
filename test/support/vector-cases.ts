/**
 * The parity cases of a vectors folder, run against our detectors and tests.
 *
 * A folder holds `streams/`, `detectors/` and `tests/` (see test/golden/vectors/README.md); files may be gzipped, and any may be missing.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { StreamingDefinition } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { readJson } from './golden-file.ts';
import { stateDifference } from './river-state.ts';
import { DESCRIPTIONS, near, TAILS, TESTS, type TestCase } from './vector-tests.ts';

/** What became of the cases of one file, or of one method in it. */
export interface VectorRow {
  readonly file: string;
  readonly cases: number;
  readonly passed: number;
  /** One line for each failed case. */
  readonly failures: readonly string[];
  /** Cases not run, as what they are for is not built. */
  readonly skipped: number;
}

/** The cases of one file, or of one method in it, not yet run. */
export interface VectorSet {
  readonly file: string;
  readonly run: () => VectorRow;
}

/** What is wrong with a case, or null. */
type Check<C> = (one: C) => string | null;

/** The cases of the folder. @throws when it holds no vectors. */
export function vectorsOf(folder: string): VectorSet[] {
  const sets = [...detectorSets(folder), ...testSets(folder)];
  if (sets.length === 0) throw new Error(`${folder}: no detectors/*.json or tests/*.json in this folder`);
  return sets;
}

/** river's answers about one stream. */
interface StreamCase {
  readonly stream: string;
  readonly n: number;
  readonly params: { readonly [name: string]: number };
  readonly drifts: readonly number[];
  readonly warning_ranges?: readonly (readonly [number, number])[];
  readonly checkpoints: readonly { readonly i: number; readonly [name: string]: unknown }[];
}

interface Stream {
  readonly bits?: string;
  readonly values?: readonly number[];
}

/** Reads the folder's streams, each once. */
function streamsOf(folder: string): (name: string) => Float64Array {
  const streams = new Map<string, Float64Array>();
  return (name) => {
    let values = streams.get(name);
    if (values === undefined) {
      const { bits, values: reals } = readJson(path.join(folder, 'streams', `${name}.json`)) as Stream;
      values = bits === undefined ? Float64Array.from(reals!) : Float64Array.from(bits, Number);
      streams.set(name, values);
    }
    return values;
  };
}

function detectorSets(folder: string): VectorSet[] {
  const stream = streamsOf(folder);
  return jsonFiles(path.join(folder, 'detectors'))
    .filter((name) => name !== 'peers')
    .map((name) => {
      const { cases } = readJson(path.join(folder, 'detectors', `${name}.json`)) as { cases: StreamCase[] };
      const definition = detectorOf(name.replaceAll('_', '-'));
      const check = definition?.kind === 'streaming' ? (one: StreamCase) => checkStream(definition, stream(one.stream), one) : null;
      return setOf(`detectors/${name}.json`, cases, check, (one) => `${one.stream} ${JSON.stringify(one.params)}`);
    });
}

function checkStream(definition: StreamingDefinition, values: Float64Array, one: StreamCase): string | null {
  const given = Object.fromEntries(Object.entries(one.params).map(([name, value]) => [camelCase(name), value]));
  const detector = definition.create(withDefaults(definition.options, { ...given, semantics: 'river' }));
  const checkpoints = new Map(one.checkpoints.map((checkpoint) => [checkpoint.i, checkpoint]));
  const drifts: number[] = [];
  const warnings: number[] = [];
  for (let i = 0; i < one.n; i++) {
    const level = detector.update(values[i]!);
    if (level === 'drift') drifts.push(i);
    if (level === 'warning') warnings.push(i);
    const checkpoint = checkpoints.get(i);
    if (checkpoint !== undefined) {
      const wrong = stateDifference(definition.type, detector.snapshot(), checkpoint);
      if (wrong !== null) return `after ${i} ${wrong}`;
    }
  }
  // In river a warning may stand beside a drift; our levels are one or the other.
  const drifted = new Set(one.drifts);
  const expected = (one.warning_ranges ?? [])
    .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, k) => from + k))
    .filter((i) => !drifted.has(i));
  return firstDifference('drift', drifts, one.drifts) ?? firstDifference('warning', warnings, expected);
}

function testSets(folder: string): VectorSet[] {
  const stream = streamsOf(folder);
  return jsonFiles(path.join(folder, 'tests')).flatMap((name) => {
    const content = readJson(path.join(folder, 'tests', `${name}.json`)) as { [field: string]: unknown };
    const file = `tests/${name}.json`;
    if (name === 'special') {
      return Object.entries(content)
        .filter(([, rows]) => Array.isArray(rows))
        .map(([tail, rows]) => {
          const law = TAILS[tail];
          const check = law === undefined ? null : (row: number[]) => near(tail, law(...row.slice(0, -1)), row.at(-1)!, 1e-10);
          return setOf(`${file} ${tail}`, rows as number[][], check, (row) => row.join(', '));
        });
    }
    const cases = (content.cases ?? []) as TestCase[];
    const methods = TESTS[name];
    const label = (one: TestCase) => one.name ?? JSON.stringify(one.x ?? one.stream ?? one.seed);
    if (methods === undefined) return [setOf(file, cases, null, label)];
    const answers = new Set(cases.flatMap((one) => Object.keys(one)).filter((field) => !DESCRIPTIONS.has(field)));
    return [...answers].map((method) => {
      const check = methods[method];
      return setOf(
        `${file} ${method}`,
        cases.filter((one) => Object.hasOwn(one, method)),
        check === undefined ? null : (one) => check(one, stream),
        label,
      );
    });
  });
}

function setOf<C>(file: string, cases: readonly C[], check: Check<C> | null, label: (one: C) => string): VectorSet {
  const run = (): VectorRow => {
    if (check === null) return { file, cases: cases.length, passed: 0, failures: [], skipped: cases.length };
    const failures: string[] = [];
    for (const one of cases) {
      const wrong = check(one);
      if (wrong !== null) failures.push(`${label(one)}: ${wrong}`);
    }
    return { file, cases: cases.length, passed: cases.length - failures.length, failures, skipped: 0 };
  };
  return { file, run };
}

function firstDifference(what: string, ours: readonly number[], expected: readonly number[]): string | null {
  const length = Math.max(ours.length, expected.length);
  for (let k = 0; k < length; k++) {
    if (ours[k] !== expected[k]) return `${what} number ${k} is at ${ours[k] ?? 'no index'}, not at ${expected[k] ?? 'any'}`;
  }
  return null;
}

function camelCase(name: string): string {
  return name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Names of the JSON files in a folder, without their ends, in order; none where there is no folder. */
function jsonFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^(.+)\.json(?:\.gz)?$/.exec(name)?.[1] ?? [])
      .sort();
  } catch {
    return [];
  }
}
