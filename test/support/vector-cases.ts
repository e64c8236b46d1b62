/**
 * The parity cases of a vectors folder, run against our detectors and tests.
 *
 * A folder holds `streams/`, `detectors/` and `tests/` (see test/golden/vectors/README.md); files may be gzipped, and any may be missing.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { StreamingDefinition } from '../../contracts/detector.ts';
import { withDefaults } from '../../contracts/options.ts';
import { adjustBenjaminiHochberg, adjustBonferroni } from '../../detectors/benjamini-hochberg.ts';
import { detectorOf } from '../../detectors/catalogue.ts';
import { chiSquaredOfTable } from '../../detectors/chi-squared.ts';
import { chiSquaredUpperTail } from '../../detectors/chi-squared-tail.ts';
import { kolmogorovUpperTail } from '../../detectors/kolmogorov-tail.ts';
import { ksTest } from '../../detectors/ks.ts';
import { readJson } from './golden-file.ts';
import { sampleOf } from './vector-samples.ts';

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

/** What is wrong with a case, or null. */
type Check<C> = (one: C) => string | null;

/** Runs every case of the folder. @throws when the folder holds no vectors. */
export function checkVectors(folder: string): VectorRow[] {
  const rows = [...detectorRows(folder), ...testRows(folder)];
  if (rows.length === 0) throw new Error(`${folder}: no detectors/*.json or tests/*.json in this folder`);
  return rows;
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

function detectorRows(folder: string): VectorRow[] {
  const streams = new Map<string, Float64Array>();
  const stream = (name: string): Float64Array => {
    let values = streams.get(name);
    if (values === undefined) {
      const { bits, values: reals } = readJson(path.join(folder, 'streams', `${name}.json`)) as Stream;
      values = bits === undefined ? Float64Array.from(reals!) : Float64Array.from(bits, Number);
      streams.set(name, values);
    }
    return values;
  };
  return jsonFiles(path.join(folder, 'detectors'))
    .filter((name) => name !== 'peers')
    .map((name) => {
      const { cases } = readJson(path.join(folder, 'detectors', `${name}.json`)) as { cases: StreamCase[] };
      const definition = detectorOf(name.replaceAll('_', '-'));
      const check = definition?.kind === 'streaming' ? (one: StreamCase) => checkStream(definition, stream(one.stream), one) : null;
      return rowOf(`detectors/${name}.json`, cases, check, (one) => `${one.stream} ${JSON.stringify(one.params)}`);
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
      const ours = riverState(definition.type, detector.snapshot() as Snapshot);
      for (const [name, value] of Object.entries(ours)) {
        const theirs = checkpoint[name];
        // Bit for bit: the states come of sums, products, quotients and roots only, which are the same everywhere.
        if (value !== theirs) return `${name} after ${i} is ${value}, not ${theirs}`;
      }
    }
  }
  const expected = (one.warning_ranges ?? []).flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, k) => from + k));
  return firstDifference('drift', drifts, one.drifts) ?? firstDifference('warning', warnings, expected);
}

interface Snapshot {
  readonly [field: string]: number | null;
}

/** The part of our state that river's checkpoints show, under river's names. */
function riverState(type: string, state: Snapshot): { [name: string]: number | null } {
  if (type === 'ddm')
    return { n: state.count!, p: state.rate!, s: state.deviation!, p_min: state.lowestRate!, s_min: state.lowestDeviation! };
  if (type !== 'adwin') return {};
  return { width: state.width!, total: state.total!, variance: state.variance!, estimation: state.total! / state.width! };
}

/** A statistic and p-value as scipy gives them. */
interface Answer {
  readonly statistic: number;
  readonly pvalue: number | 'NaN';
  readonly sign?: 1 | -1;
  readonly dof?: number;
  readonly error?: string;
}

type TestCase = { readonly name: string } & { readonly [field: string]: unknown };

/** For each file the methods we have, each with its check. */
const TESTS: { readonly [file: string]: { readonly [method: string]: Check<TestCase> } } = {
  two_sample: { ks: checkKs },
  contingency: {
    chi2_corrected: (one) => checkTable(one.table as number[][], one.chi2_corrected as Answer, true),
    chi2: (one) => checkTable(one.table as number[][], one.chi2 as Answer, false),
    chi2_after_dropping_empty_columns: (one) => checkTable(one.table as number[][], one.chi2_after_dropping_empty_columns as Answer, false),
  },
  multiple_testing: {
    bh: (one) => checkAdjusted(adjustBenjaminiHochberg(one.p as number[]), one.bh as number[]),
    bonferroni: (one) => checkAdjusted(adjustBonferroni(one.p as number[]), one.bonferroni as number[]),
    'bh_reject_0.05': (one) => checkRejected(adjustBenjaminiHochberg(one.p as number[]), one['bh_reject_0.05'] as number[]),
    'bonferroni_reject_0.05': (one) => checkRejected(adjustBonferroni(one.p as number[]), one['bonferroni_reject_0.05'] as number[]),
  },
};

const TAILS: { readonly [name: string]: (...of: number[]) => number } = {
  chi2_sf: (x, degrees) => chiSquaredUpperTail(x!, degrees!),
  kstwo_sf: (x, n) => kolmogorovUpperTail(n!, x!),
};

/** Fields of a case that describe it and are no answer. */
const DESCRIPTIONS = new Set(['name', 'a', 'b', 'n', 'check', 'table', 'error', 'p', 'std_a_ddof0']);

function testRows(folder: string): VectorRow[] {
  return jsonFiles(path.join(folder, 'tests')).flatMap((name) => {
    const content = readJson(path.join(folder, 'tests', `${name}.json`)) as { [field: string]: unknown };
    const file = `tests/${name}.json`;
    if (name === 'special') {
      return Object.entries(content)
        .filter(([, rows]) => Array.isArray(rows))
        .map(([tail, rows]) => {
          const law = TAILS[tail];
          const check = law === undefined ? null : (row: number[]) => near(tail, law(...row.slice(0, -1)), row.at(-1)!, 1e-10);
          return rowOf(`${file} ${tail}`, rows as number[][], check, (row) => row.join(', '));
        });
    }
    const cases = (content.cases ?? []) as TestCase[];
    const methods = TESTS[name];
    if (methods === undefined) return [rowOf(file, cases, null, (one) => one.name)];
    const answers = new Set(cases.flatMap((one) => Object.keys(one)).filter((field) => !DESCRIPTIONS.has(field)));
    return [...answers].map((method) =>
      rowOf(
        `${file} ${method}`,
        cases.filter((one) => Object.hasOwn(one, method)),
        methods[method] ?? null,
        (one) => one.name,
      ),
    );
  });
}

const KS_METHODS = {
  auto: { method: 'auto', alternative: 'two-sided' },
  exact: { method: 'exact', alternative: 'two-sided' },
  asymp: { method: 'asymptotic', alternative: 'two-sided' },
  exact_less: { method: 'exact', alternative: 'less' },
  exact_greater: { method: 'exact', alternative: 'greater' },
  asymp_less: { method: 'asymptotic', alternative: 'less' },
  asymp_greater: { method: 'asymptotic', alternative: 'greater' },
} as const;

/**
 * Where the reference's own answer lost its digits: scipy's one-sided count for unequal sizes subtracts numbers of 10⁵⁰⁰ and more from each
 * other. In its place stands the count in whole numbers (test/detectors/ks.test.ts repeats it).
 */
const COUNTED: { readonly [caseAndMethod: string]: number } = { 'floor5-1000 exact_greater': 8.166828440876488e-12 };

function checkKs(one: TestCase): string | null {
  const first = Float64Array.from(sampleOf(one.a)).sort();
  const second = Float64Array.from(sampleOf(one.b)).sort();
  for (const [name, answer] of Object.entries(one.ks as { [method: string]: Answer })) {
    const chosen = KS_METHODS[name as keyof typeof KS_METHODS];
    if (chosen === undefined) return `no method ${name}`;
    const ours = ksTest(first, second, chosen);
    if (!(Math.abs(ours.statistic - answer.statistic) <= 1e-15)) return `${name}: D is ${ours.statistic}, not ${answer.statistic}`;
    if (answer.sign !== undefined && ours.sign !== answer.sign) return `${name}: sign is ${ours.sign}, not ${answer.sign}`;
    // The reference has no p-value for one value against one; ours is 1.
    const expected = COUNTED[`${one.name} ${name}`] ?? (answer.pvalue === 'NaN' ? 1 : answer.pvalue);
    const wide = name.startsWith('exact') || name === 'auto' ? Math.max(first.length, second.length) > 2000 : false;
    const wrong = near(`${name}: p`, ours.pValue, expected, wide ? 1e-6 : 1e-9);
    if (wrong !== null) return wrong;
  }
  return null;
}

function checkTable(table: number[][], answer: Answer, yates: boolean): string | null {
  const ours = chiSquaredOfTable(table, { yates });
  if (answer.error !== undefined) {
    // The reference refuses empty rows and columns; we have no answer for the ones and leave the others out.
    const emptyColumn = table[0]!.some((_, column) => table.every((row) => row[column] === 0));
    return ours === null || emptyColumn ? null : 'has an answer where the reference refuses';
  }
  if (ours === null) return 'has no answer';
  if (ours.degreesOfFreedom !== answer.dof) return `${ours.degreesOfFreedom} degrees of freedom, not ${answer.dof}`;
  return near('statistic', ours.statistic, answer.statistic, 1e-12) ?? near('p', ours.pValue, answer.pvalue as number, 1e-9);
}

function checkAdjusted(ours: readonly number[], expected: readonly number[]): string | null {
  if (ours.length !== expected.length) return `${ours.length} values, not ${expected.length}`;
  for (const [index, value] of ours.entries()) {
    const wrong = near(`value ${index}`, value, expected[index]!, 1e-12);
    if (wrong !== null) return wrong;
  }
  return null;
}

function checkRejected(ours: readonly number[], expected: readonly number[]): string | null {
  return checkAdjusted(
    ours.map((value) => (value <= 0.05 ? 1 : 0)),
    expected.map(Number),
  );
}

function rowOf<C>(file: string, cases: readonly C[], check: Check<C> | null, label: (one: C) => string): VectorRow {
  if (check === null) return { file, cases: cases.length, passed: 0, failures: [], skipped: cases.length };
  const failures: string[] = [];
  for (const one of cases) {
    const wrong = check(one);
    if (wrong !== null) failures.push(`${label(one)}: ${wrong}`);
  }
  return { file, cases: cases.length, passed: cases.length - failures.length, failures, skipped: 0 };
}

function firstDifference(what: string, ours: readonly number[], expected: readonly number[]): string | null {
  const length = Math.max(ours.length, expected.length);
  for (let k = 0; k < length; k++) {
    if (ours[k] !== expected[k]) return `${what} number ${k} is at ${ours[k] ?? 'no index'}, not at ${expected[k] ?? 'any'}`;
  }
  return null;
}

function near(what: string, ours: number, expected: number, relative: number): string | null {
  return isNear(ours, expected, relative) ? null : `${what} is ${ours}, not ${expected}`;
}

/** Below 1e-300 doubles have few digits left, and both count as 0. */
function isNear(ours: number, expected: number, relative: number): boolean {
  return Math.abs(ours - expected) <= Math.max(relative * Math.abs(expected), 1e-300);
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
